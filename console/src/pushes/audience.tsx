// Whom a push is for.

import type { Push } from '../api/types.ts';
import { ScopeText } from '../keys/scope.tsx';
import { texts } from '../texts.ts';

const SHOWN = 3;

export function AudienceText({ of: audience, all = false }: { of: Push['audience']; all?: boolean }) {
  if (audience.all) return <ScopeText of={{ scope: 'all', channels: [] }} />;
  const shown = all ? audience.channels : audience.channels.slice(0, SHOWN);
  const rest = audience.channels.length - shown.length;
  return (
    <span class="chips">
      {shown.map((slug) => (
        <span key={slug} class="chip">
          {slug}
        </span>
      ))}
      {rest > 0 && <span class="muted">{texts.scope.moreChannels(rest)}</span>}
    </span>
  );
}
