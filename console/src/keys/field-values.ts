// The values of a key's fields as text, for its history and for conflicts.

import { formatExact, formatList, formatNumber } from '../format.ts';
import { texts } from '../texts.ts';
import type { Event } from '../api/types.ts';

export type Field = keyof Event['changes'];
type Value = NonNullable<Event['changes'][Field]>['from'];

export const FIELDS = Object.keys(texts.history.fields) as Field[];

export function fieldText(field: Field, value: Value): string {
  if (value === null) return field === 'expires_at' ? texts.form.expiry.never : texts.history.nothing;
  if (Array.isArray(value)) return value.length > 0 ? formatList(value) : texts.history.nothing;
  if (typeof value === 'object') return limitsText(value);
  if (field === 'expires_at') return formatExact(value);
  if (field === 'scope') return value === 'all' ? texts.scope.all : texts.scope.channels;
  if (field === 'status') return value === 'active' ? texts.status.active : texts.status.inactive;
  return value;
}

export function limitsText(limits: { per_minute: number | null; per_day: number | null }): string {
  const parts = [
    ...(limits.per_minute === null ? [] : [texts.key.perMinute(formatNumber(limits.per_minute))]),
    ...(limits.per_day === null ? [] : [texts.key.perDay(formatNumber(limits.per_day))]),
  ];
  return parts.length > 0 ? formatList(parts) : texts.key.unlimited;
}
