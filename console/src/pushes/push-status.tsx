// A push's status as a word with an icon.

import type { Push } from '../api/types.ts';
import { texts } from '../texts.ts';
import { Icon } from '../ui/icons.tsx';

const LOOKS = { queued: 'rotating', sending: 'rotating', done: 'active', canceled: 'inactive' } as const;

export function PushStatus({ of: push }: { of: Push }) {
  const look = LOOKS[push.status];
  return (
    <span class={`badge ${look}`}>
      <Icon name={look} />
      {texts.pushes.status[push.status]}
    </span>
  );
}

export function isCancelable({ status }: Push): boolean {
  return status === 'queued' || status === 'sending';
}
