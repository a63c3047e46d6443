// A push's status as a word with an icon.

import type { Push } from '../api/types.ts';
import { texts } from '../texts.ts';
import { Icon } from '../ui/icons.tsx';

export function PushStatus({ of: push }: { of: Push }) {
  const done = push.status === 'done';
  return (
    <span class={`badge ${done ? 'active' : 'rotating'}`}>
      <Icon name={done ? 'active' : 'rotating'} />
      {texts.pushes.status[push.status]}
    </span>
  );
}
