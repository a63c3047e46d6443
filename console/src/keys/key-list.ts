// All keys of the account. The first page is shown at once, and the rest is loaded in the background.

import { signal } from '@preact/signals';
import { client, request } from '../api/client.ts';
import { Failure } from '../api/failure.ts';
import type { Key } from '../api/types.ts';
import { postChange } from '../changes.ts';

const PAGE_SIZE = 100;
/** Pages with their days of usage. Beyond them a spark line is not worth ten times the bytes. */
const PAGES_WITH_DAYS = 10;
const MAX_ATTEMPTS = 5;
const MAX_WAIT_S = 60;

export type Progress =
  | { state: 'loading' }
  | { state: 'waiting'; seconds: number }
  | { state: 'complete' }
  | { state: 'failed'; failure: Failure };

/** `null` until the first page is there. */
export const keys = signal<Key[] | null>(null);
export const progress = signal<Progress>({ state: 'loading' });

let generation = 0;
let position: { cursor: string | undefined; page: number } = { cursor: undefined, page: 0 };

/** Loads the list from its beginning. What is shown stays until the new first page is there. */
export async function loadKeys(): Promise<void> {
  generation += 1;
  position = { cursor: undefined, page: 0 };
  await loadRest();
}

/** Goes on after a failure. */
export async function loadRest(): Promise<void> {
  const started = generation;
  progress.value = { state: 'loading' };
  try {
    do {
      const page = await loadPage(position.cursor, position.page < PAGES_WITH_DAYS);
      if (started !== generation) return;
      keys.value = position.page === 0 ? page.keys : [...(keys.value ?? []), ...page.keys];
      position = { cursor: page.next_cursor ?? undefined, page: position.page + 1 };
    } while (position.cursor !== undefined);
    progress.value = { state: 'complete' };
  } catch (error) {
    if (started === generation) progress.value = { state: 'failed', failure: Failure.from(error) };
  }
}

/** One page. When the server is busy, it waits as long as the server says. */
async function loadPage(cursor: string | undefined, days: boolean) {
  for (let attempt = 1; ; attempt++) {
    try {
      const query = { limit: PAGE_SIZE, ...(cursor && { cursor }), ...(!days && { usage: 'total' as const }) };
      return await request(() => client.GET('/keys', { params: { query } }));
    } catch (error) {
      const { status, retryAfter } = Failure.from(error);
      const busy = status === 429 || status === 503;
      const seconds = retryAfter ?? 1;
      if (!busy || attempt === MAX_ATTEMPTS || seconds > MAX_WAIT_S) throw error;
      progress.value = { state: 'waiting', seconds };
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      progress.value = { state: 'loading' };
    }
  }
}

export function putKey(key: Key): void {
  const before = keys.value;
  if (before) {
    const known = before.some((it) => it.id === key.id);
    keys.value = known ? before.map((it) => (it.id === key.id ? key : it)) : [key, ...before];
  }
  postChange('keys');
}

export function removeKey(id: string): void {
  if (keys.value) keys.value = keys.value.filter((key) => key.id !== id);
  postChange('keys');
}
