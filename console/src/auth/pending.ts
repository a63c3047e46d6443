// What the tab remembers while the browser is at the user pool. No token is ever stored.

import type { PendingSignIn } from './authorization.ts';

const PENDING = 'pushgate.sign-in';
const SIGNED_OUT = 'pushgate.signed-out';

export interface StoredSignIn extends PendingSignIn {
  /** The page to come back to. */
  hash: string;
}

export function savePending(pending: StoredSignIn): void {
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
}

export function restorePending(): StoredSignIn | null {
  return JSON.parse(sessionStorage.getItem(PENDING) ?? 'null') as StoredSignIn | null;
}

export function forgetPending(): void {
  sessionStorage.removeItem(PENDING);
}

/** The user signed out in this tab: the next start waits for them instead of signing in. */
export function markSignedOut(): void {
  sessionStorage.setItem(SIGNED_OUT, '1');
}

export function takeSignedOut(): boolean {
  const signedOut = sessionStorage.getItem(SIGNED_OUT) !== null;
  sessionStorage.removeItem(SIGNED_OUT);
  return signedOut;
}
