// A client that keeps no cookies: the bearer plugin of the original, ours by AUTH_BEARER.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthClient } from 'better-auth/client';
import { Browser } from '../lib/browser.js';
import { freshEmail, newUser, ok, PASSWORD } from '../lib/people.js';
import { differs, target } from '../lib/target.js';

/** The official client as an app without cookies has it: the token is kept by itself. */
function app() {
  const kept = { token: undefined };
  const client = createAuthClient({
    baseURL: target.origin,
    fetchOptions: {
      auth: { type: 'Bearer', token: () => kept.token },
      // Node's own fetch says of itself what only browsers say; an app's does not.
      customFetchImpl: (url, init) => plain(url, init),
      onSuccess: ({ response }) => {
        kept.token = response.headers.get('set-auth-token') ?? kept.token;
      },
    },
  });
  return { client, kept };
}

async function plain(url, init = {}) {
  const { default: http } = await import('node:http');
  const headers = Object.fromEntries(new Headers(init.headers));
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: init.method ?? 'GET', headers }, async (response) => {
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      const pairs = Object.entries(response.headers).flatMap(([name, value]) =>
        [value].flat().map((one) => [name, one]));
      resolve(new Response(text, { status: response.statusCode, headers: pairs }));
    });
    request.on('error', reject);
    request.end(init.body);
  });
}

test('an app signs up, is signed in by the header, changes something, and signs out', async () => {
  const { client, kept } = app();
  const email = freshEmail();
  const { user, token } = ok(await client.signUp.email({ name: 'Ann', email, password: PASSWORD }));
  assert.ok(kept.token.startsWith(`${token}.`), kept.token);
  const { session, user: seen } = ok(await client.getSession());
  assert.deepEqual([session.token, seen.id], [token, user.id]);
  ok(await client.updateUser({ name: 'Bea' }));
  assert.equal(ok(await client.getSession()).user.name, 'Bea');
  assert.equal(ok(await client.listSessions()).length, 1);
  ok(await client.signOut());
  assert.equal(ok(await client.getSession()), null);
});

test('an app signs in', async () => {
  const { email, user } = await newUser();
  const { client, kept } = app();
  ok(await client.signIn.email({ email, password: PASSWORD }));
  assert.match(kept.token, /^[A-Za-z0-9]{32}\.[A-Za-z0-9+/]{43}=$/);
  assert.equal(ok(await client.getSession()).user.id, user.id);
});

test('the token may be percent-encoded, as it is in the cookie', async () => {
  const { browser, user } = await newUser();
  for (const token of [browser.sessionCookie, decodeURIComponent(browser.sessionCookie)]) {
    const answer = await new Browser().get('/api/auth/get-session', { authorization: `Bearer ${token}` });
    assert.equal(answer.json.user.id, user.id);
  }
});

test('a token without a signature is nothing', async () => {
  const { token } = await newUser();
  for (const bearer of [token, `${token}.`, `${token}.AAAA`, `${token}.${'A'.repeat(43)}=`]) {
    const answer = await new Browser().get('/api/auth/get-session', { authorization: `Bearer ${bearer}` });
    assert.equal(answer.json, null, bearer);
  }
});

test('a good token takes the place of the cookie, a bad one does not', async () => {
  const [one, other] = [await newUser(), await newUser()];
  const seen = async (authorization) =>
    (await one.browser.get('/api/auth/get-session', { authorization })).json.user.id;
  assert.equal(await seen(`Bearer ${other.browser.sessionCookie}`), other.user.id);
  assert.equal(await seen('Bearer nonsense.nonsense'), one.user.id);
});

test('pages may read the token of an answer', async () => {
  const browser = new Browser();
  const body = { name: 'Ann', email: freshEmail(), password: PASSWORD };
  const answer = await browser.post('/api/auth/sign-up/email', body);
  assert.equal(answer.headers['set-auth-token'], decodeURIComponent(browser.sessionCookie));
  const exposed = answer.headers['access-control-expose-headers'];
  assert.ok(exposed.split(',').map((name) => name.trim()).includes('set-auth-token'), exposed);
  const out = await browser.post('/api/auth/sign-out');
  assert.equal(out.headers['set-auth-token'], undefined);
});

test('with a cookie an origin is owed, whatever the header says', async () => {
  const { browser } = await newUser();
  const bearer = { authorization: `Bearer ${browser.sessionCookie}`, origin: undefined };
  const change = (headers) => browser.post('/api/auth/update-user', { name: 'B' }, headers);
  assert.equal((await change(bearer)).status, 403);
  browser.cookies.clear();
  const foreign = { ...bearer, origin: 'https://evil.example' };
  const why = 'a foreign page has no business here';
  assert.equal((await change(foreign)).status, differs({ stellar: 403, reference: 200, why }));
  browser.cookies.clear();
  assert.equal((await change(bearer)).status, 200);
});
