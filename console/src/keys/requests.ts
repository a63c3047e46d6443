// The requests for keys. Each answer updates the list.

import { client, request, requestOnce } from '../api/client.ts';
import type { Key, KeyChanges, KeyWithSecret, NewKey, Rotation } from '../api/types.ts';
import { putKey, removeKey } from './key-list.ts';

export function getKey(id: string): Promise<Key> {
  return request(() => client.GET('/keys/{id}', { params: { path: { id } } }));
}

/** Creates a key. The same `Idempotency-Key` never creates a second one. */
export async function createKey(body: NewKey, idempotencyKey: string): Promise<KeyWithSecret> {
  const params = { header: { 'Idempotency-Key': idempotencyKey } };
  const created = await requestOnce(() => client.POST('/keys', { params, body }));
  putKey(created.key);
  return created;
}

/** Changes the version of the key that was read, and no other. */
export async function changeKey({ id, etag }: Key, body: KeyChanges): Promise<Key> {
  const params = { path: { id }, header: { 'If-Match': etag } };
  const changed = await request(() => client.PATCH('/keys/{id}', { params, body }));
  putKey(changed);
  return changed;
}

/** With an `etag`, rotates the version of the key that was read, and no other. */
export async function rotateKey(
  { id, etag }: Pick<Key, 'id'> & Partial<Pick<Key, 'etag'>>,
  body: Rotation,
  idempotencyKey: string,
): Promise<KeyWithSecret> {
  const header = { 'Idempotency-Key': idempotencyKey, ...(etag && { 'If-Match': etag }) };
  const params = { path: { id }, header };
  const rotated = await requestOnce(() => client.POST('/keys/{id}/rotate', { params, body }));
  putKey(rotated.key);
  return rotated;
}

/** Deletes a key, and cancels the pushes that it has sent if that is asked for. */
export async function deleteKey(id: string, cancelPushes = false): Promise<void> {
  const params = { path: { id }, ...(cancelPushes && { query: { cancel_pushes: true } }) };
  await request(() => client.DELETE('/keys/{id}', { params }));
  removeKey(id);
}
