// The test browser of a laptop: it needs no push service of a browser's maker, and no network.

import { Failure } from '../api/failure.ts';
import type { Receiver, Subscription } from './receiver.ts';

interface Arrived {
  arrived_at: string;
  push: { id: string };
}

/** The test browser at this path. */
export function testBrowser(path: string): Receiver {
  async function request<T>(method: string, route: string): Promise<T> {
    const response = await fetch(`${path}/${route}`, { method }).catch(() => null);
    if (!response?.ok) throw Failure.network();
    return (await response.json()) as T;
  }

  return {
    page: path,
    prepare: () => Promise.resolve(),
    async subscribe() {
      const { endpoint, keys } = await request<Pick<Subscription, 'endpoint' | 'keys'>>('POST', 'subscription');
      return {
        endpoint,
        keys,
        async arrivalOf(pushId) {
          const { pushes } = await request<{ pushes: Arrived[] }>('GET', 'pushes');
          const arrived = pushes.find(({ push }) => push.id === pushId);
          return arrived && Date.parse(arrived.arrived_at);
        },
        end: () => Promise.resolve(),
      };
    },
  };
}
