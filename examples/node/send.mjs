// Sends a push and prints its result: node send.mjs '{"title": "Hello", "message": "It works"}'
//
// PUSHGATE_API is the address of the API with its stage, PUSHGATE_KEY a key with PushNotifications/Send.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const MAX_ATTEMPTS = 5;
const MAX_RETRY_AFTER_S = 60;
const MAX_RESULT_WAIT_MS = 60_000;

const { PUSHGATE_API: api, PUSHGATE_KEY: key } = process.env;

/** Sends a request, again after 429 and 503, and returns the body. */
async function request(method, path, { headers, body } = {}) {
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(api + path, {
      method,
      headers: { Authorization: `Bearer ${key}`, ...headers },
      body,
      signal: AbortSignal.timeout(30_000),
    });
    if (response.ok) return response.json();

    const retryAfter = Number(response.headers.get("Retry-After") ?? 1);
    const retry = [429, 503].includes(response.status) && attempt < MAX_ATTEMPTS && retryAfter <= MAX_RETRY_AFTER_S;
    if (!retry) throw new Error(sentence(response.status, await response.json().catch(() => ({}))));
    console.error(`Pushgate responded with status ${response.status}. Trying again in ${retryAfter} s.`);
    await sleep(retryAfter * 1000);
  }
}

/** Describes a problem (RFC 9457), with the errors of an invalid body. */
function sentence(status, { detail = "Pushgate did not say why.", code, errors = [], request_id }) {
  const lines = errors.map((error) => `\n  ${error.pointer}: ${error.detail}`);
  return `${detail} (${[status, code, request_id].filter(Boolean).join(", ")})${lines.join("")}`;
}

async function send(push) {
  const accepted = await request("POST", "/push", {
    // The same at each attempt: however many arrive, the push is sent once.
    headers: { "Content-Type": "application/json", "Idempotency-Key": randomUUID() },
    body: push,
  });
  // A dry run has no ID, and is answered already.
  if (!accepted.id) return accepted;

  const deadline = Date.now() + MAX_RESULT_WAIT_MS;
  for (;;) {
    const result = await request("GET", `/push/${accepted.id}`);
    if (result.status === "done" || Date.now() > deadline) return result;
    await sleep(1000);
  }
}

try {
  const [push] = process.argv.slice(2);
  if (!push) throw new Error(`Usage: node send.mjs '{"title": "Hello"}'`);
  if (!api) throw new Error("Set PUSHGATE_API to the address of the API, such as https://push.example.com/v1.");
  if (!/^pgk_[0-9A-Za-z_]+$/.test(key ?? "")) throw new Error("Set PUSHGATE_KEY to a key: pgk_…");
  console.log(JSON.stringify(await send(push)));
} catch (error) {
  console.error(error.cause?.message || error.message);
  process.exitCode = 1;
}
