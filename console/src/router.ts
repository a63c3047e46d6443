// The routes, which are in the address's hash: no key's id reaches the server's logs.

import { computed, signal } from '@preact/signals';

export interface Route {
  /** The parts of the path: `#/keys/01M8…` is `['keys', '01M8…']`. */
  path: string[];
  query: URLSearchParams;
}

function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const hash = signal(location.hash);
export const route = computed(() => parse(hash.value));

export function listenForRoutes(): void {
  addEventListener('hashchange', () => {
    hash.value = location.hash;
  });
}

/** Goes to another page. */
export function go(to: string): void {
  location.hash = to;
}

/** Changes the address without a new entry in the history, as typing in a search field does. */
export function replaceRoute(to: string): void {
  history.replaceState(null, '', to);
  hash.value = location.hash;
}

/** The address of a page, with the parameters that are set. */
export function href(path: string, query: Record<string, string | undefined> = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) parameters.set(name, value);
  return `#/${path}${parameters.size > 0 ? `?${parameters}` : ''}`;
}

export const keyHref = (id: string): string => href(`keys/${encodeURIComponent(id)}`);
export const pushHref = (id: string): string => href(`pushes/${encodeURIComponent(id)}`);
