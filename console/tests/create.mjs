// Creating a key, and the one time that its secret is shown.

import assert from 'node:assert/strict';
import {
  button,
  check,
  countRequests,
  createInBrowser,
  fillCreate,
  loseResponse,
  openConsole,
  row,
  secretOf,
  uniqueName,
} from './check.mjs';
import { heapHolds } from './heap.mjs';

check(1, 'A created key sends a push, and its row comes first', async ({ stack, browser }) => {
  const page = await openConsole({ stack, browser });
  const name = uniqueName('Created');
  const secret = await createInBrowser(page, name);
  const sent = await stack.call('POST', '/push', { title: 'Hello' }, { key: secret });
  assert.equal(sent.status, 202);
  await button(page, 'I have saved the key').click();
  const first = page.getByRole('row').nth(1);
  assert.ok((await first.textContent()).includes(name));
});

check(2, 'Copy puts exactly the secret on the clipboard and says so', async ({ stack, browser }) => {
  const page = await openConsole({ stack, browser }, '#/keys', { permissions: ['clipboard-read', 'clipboard-write'] });
  const secret = await createInBrowser(page, uniqueName('Copied'));
  await button(page, 'Copy').click();
  await page.getByRole('status').filter({ hasText: 'Copied' }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
});

check(3, 'Without a clipboard the text is selected, and the user is told what to press', async ({ stack, browser }) => {
  const page = await openConsole({ stack, browser });
  await page.evaluate(() => {
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
    document.execCommand = () => false;
  });
  const secret = await createInBrowser(page, uniqueName('Refused'));
  await button(page, 'Copy').click();
  await page.getByRole('status').filter({ hasText: 'Ctrl+C' }).waitFor();
  assert.equal(await page.evaluate(() => getSelection().toString().trim()), secret);
  assert.ok(await page.locator('dialog').isVisible());
});

check(4, 'Escape, a click outside and Back keep the secret; leaving the page asks', async ({ stack, browser }) => {
  const page = await openConsole({ stack, browser }, '#/channels');
  await page.getByRole('link', { name: 'API keys' }).click();
  const secret = await createInBrowser(page, uniqueName('Kept'));
  for (let times = 0; times < 3; times++) await page.keyboard.press('Escape');
  await page.mouse.click(5, 5);
  await page.evaluate(() => history.back());
  await page.waitForURL(/#\/channels$/);
  assert.equal(await secretOf(page), secret);
  const asked = new Promise((resolve) =>
    page.once('dialog', async (dialog) => {
      resolve(dialog.type());
      await dialog.dismiss();
    }),
  );
  await page.close({ runBeforeUnload: true });
  assert.equal(await asked, 'beforeunload');
  assert.equal(await secretOf(page), secret);
});

check(5, 'After "I have saved the key" the secret is nowhere', async ({ stack, browser, report }) => {
  const page = await openConsole({ stack, browser });
  const secret = await createInBrowser(page, uniqueName('Forgotten'));
  for (const tab of ['JavaScript', 'Python', 'curl']) await page.getByRole('tab', { name: tab }).click();
  const before = page.requests.length;
  await button(page, 'I have saved the key').click();
  await page.locator('dialog').waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement.id), 'create-key');
  await page.getByRole('link', { name: 'Channels' }).click();
  await page.getByRole('link', { name: 'API keys' }).click();
  await page.getByRole('row').nth(1).waitFor();

  const needle = secret.slice(-38);
  const inPage = await page.evaluate(() =>
    [
      document.documentElement.outerHTML,
      JSON.stringify({ ...localStorage }),
      JSON.stringify({ ...sessionStorage }),
      location.href,
      JSON.stringify(history.state),
      document.cookie,
      getSelection().toString(),
    ].join('\n'),
  );
  assert.ok(!inPage.includes(needle), 'the page holds the secret');
  assert.ok(!page.lines.join('\n').includes(needle), 'a console line holds the secret');
  const later = page.requests
    .slice(before)
    .map(({ url, body }) => url + body)
    .join('\n');
  assert.ok(!later.includes(needle), 'a later request holds the secret');

  // The search finds a string that is there: without that, finding nothing would prove nothing.
  await page.evaluate(() => {
    window.planted = ['planted', 'needle', 'in', 'the', 'heap'].join('-');
  });
  const { strings, found } = await heapHolds(page, [needle, 'planted-needle-in-the-heap']);
  report(`${strings} strings in the heap`);
  assert.deepEqual(found, [false, true]);
});

check(6, 'A lost response makes one key, and offers a new secret for it', async ({ stack, browser }) => {
  const page = await openConsole({ stack, browser });
  const name = uniqueName('Lost');
  await fillCreate(page, name);
  await page.route('**/v1/keys', (route) => loseResponse(stack, route), { times: 1 });
  await button(page, 'Create key').click();
  await page.getByRole('heading', { name: 'its secret was lost' }).waitFor();
  await button(page, 'Make a new secret').click();
  const secret = await secretOf(page);
  assert.equal((await stack.keysNamed(name)).length, 1);
  assert.equal((await stack.call('POST', '/push', { title: 'Hello' }, { key: secret })).status, 202);
});

check(
  7,
  'Without a network the form keeps every field, and the second try makes one key',
  async ({ stack, browser }) => {
    const page = await openConsole({ stack, browser });
    const name = uniqueName('Offline');
    await fillCreate(page, name);
    await page.context().setOffline(true);
    await button(page, 'Create key').click();
    await page.getByRole('alert').filter({ hasText: 'No response' }).waitFor();
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), name);
    assert.ok(await page.getByLabel('All Recipients').isChecked());
    await page.context().setOffline(false);
    await button(page, 'Create key').click();
    await secretOf(page);
    assert.equal((await stack.keysNamed(name)).length, 1);
  },
);

check(8, 'A double click and Enter with a click send one request', async ({ stack, browser }) => {
  const page = await openConsole({ stack, browser });
  const sent = countRequests(page, 'POST', '/keys');
  const name = uniqueName('Once');
  await fillCreate(page, name);
  await page.route('**/v1/keys', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await route.continue();
  });
  await page.getByLabel('Name', { exact: true }).press('Enter');
  await page.locator('dialog button[type="submit"]').dblclick({ force: true });
  await secretOf(page);
  assert.equal(sent.length, 1);
  assert.equal((await stack.keysNamed(name)).length, 1);
});

check(
  9,
  'Each field error is at its field, the first one has the focus, and nothing is cleared',
  async ({ stack, browser }) => {
    const page = await openConsole({ stack, browser });
    await button(page, 'Create new key').first().click();
    await page.getByLabel('All Recipients').check();
    await page.locator('summary').click();
    await page.getByLabel('Requests per minute').fill('many');
    await button(page, 'Create key').click();
    const name = page.getByLabel('Name', { exact: true });
    await page.locator('[aria-invalid]').first().waitFor();
    assert.match(await describedBy(page, name), /characters/);
    assert.match(await describedBy(page, page.getByLabel('Requests per minute')), /whole number|integer/);
    await page.waitForFunction(() => document.activeElement === document.querySelector('[aria-invalid]'));
    assert.equal(await page.getByLabel('Requests per minute').inputValue(), 'many');

    // A channel that was deleted in between is marked, and can be taken out.
    await stack.channel('gone-soon');
    await page.getByLabel('Requests per minute').fill('');
    await name.fill(uniqueName('Unknown'));
    await page.getByLabel('Channel Scoped').check();
    await page.getByLabel('gone-soon').check();
    await stack.call('DELETE', '/channels/gone-soon');
    await button(page, 'Create key').click();
    await page.locator('.chip.bad').filter({ hasText: 'gone-soon' }).waitFor();
    await button(page, 'Remove gone-soon').click();
    assert.equal(await page.locator('.chip.bad').count(), 0);
  },
);

async function describedBy(page, field) {
  const ids = (await field.getAttribute('aria-describedby')).split(' ');
  return (await Promise.all(ids.map((id) => page.locator(`[id="${id}"]`).textContent()))).join(' ');
}

check(10, "With a wrong clock in the browser, times are the server's", async ({ stack, browser }) => {
  for (const hours of [3, -3]) {
    const page = await openConsole({ stack, browser }, '#/channels', { clockHours: hours });
    await page.getByRole('link', { name: 'API keys' }).click();
    const name = uniqueName('Clock');
    await createInBrowser(page, name);
    const [key] = await stack.keysNamed(name);
    const expected = Date.now() + 90 * 86_400_000;
    assert.ok(Math.abs(Date.parse(key.expires_at) - expected) < 60_000, key.expires_at);
    await button(page, 'I have saved the key').click();
    await row(page, name).getByRole('link').click();
    await page.getByText('in 90 days').first().waitFor();
    await page.close();
  }
});
