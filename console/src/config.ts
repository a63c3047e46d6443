// The configuration that the server writes into the page.

export interface Config {
  client_id: string;
  issuer: string;
  authorize: string;
  token: string;
  logout: string;
  version: string;
  /** The path of the test browser of a laptop. */
  test_browser?: string;
}

function read(): Config {
  return JSON.parse(document.getElementById('config')?.textContent ?? '{}') as Config;
}

export const config: Config = read();

/** The page's own address, to which the user pool redirects. */
export const PAGE = '/v1/console';
export const REDIRECT_URI = `${location.origin}${PAGE}`;

/** The address of the API, with its stage. */
export const API = `${location.origin}/v1`;
