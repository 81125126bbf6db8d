import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, raw } from '../lib/browser.js';
import { isSignedIn, newUser, ok, PASSWORD, signIn } from '../lib/people.js';
import { CLEARED, isError, isSession, isUser, setsCookies } from '../lib/shapes.js';
import { differs } from '../lib/target.js';

const GET_SESSION = '/api/auth/get-session';

function withCookie(value) {
  return raw('GET', GET_SESSION, { cookie: `better-auth.session_token=${value}` });
}

test('a session and its user, and nothing for caches', async () => {
  const { browser, user, token } = await newUser();
  const answer = await browser.get(GET_SESSION, { 'user-agent': 'Test/1.0' });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.headers.pragma, 'no-cache');
  setsCookies(answer, []);
  assert.deepEqual(Object.keys(answer.json).sort(), ['session', 'user']);
  isSession(answer.json.session);
  isUser(answer.json.user);
  const { session } = answer.json;
  assert.deepEqual([session.token, session.userId, session.impersonatedBy], [token, user.id, null]);
  assert.equal(session.ipAddress, browser.address);
});

test('the client gets dates', async () => {
  const { client } = await newUser();
  const { session, user } = ok(await client.getSession());
  for (const date of [session.expiresAt, session.createdAt, session.updatedAt, user.createdAt]) {
    assert.ok(date instanceof Date);
  }
});

test('where a session was made is remembered', async () => {
  const { email } = await newUser();
  for (const [address, expected] of [
    ['198.51.100.7', '198.51.100.7'],
    ['2001:DB8:1:2:3:4:5:6', '2001:0db8:0001:0002:0000:0000:0000:0000'],
    ['::ffff:198.51.100.8', '198.51.100.8'],
  ]) {
    const browser = new Browser();
    browser.address = address;
    const headers = { 'user-agent': 'Test/1.0' };
    await browser.post('/api/auth/sign-in/email', { email, password: PASSWORD }, headers);
    const { session } = (await browser.get(GET_SESSION)).json;
    assert.deepEqual([session.ipAddress, session.userAgent], [expected, 'Test/1.0']);
  }
});

test('without a session there is null', async () => {
  const answer = await new Browser().get(GET_SESSION);
  assert.deepEqual([answer.status, answer.text], [200, 'null']);
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.headers.pragma, 'no-cache');
  setsCookies(answer, []);
  assert.equal(ok(await new Browser().client.getSession()), null);
});

test('a cookie that we have not signed is left alone', async () => {
  const { browser, token } = await newUser();
  const signature = browser.sessionCookie.slice(token.length + 1);
  for (const forged of [token, `${token}.`, `x.${signature}`, `${token}x.${signature}`, `.${signature}`, '%', '"']) {
    const answer = await withCookie(forged);
    assert.deepEqual([answer.status, answer.text], [200, 'null'], forged);
    setsCookies(answer, []);
  }
});

test('a cookie may be percent-encoded or not, and the first of two counts', async () => {
  const { browser, user } = await newUser();
  const other = await newUser();
  const plain = decodeURIComponent(browser.sessionCookie);
  assert.equal((await withCookie(plain)).json.user.id, user.id);
  const two = `${browser.sessionCookie}; better-auth.session_token=${other.browser.sessionCookie}`;
  assert.equal((await withCookie(two)).json.user.id, user.id);
});

test('a session that is over is cleared', async () => {
  const { browser, client } = await newUser();
  const left = browser.copy();
  ok(await client.signOut());
  const answer = await left.get(GET_SESSION);
  assert.deepEqual([answer.status, answer.text], [200, 'null']);
  setsCookies(answer, CLEARED);
});

test('on other routes, too, with the refusal', async () => {
  const { browser, client } = await newUser();
  const left = browser.copy();
  ok(await client.signOut());
  const answer = await left.get('/api/auth/list-sessions');
  isError(answer, 401, 'UNAUTHORIZED', 'Unauthorized');
  setsCookies(answer, CLEARED);
});

test('signing out', async () => {
  const { browser, client } = await newUser();
  const left = browser.copy();
  const answer = await browser.post('/api/auth/sign-out');
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json, { success: true });
  setsCookies(answer, CLEARED);
  assert.equal(await isSignedIn({ client }), false);
  assert.equal(await isSignedIn(left), false);
});

test('signing out without a session', async () => {
  const answer = await new Browser().post('/api/auth/sign-out');
  assert.deepEqual([answer.status, answer.json], [200, { success: true }]);
  setsCookies(answer, CLEARED);
});

test('signing out with a body that makes no sense', async () => {
  const user = await newUser();
  const { status } = await user.browser.post('/api/auth/sign-out', { callbackURL: null });
  assert.equal(status, 400);
  assert.equal(await isSignedIn(user), true);
});

test('signing out leaves the other sessions', async () => {
  const first = await newUser();
  const second = await signIn(first);
  ok(await first.client.signOut());
  assert.equal(await isSignedIn(second), true);
});

test('a session cannot be posted for', async () => {
  const answer = await new Browser().post(GET_SESSION);
  isError(
    answer, 405, 'METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED',
    'POST method requires deferSessionRefresh to be enabled in session config',
  );
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.headers.pragma, 'no-cache');
});

test('queries of the client', async () => {
  const { client, token } = await newUser();
  for (const query of [{ disableCookieCache: true }, { disableRefresh: true }]) {
    assert.equal(ok(await client.getSession({ query })).session.token, token);
  }
});

test('a forgotten cookie cache is cleared', async () => {
  const { browser } = await newUser();
  browser.cookies.set('better-auth.session_data', 'e30');
  const answer = await browser.get(GET_SESSION);
  assert.equal(answer.status, 200);
  assert.ok(answer.json.user);
  setsCookies(answer, differs({
    stellar: [],
    reference: ['better-auth.session_data=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax'],
    why: 'there has never been a cookie cache to forget',
  }));
});
