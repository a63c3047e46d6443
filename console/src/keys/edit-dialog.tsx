// Edits a key. If somebody else changed it in between, both versions are shown and nothing typed is lost.

import { useRef, useState } from 'preact/hooks';
import type { Key } from '../api/types.ts';
import { texts } from '../texts.ts';
import { announce } from '../ui/announce.ts';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { focusFirstError } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';
import { Conflict } from './conflict.tsx';
import { EDIT_EXPIRIES, draftOf, toChanges } from './draft.ts';
import { KeyFields, isAtFields } from './key-fields.tsx';
import { changeKey, getKey } from './requests.ts';
import { describeDraft } from './sentence.ts';

interface Props {
  opened: Key;
  onClose: () => void;
  onSaved: () => void;
}

export function EditDialog({ opened, onClose, onSaved }: Props) {
  const [initial, setInitial] = useState(() => draftOf(opened));
  const [draft, setDraft] = useState(initial);
  const [base, setBase] = useState(opened);
  const [theirs, setTheirs] = useState<Key | null>(null);
  const { busy, failure, run, clear } = useAction();
  const form = useRef<HTMLFormElement>(null);

  async function save(version: Key) {
    const failed = await run(async () => {
      const changes = toChanges(draft, version);
      if (Object.keys(changes).length > 0) await changeKey(version, changes);
      announce(Object.keys(changes).length > 0 ? texts.edit.saved : texts.edit.nothing);
      onClose();
      onSaved();
    });
    if (failed?.status === 412) await run(async () => setTheirs(await getKey(version.id)));
    else if (failed) focusFirstError(form.current);
  }

  function takeTheirs(version: Key) {
    const current = draftOf(version);
    setBase(version);
    setInitial(current);
    setDraft(current);
    setTheirs(null);
    clear();
  }

  return (
    <Dialog wide title={texts.edit.title(base.name)} onClose={onClose} dirty={draft !== initial}>
      {theirs && (
        <Conflict
          before={base}
          theirs={theirs}
          mine={draft}
          onSave={() => {
            setBase(theirs);
            setTheirs(null);
            void save(theirs);
          }}
          onReset={() => takeTheirs(theirs)}
        />
      )}
      <form
        ref={form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save(base);
        }}
      >
        <KeyFields draft={draft} expiries={EDIT_EXPIRIES} failure={failure} onChange={setDraft} />
        <p class="sentence">{describeDraft(draft, base.expires_at)}</p>
        {isAtFields(failure) ? (
          <p class="field-error" role="alert">
            {texts.form.bodyErrors}
          </p>
        ) : (
          <FailureNote failure={failure} />
        )}
        {!theirs && (
          <DialogButtons>
            <button type="button" class="button" onClick={onClose}>
              {texts.common.cancel}
            </button>
            <button type="submit" class="button primary" aria-disabled={busy}>
              {busy ? texts.common.saving : texts.edit.submit}
            </button>
          </DialogButtons>
        )}
      </form>
    </Dialog>
  );
}
