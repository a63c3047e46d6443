// The channels of a scope or of an audience: the first three, unless all are asked for.

import { texts } from '../texts.ts';

const SHOWN = 3;

export function ChannelChips({ of: channels, all }: { of: string[]; all: boolean }) {
  const shown = all ? channels : channels.slice(0, SHOWN);
  const rest = channels.length - shown.length;
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
