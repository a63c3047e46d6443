// A key's status as a word with an icon: never by color alone.

import { now } from '../clock.ts';
import type { Key } from '../api/types.ts';
import { Icon } from '../ui/icons.tsx';
import { statusOf, statusText } from './status.ts';

export function StatusBadge({ of: key }: { of: Pick<Key, 'status' | 'expires_at' | 'rotation'> }) {
  const status = statusOf(key, now.value);
  return (
    <span class={`badge ${status}`}>
      <Icon name={status} />
      {statusText(key, now.value)}
    </span>
  );
}
