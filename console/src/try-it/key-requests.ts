// Requests with a key instead of the user's token.

import createClient from 'openapi-fetch';
import { Failure } from '../api/failure.ts';
import type { paths } from '../api/schema.d.ts';
import { API } from '../config.ts';
import type { Subscription } from './receiver.ts';

/** Reads the secret at each request, so that it is kept in one place only. */
export type SecretSource = () => string;

function clientWith(secret: SecretSource) {
  return createClient<paths>({ baseUrl: API, headers: { Authorization: `Bearer ${secret()}` } });
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

async function received<T>(answer: Promise<Answer<T>>): Promise<T> {
  let settled: Answer<T>;
  try {
    settled = await answer;
  } catch {
    throw Failure.network();
  }
  if (!settled.response.ok) throw Failure.fromResponse(settled.response, settled.error);
  return settled.data as T;
}

export async function getApplicationServerKey(secret: SecretSource): Promise<string> {
  return (await received(clientWith(secret).GET('/subscriptions/config'))).vapid_public_key;
}

/** Puts the receiver into the channel. Returns the subscription's ID. */
export async function putSubscription(
  secret: SecretSource,
  { endpoint, keys }: Subscription,
  channel: string,
): Promise<string> {
  const body = { endpoint, keys, channels: [channel] };
  return (await received(clientWith(secret).PUT('/subscriptions', { body }))).id;
}

export async function deleteSubscription(secret: SecretSource, id: string): Promise<void> {
  await received(clientWith(secret).DELETE('/subscriptions/{id}', { params: { path: { id } } }));
}

/** Sends a push to the channel. Returns the push's ID. */
export async function sendPush(secret: SecretSource, channel: string, title: string): Promise<string> {
  const body = { title, target: { channels: [channel] }, ttl: 300, urgency: 'high' as const };
  const header = { 'Idempotency-Key': crypto.randomUUID() };
  const accepted = await received(clientWith(secret).POST('/push', { params: { header }, body }));
  // Only a dry run has no ID.
  if (!('id' in accepted)) throw Failure.network();
  return accepted.id;
}
