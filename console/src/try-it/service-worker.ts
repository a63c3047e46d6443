// The service worker of the console: shows a push, and tells the page that it arrived.

import type { ArrivedPush } from './push-channel.ts';

declare const self: ServiceWorkerGlobalScope;

// `PUSH_CHANNEL` of push-channel.ts, not imported: the worker is one file.
const arrivals = new BroadcastChannel('pushgate-push');

self.addEventListener('install', () => void self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('push', (event) => {
  const push = event.data?.json() as ArrivedPush;
  arrivals.postMessage(push);
  // A push may be delivered more than once: with its ID as the tag it is shown once.
  event.waitUntil(self.registration.showNotification(push.title, { body: push.message, tag: push.id, data: push }));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(showPage());
});

async function showPage(): Promise<void> {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const page = pages.find(({ url }) => new URL(url).pathname === '/v1/console');
  if (page) await page.focus();
  else await self.clients.openWindow('/v1/console');
}
