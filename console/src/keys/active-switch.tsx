// Activates and deactivates a key. What it shows is what the server answered, never what was hoped.

import { useState } from 'preact/hooks';
import type { Key, KeyChanges } from '../api/types.ts';
import { now } from '../clock.ts';
import { formatRelative } from '../format.ts';
import { texts } from '../texts.ts';
import { announce } from '../ui/announce.ts';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { useAction } from '../ui/use-action.ts';
import { CancelPushes } from './cancel-pushes.tsx';
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

  async function change(changes: KeyChanges) {
    setAsking(false);
    setNotice('');
    const failed = await run(async () => {
      await changeKey(key, changes);
      const { switched, switchedAndCanceled } = texts.keys;
      announce(changes.cancel_pushes ? switchedAndCanceled(key.name) : switched(key.name, !active));
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

  function toggle() {
    if (!active) void change({ status: 'active' });
    else if (usedThisWeek(key, now.value)) setAsking(true);
    else void change({ status: 'inactive' });
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
        onClick={toggle}
      >
        <span class="switch-thumb" />
      </button>
      {(notice || failure) && (
        <span class="row-note" role="alert">
          {notice || `${failure?.title}: ${failure?.detail}`}
        </span>
      )}
      {asking && <SwitchOffDialog of={key} onClose={() => setAsking(false)} onConfirm={change} />}
    </>
  );
}

interface SwitchOffProps {
  of: Key;
  onClose: () => void;
  onConfirm: (changes: KeyChanges) => void;
}

function SwitchOffDialog({ of: key, onClose, onConfirm }: SwitchOffProps) {
  const [cancelPushes, setCancelPushes] = useState(false);
  return (
    <Dialog title={texts.switchOff.title(key.name)} onClose={onClose}>
      <p>{texts.switchOff.used(formatRelative(key.last_used_at ?? '', now.value))}</p>
      <CancelPushes checked={cancelPushes} onChange={setCancelPushes} />
      <DialogButtons>
        <button type="button" class="button" onClick={onClose}>
          {texts.common.cancel}
        </button>
        <button
          type="button"
          class="button primary"
          onClick={() => onConfirm({ status: 'inactive', ...(cancelPushes && { cancel_pushes: true }) })}
        >
          {texts.switchOff.confirm}
        </button>
      </DialogButtons>
    </Dialog>
  );
}
