// The server's clock. The browser's own may be wrong by hours, and then every "expires in" would be wrong, too.

import { signal } from '@preact/signals';

/** A difference below this is the network's latency. */
const TOLERANCE_MS = 2000;
const TICK_MS = 30_000;

let offset = 0;

/** Reads the `Date` header of a response that was just received. */
export function readServerTime(response: Response): void {
  const date = Date.parse(response.headers.get('Date') ?? '');
  if (Number.isNaN(date)) return;
  // The header has whole seconds.
  const difference = date + 500 - Date.now();
  offset = Math.abs(difference) < TOLERANCE_MS ? 0 : difference;
}

export function serverNow(): number {
  return Date.now() + offset;
}

/** How far the server's clock is ahead of the browser's, in seconds. */
export function clockSkewSeconds(): number {
  return Math.round(offset / 1000);
}

/** The server's time, which changes every 30 seconds so that relative times stay right. */
export const now = signal(serverNow());

export function updateNow(): void {
  now.value = serverNow();
}
setInterval(updateNow, TICK_MS);
