// Subscribes this browser to pushes, with a time limit: without its push service a browser may wait forever.

import { texts } from '../texts.ts';
import { type ArrivedPush, PUSH_CHANNEL } from './push-channel.ts';
import { type Receiver, type Subscription, Unavailable } from './receiver.ts';

const TIME_LIMIT_MS = 15_000;
const WORKER = '/v1/console/sw.js';

/** The one address that may become a worker: the policy's only use. */
const policy = window.trustedTypes?.createPolicy('pushgate', {
  createScriptURL(url: string): string {
    if (url !== WORKER) throw new TypeError('not the address of the service worker');
    return url;
  },
});

const isSupported = 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;

export const thisBrowser: Receiver = {
  async prepare() {
    if (!isSupported) throw new Unavailable(texts.tryIt.unsupported);
    if ((await Notification.requestPermission()) !== 'granted') throw new Unavailable(texts.tryIt.denied);
  },
  async subscribe(applicationServerKey) {
    return subscriptionOf(await withTimeLimit(subscribe(applicationServerKey)));
  },
};

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

/** The subscription, which notes what the service worker reports. */
function subscriptionOf(pushSubscription: PushSubscription): Subscription {
  const { endpoint = '', keys } = pushSubscription.toJSON();
  const arrivals = new Map<string, number>();
  const channel = new BroadcastChannel(PUSH_CHANNEL);
  channel.addEventListener('message', ({ data }: MessageEvent<ArrivedPush>) => arrivals.set(data.id, Date.now()));
  return {
    endpoint,
    keys: { p256dh: keys?.p256dh ?? '', auth: keys?.auth ?? '' },
    arrivalOf: (pushId) => Promise.resolve(arrivals.get(pushId)),
    async end() {
      channel.close();
      await pushSubscription.unsubscribe();
    },
  };
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
