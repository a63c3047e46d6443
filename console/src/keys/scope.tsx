// What a key reaches, and what it may do there.

import type { Key, Permission } from '../api/types.ts';
import { texts } from '../texts.ts';

const SHOWN_CHANNELS = 3;

export function ScopeText({ of: key, all = false }: { of: Pick<Key, 'scope' | 'channels'>; all?: boolean }) {
  if (key.scope === 'all') return <span>{texts.scope.all}</span>;
  const shown = all ? key.channels : key.channels.slice(0, SHOWN_CHANNELS);
  const rest = key.channels.length - shown.length;
  return (
    <div class="scope">
      <span>{texts.scope.channels}</span>
      <span class="chips">
        {shown.map((slug) => (
          <span key={slug} class="chip">
            {slug}
          </span>
        ))}
        {rest > 0 && <span class="muted">{texts.scope.moreChannels(rest)}</span>}
      </span>
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
