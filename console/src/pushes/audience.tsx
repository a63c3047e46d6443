// Whom a push is for.

import type { Push } from '../api/types.ts';
import { ScopeText } from '../keys/scope.tsx';
import { ChannelChips } from '../ui/channel-chips.tsx';

export function AudienceText({ of: audience, all = false }: { of: Push['audience']; all?: boolean }) {
  if (audience.all) return <ScopeText of={{ scope: 'all', channels: [] }} />;
  return <ChannelChips of={audience.channels} all={all} />;
}
