// The requests for keys. Each answer updates the list.

import { client, request, requestOnce } from '../api/client.ts';
import type { Key, KeyChanges, KeyWithSecret, NewKey } from '../api/types.ts';
import { putKey, removeKey } from './key-list.ts';

export interface KeyVersion {
  key: Key;
  etag: string;
}

export async function getKey(id: string): Promise<KeyVersion> {
  const { data, etag } = await request(() => client.GET('/keys/{id}', { params: { path: { id } } }));
  return { key: data, etag };
}

/** Creates a key. The same `Idempotency-Key` never creates a second one. */
export async function createKey(body: NewKey, idempotencyKey: string): Promise<KeyWithSecret> {
  const header = { 'Idempotency-Key': idempotencyKey };
  const { data, etag } = await requestOnce(() => client.POST('/keys', { params: { header }, body }));
  putKey(data.key, etag);
  return data;
}

export async function changeKey(id: string, etag: string, body: KeyChanges): Promise<KeyVersion> {
  const params = { path: { id }, header: { 'If-Match': etag } };
  const answer = await request(() => client.PATCH('/keys/{id}', { params, body }));
  putKey(answer.data, answer.etag);
  return { key: answer.data, etag: answer.etag };
}

export async function rotateKey(id: string, overlapSeconds: number, idempotencyKey: string): Promise<KeyWithSecret> {
  const params = { path: { id }, header: { 'Idempotency-Key': idempotencyKey } };
  const body = { overlap_seconds: overlapSeconds };
  const { data, etag } = await requestOnce(() => client.POST('/keys/{id}/rotate', { params, body }));
  putKey(data.key, etag);
  return data;
}

export async function deleteKey(id: string): Promise<void> {
  await request(() => client.DELETE('/keys/{id}', { params: { path: { id } } }));
  removeKey(id);
}
