// The table of the keys.

import assert from 'node:assert/strict';
import { button, check, openConsole, row, uniqueName, signInIfAsked } from './check.mjs';
import { newPage, signIn, signInForm } from './stack.mjs';

/** Answers `GET /keys` with this many keys, whose names have numbers. */
async function fakeKeys(stack, page, count, { busyAt } = {}) {
  const { key } = await stack.key(uniqueName('Template'));
  let busy = busyAt;
  await page.route(/\/v1\/keys\?/, async (route) => {
    const query = new URL(route.request().url()).searchParams;
    const start = Number(query.get('cursor') ?? 0);
    if (busy !== undefined && start >= busy) {
      busy = undefined;
      return route.fulfill({
        status: 429,
        headers: { 'Retry-After': '1' },
        json: {
          type: '/v1/problems/throttled',
          title: 'Too many requests',
          status: 429,
          code: 'throttled',
          detail: 'Try again in a few seconds',
          request_id: '0f8e2c1a-6f0b-4b6c-9f1e-2d7c5a3b9e10',
        },
      });
    }
    const end = Math.min(count, start + 100);
    const usage = query.has('usage') ? { total: 7 } : key.usage;
    const keys = Array.from({ length: end - start }, (_, index) => ({
      ...key,
      usage,
      id: String(count - start - index).padStart(26, '0'),
      name: `Key ${start + index + 1}`,
    }));
    return route.fulfill({ json: { keys, next_cursor: end < count ? String(end) : null } });
  });
}

check(11, '10,000 keys: soon usable, searchable, and never more than 100 rows', async ({ stack, browser, report }) => {
  const page = await openConsole({ stack, browser }, '#/channels');
  await fakeKeys(stack, page, 10_000, { busyAt: 3000 });
  const started = Date.now();
  await page.getByRole('link', { name: 'API keys' }).click();
  await page.getByRole('link', { name: 'Key 1', exact: true }).waitFor();
  const usable = Date.now() - started;
  report(`usable after ${usable} ms`);
  assert.ok(usable < 2000);
  await page.getByText('The server is busy').waitFor();
  await page.getByText('10,000 keys', { exact: true }).waitFor({ timeout: 60_000 });
  report(`loaded after ${Date.now() - started} ms`);
  assert.ok((await page.getByRole('row').count()) <= 101);
  await page.getByLabel('Search', { exact: true }).fill('Key 9999');
  await page.getByRole('link', { name: 'Key 9999', exact: true }).waitFor();
  assert.equal(await page.getByRole('row').count(), 2);
});

check(41, 'The table on a slow computer and network, after the sign-in', async ({ stack, browser, report }) => {
  await stack.key(uniqueName('Slow'));
  const times = [];
  for (let run = 0; run < 5; run++) {
    const page = await newPage(browser);
    await page.goto(stack.console);
    await signInForm(page).waitFor();
    const session = await page.context().newCDPSession(page);
    await session.send('Emulation.setCPUThrottlingRate', { rate: 4 });
    const speed = (9 * 1024 * 1024) / 8;
    const network = { offline: false, latency: 60, downloadThroughput: speed, uploadThroughput: speed };
    await session.send('Network.emulateNetworkConditions', network);
    const started = Date.now();
    await signIn(page);
    await page.getByRole('row').nth(1).waitFor();
    times.push(Date.now() - started);
    await page.context().close();
  }
  times.sort((a, b) => a - b);
  report(`4 times slower, 60 ms, 9 Mbit/s: ${times[2]} ms [${times[0]}-${times[4]}]`);
  // A limit that only a fault reaches: these machines are shared.
  assert.ok(times[2] < 10_000);
});

check(12, 'Sorting orders all keys and says so', async ({ stack, browser }) => {
  const page = await openConsole({ stack, browser }, '#/channels');
  await fakeKeys(stack, page, 250);
  await page.getByRole('link', { name: 'API keys' }).click();
  await page.getByText('250 keys', { exact: true }).waitFor();
  const first = () => page.locator('tbody .key-name').first().textContent();
  await button(page, 'Name').click();
  assert.equal(await page.getByRole('columnheader', { name: 'Name' }).getAttribute('aria-sort'), 'ascending');
  assert.equal(await first(), 'Key 1');
  await button(page, 'Name').click();
  assert.equal(await first(), 'Key 250');
  await button(page, 'Created').click();
  assert.equal(await first(), 'Key 1');
  await button(page, 'Created').click();
  assert.equal(
    await page.getByRole('columnheader', { name: 'Created', exact: true }).getAttribute('aria-sort'),
    'ascending',
  );
  assert.equal(await first(), 'Key 250');
});

check(13, 'Search and filters are in the address, for a reload and for a copied link', async ({ stack, browser }) => {
  const name = uniqueName('Filtered');
  await stack.key(name);
  const off = await stack.key(`${name} off`);
  await stack.call('PATCH', `/keys/${off.key.id}`, { status: 'inactive' });
  const page = await openConsole({ stack, browser });
  await page.getByLabel('Search', { exact: true }).fill(name);
  await page.getByLabel('Status', { exact: true }).selectOption('inactive');
  await page.getByText(/^1 of/).waitFor();
  await page.waitForURL(/#\/keys\?q=.*status=inactive/);
  const link = page.url();

  const other = await openConsole({ stack, browser }, new URL(link).hash);
  await other.getByText(/^1 of/).waitFor();
  assert.equal(await other.getByLabel('Search', { exact: true }).inputValue(), name);
  await other.getByRole('link', { name: `${name} off` }).waitFor();
});

check(14, 'Odd names are text, are shown whole, and do not run', async ({ stack, browser }) => {
  const names = ['W'.repeat(100), 'שלום עולם', '👩‍👩‍👧 family', '<img src=x onerror=alert(1)>', `"'& quotes`];
  const ids = [];
  for (const name of names) ids.push((await stack.key(name)).key.id);
  const page = await openConsole({ stack, browser });
  let dialogs = 0;
  page.on('dialog', (dialog) => {
    dialogs += 1;
    return dialog.dismiss();
  });
  await page.reload();
  await signInIfAsked(page, page.getByRole('row').nth(1));
  for (const name of names) {
    const link = page.locator('.key-name').filter({ hasText: name }).first();
    await link.waitFor();
    const cut = await link.evaluate((element) => element.scrollWidth > element.clientWidth + 1);
    assert.ok(!cut, `${name} is cut`);
    assert.equal(await link.locator('bdi').count(), 1);
  }
  assert.equal(dialogs, 0);
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  for (const id of ids) await stack.call('DELETE', `/keys/${id}`);
});

check(15, 'Last use is in words, exact by keyboard; usage has a sentence', async ({ stack, browser }) => {
  const name = uniqueName('Used');
  const used = await stack.key(name);
  const unused = uniqueName('Unused');
  await stack.key(unused);
  for (let sent = 0; sent < 3; sent++) await stack.call('POST', '/push', { title: 'Hello' }, { key: used.secret });
  const page = await openConsole({ stack, browser }, `#/keys?q=${encodeURIComponent(name)}`);
  const time = row(page, name).locator('time').last();
  assert.match(await time.textContent(), /just now/);
  await time.focus();
  const tip = time.locator('.tip-text');
  assert.ok((await tip.boundingBox()).width > 20, 'the exact time is not shown on focus');
  await row(page, name).getByRole('img', { name: '3 requests in 30 days, 3 today' }).waitFor();
  await page.goto(`${stack.console}#/keys?q=${encodeURIComponent(unused)}`);
  await row(page, unused).getByText('Never').waitFor();
});

check(
  16,
  'An empty account shows how to begin, and no match offers to clear the filters',
  async ({ stack, browser }) => {
    const page = await openConsole({ stack, browser }, '#/channels');
    await fakeKeys(stack, page, 0);
    await page.getByRole('link', { name: 'API keys' }).click();
    await page.getByRole('heading', { name: 'Create the first key' }).waitFor();
    await page.getByText('curl').first().waitFor();
    await page.unroute(/\/v1\/keys\?/);
    await page.goto(`${stack.console}#/channels`);
    await page.goto(`${stack.console}#/keys?q=no-such-key-anywhere`);
    await page.getByRole('heading', { name: 'No key matches' }).waitFor();
    await page.locator('.empty').getByRole('button', { name: 'Clear filters' }).click();
    await page.getByRole('row').nth(1).waitFor();
  },
);
