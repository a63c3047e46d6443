// What a key reaches, and what it may do there.

import type { Key, Permission } from '../api/types.ts';
import { texts } from '../texts.ts';
import { ChannelChips } from '../ui/channel-chips.tsx';

export function ScopeText({ of: key, all = false }: { of: Pick<Key, 'scope' | 'channels'>; all?: boolean }) {
  if (key.scope === 'all') return <span>{texts.scope.all}</span>;
  return (
    <div class="scope">
      <span>{texts.scope.channels}</span>
      <ChannelChips of={key.channels} all={all} />
    </div>
  );
}

export function Permissions({ of: permissions, names = false }: { of: Permission[]; names?: boolean }) {
  return (
    <ul class="plain-list permissions">
      {permissions.map((permission) => (
        <li key={permission}>
          {texts.permissions[permission].name}
          {names && <code class="permission-name">{permission}</code>}
        </li>
      ))}
    </ul>
  );
}
