// The page: one button that subscribes and unsubscribes, and one sentence about how it went.

import { subscribe, unsubscribe } from "./subscribe.js";

const button = document.querySelector("button");
const status = document.querySelector("[role=status]");

/** Runs a task while the button is disabled, then shows the state, or the error in one sentence. */
async function run(task) {
  button.disabled = true;
  try {
    const subscribed = await task();
    status.textContent = subscribed ? "This browser is subscribed." : "This browser is not subscribed.";
    button.textContent = subscribed ? "Unsubscribe" : "Subscribe";
    button.onclick = () => run(subscribed ? turnOff : turnOn);
  } catch (error) {
    status.textContent = error.message;
    button.onclick ??= () => run(turnOn);
  }
  button.disabled = false;
}

async function load() {
  if (!("serviceWorker" in navigator && "PushManager" in window)) {
    throw new Error("This browser does not support push notifications.");
  }
  await navigator.serviceWorker.register("service-worker.js", { type: "module" });
  const { pushManager } = await navigator.serviceWorker.ready;

  // Each visit renews the subscription, so a record that was lost or an application server key that was rotated heals.
  return (await pushManager.getSubscription()) ? turnOn() : false;
}

async function turnOn() {
  // First of all: browsers ask the user only within a few seconds of the click.
  if ((await Notification.requestPermission()) !== "granted") {
    throw new Error("Notifications are blocked. Allow them for this site in the browser's settings, then try again.");
  }
  await subscribe(await navigator.serviceWorker.ready);
  return true;
}

async function turnOff() {
  await unsubscribe(await navigator.serviceWorker.ready);
  return false;
}

run(load);
