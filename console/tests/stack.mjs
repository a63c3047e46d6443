// The running stack on a laptop: its API, its sign-in, and a browser on its console.

import { chromium } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Records what the page reports about itself, so that a violation is found wherever it happens. */
const RECORD_VIOLATIONS = () => {
  window.violations = [];
  document.addEventListener('securitypolicyviolation', (event) => {
    window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
  });
};

/** The browser's clock is wrong by this many hours. */
const SHIFT_CLOCK = (hours) => {
  const shift = hours * 3_600_000;
  const { now } = Date;
  window.Date = class extends Date {
    constructor(...parts) {
      super(...(parts.length > 0 ? parts : [now() + shift]));
    }

    static now() {
      return now() + shift;
    }
  };
};

export class Stack {
  constructor(base) {
    this.base = base.replace(/\/$/, '');
    this.origin = new URL(this.base).origin;
    this.signInOrigin = this.origin;
    this.console = `${this.base}/v1/console`;
  }

  async token(user = 'admin@acme') {
    const response = await fetch(`${this.base}/_local/token?user=${user}`);
    return (await response.json()).id_token;
  }

  fetch(url, options) {
    return fetch(url, options);
  }

  /** A browser that reaches this stack. */
  launch() {
    return launch();
  }

  /** Calls the API as a user, or with a key. */
  async call(method, path, body, { user = 'admin@acme', key, headers } = {}) {
    const response = await this.fetch(`${this.base}/v1${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${key ?? (await this.token(user))}`,
        'Content-Type': 'application/json',
        ...headers,
      },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
  }

  async channel(slug) {
    const { status } = await this.call('POST', '/channels', { slug });
    if (![201, 409].includes(status)) throw new Error(`the channel ${slug} was not created: ${status}`);
  }

  /** Creates a key and returns it with its secret. */
  async key(name, fields = {}) {
    const body = { name, permissions: ['PushNotifications/Send'], scope: 'all', ...fields };
    const created = await this.call('POST', '/keys', body);
    if (created.status !== 201) throw new Error(`${name} was not created: ${JSON.stringify(created.body)}`);
    return created.body;
  }

  async channelSubscriptions(slug) {
    const { body } = await this.call('GET', '/channels?limit=100');
    return body.channels.find((channel) => channel.slug === slug)?.subscriptions;
  }

  async keysNamed(name) {
    return (await this.keys()).filter((key) => key.name === name);
  }

  async keys() {
    const found = [];
    let cursor;
    do {
      const { body } = await this.call('GET', `/keys?limit=100${cursor ? `&cursor=${cursor}` : ''}`);
      found.push(...body.keys);
      cursor = body.next_cursor;
    } while (cursor);
    return found;
  }
}

export function launch(args = []) {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu', ...args] });
}

/** A new browser context with a page, which records its violations, requests and console lines. */
export async function newPage(browser, { width = 1280, height = 900, theme = 'light', clockHours, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, ...options });
  await context.addInitScript(RECORD_VIOLATIONS);
  if (clockHours) await context.addInitScript(SHIFT_CLOCK, clockHours);
  const page = await context.newPage();
  page.lines = [];
  page.requests = [];
  page.on('console', (message) => page.lines.push(message.text()));
  page.on('pageerror', (error) => page.lines.push(`error: ${error.stack}`));
  page.on('request', (request) => page.requests.push({ url: request.url(), body: request.postData() ?? '' }));
  return page;
}

/** Opens a page of the console as a user. */
export async function open(stack, page, hash = '#/keys', user = 'admin@acme') {
  await page.goto(`${stack.console}${hash}`);
  await signIn(page, user);
  await page.locator('h1').first().waitFor();
}

/** The users of a deployment, whose sign-in page asks for a `username` and a `password`. */
export const passwords = new Map();

/** What the sign-in page shows first. */
export const signInForm = (page, user = 'admin@acme') =>
  passwords.size > 0 ? page.locator('input[name="username"]') : page.locator(`button[name="user"][value="${user}"]`);

/** Signs in as the user on the sign-in page. */
export async function signIn(page, user = 'admin@acme') {
  const form = signInForm(page, user);
  const { username, password } = passwords.get(user) ?? {};
  if (username) {
    await form.fill(username);
    await page.locator('input[name="password"]').fill(password);
    await page.keyboard.press('Enter');
  } else await form.click();
  await page.waitForURL(/\/v1\/console/);
}
