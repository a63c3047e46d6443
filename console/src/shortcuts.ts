// Single-key shortcuts, which can be switched off (WCAG 2.1.4).

import { signal } from '@preact/signals';
import { isAdmin } from './account.ts';
import { openCreate } from './keys/create-dialog.tsx';
import { go, href, route } from './router.ts';

const SETTING = 'pushgate.shortcuts';
const OFF = 'off';

export const shortcutsEnabled = signal(localStorage.getItem(SETTING) !== OFF);
export const helpOpen = signal(false);

export function enableShortcuts(enabled: boolean): void {
  shortcutsEnabled.value = enabled;
  if (enabled) localStorage.removeItem(SETTING);
  else localStorage.setItem(SETTING, OFF);
}

export function listenForShortcuts(): void {
  addEventListener('keydown', (event) => {
    if (!shortcutsEnabled.value || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    const action = { '/': search, n: create, '?': help }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function isTyping({ target }: KeyboardEvent): boolean {
  const inField = target instanceof HTMLElement && target.matches('input, select, textarea');
  return inField || document.querySelector('dialog[open]') !== null;
}

function search(): void {
  if (route.value.path[0] !== 'keys' || route.value.path.length > 1) go(href('keys'));
  setTimeout(() => document.getElementById('search')?.focus());
}

function create(): void {
  if (isAdmin.value) openCreate();
}

function help(): void {
  helpOpen.value = true;
}
