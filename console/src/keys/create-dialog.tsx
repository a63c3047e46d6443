// Creates a key: one dialog, without steps.

import { signal } from '@preact/signals';
import { useRef, useState } from 'preact/hooks';
import type { KeyWithSecret, NewKey } from '../api/types.ts';
import { Failure } from '../api/failure.ts';
import { texts } from '../texts.ts';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { focusFirstError } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';
import { type Draft, NEW_EXPIRIES, newDraft, toNewKey } from './draft.ts';
import { KeyFields, isAtFields } from './key-fields.tsx';
import { LostSecret } from './lost-secret.tsx';
import { createKey } from './requests.ts';
import { reveal } from './reveal-dialog.tsx';
import { describeDraft } from './sentence.ts';

const opened = signal<Draft | null>(null);

/** Opens the dialog, with the fields of a link such as `#/keys/new?name=Webshop&channels=ops,news`. */
export function openCreate(query?: URLSearchParams): void {
  opened.value = newDraft(query);
}

export function CreateDialogHost() {
  return opened.value && <CreateDialog initial={opened.value} onClose={() => (opened.value = null)} />;
}

function CreateDialog({ initial, onClose }: { initial: Draft; onClose: () => void }) {
  const [draft, setDraft] = useState(initial);
  const [lostKey, setLostKey] = useState<string | null>(null);
  const { busy, failure, run } = useAction();
  const form = useRef<HTMLFormElement>(null);
  // One for the whole dialog: whatever is lost on the way, it creates one key at most.
  const [idempotencyKey] = useState(() => crypto.randomUUID());

  // The body of the last attempt. Unless something else is typed, the next attempt repeats it byte for byte.
  const attempt = useRef<{ draft: Draft; body: NewKey } | null>(null);

  async function submit(event: Event) {
    event.preventDefault();
    const before = attempt.current;
    const body = before?.draft === draft ? before.body : toNewKey(draft);
    attempt.current = { draft, body };
    const failed = await run(async () => {
      const created = await createBody(body, before?.body);
      onClose();
      reveal('created', created);
    });
    // The server does not remember a request that failed; one without a response it may.
    if (failed && failed.code !== 'network') attempt.current = before;
    if (failed?.code === 'already_created' && failed.keyId) setLostKey(failed.keyId);
    else if (failed) focusFirstError(form.current);
  }

  /** Creates the key. If an earlier body was carried out after all, repeating it says which key it made. */
  async function createBody(body: NewKey, earlier: NewKey | undefined): Promise<KeyWithSecret> {
    try {
      return await createKey(body, idempotencyKey);
    } catch (error) {
      if (Failure.from(error).code !== 'idempotency_mismatch' || !earlier) throw error;
      return createKey(earlier, idempotencyKey);
    }
  }

  if (lostKey) return <LostSecret keyId={lostKey} of="created" onClose={onClose} />;
  return (
    <Dialog title={texts.create.title} onClose={onClose} dirty={draft !== initial}>
      <form ref={form} noValidate onSubmit={submit}>
        <KeyFields draft={draft} expiries={NEW_EXPIRIES} failure={failure} onChange={setDraft} />
        <p class="sentence">{describeDraft(draft)}</p>
        {isAtFields(failure) ? (
          <p class="field-error" role="alert">
            {texts.form.bodyErrors}
          </p>
        ) : (
          <FailureNote failure={failure} />
        )}
        <DialogButtons>
          <button type="button" class="button" onClick={onClose}>
            {texts.common.cancel}
          </button>
          <button type="submit" class="button primary" aria-disabled={busy}>
            {busy ? texts.create.submitting : texts.create.submit}
          </button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}
