// A key's status in words: the most urgent one.

import type { Key } from '../api/types.ts';
import { DAY, formatSpan } from '../format.ts';
import { texts } from '../texts.ts';

const SOON_MS = 7 * DAY;

/** From the most urgent to the least. */
export const STATUSES = ['inactive', 'expired', 'expiring', 'rotating', 'active'] as const;
export type KeyStatus = (typeof STATUSES)[number];

type StatusFields = Pick<Key, 'status' | 'expires_at' | 'rotation'>;

export function statusOf(key: StatusFields, now: number): KeyStatus {
  if (key.status === 'inactive') return 'inactive';
  const left = key.expires_at === null ? Infinity : Date.parse(key.expires_at) - now;
  if (left <= 0) return 'expired';
  if (left < SOON_MS) return 'expiring';
  if (isRotating(key, now)) return 'rotating';
  return 'active';
}

export function isRotating(key: StatusFields, now: number): boolean {
  return key.rotation !== null && Date.parse(key.rotation.old_valid_until) > now;
}

export function statusText(key: StatusFields, now: number): string {
  const status = statusOf(key, now);
  if (status !== 'expiring' || key.expires_at === null) return texts.status[status === 'expiring' ? 'active' : status];
  return texts.status.expires(formatSpan(Date.parse(key.expires_at) - now));
}

/** Whether a request with the key was allowed in the last 7 days. */
export function usedThisWeek(key: Pick<Key, 'last_used_at'>, now: number): boolean {
  return key.last_used_at !== null && now - Date.parse(key.last_used_at) < 7 * DAY;
}
