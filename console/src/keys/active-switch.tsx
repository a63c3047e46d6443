// Activates and deactivates a key. What it shows is what the server answered, never what was hoped.

import { useState } from 'preact/hooks';
import type { Key } from '../api/types.ts';
import { now } from '../clock.ts';
import { formatRelative } from '../format.ts';
import { texts } from '../texts.ts';
import { announce } from '../ui/announce.ts';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { useAction } from '../ui/use-action.ts';
import { putKey, removeKey } from './key-list.ts';
import { changeKey, getKey } from './requests.ts';
import { usedThisWeek } from './status.ts';

interface Props {
  of: Key;
  onChanged?: () => void;
}

export function ActiveSwitch({ of: key, onChanged }: Props) {
  const [asking, setAsking] = useState(false);
  const [notice, setNotice] = useState('');
  const { busy, failure, run } = useAction();
  const active = key.status === 'active';

  async function change() {
    setAsking(false);
    setNotice('');
    const failed = await run(async () => {
      await changeKey(key, { status: active ? 'inactive' : 'active' });
      announce(texts.keys.switched(key.name, !active));
      onChanged?.();
    });
    if (failed?.status === 412) await refresh();
    if (failed?.status === 404) removeKey(key.id);
  }

  /** Somebody else changed the key: shows what it is now instead of deciding for them. */
  async function refresh() {
    await run(async () => {
      putKey(await getKey(key.id));
      setNotice(texts.keys.changed);
      onChanged?.();
    });
  }

  return (
    <>
      <button
        type="button"
        role="switch"
        class="switch"
        aria-checked={active}
        aria-label={texts.status.switchName(key.name)}
        aria-busy={busy}
        onClick={() => (active && usedThisWeek(key, now.value) ? setAsking(true) : void change())}
      >
        <span class="switch-thumb" />
      </button>
      {(notice || failure) && (
        <span class="row-note" role="alert">
          {notice || `${failure?.title}: ${failure?.detail}`}
        </span>
      )}
      {asking && (
        <Dialog title={texts.switchOff.title(key.name)} onClose={() => setAsking(false)}>
          <p>{texts.switchOff.used(formatRelative(key.last_used_at ?? '', now.value))}</p>
          <DialogButtons>
            <button type="button" class="button" onClick={() => setAsking(false)}>
              {texts.common.cancel}
            </button>
            <button type="button" class="button primary" onClick={change}>
              {texts.switchOff.confirm}
            </button>
          </DialogButtons>
        </Dialog>
      )}
    </>
  );
}
