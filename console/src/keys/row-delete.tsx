// The trash icon of a row. The dialog shows what the key is now, not what it was when the list was loaded.

import { useRef, useState } from 'preact/hooks';
import type { Key } from '../api/types.ts';
import { texts } from '../texts.ts';
import { Icon } from '../ui/icons.tsx';
import { useAction } from '../ui/use-action.ts';
import { DeleteDialog } from './delete-dialog.tsx';
import { removeKey } from './key-list.ts';
import { getKey } from './requests.ts';

export function RowDelete({ of: key }: { of: Key }) {
  const [current, setCurrent] = useState<Key | null>(null);
  const { busy, failure, run } = useAction();
  const button = useRef<HTMLButtonElement>(null);
  // The link of the row after this one, or before it: it gets the focus when this one is gone.
  const neighbor = useRef<HTMLElement | null>(null);
  const deleted = useRef(false);

  async function open() {
    const row = button.current?.closest('tr');
    const next = row?.nextElementSibling ?? row?.previousElementSibling;
    neighbor.current = next?.querySelector('a') ?? null;
    const failed = await run(async () => setCurrent(await getKey(key.id)));
    if (failed?.status === 404) removeKey(key.id);
  }

  return (
    <>
      <button
        ref={button}
        type="button"
        class="button quiet icon-button"
        aria-label={texts.keys.deleteName(key.name)}
        aria-disabled={busy}
        onClick={open}
      >
        <Icon name="trash" />
      </button>
      {failure && (
        <span class="row-note" role="alert">
          {failure.title}
        </span>
      )}
      {current && (
        <DeleteDialog
          of={current}
          onClose={() => setCurrent(null)}
          onDeleted={() => (deleted.current = true)}
          focusAfter={() => (deleted.current ? neighbor.current : null)}
        />
      )}
    </>
  );
}
