// Rotates a key's secret.

import { useState } from 'preact/hooks';
import type { Key } from '../api/types.ts';
import { now } from '../clock.ts';
import { texts } from '../texts.ts';
import { Dialog, DialogButtons } from '../ui/dialog.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { Choice, FieldGroup } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';
import { LostSecret } from './lost-secret.tsx';
import { rotateKey } from './requests.ts';
import { reveal } from './reveal-dialog.tsx';
import { isRotating } from './status.ts';

const OVERLAPS = ['86400', '3600', '604800', '0'] as const;

interface Props {
  of: Key;
  onClose: () => void;
  onRotated: () => void;
}

export function RotateDialog({ of: key, onClose, onRotated }: Props) {
  const [overlap, setOverlap] = useState<(typeof OVERLAPS)[number]>('86400');
  const [lost, setLost] = useState(false);
  const { busy, failure, run } = useAction();
  const [idempotencyKey] = useState(() => crypto.randomUUID());

  async function submit(event: Event) {
    event.preventDefault();
    const failed = await run(async () => {
      const rotated = await rotateKey({ id: key.id }, { overlap_seconds: Number(overlap) }, idempotencyKey);
      onClose();
      reveal('rotated', rotated);
      onRotated();
    });
    if (failed?.code === 'already_created') setLost(true);
  }

  if (lost) {
    return (
      <LostSecret
        keyId={key.id}
        of="rotated"
        onClose={() => {
          onClose();
          onRotated();
        }}
      />
    );
  }
  return (
    <Dialog title={texts.rotate.title(key.name)} onClose={onClose}>
      <form onSubmit={submit}>
        <p>{texts.rotate.description}</p>
        {key.rotation && isRotating(key, now.value) && (
          <p class="note warn">{texts.rotate.running(key.rotation.old_hint)}</p>
        )}
        <FieldGroup legend={texts.rotate.overlap} error={failure?.at('/overlap_seconds')}>
          {OVERLAPS.map((seconds) => (
            <Choice
              key={seconds}
              type="radio"
              name="overlap"
              label={texts.rotate.overlaps[seconds]}
              checked={overlap === seconds}
              onChange={() => setOverlap(seconds)}
            />
          ))}
        </FieldGroup>
        <FailureNote failure={failure} />
        <DialogButtons>
          <button type="button" class="button" onClick={onClose}>
            {texts.common.cancel}
          </button>
          <button type="submit" class="button primary" aria-disabled={busy}>
            {busy ? texts.rotate.submitting : texts.rotate.submit}
          </button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}
