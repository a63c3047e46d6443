// Requests to the API, with the user's token. A request that fails throws a `Failure`.

import createClient from 'openapi-fetch';
import { getToken, signInAgain } from '../auth/session.ts';
import { readServerTime } from '../clock.ts';
import { API } from '../config.ts';
import { Failure } from './failure.ts';
import type { paths } from './schema.d.ts';

export const client = createClient<paths>({ baseUrl: API });

client.use({
  onRequest({ request }) {
    const token = getToken();
    if (token) request.headers.set('Authorization', `Bearer ${token}`);
    return request;
  },
  onResponse({ response }) {
    readServerTime(response);
  },
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * Sends a request. After a 401 the user signs in again and the request is repeated: the authorizer rejected it before
 * anything was done.
 */
export async function request<T>(send: () => Promise<Answer<T>>): Promise<T> {
  let answer = await attempt(send);
  if (answer.response.status === 401) {
    await signInAgain();
    answer = await attempt(send);
  }
  if (!answer.response.ok) throw Failure.fromResponse(answer.response, answer.error);
  return answer.data as T;
}

async function attempt<T>(send: () => Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await send();
  } catch (error) {
    // `fetch` throws this for every network error; the body's parser throws the other.
    if (error instanceof TypeError || error instanceof SyntaxError) throw Failure.network();
    throw error;
  }
}

/**
 * Sends a request that makes something. If there is no response, it is sent once more: with the same `Idempotency-Key`
 * the second one is answered 409 `already_created` if the first one arrived.
 */
export async function requestOnce<T>(send: () => Promise<Answer<T>>): Promise<T> {
  try {
    return await request(send);
  } catch (error) {
    if (Failure.from(error).code !== 'network') throw error;
    return request(send);
  }
}
