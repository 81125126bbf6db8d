import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { freshEmail, newUser, ok, PASSWORD, refused, signIn } from '../lib/people.js';
import {
  DONT_REMEMBER, isError, isUser, NOT_REMEMBERED, REMEMBERED, setsCookies, WEEK,
} from '../lib/shapes.js';
import { target } from '../lib/target.js';

const SIGN_IN = '/api/auth/sign-in/email';
const DAY_MS = 86_400_000;

test('somebody signs in', async () => {
  const { email, user } = await newUser();
  const browser = new Browser();
  const data = ok(await browser.client.signIn.email({ email: email.toUpperCase(), password: PASSWORD }));
  assert.equal(data.user.id, user.id);
  assert.equal(data.redirect, false);

  const { session } = ok(await browser.client.getSession());
  assert.equal(session.token, data.token);
  assert.equal(session.ipAddress, browser.address);
  const lasts = session.expiresAt - session.createdAt;
  assert.ok(Math.abs(lasts - WEEK * 1000) < 1000, `${lasts} ms`);
});

test('the answer has a whole user and one cookie', async () => {
  const { email } = await newUser();
  const answer = await new Browser().post(SIGN_IN, { email, password: PASSWORD });
  assert.equal(answer.status, 200);
  setsCookies(answer, [REMEMBERED]);
  assert.deepEqual(Object.keys(answer.json).sort(), ['redirect', 'token', 'user']);
  isUser(answer.json.user);
});

test('without rememberMe the session lasts a day and the cookies end with the browser', async () => {
  const { email } = await newUser();
  const browser = new Browser();
  const answer = await browser.post(SIGN_IN, { email, password: PASSWORD, rememberMe: false });
  setsCookies(answer, [NOT_REMEMBERED, DONT_REMEMBER]);
  const { session } = ok(await browser.client.getSession());
  assert.ok(Math.abs(session.expiresAt - session.createdAt - DAY_MS) < 1000);
});

test('signing in anew with rememberMe forgets that it was off', async () => {
  const user = await newUser();
  const { browser } = await signIn(user, { rememberMe: false });
  const answer = await browser.post(SIGN_IN, { email: user.email, password: PASSWORD, rememberMe: true });
  assert.equal(answer.status, 200);
  assert.equal(browser.sessionCookie.split('.')[0], answer.json.token);
});

test('a callbackURL comes back with the answer', async () => {
  const { email } = await newUser();
  const callbackURL = `${target.frontend}/dash`;
  const answer = await new Browser().post(SIGN_IN, { email, password: PASSWORD, callbackURL });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.location, callbackURL);
  assert.deepEqual([answer.json.redirect, answer.json.url], [true, callbackURL]);
});

test('a form will do', async () => {
  const { email } = await newUser();
  const body = new URLSearchParams({ email, password: PASSWORD }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await new Browser().request('POST', SIGN_IN, { headers, body });
  assert.equal(answer.status, 200, answer.text);
  const off = await new Browser().request('POST', SIGN_IN, { headers, body: `${body}&rememberMe=false` });
  isError(off, 400, 'VALIDATION_ERROR', '[body.rememberMe] Invalid input: expected boolean, received string');
});

test('a wrong password and an unknown address look the same', async () => {
  const { email } = await newUser();
  const client = new Browser().client;
  const wrong = refused(await client.signIn.email({ email, password: 'not this one' }), 401, 'INVALID_EMAIL_OR_PASSWORD');
  const unknown = refused(
    await client.signIn.email({ email: freshEmail(), password: PASSWORD }), 401, 'INVALID_EMAIL_OR_PASSWORD',
  );
  assert.deepEqual(wrong, unknown);
  refused(await client.signIn.email({ email, password: '' }), 401, 'INVALID_EMAIL_OR_PASSWORD');
});

test('what is no address or too long a password', async () => {
  const browser = new Browser();
  isError(await browser.post(SIGN_IN, { email: 'ann', password: PASSWORD }), 400, 'INVALID_EMAIL', 'Invalid email');
  isError(
    await browser.post(SIGN_IN, { email: freshEmail(), password: 'x'.repeat(129) }),
    400, 'PASSWORD_TOO_LONG', 'Password too long',
  );
});

test('a missing password', async () => {
  isError(
    await new Browser().post(SIGN_IN, { email: freshEmail() }),
    400, 'VALIDATION_ERROR', '[body.password] Invalid input: expected string, received undefined',
  );
});

test('signing in again leaves the other session alone', async () => {
  const first = await newUser();
  const second = await signIn(first);
  assert.notEqual(first.token, second.token);
  assert.equal(ok(await first.client.getSession()).session.token, first.token);
});
