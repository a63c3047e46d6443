// One sentence about what a key will be able to do.

import { formatDate, formatList, formatNumber } from '../format.ts';
import { texts } from '../texts.ts';
import { type Draft, expiresAt } from './draft.ts';

const MAX_NAMED_CHANNELS = 3;

export function describeDraft(draft: Draft, currentExpiry: string | null = null): string {
  const words = texts.sentence;
  const name = draft.name.trim() ? `“${draft.name.trim()}”` : words.unnamed;
  if (draft.permissions.length === 0) return words.nothing(name);
  if (draft.scope === 'channels' && draft.channels.length === 0) return words.noChannels(name);

  const sends = draft.permissions.includes('PushNotifications/Send');
  const writes = draft.permissions.includes('Subscriptions/Write');
  const actions = formatList([...(sends ? [words.send] : []), ...(writes ? [words.write] : [])]);
  const sentence = words.whole(name, actions, reach(draft), end(draft, currentExpiry), limits(draft));
  return sends ? sentence : `${sentence} ${words.publishable}`;
}

function reach({ scope, channels }: Draft): string {
  if (scope === 'all') return texts.sentence.toAll;
  const named =
    channels.length > MAX_NAMED_CHANNELS ? texts.sentence.channelCount(channels.length) : formatList(channels);
  return texts.sentence.toChannels(named);
}

function end(draft: Draft, currentExpiry: string | null): string {
  const chosen = expiresAt(draft);
  const expires = chosen === undefined ? currentExpiry : chosen;
  return expires ? texts.sentence.until(formatDate(expires)) : texts.sentence.forever;
}

function limits({ perMinute, perDay }: Draft): string {
  const parts = [
    ...(Number(perMinute) > 0 ? [texts.sentence.perMinute(formatNumber(Number(perMinute)))] : []),
    ...(Number(perDay) > 0 ? [texts.sentence.perDay(formatNumber(Number(perDay)))] : []),
  ];
  return parts.length > 0 ? texts.sentence.limits(formatList(parts)) : '';
}
