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
  // The row after this one, or before it: it has the focus when this one is gone.
  const neighbor = useRef<Element | null>(null);

  async function open() {
    const row = button.current?.closest('tr');
    neighbor.current = row?.nextElementSibling ?? row?.previousElementSibling ?? null;
    const failed = await run(async () => setCurrent(await getKey(key.id)));
    if (failed?.status === 404) removeKey(key.id);
  }

  function focusNeighbor() {
    const link = neighbor.current?.querySelector('a');
    // After the dialog has given the focus back.
    if (link) setTimeout(() => setTimeout(() => link.focus()));
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
      {current && <DeleteDialog of={current} onClose={() => setCurrent(null)} onDeleted={focusNeighbor} />}
    </>
  );
}
