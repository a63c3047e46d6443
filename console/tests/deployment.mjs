// A deployment on an AWS emulator: its API, its sign-in, and a browser on its console. The browser uses the addresses that
// the deployment has on AWS. A server with a certificate of its own stands at these addresses, and asks the emulator.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack, launch, passwords } from './stack.mjs';

export class Deployment extends Stack {
  /**
   * `emulator` is the URL at which the emulator takes requests for `host`, the API, and for the sign-in page;
   * `users` has a `username`, a `password` and a `token` for each user that the checks name.
   */
  constructor({ emulator, host, console: page, sign_in: signIn, users }) {
    super(page.slice(0, page.indexOf('/v1/')));
    this.signInOrigin = new URL(signIn).origin;
    this.emulator = new URL(emulator);
    this.hosts = { [new URL(this.origin).host]: host, [new URL(signIn).host]: this.emulator.host };
    this.users = users;
    for (const [name, { username, password }] of Object.entries(users)) passwords.set(name, { username, password });
  }

  async token(user = 'admin@acme') {
    return this.users[user].token;
  }

  async fetch(url, { method = 'GET', headers = {}, body } = {}) {
    const { host, pathname, search } = new URL(url);
    const response = await new Promise((resolve, reject) => {
      const sent = this.#request(host, method, pathname + search, headers, resolve);
      sent.on('error', reject);
      sent.end(body);
    });
    const chunks = [];
    for await (const chunk of response) chunks.push(chunk);
    // A status without a body does not take one, not even an empty one.
    const text = [204, 304].includes(response.statusCode) ? null : Buffer.concat(chunks);
    return new Response(text, { status: response.statusCode, headers: response.headers });
  }

  async launch() {
    const server = createServer(certificate(), (asked, answer) => {
      if (!(asked.headers.host in this.hosts)) return void answer.writeHead(502).end();
      const sent = this.#request(asked.headers.host, asked.method, asked.url, asked.headers, (response) => {
        answer.writeHead(response.statusCode, response.headers);
        response.pipe(answer);
      });
      sent.on('error', () => answer.destroy());
      asked.pipe(sent);
    });
    server.unref();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return launch([`--host-resolver-rules=MAP * 127.0.0.1:${server.address().port}`, '--ignore-certificate-errors']);
  }

  #request(host, method, path, headers, onResponse) {
    const { hostname, port } = this.emulator;
    const sent = { ...headers, host: this.hosts[host] };
    return request({ host: hostname, port, method, path, headers: sent }, onResponse);
  }
}

/** A new self-signed certificate and its key. */
function certificate() {
  const folder = mkdtempSync(join(tmpdir(), 'pushgate-certificate-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=deployment', '-days', '1'];
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const options = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return options;
}
