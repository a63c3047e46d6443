// The requests for channels. Each answer updates the list.

import { client, request } from '../api/client.ts';
import { postChange } from '../changes.ts';
import { channels } from './channel-list.ts';

export async function createChannel(slug: string): Promise<void> {
  const channel = await request(() => client.POST('/channels', { body: { slug } }));
  const before = channels.value ?? [];
  channels.value = [...before, channel].sort((a, b) => (a.slug < b.slug ? -1 : 1));
  postChange('channels');
}

export async function deleteChannel(slug: string): Promise<void> {
  await request(() => client.DELETE('/channels/{channel}', { params: { path: { channel: slug } } }));
  channels.value = channels.value?.filter((channel) => channel.slug !== slug) ?? null;
  postChange('channels');
}
