// An account with something of everything, for screenshots and for the accessibility tests.

const DAY_MS = 86_400_000;
const inDays = (days) => new Date(Date.now() + days * DAY_MS).toISOString();

export async function createSampleData(stack) {
  if ((await stack.keysNamed('Webshop')).length > 0) return;
  for (const slug of ['news', 'ops', 'orders', 'beta-testers', 'weather']) await stack.channel(slug);

  await stack.key('מפתח של החנות 👩‍👩‍👧', {
    scope: 'channels',
    channels: ['beta-testers', 'news', 'ops', 'orders', 'weather'],
  });
  await stack.key('W'.repeat(100), { scope: 'channels', channels: ['ops'], expires_at: inDays(200) });
  await stack.key('<img src=x onerror=alert(1)> "\'&');

  await stack.key('Ticket printer', { scope: 'channels', channels: ['ops'] });
  await stack.key('Sign-up page', {
    permissions: ['Subscriptions/Write'],
    scope: 'channels',
    channels: ['news', 'weather'],
  });
  await stack.key('Weather station', { scope: 'channels', channels: ['weather'], expires_at: inDays(0.2) });
  const old = await stack.key('Old newsletter', { expires_at: null });
  await stack.call('PATCH', `/keys/${old.key.id}`, { status: 'inactive' });
  const newsroom = await stack.key('Newsroom', { limits: { per_minute: 60, per_day: 1000 } });
  await stack.call('POST', `/keys/${newsroom.key.id}/rotate`, { overlap_seconds: 86400 });

  const webshop = await stack.key('Webshop', {
    permissions: ['PushNotifications/Send', 'Subscriptions/Write'],
    scope: 'channels',
    channels: ['news', 'orders'],
    expires_at: inDays(90),
  });
  for (let sent = 0; sent < 7; sent++)
    await stack.call('POST', '/push', { title: `Order ${sent}` }, { key: webshop.secret });
  await stack.call('PATCH', `/keys/${webshop.key.id}`, { limits: { per_minute: 120 } });
  for (const title of ['The printer is back', 'Paper is low'])
    await stack.call('POST', '/push', { title }, { key: newsroom.secret });
}

/** Shows the list of the pushes as if the last one was being sent, and the one before it was canceled. */
export async function showSending(page) {
  await page.route(/\/v1\/pushes\?/, async (route) => {
    const response = await route.fetch();
    const list = await response.json();
    for (const [index, status] of ['sending', 'canceled'].entries())
      Object.assign(list.pushes[index], { status, finished_at: null });
    await route.fulfill({ json: list });
  });
  await page.getByRole('link', { name: 'Channels', exact: true }).click();
  await page.getByRole('heading', { name: 'Channels', level: 1 }).waitFor();
  await page.getByRole('link', { name: 'Pushes', exact: true }).click();
  await page.getByText('Sending', { exact: true }).first().waitFor();
}
