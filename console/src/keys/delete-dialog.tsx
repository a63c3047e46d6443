// Deletes a key. One that is in use is deleted only after its name is typed.

import { useState } from 'preact/hooks';
import type { Key } from '../api/types.ts';
import { now } from '../clock.ts';
import { formatRelative } from '../format.ts';
import { texts } from '../texts.ts';
import { announce } from '../ui/announce.ts';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { TextField } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';
import { CancelPushes } from './cancel-pushes.tsx';
import { deleteKey } from './requests.ts';
import { usedThisWeek } from './status.ts';
import { requestsOfWeek } from './usage.tsx';

interface Props {
  of: Key;
  onClose: () => void;
  /** Called before `onClose`. */
  onDeleted: () => void;
  focusAfter?: () => HTMLElement | null;
}

export function DeleteDialog({ of: key, onClose, onDeleted, focusAfter }: Props) {
  const [typed, setTyped] = useState('');
  const [cancelPushes, setCancelPushes] = useState(false);
  const { busy, failure, run } = useAction();
  const inUse = usedThisWeek(key, now.value);
  const confirmed = !inUse || typed.trim() === key.name.trim();

  async function submit(event: Event) {
    event.preventDefault();
    if (!confirmed) return;
    await run(async () => {
      await deleteKey(key.id, cancelPushes);
      onDeleted();
      onClose();
      announce(cancelPushes ? texts.delete.doneAndCanceled(key.name) : texts.delete.done(key.name));
    });
  }

  return (
    <Dialog title={texts.delete.title(key.name)} onClose={onClose} focusAfter={focusAfter}>
      <form onSubmit={submit}>
        <p>{texts.delete.final}</p>
        <p>
          {key.last_used_at
            ? texts.delete.lastUsed(formatRelative(key.last_used_at, now.value))
            : texts.delete.neverUsed}{' '}
          {inUse && texts.delete.week(requestsOfWeek(key.usage))}
        </p>
        {inUse && (
          <>
            <p class="note warn">{texts.delete.offFirst}</p>
            <p>
              {texts.delete.type} <bdi class="typed-name">{key.name}</bdi>
            </p>
            <TextField
              label={texts.delete.typed}
              value={typed}
              onInput={setTyped}
              input={{ autofocus: true, dir: 'auto', spellcheck: false }}
            />
          </>
        )}
        <CancelPushes checked={cancelPushes} onChange={setCancelPushes} />
        <FailureNote failure={failure} />
        <DialogButtons>
          <button type="button" class="button" onClick={onClose}>
            {texts.common.cancel}
          </button>
          <button type="submit" class="button danger" disabled={!confirmed} aria-disabled={busy}>
            {busy ? texts.delete.submitting : texts.delete.submit}
          </button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}
