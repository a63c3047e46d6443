// Subscribes this browser to pushes, with a time limit: without its push service a browser may wait forever.

import { texts } from '../texts.ts';

const TIME_LIMIT_MS = 15_000;
const WORKER = '/v1/console/sw.js';

/** Why a push cannot be tried in this browser. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}

/** The one address that may become a worker: the policy's only use. */
const policy = window.trustedTypes?.createPolicy('pushgate', {
  createScriptURL(url: string): string {
    if (url !== WORKER) throw new TypeError('not the address of the service worker');
    return url;
  },
});

export const isSupported = 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;

/** Asks for the permission. Must come first after a click: browsers ask only then. */
export async function askPermission(): Promise<void> {
  if (!isSupported) throw new Unavailable(texts.tryIt.unsupported);
  if ((await Notification.requestPermission()) !== 'granted') throw new Unavailable(texts.tryIt.denied);
}

export async function subscribeBrowser(applicationServerKey: string): Promise<PushSubscription> {
  return withTimeLimit(subscribe(applicationServerKey));
}

async function subscribe(applicationServerKey: string): Promise<PushSubscription> {
  const url = (policy?.createScriptURL(WORKER) ?? WORKER) as string;
  const registration = await navigator.serviceWorker.register(url);
  await active(registration);
  // A subscription is bound to one application server key.
  await (await registration.pushManager.getSubscription())?.unsubscribe();
  try {
    return await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  } catch {
    throw new Unavailable(texts.tryIt.refused);
  }
}

/** The page is outside the worker's scope, so `navigator.serviceWorker.ready` never resolves here. */
function active(registration: ServiceWorkerRegistration): Promise<void> {
  const worker = registration.installing ?? registration.waiting;
  if (!worker || registration.active) return Promise.resolve();
  return new Promise((resolve) => {
    worker.addEventListener('statechange', () => worker.state === 'activated' && resolve());
  });
}

function withTimeLimit<T>(task: Promise<T>): Promise<T> {
  const limit = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Unavailable(texts.tryIt.noService)), TIME_LIMIT_MS);
  });
  return Promise.race([task, limit]);
}
