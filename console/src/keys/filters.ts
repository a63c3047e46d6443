// Search, filters and sort order of the keys. They are in the address: a copied link shows the same list.

import { actorName } from '../ui/actor.tsx';
import type { Key, Permission } from '../api/types.ts';
import { DAY } from '../format.ts';
import { href } from '../router.ts';
import { type KeyStatus, STATUSES, statusOf } from './status.ts';

const UNUSED_MS = 30 * DAY;

export const SORT_FIELDS = ['created', 'name', 'used', 'usage', 'status'] as const;
export type SortField = (typeof SORT_FIELDS)[number];
export type Sort = SortField | `-${SortField}`;

export interface Filters {
  search: string;
  status: KeyStatus | '';
  permission: Permission | '';
  scope: 'all' | 'channels' | '';
  channel: string;
  unused: boolean;
  sort: Sort;
  /** From 1. */
  page: number;
}

export const DEFAULT_SORT: Sort = '-created';

export function readFilters(query: URLSearchParams): Filters {
  const one = <T extends string>(name: string, values: readonly T[]): T | '' =>
    values.find((value) => value === query.get(name)) ?? '';
  const sorts = SORT_FIELDS.flatMap((field): Sort[] => [field, `-${field}`]);
  return {
    search: query.get('q') ?? '',
    status: one('status', STATUSES),
    permission: one('permission', ['PushNotifications/Send', 'Subscriptions/Write']),
    scope: one('scope', ['all', 'channels']),
    channel: query.get('channel') ?? '',
    unused: query.get('unused') === '30',
    sort: one('sort', sorts) || DEFAULT_SORT,
    page: Math.max(1, Math.trunc(Number(query.get('page'))) || 1),
  };
}

export function filtersHref(filters: Filters): string {
  return href('keys', {
    q: filters.search,
    status: filters.status,
    permission: filters.permission,
    scope: filters.scope,
    channel: filters.channel,
    unused: filters.unused ? '30' : undefined,
    sort: filters.sort === DEFAULT_SORT ? undefined : filters.sort,
    page: filters.page === 1 ? undefined : String(filters.page),
  });
}

export function isFiltered({ search, status, permission, scope, channel, unused }: Filters): boolean {
  return Boolean(search || status || permission || scope || channel || unused);
}

/** The keys that match, in their order. */
export function applyFilters(keys: Key[], filters: Filters, now: number): Key[] {
  const search = filters.search.trim().toLocaleLowerCase();
  const found = keys.filter(
    (key) =>
      (!filters.status || statusOf(key, now) === filters.status) &&
      (!filters.permission || key.permissions.includes(filters.permission)) &&
      (!filters.scope || key.scope === filters.scope) &&
      (!filters.channel || key.channels.includes(filters.channel)) &&
      (!filters.unused || now - Date.parse(key.last_used_at ?? key.created_at) > UNUSED_MS) &&
      (!search || matches(key, search)),
  );
  return found.sort(comparison(filters.sort, now));
}

function matches(key: Key, search: string): boolean {
  return [key.name, key.hint, key.id, actorName(key.created_by), ...key.channels].some((text) =>
    text.toLocaleLowerCase().includes(search),
  );
}

type Comparison = (a: Key, b: Key) => number;

const names = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

function comparison(sort: Sort, now: number): Comparison {
  const descending = sort.startsWith('-');
  const compare = comparisons(now)[sort.replace('-', '') as SortField];
  return (a, b) => (descending ? -compare(a, b) : compare(a, b)) || byCreation(b, a);
}

/** IDs sort by creation time. */
const byCreation: Comparison = (a, b) => (a.id < b.id ? -1 : Number(a.id > b.id));

function comparisons(now: number): Record<SortField, Comparison> {
  return {
    created: byCreation,
    name: (a, b) => names.compare(a.name, b.name),
    used: (a, b) => Date.parse(a.last_used_at ?? '1970-01-01') - Date.parse(b.last_used_at ?? '1970-01-01'),
    usage: (a, b) => a.usage.total - b.usage.total,
    status: (a, b) => STATUSES.indexOf(statusOf(a, now)) - STATUSES.indexOf(statusOf(b, now)),
  };
}
