// A key whose secret nobody has: the request succeeded, and its response was lost.

import { useState } from 'preact/hooks';
import { texts } from '../texts.ts';
import { announce } from '../ui/announce.ts';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { useAction } from '../ui/use-action.ts';
import { useLoaded } from '../ui/use-loaded.ts';
import { putKey } from './key-list.ts';
import { deleteKey, getKey, rotateKey } from './requests.ts';
import { reveal } from './reveal-dialog.tsx';

interface Props {
  keyId: string;
  of: 'created' | 'rotated';
  onClose: () => void;
}

export function LostSecret({ keyId, of, onClose }: Props) {
  const words = of === 'created' ? texts.create : texts.rotate;
  const { busy, failure, run } = useAction();
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const { value: found } = useLoaded(async () => {
    const key = await getKey(keyId);
    putKey(key);
    return key;
  }, [keyId]);

  const rotate = () =>
    run(async () => {
      // Only the secret that was lost: another admin may have rotated the key since.
      const key = found ?? (await getKey(keyId));
      const rotated = await rotateKey(key, { overlap_seconds: 0, keep_old: true }, idempotencyKey);
      onClose();
      reveal(of, rotated);
    });

  const remove = () =>
    run(async () => {
      await deleteKey(keyId);
      announce(texts.create.lostDeleted);
      onClose();
    });

  return (
    <Dialog title={words.lostTitle} onClose={onClose}>
      {found && (
        <p>
          <strong>
            <bdi>{found.name}</bdi>
          </strong>{' '}
          <code>{texts.keys.hint(found.hint)}</code>
        </p>
      )}
      <p>{words.lost}</p>
      <FailureNote failure={failure} />
      <DialogButtons>
        {of === 'created' ? (
          <button type="button" class="button danger" aria-disabled={busy} onClick={remove}>
            {texts.create.lostDelete}
          </button>
        ) : (
          <button type="button" class="button" onClick={onClose}>
            {texts.common.close}
          </button>
        )}
        <button type="button" class="button primary" aria-disabled={busy} onClick={rotate}>
          {words.lostRotate}
        </button>
      </DialogButtons>
    </Dialog>
  );
}
