// Cancels a push.

import type { Push } from '../api/types.ts';
import { texts } from '../texts.ts';
import { announce } from '../ui/announce.ts';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { useAction } from '../ui/use-action.ts';
import { cancelPush } from './requests.ts';

interface Props {
  of: Push;
  onClose: () => void;
  /** Called before `onClose`, with the push as it is now. */
  onCanceled: (push: Push) => void;
  focusAfter?: () => HTMLElement | null;
}

export function CancelPushDialog({ of: push, onClose, onCanceled, focusAfter }: Props) {
  const words = texts.cancelPush;
  const { busy, failure, run } = useAction();

  const cancel = () =>
    run(async () => {
      const current = await cancelPush(push.id);
      onCanceled(current);
      onClose();
      announce(current.status === 'canceled' ? words.canceled : words.alreadyDone);
    });

  return (
    <Dialog title={words.title(push.key.name)} onClose={onClose} focusAfter={focusAfter}>
      <p>{words.description}</p>
      <FailureNote failure={failure} />
      <DialogButtons>
        <button type="button" class="button" onClick={onClose}>
          {words.keep}
        </button>
        <button type="button" class="button danger" aria-disabled={busy} onClick={cancel}>
          {busy ? words.submitting : words.submit}
        </button>
      </DialogButtons>
    </Dialog>
  );
}
