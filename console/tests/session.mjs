// Signing in, and staying signed in.

import assert from 'node:assert/strict';
import { button, check, fillCreate, openConsole, secretOf, uniqueName, signInIfAsked } from './check.mjs';
import { newPage, signIn } from './stack.mjs';

check(
  23,
  'A link into the console survives the sign-in, and the code leaves the address',
  async ({ stack, browser }) => {
    const name = uniqueName('Linked');
    const { key } = await stack.key(name);
    const page = await openConsole({ stack, browser }, `#/keys/${key.id}`);
    await page.getByRole('heading', { name, level: 1 }).waitFor();
    assert.equal(page.url(), `${stack.console}#/keys/${key.id}`);
    const session = await page.context().newCDPSession(page);
    const { entries } = await session.send('Page.getNavigationHistory');
    assert.ok(
      entries.every(({ url }) => !url.includes('code=')),
      'the history holds the code',
    );
  },
);

check(24, 'A sign-in that fails is a sentence and a button, not a loop', async ({ stack, browser }) => {
  for (const query of ['code=x&state=page.wrong', 'error=access_denied&state=page.wrong']) {
    const page = await newPage(browser);
    await page.goto(`${stack.console}?${query}`);
    await page.getByRole('heading', { name: 'Signing in did not work' }).waitFor();
    await page.waitForTimeout(300);
    assert.equal(page.url(), stack.console);
    await button(page, 'Sign in').click();
    await signIn(page);
    await page.getByRole('heading', { name: 'API keys', level: 1 }).waitFor();
    await page.context().close();
  }
});

/** From now on the token is refused, as after its end. */
async function endSession(page) {
  await page.route('**/v1/keys', (route) => {
    if (route.request().method() !== 'POST') return route.fallback();
    const problem = {
      type: '/v1/problems/unauthenticated',
      title: 'Not authenticated',
      status: 401,
      code: 'unauthenticated',
      detail: 'Send a valid API key or sign in',
      request_id: '0f8e2c1a-6f0b-4b6c-9f1e-2d7c5a3b9e10',
    };
    return route.fulfill({ status: 401, headers: { 'WWW-Authenticate': 'Bearer' }, json: problem });
  });
}

check(
  25,
  'A session that ends while typing is renewed in a popup, and everything typed is saved',
  async ({ stack, browser }) => {
    const page = await openConsole({ stack, browser });
    const name = uniqueName('Renewed');
    await fillCreate(page, name);
    await endSession(page);
    await button(page, 'Create key').click();
    await page.getByRole('heading', { name: 'Sign in again' }).waitFor();
    await page.unroute('**/v1/keys');
    const [popup] = await Promise.all([page.waitForEvent('popup'), button(page, 'Sign in again').click()]);
    // A user pool that remembers the user closes the popup without asking.
    await Promise.race([signIn(popup).catch(() => undefined), popup.waitForEvent('close')]);
    await secretOf(page);
    assert.equal((await stack.keysNamed(name)).length, 1);

    // A blocked popup leaves a link.
    await button(page, 'I have saved the key').click();
    await page.evaluate(() => {
      window.open = () => null;
    });
    await fillCreate(page, uniqueName('Blocked'));
    await endSession(page);
    await button(page, 'Create key').click();
    await button(page, 'Sign in again').click();
    await page.getByRole('link', { name: 'Open the sign-in page in a new tab' }).waitFor();
  },
);

check(26, 'No storage holds a token, and a reload comes back to the same place', async ({ stack, browser }) => {
  const { key } = await stack.key(uniqueName('Reloaded'));
  const page = await openConsole({ stack, browser }, `#/keys/${key.id}`);
  const heading = page.getByRole('heading', { name: key.name, level: 1 });
  await heading.waitFor();
  const stored = await page.evaluate(async () =>
    JSON.stringify([
      { ...localStorage },
      { ...sessionStorage },
      document.cookie,
      await indexedDB.databases(),
      await caches.keys(),
    ]),
  );
  assert.ok(!stored.includes('eyJ'), stored);
  await page.reload();
  await signInIfAsked(page, heading);
  await heading.waitFor();
  assert.equal(page.url(), `${stack.console}#/keys/${key.id}`);
});

check(
  27,
  'A member reads every page and changes nothing; a user without an account learns whom to ask',
  async ({ stack, browser }) => {
    const { key } = await stack.key(uniqueName('Read'));
    await stack.channel('ops');
    const page = await openConsole({ stack, browser }, '#/keys', { user: 'member@acme' });
    for (const [hash, title] of [
      ['#/keys', 'API keys'],
      [`#/keys/${key.id}`, key.name],
      ['#/channels', 'Channels'],
      ['#/pushes', 'Pushes'],
      ['#/activity', 'Activity'],
    ]) {
      await page.goto(`${stack.console}${hash}`);
      await page.getByRole('heading', { name: title, level: 1 }).waitFor();
      await page.waitForLoadState('networkidle');
      assert.equal(await page.getByRole('alert').count(), 0, `${hash} shows a failure`);
      const changing = page.getByRole('button', { name: /^(create |delete|edit|rotate|cancel|try it|explain)/i });
      assert.equal(await changing.count(), 0, `${hash} has a button that changes something`);
      assert.equal(await page.getByRole('switch').count(), 0);
    }
    assert.equal((await stack.call('DELETE', `/keys/${key.id}`, undefined, { user: 'member@acme' })).status, 403);

    const nobody = await openConsole({ stack, browser }, '#/keys', { user: 'nobody@nowhere' });
    await nobody.getByText('Ask an admin of your account').waitFor();
  },
);
