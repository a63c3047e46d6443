// The authorization code flow with PKCE (RFC 7636), as a public client.

import {
  type AuthorizationServer,
  type Client,
  None,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  clockSkew,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
  getValidatedIdTokenClaims,
  processAuthorizationCodeResponse,
  validateAuthResponse,
} from 'oauth4webapi';
import { clockSkewSeconds, readServerTime } from '../clock.ts';
import { PAGE, REDIRECT_URI, config } from '../config.ts';

const SCOPE = 'openid email profile';
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

const server: AuthorizationServer = {
  issuer: config.issuer,
  authorization_endpoint: config.authorize,
  token_endpoint: config.token,
};

/** What an authorization request keeps until its response arrives. */
export interface PendingSignIn {
  state: string;
  verifier: string;
  nonce: string;
}

export interface Identity {
  token: string;
  subject: string;
  /** When the token expires, in milliseconds by the server's clock. */
  expiresAt: number;
}

export interface AuthorizationRequest {
  url: string;
  pending: PendingSignIn;
}

/** A new authorization request. The prefix of `state` says which kind of window the response comes to. */
export async function newAuthorizationRequest(window: 'page' | 'popup'): Promise<AuthorizationRequest> {
  const pending = {
    state: `${window}.${generateRandomState()}`,
    verifier: generateRandomCodeVerifier(),
    nonce: generateRandomNonce(),
  };
  const url = new URL(config.authorize, location.origin);
  url.search = new URLSearchParams({
    client_id: config.client_id,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: SCOPE,
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await calculatePKCECodeChallenge(pending.verifier),
    code_challenge_method: 'S256',
  }).toString();
  return { url: url.href, pending };
}

/** Exchanges the code of an authorization response for the ID token. The other tokens are dropped. */
export async function exchange(response: URLSearchParams, pending: PendingSignIn): Promise<Identity> {
  const client: Client = { client_id: config.client_id };
  const insecure = LOOPBACK.includes(location.hostname) && location.protocol === 'http:';
  const parameters = validateAuthResponse(server, client, response, pending.state);
  const [answer] = await Promise.all([
    authorizationCodeGrantRequest(server, client, None(), parameters, REDIRECT_URI, pending.verifier, {
      [allowInsecureRequests]: insecure,
    }),
    readClock(),
  ]);
  client[clockSkew] = clockSkewSeconds();
  const tokens = await processAuthorizationCodeResponse(server, client, answer, {
    expectedNonce: pending.nonce,
    requireIdToken: true,
  });
  const claims = getValidatedIdTokenClaims(tokens);
  if (!tokens.id_token || !claims) throw new Error('no ID token');
  return { token: tokens.id_token, subject: claims.sub, expiresAt: claims.exp * 1000 };
}

/** The token's times are compared by the server's clock, which another origin's response does not reveal. */
async function readClock(): Promise<void> {
  readServerTime(await fetch(PAGE, { method: 'GET', cache: 'no-store' }));
}
