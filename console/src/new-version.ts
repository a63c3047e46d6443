// Notices that another version of the console was deployed while this one is open.

import { signal } from '@preact/signals';
import { PAGE, config } from './config.ts';

const CHECK_EVERY_MS = 5 * 60_000;

export const newVersion = signal(false);
let checkedAt = Date.now();

/** Asks when the tab is shown again, not on a timer. */
export function watchForNewVersion(): void {
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible' && Date.now() - checkedAt > CHECK_EVERY_MS) void check();
  });
}

async function check(): Promise<void> {
  checkedAt = Date.now();
  try {
    const response = await fetch(PAGE, { cache: 'no-cache' });
    const found = /"version":\s*"([^"]*)"/.exec(await response.text())?.[1];
    if (response.ok && found !== undefined && found !== config.version) newVersion.value = true;
  } catch {
    // No connection: asked again the next time.
  }
}
