// The choice to cancel a key's pushes together with the key.

import { texts } from '../texts.ts';
import { Choice } from '../ui/field.tsx';

interface Props {
  checked: boolean;
  onChange: (checked: boolean) => void;
}

export function CancelPushes({ checked, onChange }: Props) {
  const { label, description } = texts.cancelPushes;
  return <Choice type="checkbox" label={label} description={description} checked={checked} onChange={onChange} />;
}
