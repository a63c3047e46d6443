// All channels of the account, sorted by slug.

import { signal } from '@preact/signals';
import { client, request } from '../api/client.ts';
import type { Channel } from '../api/types.ts';

const PAGE_SIZE = 100;

/** `null` until all are loaded. */
export const channels = signal<Channel[] | null>(null);

export async function loadChannels(): Promise<Channel[]> {
  const loaded: Channel[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: PAGE_SIZE, ...(cursor && { cursor }) };
    const page = await request(() => client.GET('/channels', { params: { query } }));
    loaded.push(...page.channels);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  channels.value = loaded;
  return loaded;
}
