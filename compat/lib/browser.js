// Somebody's browser: a cookie jar, an origin and an address of its own.

import { request as send } from 'node:http';
import { passkeyClient } from '@better-auth/passkey/client';
import { createAuthClient } from 'better-auth/client';
import { adminClient, twoFactorClient } from 'better-auth/client/plugins';
import { target } from './target.js';

export class Browser {
  /** Where its requests go. */
  server;
  cookies = new Map();
  origin = target.frontend;
  /** Sent as X-Forwarded-For, as by a proxy in front. Limits are counted by it. */
  address = randomAddress();

  /** What the client was told each time that a sign-in owed a second factor. */
  challenges = [];

  constructor(server = target.origin) {
    this.server = server;
    /** The official client, using this browser's jar. */
    this.client = createAuthClient({
      ...this.clientOptions(),
      plugins: [
        adminClient(),
        passkeyClient(),
        twoFactorClient({ onTwoFactorRedirect: (challenge) => this.challenges.push(challenge) }),
      ],
    });
  }

  clientOptions() {
    return { baseURL: this.server, fetchOptions: { customFetchImpl: (...args) => this.fetch(...args) } };
  }

  /** `fetch` with what a browser adds to it. */
  async fetch(url, init = {}) {
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(this.#ownHeaders())) headers.set(name, value);
    const answer = await fetch(url, { redirect: 'manual', ...init, headers });
    this.#keep(answer.headers.getSetCookie());
    return answer;
  }

  get(path, headers) {
    return this.request('GET', path, { headers });
  }

  post(path, body = {}, headers) {
    return this.request('POST', path, { body, headers });
  }

  /**
   * A request as written, without what `fetch` would add or tidy up. A header
   * of undefined is left out. Paths begin at the origin.
   */
  async request(method, path, { headers, body } = {}) {
    const all = { ...this.#ownHeaders(), ...(body !== undefined && JSON_TYPE), ...headers };
    const answer = await raw(method, path, withoutUndefined(all), asText(body), this.server);
    this.#keep(answer.setCookies);
    return answer;
  }

  /** Follows a link from a mail, as far as the first answer. */
  open(link) {
    const { origin, pathname, search } = new URL(link);
    if (origin !== this.server) throw new Error(`${link} leads away from ${this.server}`);
    return this.get(pathname + search);
  }

  get sessionCookie() {
    return this.cookies.get('better-auth.session_token');
  }

  /** Another tab group with the same cookies: changes here are not seen there. */
  copy() {
    const copy = new Browser(this.server);
    copy.cookies = new Map(this.cookies);
    return copy;
  }

  #ownHeaders() {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    return {
      'x-forwarded-for': this.address,
      ...(this.origin && { origin: this.origin }),
      ...(cookie && { cookie }),
    };
  }

  #keep(lines) {
    for (const line of lines) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (/; Max-Age=0(;|$)/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** Sends exactly this. */
export function raw(method, path, headers = {}, body = undefined, server = target.origin) {
  const { hostname, port } = new URL(server);
  const { promise, resolve, reject } = withResolvers();
  const length = body !== undefined && { 'content-length': Buffer.byteLength(body) };
  const request = send({ hostname, port, method, path, headers: { ...length, ...headers }, agent: false }, async (response) => {
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    resolve({
      status: response.statusCode,
      headers: response.headers,
      setCookies: response.headers['set-cookie'] ?? [],
      text,
      json: parsed(text),
    });
  });
  request.on('error', reject);
  request.end(body);
  return promise;
}

// Promise.withResolvers is newer than the Node we support.
function withResolvers() {
  let resolve, reject;
  const promise = new Promise((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}

function asText(body) {
  return typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
}

function withoutUndefined(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function randomAddress() {
  const byte = () => Math.floor(Math.random() * 256);
  return `10.${byte()}.${byte()}.${byte()}`;
}
