// Deletes a channel, or lists the keys that must leave it first.

import type { Channel } from '../api/types.ts';
import { keyHref } from '../router.ts';
import { texts } from '../texts.ts';
import { announce } from '../ui/announce.ts';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { useAction } from '../ui/use-action.ts';
import { deleteChannel } from './requests.ts';

export function DeleteChannelDialog({ of: channel, onClose }: { of: Channel; onClose: () => void }) {
  const { busy, failure, run } = useAction();
  const inUse = failure?.code === 'channel_in_use' && failure.keys.length > 0 ? failure.keys : null;

  const remove = () =>
    run(async () => {
      await deleteChannel(channel.slug);
      announce(texts.channels.deleted(channel.slug));
      onClose();
    });

  return (
    <Dialog title={texts.channels.deleteTitle(channel.slug)} onClose={onClose}>
      {inUse ? (
        <div class="note warn" role="alert">
          <div>
            <p>{texts.channels.inUse(inUse.length)}</p>
            <ul>
              {inUse.map(({ id, name }) => (
                <li key={id}>
                  <a href={keyHref(id)} onClick={onClose}>
                    <bdi>{name}</bdi>
                  </a>
                </li>
              ))}
            </ul>
          </div>
        </div>
      ) : (
        <>
          <p>{texts.channels.deleteText(channel.subscriptions)}</p>
          <FailureNote failure={failure} />
        </>
      )}
      <DialogButtons>
        <button type="button" class="button" onClick={onClose}>
          {inUse ? texts.common.close : texts.common.cancel}
        </button>
        {!inUse && (
          <button type="button" class="button danger" aria-disabled={busy} onClick={remove}>
            {busy ? texts.channels.deleting : texts.channels.delete}
          </button>
        )}
      </DialogButtons>
    </Dialog>
  );
}
