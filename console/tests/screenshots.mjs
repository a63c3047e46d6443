// Pictures of every page and dialog, light and dark, wide and narrow, and those of the README:
//
//   node console/tests/screenshots.mjs http://127.0.0.1:3000 <folder> [<name>,…]
//
// With `docs/images readme` as the last two arguments it makes those of the README again.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createSampleData, showSending } from './sample-data.mjs';
import { Stack, launch, newPage, open } from './stack.mjs';

const [base = 'http://127.0.0.1:3000', folder = 'screenshots'] = process.argv.slice(2);
const SIZES = { wide: { width: 1280, height: 860 }, narrow: { width: 320, height: 640 } };

const stack = new Stack(base);
mkdirSync(folder, { recursive: true });
await createSampleData(stack);
const [webshop] = await stack.keysNamed('Webshop');
const [newsroom] = await stack.keysNamed('Newsroom');
const [signUp] = await stack.keysNamed('Sign-up page');
const { pushes } = (await stack.call('GET', '/pushes?limit=1')).body;

const heading = (page) => page.locator('h1').first().waitFor();
const button = (page, name) => page.getByRole('button', { name, exact: true });

/** Each picture, and how to come to it. */
const PICTURES = {
  keys: ['#/keys'],
  'keys-no-match': ['#/keys?q=nothing-like-it'],
  create: ['#/keys', (page) => button(page, 'Create new key').click()],
  'create-errors': [
    '#/keys',
    async (page) => {
      await button(page, 'Create new key').click();
      await page.locator('summary').click();
      await page.getByLabel('Requests per minute').fill('many');
      await button(page, 'Create key').click();
      await page.locator('.field-error').first().waitFor();
    },
  ],
  reveal: [
    '#/keys',
    async (page) => {
      await button(page, 'Create new key').click();
      await page.getByLabel('Name', { exact: true }).fill('Picture');
      await page.getByLabel('All Recipients').check();
      await button(page, 'Create key').click();
      await page.locator('#secret').waitFor();
    },
  ],
  key: [`#/keys/${webshop.id}`],
  'key-rotating': [`#/keys/${newsroom.id}`],
  'key-publishable': [`#/keys/${signUp.id}`],
  'key-edit': [`#/keys/${webshop.id}`, (page) => button(page, 'Edit').click()],
  'key-rotate': [`#/keys/${newsroom.id}`, (page) => button(page, 'Rotate').click()],
  'key-delete': [`#/keys/${webshop.id}`, (page) => button(page, 'Delete').click()],
  'key-try': [`#/keys/${webshop.id}`, (page) => button(page, 'Try it').click()],
  channels: ['#/channels'],
  'channel-create': ['#/channels', (page) => button(page, 'Create channel').click()],
  'channel-in-use': [
    '#/channels',
    async (page) => {
      await page.getByRole('button', { name: 'Delete the channel ops' }).click();
      await page.locator('dialog .danger').click();
      await page.locator('dialog li').first().waitFor();
    },
  ],
  pushes: ['#/pushes'],
  push: [`#/pushes/${pushes[0].id}`],
  'pushes-sending': ['#/pushes', showSending],
  'push-cancel': [
    '#/pushes',
    async (page) => {
      await showSending(page);
      await page.getByRole('button', { name: /^Cancel the push/ }).first().click();
    },
  ],
  activity: ['#/activity'],
  'not-found': ['#/keys/01ARZ3NDEKTSV4RRFFQ69G5FAV'],
  shortcuts: ['#/keys', (page) => page.keyboard.press('?')],
};

const only = process.argv[4]?.split(',');
const browser = await launch();
for (const theme of ['light', 'dark']) {
  if (!only || only.includes('readme')) {
    const page = await newPage(browser, { width: 1280, height: 720, theme });
    await open(stack, page, '#/keys');
    await page.waitForLoadState('networkidle');
    await page.screenshot({ path: join(folder, `console-${theme}.png`) });
    await page.context().close();
  }
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const [name, [hash, act]] of Object.entries(PICTURES)) {
      if (only && !only.includes(name)) continue;
      const page = await newPage(browser, { ...viewport, theme });
      await open(stack, page, hash);
      await heading(page);
      await page.waitForLoadState('networkidle');
      await act?.(page);
      await page.waitForTimeout(250);
      await page.screenshot({ path: join(folder, `${name}-${size}-${theme}.png`), fullPage: !act });
      if (page.lines.length > 0) console.log(name, size, theme, page.lines);
      await page.context().close();
    }
    for (const [name, user] of [
      ['member', 'member@acme'],
      ['nobody', 'nobody@nowhere'],
      ['empty', 'admin@globex'],
    ]) {
      if (only && !only.includes(name)) continue;
      const page = await newPage(browser, { ...viewport, theme });
      await open(stack, page, '#/keys', user);
      await page.waitForLoadState('networkidle');
      await page.screenshot({ path: join(folder, `${name}-${size}-${theme}.png`), fullPage: true });
      await page.context().close();
    }
  }
}
await browser.close();
// The pictures of the dialog with a secret made keys.
for (const { id } of await stack.keysNamed('Picture')) await stack.call('DELETE', `/keys/${id}`);
