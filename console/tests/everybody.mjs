// Accessibility, small screens, the network, and what the server sends.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { button, check, createInBrowser, openConsole, uniqueName } from './check.mjs';
import { createSampleData, showSending } from './sample-data.mjs';
import { newPage } from './stack.mjs';

const THEMES = ['light', 'dark'];
const WIDTHS = [1280, 320];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

async function violations(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate((tags) => window.axe.run(document, { runOnly: tags }), TAGS);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`);
}

/** Every page, dialog, error and empty state, and how to come to it. */
async function states(stack) {
  await createSampleData(stack);
  const [webshop] = await stack.keysNamed('Webshop');
  const [newsroom] = await stack.keysNamed('Newsroom');
  const [signUp] = await stack.keysNamed('Sign-up page');
  const { pushes } = (await stack.call('GET', '/pushes?limit=1')).body;
  const open = (name) => (page) => button(page, name).first().click();
  return [
    ['keys', '#/keys'],
    ['no match', '#/keys?q=nothing-like-it'],
    ['create', '#/keys?q=room', open('Create new key')],
    [
      'create with errors',
      '#/keys?q=room',
      async (page) => {
        await button(page, 'Create new key').click();
        await button(page, 'Create key').click();
        await page.locator('.field-error').first().waitFor();
      },
    ],
    [
      'create offline',
      '#/keys?q=room',
      async (page) => {
        await button(page, 'Create new key').click();
        await page.context().setOffline(true);
        await button(page, 'Create key').click();
        await page.locator('.note.bad').first().waitFor();
      },
    ],
    ['secret', '#/keys?q=room', (page) => createInBrowser(page, uniqueName('Accessible'))],
    ['key', `#/keys/${webshop.id}`],
    ['key that rotates', `#/keys/${newsroom.id}`],
    ['publishable key', `#/keys/${signUp.id}`],
    ['edit', `#/keys/${webshop.id}`, open('Edit')],
    [
      'edit with a conflict',
      `#/keys/${webshop.id}`,
      async (page) => {
        await button(page, 'Edit').click();
        await page.getByLabel('Name', { exact: true }).fill('Shop');
        await stack.call('PATCH', `/keys/${webshop.id}`, { limits: { per_minute: 100 + (Date.now() % 1000) } });
        await button(page, 'Save changes').click();
        await page.getByText('The key was changed since you opened it').waitFor();
      },
    ],
    ['rotate', `#/keys/${newsroom.id}`, open('Rotate')],
    ['delete', `#/keys/${webshop.id}`, open('Delete')],
    ['try it', `#/keys/${webshop.id}`, open('Try it')],
    [
      'try it, sent',
      `#/keys/${webshop.id}`,
      async (page) => {
        await button(page, 'Try it').click();
        await button(page, 'Use the test browser').click();
        // A closed browser of an earlier state is still subscribed.
        await page.getByRole('button', { name: /^Send (a push|to)/ }).click();
        await page.getByText(/It arrived after/).waitFor();
      },
    ],
    [
      'explain',
      `#/keys/${webshop.id}`,
      async (page) => {
        await button(page, 'Explain').click();
        await page.locator('.explain .note').waitFor();
      },
    ],
    ['no such key', '#/keys/01ARZ3NDEKTSV4RRFFQ69G5FAV'],
    ['channels', '#/channels'],
    ['create a channel', '#/channels', open('Create channel')],
    [
      'channel in use',
      '#/channels',
      async (page) => {
        await page.getByRole('button', { name: 'Delete the channel ops' }).click();
        await page.locator('dialog .danger').click();
        await page.locator('dialog li').first().waitFor();
      },
    ],
    ['pushes', '#/pushes'],
    ['push', `#/pushes/${pushes[0].id}`],
    ['pushes that are being sent', '#/pushes', showSending],
    [
      'cancel a push',
      '#/pushes',
      async (page) => {
        await showSending(page);
        await page.getByRole('button', { name: /^Cancel the push/ }).first().click();
      },
    ],
    ['activity', '#/activity'],
    ['no such page', '#/nothing'],
    ['shortcuts', '#/keys?q=room', (page) => page.keyboard.press('?')],
    ['member', '#/keys', undefined, 'member@acme'],
    ['no account', '#/keys', undefined, 'nobody@nowhere'],
    ['empty account', '#/keys', undefined, 'admin@globex'],
    ['empty channels', '#/channels', undefined, 'admin@globex'],
    ['empty pushes', '#/pushes', undefined, 'admin@globex'],
    ['empty activity', '#/activity', undefined, 'admin@globex'],
  ];
}

/** Looks at each state. The ones without an action share a session; a dialog is left by closing its browser context. */
async function visit({ stack, browser }, options, look) {
  const shared = new Map();
  for (const [name, hash, act, user = 'admin@acme'] of await states(stack)) {
    let page = act ? undefined : shared.get(user);
    if (page) await page.goto(`${stack.console}${hash}`);
    else page = await openConsole({ stack, browser }, hash, { ...options, user });
    if (!act) shared.set(user, page);
    await page.waitForLoadState('networkidle');
    await act?.(page);
    await look(page, name);
    if (act) await page.context().close();
  }
  for (const page of shared.values()) await page.context().close();
}

check(28, 'axe finds nothing on any page, dialog, error or empty state', async ({ stack, browser, report }) => {
  const found = [];
  let looked = 0;
  for (const theme of THEMES) {
    for (const width of WIDTHS) {
      await visit({ stack, browser }, { theme, width, height: 800, reducedMotion: 'reduce' }, async (page, name) => {
        looked += 1;
        for (const violation of await violations(page)) found.push(`${name}, ${theme}, ${width}: ${violation}`);
      });
    }
  }
  // A planted violation is found.
  const page = await openConsole({ stack, browser });
  await page.evaluate(() => document.querySelector('main').append(document.createElement('img')));
  assert.ok((await violations(page)).some((violation) => violation.startsWith('image-alt')));
  report(`${looked} states`);
  assert.deepEqual(found, []);
});

check(39, 'axe finds nothing on the pages that other functions and the laptop serve', async ({ stack, browser, report }) => {
  const authorize = new URLSearchParams({
    client_id: 'pushgate-local',
    response_type: 'code',
    redirect_uri: stack.console,
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  });
  const pages = {
    'sign-in': `/_local/oauth2/authorize?${authorize}`,
    'sign-in failed': '/_local/oauth2/authorize',
    'sign-out failed': '/_local/logout',
    'test browser': '/_local/browser',
    problem: '/v1/problems/scope_violation',
  };
  const found = [];
  for (const theme of THEMES) {
    for (const width of WIDTHS) {
      for (const [name, path] of Object.entries(pages)) {
        const page = await newPage(browser, { theme, width, height: 800 });
        await page.goto(`${stack.base}${path}`);
        for (const violation of await violations(page)) found.push(`${name}, ${theme}, ${width}: ${violation}`);
        const scrolls = await page.evaluate(() => document.documentElement.scrollWidth);
        if (scrolls > width) found.push(`${name}, ${theme}, ${width}: the page is ${scrolls} wide`);
        await page.context().close();
      }
    }
  }
  report(`${Object.keys(pages).length * THEMES.length * WIDTHS.length} pages`);
  assert.deepEqual(found, []);
});

check(
  29,
  'The keyboard alone creates a key; targets are large enough; shortcuts can be switched off',
  async ({ stack, browser }) => {
    const page = await openConsole({ stack, browser });
    await page.getByRole('row').nth(1).waitFor();
    await page.keyboard.press('n');
    await page.getByRole('heading', { name: 'Create new key' }).waitFor();
    const name = uniqueName('Keyboard');
    await page.keyboard.type(name);
    await page.getByLabel('Channel Scoped').focus();
    await page.keyboard.press('ArrowDown');
    await button(page, 'Create key').focus();
    await page.keyboard.press('Enter');
    await page.locator('#secret').waitFor();
    await button(page, 'I have saved the key').focus();
    await page.keyboard.press('Enter');
    assert.equal((await stack.keysNamed(name)).length, 1);

    const small = await page.evaluate(() =>
      [...document.querySelectorAll('button, input, select, [role="switch"], summary')]
        .filter((element) => element.checkVisibility() && !element.matches('.skip, label input'))
        .map((element) => ({ text: element.outerHTML.slice(0, 80), box: element.getBoundingClientRect() }))
        .filter(({ box }) => box.width < 24 || box.height < 24)
        .map(({ text, box }) => `${text} ${box.width} x ${box.height}`),
    );
    assert.deepEqual(small, []);

    await page.keyboard.press('?');
    await page.getByLabel('Use single-key shortcuts').uncheck();
    await button(page, 'Close').click();
    await page.keyboard.press('n');
    assert.equal(await page.locator('dialog').count(), 0);
  },
);

check(
  30,
  'At 400 % zoom and with wide text spacing nothing is cut or scrolls in two directions',
  async ({ stack, browser }) => {
    await visit({ stack, browser }, { width: 320, height: 256 }, async (page, name) => {
      // WCAG 1.4.12. A style sheet of the page's own kind, since the policy blocks inline styles.
      await page.evaluate(() => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(
          '* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }',
        );
        document.adoptedStyleSheets = [sheet];
      });
      const widths = await page.evaluate(() => ({
        page: document.documentElement.scrollWidth,
        dialog: Math.max(
          0,
          ...[...document.querySelectorAll('dialog')].map((dialog) => dialog.scrollWidth - dialog.clientWidth),
        ),
      }));
      assert.ok(widths.page <= 320, `${name}: the page is ${widths.page} wide`);
      assert.ok(widths.dialog <= 0, `${name}: the dialog scrolls sideways by ${widths.dialog}`);
    });
  },
);

check(
  31,
  'With forced colors the state is visible; printing shows no control and no secret',
  async ({ stack, browser }) => {
    const page = await openConsole({ stack, browser });
    await page.getByRole('row').nth(1).waitFor();
    await page.emulateMedia({ forcedColors: 'active' });
    assert.ok(
      (await page
        .locator('.badge')
        .first()
        .evaluate((badge) => getComputedStyle(badge).borderTopWidth)) !== '0px',
    );
    await page.emulateMedia({ media: 'print', forcedColors: 'none' });
    assert.equal(await page.locator('.switch').first().isVisible(), false);
    assert.ok(await page.locator('.key-name').first().isVisible());
    await page.emulateMedia({ media: 'screen' });
    await createInBrowser(page, uniqueName('Printed'));
    await page.emulateMedia({ media: 'print' });
    assert.equal(await page.locator('#secret').isVisible(), false);
  },
);

check(32, 'The accessibility tree names the columns, the rows and the switch', async ({ stack, browser }) => {
  const name = uniqueName('Tree');
  await stack.key(name);
  const page = await openConsole({ stack, browser }, `#/keys?q=${encodeURIComponent(name)}`);
  const table = page.getByRole('table', { name: 'Active API keys' });
  await table.waitFor();
  for (const column of ['Name', 'Permissions', 'Scope', 'Status', 'Created', 'Created by', 'Last used', 'Usage']) {
    await table.getByRole('columnheader', { name: column, exact: true }).waitFor();
  }
  await table.getByRole('rowheader', { name }).waitFor();
  await table.getByRole('switch', { name: `${name} is active`, checked: true }).waitFor();
  await page.setViewportSize({ width: 320, height: 640 });
  await table.getByRole('rowheader', { name }).waitFor();
  await table.getByRole('switch', { name: `${name} is active`, checked: true }).waitFor();
});

check(
  33,
  'A slow API shows a placeholder after 200 ms, and a late answer does not replace a newer page',
  async ({ stack, browser }) => {
    const slow = await stack.key(uniqueName('Slow'));
    const page = await openConsole({ stack, browser }, '#/channels');
    await page.route(`**/v1/keys/${slow.key.id}`, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await route.continue();
    });
    await page.goto(`${stack.console}#/keys/${slow.key.id}`);
    await page.locator('.skeleton[data-shown="true"]').waitFor({ timeout: 1000 });
    await page.getByRole('link', { name: 'Pushes', exact: true }).click();
    await page.getByRole('heading', { name: 'Pushes', level: 1 }).waitFor();
    await page.waitForTimeout(1800);
    await page.getByRole('heading', { name: 'Pushes', level: 1 }).waitFor();
  },
);

check(34, 'Headers, size and origins', async ({ stack, browser, report }) => {
  const response = await stack.fetch(stack.console);
  const policy = response.headers.get('Content-Security-Policy');
  for (const part of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types pushgate',
  ]) {
    assert.ok(policy.includes(part), `the policy lacks ${part}`);
  }
  assert.ok(!policy.includes('unsafe'), policy);
  assert.equal(response.headers.get('Cache-Control'), 'no-cache');
  assert.equal(response.headers.get('X-Content-Type-Options'), 'nosniff');
  assert.equal(response.headers.get('Referrer-Policy'), 'no-referrer');
  assert.equal(response.headers.get('Cross-Origin-Opener-Policy'), 'same-origin');
  const again = await stack.fetch(stack.console, { headers: { 'If-None-Match': response.headers.get('ETag') } });
  assert.equal(again.status, 304);

  const page = await openConsole({ stack, browser });
  await page.getByRole('row').nth(1).waitFor();
  await createInBrowser(page, uniqueName('Policy'));
  await button(page, 'I have saved the key').click();
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  const origins = [
    ...new Set(
      page.requests
        .map(({ url }) => new URL(url))
        .filter(({ protocol }) => protocol !== 'data:')
        .map(({ origin }) => origin),
    ),
  ];
  assert.deepEqual(origins, [...new Set([stack.origin, stack.signInOrigin])]);

  let script = 0;
  const assets = new Set(page.requests.map(({ url }) => url).filter((url) => url.startsWith(`${stack.console}/`)));
  for (const url of assets) {
    const asset = await stack.fetch(url);
    assert.match(asset.headers.get('Cache-Control'), /immutable/);
    if (new URL(url).pathname.endsWith('.js')) script += gzipSync(await asset.text()).length;
  }
  report(`${(script / 1000).toFixed(1)} kB of script, gzipped`);
  assert.ok(script > 0 && script <= 60_000);
});
