// Trying a push in this browser, with a real service worker. Only the push service's part of the browser is replaced.

import assert from 'node:assert/strict';
import { button, check, createInBrowser, openConsole, uniqueName, signInIfAsked } from './check.mjs';

/** A push service that decrypts, with `GET /subscription`, and a line for each push at `GET /received`. */
const PUSH_SERVICE = process.env.PUSH_SERVICE;

/** Makes `pushManager.subscribe` return a subscription at the push service. */
async function replaceSubscribe(page, subscription) {
  await page.addInitScript((json) => {
    PushManager.prototype.subscribe = async () => ({ toJSON: () => json, unsubscribe: async () => true });
  }, subscription);
}

/** Gives the pushes that arrive at the push service to the page's service worker, as the browser would. */
async function deliverTo(page, stack) {
  const session = await page.context().newCDPSession(page);
  const registrations = new Map();
  session.on('ServiceWorker.workerRegistrationUpdated', (event) => {
    for (const { registrationId, scopeURL } of event.registrations) registrations.set(scopeURL, registrationId);
  });
  await session.send('ServiceWorker.enable');
  const delivered = new Set(await receivedPushes());
  const timer = setInterval(async () => {
    const registrationId = registrations.get(`${stack.console}/`);
    if (!registrationId) return;
    for (const text of await receivedPushes()) {
      if (delivered.has(text)) continue;
      delivered.add(text);
      await session.send('ServiceWorker.deliverPushMessage', { origin: stack.origin, registrationId, data: text });
    }
  }, 200);
  return () => clearInterval(timer);
}

async function receivedPushes() {
  const lines = await (await fetch(`${PUSH_SERVICE}/received`)).text();
  return lines.split('\n').filter(Boolean);
}

check(
  36,
  'A push is sent to this browser and arrives, and nothing is left behind',
  async ({ stack, browser }) => {
    assert.ok(PUSH_SERVICE, 'PUSH_SERVICE is not set');
    const subscription = await (await fetch(`${PUSH_SERVICE}/subscription`)).json();
    const channel = `try-${Date.now().toString(36)}`;
    await stack.channel(channel);
    const { key } = await stack.key(uniqueName('Tried'), { scope: 'channels', channels: [channel] });
    const page = await openConsole({ stack, browser }, '#/channels', { permissions: ['notifications'] });
    await replaceSubscribe(page, subscription);
    await page.goto(`${stack.console}#/keys/${key.id}`);
    await page.reload();
    await signInIfAsked(page, button(page, 'Try it'));
    // A run that was stopped may have left one, which expires.
    const helpers = async () => (await stack.keysNamed('Try it')).length;
    const before = await helpers();
    await button(page, 'Try it').click();
    await button(page, 'Subscribe this browser').click();
    await page.getByText('The browser is subscribed.').waitFor();
    await page.getByText('one subscription: this one').waitFor();
    assert.equal(await helpers(), before + 1);
    const stop = await deliverTo(page, stack);
    await button(page, 'Send a push').click();
    await page.getByText(/It arrived after/).waitFor({ timeout: 20_000 });
    stop();
    const shown = await page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration('/v1/console/');
      return (await registration.getNotifications()).map(({ title }) => title);
    });
    assert.deepEqual(shown, ['Hello from Pushgate']);
    assert.deepEqual(await page.evaluate(() => window.violations), []);
    await button(page, 'Close').click();
    for (let tries = 0; tries < 20 && (await helpers()) > before; tries++) await page.waitForTimeout(100);
    assert.equal(await helpers(), before);
  },
);

check(38, 'A push arrives in the test browser of the laptop, whose page shows it', async ({ stack, browser }) => {
  const channel = `test-${Date.now().toString(36)}`;
  await stack.channel(channel);
  const { key } = await stack.key(uniqueName('Tested'), { scope: 'channels', channels: [channel] });
  const page = await openConsole({ stack, browser }, `#/keys/${key.id}`);
  await button(page, 'Try it').click();
  await button(page, 'Use the test browser').click();
  await page.getByText('The browser is subscribed.').waitFor();
  const opened = page.context().waitForEvent('page');
  await page.getByRole('link', { name: 'Show the test browser in a new tab' }).click();
  const testBrowser = await opened;
  const title = `<b>Test</b> ${channel}`;
  await page.getByLabel('Title', { exact: true }).fill(title);
  await button(page, 'Send a push').click();
  await page.getByText(/It arrived after/).waitFor({ timeout: 20_000 });
  // The page was open before the push was sent.
  await testBrowser.getByRole('heading', { name: title, exact: true }).waitFor();
  await button(page, 'Close').click();
  for (let tries = 0; tries < 20 && (await stack.channelSubscriptions(channel)) > 0; tries++) await page.waitForTimeout(100);
  assert.equal(await stack.channelSubscriptions(channel), 0);
});

check(37, 'A browser that reaches no push service says so after its time limit', async ({ stack, browser }) => {
  await stack.channel('ops');
  const page = await openConsole({ stack, browser }, '#/keys', { permissions: ['notifications'] });
  await page.evaluate(() => {
    PushManager.prototype.subscribe = () => new Promise(() => undefined);
  });
  await button(page, 'Create new key').first().click();
  await page.getByLabel('Name', { exact: true }).fill(uniqueName('Unreachable'));
  await page.getByLabel('Manage subscriptions').check();
  await page.getByLabel('ops', { exact: true }).check();
  await button(page, 'Create key').click();
  await button(page, 'Try it').click();
  await button(page, 'Subscribe this browser').click();
  await page.getByText('could not reach its push service').waitFor({ timeout: 20_000 });
  // The dialog with the secret is still there.
  assert.ok(await page.locator('#secret').isVisible());
});

check(35, 'A new deployment is noticed, and nothing typed is lost', async ({ stack, browser }) => {
  const page = await openConsole({ stack, browser });
  await createInBrowser(page, uniqueName('Deployed'));
  await button(page, 'I have saved the key').click();
  await page.getByLabel('Search', { exact: true }).fill('typed');
  await page.route('**/v1/console', async (route) => {
    const response = await route.fetch();
    await route.fulfill({
      response,
      body: (await response.text()).replace(/"version":\s*"[^"]*"/, '"version":"another"'),
    });
  });
  await page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() + 3_600_000;
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await page.getByText('A new version of this console is available.').waitFor();
  assert.equal(await page.getByLabel('Search', { exact: true }).inputValue(), 'typed');
  const old = await fetch(`${stack.console}/index-00000000.js`);
  assert.equal(old.status, 404);
});
