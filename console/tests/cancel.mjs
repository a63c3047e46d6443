// Canceling pushes: one from the list, and all of a key together with the key.

import assert from 'node:assert/strict';
import { createECDH, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { INTERNAL_ERROR, button, check, openConsole, row, uniqueName } from './check.mjs';

/** A push service that is allowed and never answers: no label of a host name has 64 characters (RFC 1035). */
const SILENT_PUSH_SERVICE = `https://${'x'.repeat(64)}.push.apple.com`;

/** Runs with a channel whose one browser has that push service: what is sent to it waits for its next attempt. */
async function withSilentBrowser(stack, run) {
  const channel = `silent-${Date.now().toString(36)}`;
  await stack.channel(channel);
  const fields = { scope: 'channels', channels: [channel] };
  const { secret } = await stack.key(uniqueName('Subscriber'), { ...fields, permissions: ['Subscriptions/Write'] });
  const keys = {
    p256dh: createECDH('prime256v1').generateKeys('base64url'),
    auth: randomBytes(16).toString('base64url'),
  };
  const subscription = { endpoint: `${SILENT_PUSH_SERVICE}/${channel}`, keys, channels: [channel] };
  const subscribed = await stack.call('PUT', '/subscriptions', subscription, { key: secret });
  assert.equal(subscribed.status, 201);
  try {
    await run({ keyOfChannel: (name) => stack.key(name, fields) });
  } finally {
    // The checks after this one also send to every recipient.
    await stack.call('DELETE', `/subscriptions/${subscribed.body.id}`, undefined, { key: secret });
  }
}

/** The push, once it is as expected. A canceled push ends at its next attempt. */
async function pushWhen(stack, id, expected) {
  const started = Date.now();
  for (;;) {
    const { body } = await stack.call('GET', `/pushes/${id}`);
    if (expected(body)) return body;
    assert.ok(Date.now() - started < 60_000, JSON.stringify(body));
    await delay(100);
  }
}

/** Sends a push; its ID, once it waits for its next attempt. */
async function sendAndWait(stack, { secret }) {
  const sent = await stack.call('POST', '/push', { title: 'Stop' }, { key: secret });
  assert.equal(sent.status, 202);
  await pushWhen(stack, sent.body.id, ({ status, counts }) => status === 'sending' && counts.recipients === 1);
  return sent.body.id;
}

const statusOf = async (stack, id) => (await stack.call('GET', `/pushes/${id}`)).body.status;
const cancelPushes = (page) => page.getByLabel('Also cancel the pushes that it has sent and that are not done');
const cancelButton = (page, name) => row(page, name).getByRole('button', { name: /^Cancel the push of / });

/** Does something that sends a request for a key. Returns the request. */
async function requestOf(page, method, act) {
  const sent = page.waitForRequest(
    (request) => request.method() === method && new URL(request.url()).pathname.startsWith('/v1/keys/'),
  );
  await act();
  return sent;
}

check(42, 'An admin cancels a push from the list, and a member cannot', async ({ stack, browser }) => {
  await withSilentBrowser(stack, async ({ keyOfChannel }) => {
    const name = uniqueName('Canceled');
    const id = await sendAndWait(stack, await keyOfChannel(name));
    const member = await openConsole({ stack, browser }, '#/pushes', { user: 'member@acme' });
    await row(member, name).getByText('Sending', { exact: true }).waitFor();
    assert.equal(await member.getByRole('button', { name: /^cancel/i }).count(), 0);

    const page = await openConsole({ stack, browser }, '#/pushes');
    await cancelButton(page, name).click();
    await button(page, 'Keep sending').click();
    await page.locator('dialog').waitFor({ state: 'detached' });
    await page.waitForFunction(() => document.activeElement?.matches('.row-actions button'));
    assert.equal(await statusOf(stack, id), 'sending');

    await page.route('**/v1/pushes/*/cancel', (route) => route.fulfill({ status: 500, json: INTERNAL_ERROR }));
    await cancelButton(page, name).click();
    await button(page, 'Cancel push').click();
    await page.getByRole('alert').filter({ hasText: 'An internal error occurred' }).waitFor();
    await page.unroute('**/v1/pushes/*/cancel');
    await button(page, 'Cancel push').click();
    await page.getByRole('status').filter({ hasText: 'The push was canceled.' }).waitFor();
    await row(page, name).getByText('Canceled', { exact: true }).waitFor();
    assert.equal(await cancelButton(page, name).count(), 0);
    // The button is gone: the focus is in its row.
    await page.waitForFunction(() => document.activeElement?.matches('tbody tr a'));
    assert.equal(await statusOf(stack, id), 'canceled');

    // Its page updates itself until nothing of it is left.
    await page.goto(`${stack.console}#/pushes/${id}`);
    await page.getByRole('heading', { name: 'Push Canceled', level: 1 }).waitFor();
    assert.equal(await button(page, 'Cancel push').count(), 0);
    const { counts } = await pushWhen(stack, id, ({ finished_at }) => finished_at !== null);
    assert.deepEqual(counts, { recipients: 1, delivered: 0, gone: 0, failed: 1 });
    await page.getByText('An admin canceled this push.').waitFor();
  });
});

check(43, 'Deleting a key cancels its pushes only if that is chosen', async ({ stack, browser }) => {
  await withSilentBrowser(stack, async ({ keyOfChannel }) => {
    const [leaked, kept] = [await keyOfChannel(uniqueName('Leaked')), await keyOfChannel(uniqueName('Kept'))];
    const canceled = await sendAndWait(stack, leaked);
    const sending = await sendAndWait(stack, kept);
    const page = await openConsole({ stack, browser });

    async function deleteKey({ key: { id, name } }, cancels) {
      await page.goto(`${stack.console}#/keys/${id}`);
      await page.getByRole('heading', { name, level: 1 }).waitFor();
      await button(page, 'Delete').click();
      assert.equal(await cancelPushes(page).isChecked(), false);
      if (cancels) await cancelPushes(page).check();
      await page.getByLabel('Name of the key').fill(name);
      const confirm = page.locator('dialog').getByRole('button', { name: 'Delete', exact: true });
      const request = await requestOf(page, 'DELETE', () => confirm.click());
      await page.waitForURL(/#\/keys$/);
      assert.equal((await stack.call('GET', `/keys/${id}`)).status, 404);
      return new URL(request.url()).search;
    }

    assert.equal(await deleteKey(leaked, true), '?cancel_pushes=true');
    await page.getByRole('status').filter({ hasText: 'its unfinished pushes are canceled' }).waitFor();
    assert.equal(await deleteKey(kept, false), '');
    assert.deepEqual([await statusOf(stack, canceled), await statusOf(stack, sending)], ['canceled', 'sending']);
  });
});

check(44, 'Deactivating a key cancels its pushes if that is chosen', async ({ stack, browser }) => {
  await withSilentBrowser(stack, async ({ keyOfChannel }) => {
    const sender = await keyOfChannel(uniqueName('Stopped'));
    const id = await sendAndWait(stack, sender);
    const page = await openConsole({ stack, browser }, `#/keys/${sender.key.id}`);
    const pushes = page.getByRole('table', { name: 'Recent pushes of this key' });
    await pushes.getByText('Sending', { exact: true }).waitFor();
    await page.getByRole('switch').click();
    assert.equal(await cancelPushes(page).isChecked(), false);
    await cancelPushes(page).check();
    const request = await requestOf(page, 'PATCH', () => button(page, 'Deactivate').click());
    assert.deepEqual(request.postDataJSON(), { status: 'inactive', cancel_pushes: true });
    await page.locator('[role="switch"][aria-checked="false"]').waitFor();
    await pushes.getByText('Canceled', { exact: true }).waitFor();
    assert.equal(await statusOf(stack, id), 'canceled');
  });
});
