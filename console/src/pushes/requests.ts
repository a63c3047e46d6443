// The requests for pushes.

import { client, request } from '../api/client.ts';
import type { Push } from '../api/types.ts';

export function getPush(id: string): Promise<Push> {
  return request(() => client.GET('/pushes/{id}', { params: { path: { id } } }));
}
