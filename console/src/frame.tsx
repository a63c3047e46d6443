// What surrounds every page: the navigation, the account, and messages.

import type { ComponentChildren } from 'preact';
import { me } from './account.ts';
import { signOut } from './auth/session.ts';
import { newVersion } from './new-version.ts';
import { href, route } from './router.ts';
import { helpOpen } from './shortcuts.ts';
import { texts } from './texts.ts';
import { announcement } from './ui/announce.ts';
import { Logo } from './ui/icons.tsx';

const PAGES = ['keys', 'channels', 'pushes', 'activity'] as const;

export function Frame({ children }: { children: ComponentChildren }) {
  const words = texts.navigation;
  const current = route.value.path[0] ?? 'keys';
  return (
    <>
      <button type="button" class="skip" onClick={() => document.querySelector<HTMLElement>('h1')?.focus()}>
        {words.skip}
      </button>
      <header class="top">
        <div class="top-inner">
          <a class="brand" href={href('keys')}>
            <Logo />
            {texts.product}
          </a>
          <nav aria-label={words.label}>
            {PAGES.map((page) => (
              <a key={page} href={href(page)} aria-current={page === current ? 'page' : undefined}>
                {words[page]}
              </a>
            ))}
          </nav>
          <User />
        </div>
      </header>
      <main id="content">
        {newVersion.value && (
          <div class="note" role="status">
            {words.newVersion}{' '}
            <button type="button" class="button small" onClick={() => location.reload()}>
              {words.reload}
            </button>
          </div>
        )}
        {children}
      </main>
      <div class="toast" role="status">
        {announcement.value && <div>{announcement.value}</div>}
      </div>
    </>
  );
}

function User() {
  const words = texts.navigation;
  if (!me.value) return null;
  const { user, account, role } = me.value;
  return (
    <div class="user">
      <div class="user-name">
        <bdi>{user.name || user.email || texts.common.unknownUser(user.id)}</bdi>
        <span class="muted">
          {account} · {words.roles[role]}
        </span>
      </div>
      <button
        type="button"
        class="button quiet small help"
        aria-label={words.shortcuts}
        onClick={() => {
          helpOpen.value = true;
        }}
      >
        ?
      </button>
      <button type="button" class="button small" onClick={signOut}>
        {words.signOut}
      </button>
    </div>
  );
}
