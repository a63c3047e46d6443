// Subscribes and unsubscribes this browser. The page and the service worker both use it.

import { API, CHANNELS, KEY } from "./config.js";

/** Subscribes this browser to the channels. Doing it again is safe: the same browser is the same subscription. */
export async function subscribe({ pushManager }) {
  const { vapid_public_key: applicationServerKey } = await request("GET", "/subscriptions/config");

  // A browser's subscription is bound to one application server key, and has to go when that key was rotated.
  const current = await pushManager.getSubscription();
  if (current && base64url(current.options.applicationServerKey) !== applicationServerKey) {
    await current.unsubscribe();
  }

  const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }).catch(() => {
    throw new Error("The browser's push service did not respond. Try again later.");
  });
  await put(subscription);
}

/** Takes this browser out of the channels. */
export async function unsubscribe({ pushManager }) {
  const subscription = await pushManager.getSubscription();
  if (!subscription) return;

  // Putting a known subscription returns its ID, so there is nothing to store in between.
  const { id } = await put(subscription);
  await request("DELETE", `/subscriptions/${id}`);
  await subscription.unsubscribe();
}

function put(subscription) {
  return request("PUT", "/subscriptions", { ...subscription.toJSON(), channels: CHANNELS });
}

/** Sends a request to the API. An error is one sentence for the user. */
async function request(method, path, body) {
  const response = await fetch(API + path, {
    method,
    headers: { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  }).catch(() => {
    throw new Error("Pushgate did not respond. Try again later.");
  });
  if (response.ok) return response.status === 204 ? undefined : response.json();

  // RFC 9457: `detail` is the sentence.
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail ?? `Pushgate responded with status ${response.status}.`);
}

function base64url(buffer) {
  const base64 = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
