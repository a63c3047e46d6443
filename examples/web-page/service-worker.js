// The service worker: shows each push, opens its link on a click, and subscribes again when the browser asks for it.

import { subscribe } from "./subscribe.js";

// An updated worker takes over immediately.
self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("push", (event) => {
  // The push's `id`, then what the sender sent: `title`, and if present `message`, `url`, `icon`, `badge`, `image`,
  // `actions`, `data`.
  const push = event.data.json();
  const { title, message: body, icon, badge, image, actions } = push;

  // A push may be delivered more than once. With its ID as the tag, it is shown once.
  const options = { body, icon, badge, image, actions, data: push, tag: push.id };
  event.waitUntil(self.registration.showNotification(title, options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();

  // `event.action` is the clicked button's `action`, or empty for the notification itself. Both open `url` here.
  const { url } = event.notification.data;
  if (url) event.waitUntil(self.clients.openWindow(url));
});

// The push service ended the subscription. If this fails, the user's next visit to the page subscribes again.
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(subscribe(self.registration)));
