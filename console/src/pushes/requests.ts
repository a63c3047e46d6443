// The requests for pushes.

import { client, request } from '../api/client.ts';
import type { Push } from '../api/types.ts';

export function getPush(id: string): Promise<Push> {
  return request(() => client.GET('/pushes/{id}', { params: { path: { id } } }));
}

/** Returns the push as it is then: one that is done stays done. */
export function cancelPush(id: string): Promise<Push> {
  return request(() => client.POST('/pushes/{id}/cancel', { params: { path: { id } } }));
}
