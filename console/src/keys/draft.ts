// What is typed into the form of a key, and the requests that it becomes.

import { serverNow } from '../clock.ts';
import { DAY } from '../format.ts';
import type { Key, KeyChanges, NewKey, Permission } from '../api/types.ts';

/** Days, or a word. The first one of a new key is the default. */
export const NEW_EXPIRIES = ['90', '30', '365', 'never', 'date'] as const;
export const EDIT_EXPIRIES = ['keep', ...NEW_EXPIRIES] as const;
export type Expiry = (typeof EDIT_EXPIRIES)[number];

export interface Draft {
  name: string;
  permissions: Permission[];
  scope: 'all' | 'channels';
  channels: string[];
  expiry: Expiry;
  /** Of an `<input type="datetime-local">`. */
  date: string;
  perMinute: string;
  perDay: string;
}

export function newDraft(query = new URLSearchParams()): Draft {
  const channels = (query.get('channels') ?? '').split(',').filter(Boolean);
  return {
    name: query.get('name') ?? '',
    permissions: ['PushNotifications/Send'],
    scope: 'channels',
    channels,
    expiry: '90',
    date: '',
    perMinute: '',
    perDay: '',
  };
}

export function draftOf(key: Key): Draft {
  return {
    name: key.name,
    permissions: key.permissions,
    scope: key.scope,
    channels: key.channels,
    expiry: 'keep',
    date: '',
    perMinute: String(key.limits.per_minute ?? ''),
    perDay: String(key.limits.per_day ?? ''),
  };
}

/** When the key would expire; `undefined` leaves it as it is. */
export function expiresAt(draft: Draft): string | null | undefined {
  if (draft.expiry === 'keep') return undefined;
  if (draft.expiry === 'never') return null;
  if (draft.expiry !== 'date') return new Date(serverNow() + Number(draft.expiry) * DAY).toISOString();
  const date = new Date(draft.date);
  // An empty date is sent as it is, so that the server says what is wrong with it.
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

export function toNewKey(draft: Draft): NewKey {
  return {
    name: draft.name,
    permissions: draft.permissions,
    scope: draft.scope,
    ...(draft.scope === 'channels' && { channels: draft.channels }),
    expires_at: expiresAt(draft) ?? null,
    limits: { per_minute: limit(draft.perMinute), per_day: limit(draft.perDay) },
  } as NewKey;
}

/** The fields that differ from the key. */
export function toChanges(draft: Draft, key: Key): KeyChanges {
  const changes: KeyChanges = {};
  if (draft.name !== key.name) changes.name = draft.name;
  if (!sameSet(draft.permissions, key.permissions)) changes.permissions = draft.permissions;
  if (draft.scope !== key.scope) changes.scope = draft.scope;
  if (draft.scope === 'channels' && !sameSet(draft.channels, key.channels)) changes.channels = draft.channels;
  const expires = expiresAt(draft);
  if (expires !== undefined && expires !== key.expires_at) changes.expires_at = expires;
  const limits = { per_minute: limit(draft.perMinute), per_day: limit(draft.perDay) };
  if (limits.per_minute !== key.limits.per_minute || limits.per_day !== key.limits.per_day) changes.limits = limits;
  return changes;
}

/** A number; any other text is sent as it is, so that the server says what is wrong with it. */
function limit(text: string): number | null {
  const typed = text.trim();
  if (typed === '') return null;
  return /^\d+$/.test(typed) ? Number(typed) : (typed as unknown as number);
}

function sameSet(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item));
}
