// The list of checks, and what several of them need.

import assert from 'node:assert/strict';
import { newPage, open, signIn, signInForm } from './stack.mjs';

export const checks = [];

export function check(number, title, test) {
  checks.push({ number, title, test });
}

let made = 0;
/** A name that no other check uses. */
export const uniqueName = (prefix) => `${prefix} ${Date.now().toString(36)}-${++made}`;

/** The body of a response to a bug. */
export const INTERNAL_ERROR = {
  type: '/v1/problems/internal',
  title: 'Internal error',
  status: 500,
  code: 'internal',
  detail: 'An internal error occurred',
  request_id: '0f8e2c1a-6f0b-4b6c-9f1e-2d7c5a3b9e10',
};

export const button = (page, name) => page.getByRole('button', { name, exact: true });
export const row = (page, name) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });

export async function openConsole({ stack, browser }, hash = '#/keys', { user, ...options } = {}) {
  const page = await newPage(browser, options);
  await open(stack, page, hash, user);
  return page;
}

/** Fills in the form for a key that reaches every recipient. */
export async function fillCreate(page, name) {
  await button(page, 'Create new key').first().click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('All Recipients').check();
}

/** Creates a key in the browser and returns its secret, with the dialog open. */
export async function createInBrowser(page, name) {
  await fillCreate(page, name);
  await button(page, 'Create key').click();
  return secretOf(page);
}

export async function secretOf(page) {
  const shown = page.locator('#secret');
  await shown.waitFor();
  const secret = (await shown.textContent()).trim();
  assert.match(secret, /^pgk_[a-z0-9]{1,32}_[0-7][0-9A-HJKMNP-TV-Z]{25}_[0-9A-Za-z]{38}$/);
  return secret;
}

/** Answers the routed request, and loses the response. Returns the body of the response. */
export async function loseResponse(stack, route) {
  const asked = route.request();
  const { authorization, 'content-type': type, 'idempotency-key': key } = await asked.allHeaders();
  const headers = { Authorization: authorization, 'Content-Type': type, 'Idempotency-Key': key };
  const response = await stack.fetch(asked.url(), { method: asked.method(), headers, body: asked.postData() });
  await route.abort('connectionreset');
  return response.json();
}

/** The requests that reach the API, counted by the browser. */
export function countRequests(page, method, path) {
  const seen = [];
  page.on('request', (request) => {
    if (request.method() === method && new URL(request.url()).pathname === `/v1${path}`) seen.push(request);
  });
  return seen;
}

/** After a reload: signs in again, unless the user pool remembers the user, and waits for the page. */
export async function signInIfAsked(page, shown) {
  const form = signInForm(page);
  await Promise.race([form.waitFor(), shown.waitFor()]);
  if (await form.isVisible()) await signIn(page);
  await shown.waitFor();
}
