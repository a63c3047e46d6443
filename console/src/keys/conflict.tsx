// Two versions of a key beside each other, for a decision.

import type { Key, KeyChanges } from '../api/types.ts';
import { texts } from '../texts.ts';
import { DialogButtons } from '../ui/dialog.tsx';
import { type Draft, toChanges } from './draft.ts';
import { FIELDS, type Field, fieldText } from './field-values.ts';

interface Props {
  before: Key;
  theirs: Key;
  mine: Draft;
  onSave: () => void;
  onReset: () => void;
}

export function Conflict({ before, theirs, mine, onSave, onReset }: Props) {
  const changes: KeyChanges = toChanges(mine, before);
  const yours = { ...before, ...changes } as Key;
  const text = (key: Key, field: Field) => fieldText(field, key[field]);
  const fields = FIELDS.filter(
    (field) => text(before, field) !== text(theirs, field) || text(before, field) !== text(yours, field),
  );
  const words = texts.edit;
  return (
    <div class="note warn conflict" role="alert">
      <h3>{words.conflictTitle}</h3>
      <p>{words.conflict}</p>
      <table class="small-table">
        <thead>
          <tr>
            <th scope="col">{words.conflictField}</th>
            <th scope="col">{words.conflictBefore}</th>
            <th scope="col">{words.conflictTheirs}</th>
            <th scope="col">{words.conflictYours}</th>
          </tr>
        </thead>
        <tbody>
          {fields.map((field) => (
            <tr key={field}>
              <th scope="row">{texts.history.fields[field]}</th>
              <td>
                <bdi>{text(before, field)}</bdi>
              </td>
              <td>
                <bdi>{text(theirs, field)}</bdi>
              </td>
              <td>
                <bdi>{text(yours, field)}</bdi>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <DialogButtons>
        <button type="button" class="button" onClick={onReset}>
          {words.conflictReset}
        </button>
        <button type="button" class="button primary" onClick={onSave}>
          {words.conflictMine}
        </button>
      </DialogButtons>
    </div>
  );
}
