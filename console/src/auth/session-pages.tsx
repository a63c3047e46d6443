// What is shown to somebody who is not signed in, or has no account.

import type { ComponentChildren } from 'preact';
import { texts } from '../texts.ts';
import { Logo } from '../ui/icons.tsx';
import { type SessionState, getSubject, signIn, signOut } from './session.ts';

export function SessionPage({ state }: { state: Exclude<SessionState, 'signed-in'> }) {
  if (state === 'starting' || state === 'popup') {
    return (
      <Centered title={texts.product}>
        <p role="status">{state === 'popup' ? texts.session.popup : texts.session.starting}</p>
      </Centered>
    );
  }
  const failed = state === 'failed';
  return (
    <Centered title={failed ? texts.session.failedTitle : texts.session.signedOutTitle}>
      <p>{failed ? texts.session.failed : texts.session.signedOut}</p>
      <button type="button" class="button primary" onClick={() => void signIn()}>
        {texts.session.signIn}
      </button>
    </Centered>
  );
}

export function NobodyPage() {
  return (
    <Centered title={texts.session.nobodyTitle}>
      <p>{texts.session.nobody}</p>
      <p>{texts.session.nobodyAsk}</p>
      <p>
        <code class="block">{getSubject()}</code>
      </p>
      <p class="muted">{texts.session.nobodyAgain}</p>
      <button type="button" class="button" onClick={signOut}>
        {texts.navigation.signOut}
      </button>
    </Centered>
  );
}

export function Centered({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <main class="centered">
      <div class="card">
        <Logo />
        <h1 tabIndex={-1}>{title}</h1>
        {children}
      </div>
    </main>
  );
}
