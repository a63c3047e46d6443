// The signed-in user. The token is in this module's memory and nowhere else.

import { signal } from '@preact/signals';
import { Failure } from '../api/failure.ts';
import { serverNow } from '../clock.ts';
import { REDIRECT_URI, config } from '../config.ts';
import { replaceRoute } from '../router.ts';
import { type Identity, type PendingSignIn, exchange, newAuthorizationRequest } from './authorization.ts';
import { forgetPending, markSignedOut, restorePending, savePending, takeSignedOut } from './pending.ts';

/** How long before its end the user is asked to renew the session. */
const RENEW_BEFORE_MS = 5 * 60_000;
const CHANNEL = 'pushgate-session';

export type SessionState = 'starting' | 'signed-in' | 'signed-out' | 'failed' | 'popup';

export const sessionState = signal<SessionState>('starting');
/** The request to sign in again: by a 401, or a few minutes before the token's end. */
export const reauthentication = signal<{ required: boolean } | null>(null);

let identity: Identity | null = null;
let renewal: ReturnType<typeof setTimeout> | undefined;
let waiting: { resolve: () => void; reject: (error: Failure) => void }[] = [];

type Message = { type: 'code'; response: string } | { type: 'signed-out' };
const channel = new BroadcastChannel(CHANNEL);
const post = (message: Message): void => channel.postMessage(message);

export const getToken = (): string | undefined => identity?.token;
export const getSubject = (): string | undefined => identity?.subject;

/** Signs in: with the code in the address if there is one, otherwise by going to the user pool. */
export async function startSession(): Promise<void> {
  channel.addEventListener('message', onMessage);
  const response = new URLSearchParams(location.search);
  const state = response.get('state') ?? '';
  if (!response.has('code') && !response.has('error')) {
    if (takeSignedOut()) sessionState.value = 'signed-out';
    else await signIn();
  } else if (state.startsWith('popup.')) {
    // The window that asked holds the verifier.
    history.replaceState(null, '', REDIRECT_URI);
    sessionState.value = 'popup';
    post({ type: 'code', response: response.toString() });
    close();
  } else {
    await finishSignIn(response);
  }
}

async function finishSignIn(response: URLSearchParams): Promise<void> {
  const pending = restorePending();
  forgetPending();
  // The code leaves the address and the history.
  replaceRoute(`${REDIRECT_URI}${pending?.hash ?? ''}`);
  try {
    if (!pending) throw new Error('no sign-in was started in this tab');
    accept(await exchange(response, pending));
    sessionState.value = 'signed-in';
  } catch {
    // Never by itself again: a broken sign-in must not become a loop.
    sessionState.value = 'failed';
  }
}

/** Leaves for the user pool's sign-in page, and comes back to the same place. */
export async function signIn(): Promise<void> {
  const { url, pending } = await newAuthorizationRequest('page');
  savePending({ ...pending, hash: location.hash });
  location.assign(url);
}

function accept(accepted: Identity): void {
  identity = accepted;
  clearTimeout(renewal);
  const left = accepted.expiresAt - serverNow() - RENEW_BEFORE_MS;
  renewal = setTimeout(
    () => {
      reauthentication.value ??= { required: false };
    },
    Math.max(0, left),
  );
}

/** Asks the user to sign in again. Fails if they do not want to. */
export function signInAgain(): Promise<void> {
  reauthentication.value = { required: true };
  return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
}

let popup: PendingSignIn | null = null;

/** The address of the popup. It is prepared before the click, since browsers open a window only at once. */
export async function preparePopup(): Promise<string> {
  const { url, pending } = await newAuthorizationRequest('popup');
  popup = pending;
  return url;
}

export function cancelReauthentication(): void {
  reauthentication.value = null;
  popup = null;
  const rejected = waiting;
  waiting = [];
  for (const { reject } of rejected) reject(Failure.cancelled());
}

/** What went wrong with the popup. */
export const popupFailure = signal<'failed' | 'other-user' | null>(null);

async function onMessage({ data }: MessageEvent<Message>): Promise<void> {
  if (data.type === 'signed-out') {
    if (identity) endSession();
    return;
  }
  const response = new URLSearchParams(data.response);
  // Another tab's popup.
  if (!popup || response.get('state') !== popup.state) return;
  const pending = popup;
  popup = null;
  try {
    const renewed = await exchange(response, pending);
    if (identity && renewed.subject !== identity.subject) {
      popupFailure.value = 'other-user';
      return;
    }
    accept(renewed);
  } catch {
    popupFailure.value = 'failed';
    return;
  }
  popupFailure.value = null;
  reauthentication.value = null;
  const resumed = waiting;
  waiting = [];
  for (const { resolve } of resumed) resolve();
}

function endSession(): void {
  identity = null;
  clearTimeout(renewal);
  cancelReauthentication();
  sessionState.value = 'signed-out';
}

/** Signs out here, in the other tabs, and at the user pool. */
export function signOut(): void {
  endSession();
  post({ type: 'signed-out' });
  markSignedOut();
  const url = new URL(config.logout, location.origin);
  url.search = new URLSearchParams({ client_id: config.client_id, logout_uri: REDIRECT_URI }).toString();
  location.assign(url);
}
