// Changing, rotating and deleting keys.

import assert from 'node:assert/strict';
import { INTERNAL_ERROR, button, check, loseResponse, openConsole, row, secretOf, uniqueName, signInIfAsked } from './check.mjs';

const send = (stack, secret) => stack.call('POST', '/push', { title: 'Hello' }, { key: secret });

check(17, 'Deactivating a key in use asks; a failure shows the old state and why', async ({ stack, browser }) => {
  const name = uniqueName('Switched');
  const { key, secret } = await stack.key(name);
  await send(stack, secret);
  const page = await openConsole({ stack, browser }, `#/keys?q=${encodeURIComponent(name)}`);
  const toggle = page.getByRole('switch', { name: `${name} is active` });
  await page.route('**/v1/keys/*', (route) =>
    route.request().method() === 'PATCH' ? route.fulfill({ status: 500, json: INTERNAL_ERROR }) : route.fallback(),
  );
  await toggle.click();
  await button(page, 'Deactivate').click();
  await row(page, name).getByText('An internal error occurred').waitFor();
  assert.equal(await toggle.getAttribute('aria-checked'), 'true');
  await page.unroute('**/v1/keys/*');
  await toggle.click();
  await button(page, 'Deactivate').click();
  await page.locator('[role="switch"][aria-checked="false"]').waitFor();
  const denied = await send(stack, secret);
  assert.deepEqual([denied.status, denied.body.code], [403, 'key_inactive']);
  assert.equal((await stack.call('GET', `/keys/${key.id}`)).body.status, 'inactive');
});

check(
  18,
  'Two admins edit one key: both versions are shown, and what was typed is kept',
  async ({ stack, browser }) => {
    const name = uniqueName('Edited');
    const { key } = await stack.key(name);
    const page = await openConsole({ stack, browser }, `#/keys/${key.id}`);
    await button(page, 'Edit').click();
    await page.getByLabel('Name', { exact: true }).fill(`${name} mine`);
    await stack.call('PATCH', `/keys/${key.id}`, { name: `${name} theirs` });
    await button(page, 'Save changes').click();
    const conflict = page.getByRole('alert').filter({ hasText: 'was changed since' });
    await conflict.waitFor();
    for (const version of [name, `${name} theirs`, `${name} mine`])
      await conflict.getByText(version, { exact: true }).waitFor();
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), `${name} mine`);
    await button(page, 'Save my changes over it').click();
    await page.getByRole('heading', { name: `${name} mine`, level: 1 }).waitFor();
    assert.equal((await stack.call('GET', `/keys/${key.id}`)).body.name, `${name} mine`);
  },
);

check(19, 'A key that was deleted in between says by whom', async ({ stack, browser }) => {
  const { key } = await stack.key(uniqueName('Vanished'));
  await stack.call('DELETE', `/keys/${key.id}`);
  const page = await openConsole({ stack, browser }, `#/keys/${key.id}`);
  await page.getByText('Ada deleted this key just now.').waitFor();
});

check(
  20,
  'A rotation shows the new secret once, and says when the old one was last used',
  async ({ stack, browser }) => {
    const { key, secret } = await stack.key(uniqueName('Rotated'));
    const page = await openConsole({ stack, browser }, `#/keys/${key.id}`);
    await button(page, 'Rotate').click();
    await page.getByLabel('24 hours').check();
    await button(page, 'Make a new secret').click();
    const renewed = await secretOf(page);
    assert.notEqual(renewed, secret);
    await button(page, 'I have saved the key').click();
    await page.locator('#rotation').getByText('Nobody has used it').waitFor();
    assert.equal((await send(stack, secret)).status, 202);
    await page.reload();
    await signInIfAsked(page, page.locator('#rotation'));
    await page.locator('#rotation').getByText('last used').waitFor();
  },
);

check(
  40,
  'A lost rotation is replaced, and the old secret keeps its own end',
  async ({ stack, browser }) => {
    const { key, secret } = await stack.key(uniqueName('Lost rotation'));
    const page = await openConsole({ stack, browser }, `#/keys/${key.id}`);
    let lost;
    const lose = async (route) => {
      lost = await loseResponse(stack, route);
    };
    await page.route(`**/v1/keys/${key.id}/rotate`, lose, { times: 1 });
    await button(page, 'Rotate').click();
    await button(page, 'Make a new secret').click();
    await page.getByRole('heading', { name: 'the new one was lost' }).waitFor();
    await button(page, 'Make a new secret').click();
    const renewed = await secretOf(page);
    await button(page, 'I have saved the key').click();
    await page.locator('#rotation').waitFor();
    const { body } = await stack.call('GET', `/keys/${key.id}`);
    assert.deepEqual(body.rotation, lost.key.rotation);
    for (const [used, status] of [
      [lost.secret, 401],
      [secret, 202],
      [renewed, 202],
    ])
      assert.equal((await send(stack, used)).status, status);
  },
);

check(21, 'Deleting a key in use needs its name; an unused one a confirmation', async ({ stack, browser }) => {
  const name = `${uniqueName('Deleted')} <"'&> שלום`;
  const used = await stack.key(name);
  await send(stack, used.secret);
  const page = await openConsole({ stack, browser }, `#/keys/${used.key.id}`);
  await button(page, 'Delete').click();
  const confirm = page.locator('dialog').getByRole('button', { name: 'Delete', exact: true });
  assert.ok(await confirm.isDisabled());
  await page.getByText('1 request in the last 7 days').waitFor();
  await page.getByLabel('Name of the key').fill(name.slice(0, -1));
  assert.ok(await confirm.isDisabled());
  await page.getByLabel('Name of the key').fill(name);
  await confirm.click();
  await page.getByRole('status').filter({ hasText: 'was deleted' }).waitFor();
  assert.equal((await send(stack, used.secret)).status, 401);

  const unused = await stack.key(uniqueName('Deleted'));
  await page.goto(`${stack.console}#/keys/${unused.key.id}`);
  await button(page, 'Delete').click();
  await confirm.click();
  await page.waitForURL(/#\/keys$/);
  assert.equal((await stack.call('GET', `/keys/${unused.key.id}`)).status, 404);

  // From its row: the focus goes to the next one.
  const rows = uniqueName('Rows');
  for (const number of [1, 2, 3]) await stack.key(`${rows} ${number}`);
  await page.goto(`${stack.console}#/keys?q=${encodeURIComponent(rows)}&sort=name`);
  // The list was loaded before these keys were made.
  await page.reload();
  await signInIfAsked(page, row(page, `${rows} 2`));
  await button(page, `Delete ${rows} 2`).click();
  await confirm.click();
  await row(page, `${rows} 2`).waitFor({ state: 'detached' });
  await page.waitForFunction((name) => document.activeElement?.textContent === name, `${rows} 3`);
});

check(22, 'A change in one tab is shown in the other; signing out signs out both', async ({ stack, browser }) => {
  const name = uniqueName('Tabs');
  const { key } = await stack.key(name);
  const first = await openConsole({ stack, browser }, `#/keys?q=${encodeURIComponent(name)}`);
  const second = await first.context().newPage();
  await second.goto(`${stack.console}#/keys/${key.id}`);
  await signInIfAsked(second, second.getByRole('switch'));
  await second.getByRole('switch').click();
  await row(first, name).getByText('Inactive').waitFor();
  await button(second, 'Sign out').click();
  await first.getByRole('heading', { name: 'You are signed out' }).waitFor();
});
