// A request that failed: the server's problem (RFC 9457), or no response at all.

import { texts } from '../texts.ts';
import type { Problem } from './types.ts';

export interface FieldError {
  /** A JSON Pointer, such as `/channels/1`. */
  pointer: string;
  detail: string;
}

export class Failure extends Error {
  override name = 'Failure';

  constructor(
    readonly title: string,
    readonly detail: string,
    /** The problem's code, `network` if there was no response, or `unknown` if the response was not a problem. */
    readonly code: Problem['code'] | 'network' | 'unknown' | 'cancelled',
    readonly status = 0,
    readonly requestId = '',
    readonly errors: FieldError[] = [],
    /** The seconds after which another attempt makes sense. */
    readonly retryAfter: number | null = null,
    /** The keys of a `channel_in_use`, and the key of an `already_created`. */
    readonly keys: { id: string; name: string }[] = [],
    readonly keyId: string | null = null,
  ) {
    super(`${title}: ${detail}`);
  }

  static network(): Failure {
    return new Failure(texts.failure.networkTitle, texts.failure.network, 'network');
  }

  static cancelled(): Failure {
    return new Failure(texts.failure.signedOutTitle, texts.failure.signedOut, 'cancelled');
  }

  static fromResponse(response: Response, body: unknown): Failure {
    const requestId = response.headers.get('X-Amzn-RequestId') ?? '';
    const retryAfter = Number(response.headers.get('Retry-After')) || null;
    if (!isProblem(body)) {
      const detail = texts.failure.unknown(response.status);
      return new Failure(texts.failure.unknownTitle, detail, 'unknown', response.status, requestId, [], retryAfter);
    }
    const keyId = body.key_id ?? response.headers.get('Location')?.split('/').pop() ?? null;
    return new Failure(
      body.title,
      body.detail,
      body.code,
      response.status,
      body.request_id ?? requestId,
      body.errors ?? [],
      retryAfter,
      body.keys ?? [],
      keyId,
    );
  }

  /** What was thrown, as a failure. Errors in the console's own code are thrown again. */
  static from(error: unknown): Failure {
    if (error instanceof Failure) return error;
    throw error;
  }

  /** What is wrong with a field, or with one of its items. */
  at(pointer: string): string | undefined {
    const found = this.errors.filter((it) => it.pointer === pointer || it.pointer.startsWith(`${pointer}/`));
    return found.length > 0 ? found.map((it) => it.detail).join('; ') : undefined;
  }
}

function isProblem(body: unknown): body is Problem & { keys?: { id: string; name: string }[]; key_id?: string } {
  return typeof body === 'object' && body !== null && 'code' in body && 'title' in body && 'detail' in body;
}
