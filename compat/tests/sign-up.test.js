import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, raw } from '../lib/browser.js';
import { freshEmail, newUser, ok, PASSWORD, refused } from '../lib/people.js';
import {
  DONT_REMEMBER, isError, isUser, NOT_REMEMBERED, REMEMBERED, setsCookies, TOKEN,
} from '../lib/shapes.js';
import { differs } from '../lib/target.js';

const SIGN_UP = '/api/auth/sign-up/email';

function signUp(body, browser = new Browser()) {
  return browser.post(SIGN_UP, { name: 'Ann', email: freshEmail(), password: PASSWORD, ...body });
}

test('somebody signs up and is signed in', async () => {
  const browser = new Browser();
  const email = freshEmail();
  const { token, user } = ok(await browser.client.signUp.email({ name: 'Ann', email, password: PASSWORD }));
  assert.match(token, new RegExp(`^${TOKEN}$`));
  assert.equal(user.email, email);

  const session = ok(await browser.client.getSession());
  assert.equal(session.session.token, token);
  assert.equal(session.user.id, user.id);
});

test('the answer has a whole user and one cookie', async () => {
  const email = freshEmail();
  const answer = await signUp({ email: email.toUpperCase(), image: 'https://example.com/ann.png' });
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.headers['content-type'], /^application\/json$/);
  setsCookies(answer, [REMEMBERED]);
  assert.deepEqual(Object.keys(answer.json).sort(), ['token', 'user']);
  assert.ok(answer.setCookies[0].includes(`session_token=${answer.json.token}.`));

  const { user } = answer.json;
  isUser(user);
  const { id, createdAt, updatedAt, ...rest } = user;
  assert.deepEqual(rest, {
    name: 'Ann', email, emailVerified: false, image: 'https://example.com/ann.png', role: 'user',
    banned: false, banReason: null, banExpires: null, twoFactorEnabled: false,
  });
  assert.match(id, new RegExp(`^${TOKEN}$`));
  for (const date of [createdAt, updatedAt]) assert.match(date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('without rememberMe the cookies end with the browser', async () => {
  const answer = await signUp({ rememberMe: false });
  assert.equal(answer.status, 200);
  setsCookies(answer, [NOT_REMEMBERED, DONT_REMEMBER]);
});

test('a form will do', async () => {
  const body = new URLSearchParams({ name: 'Ann', email: freshEmail(), password: PASSWORD }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await new Browser().request('POST', SIGN_UP, { headers, body });
  assert.equal(answer.status, 200, answer.text);
});

test('a name may be empty', async () => {
  assert.equal((await signUp({ name: '' })).status, 200);
});

test('a taken address is refused', async () => {
  const { email } = await newUser();
  for (const taken of [email, email.toUpperCase()]) {
    refused(
      await new Browser().client.signUp.email({ name: 'Eve', email: taken, password: PASSWORD }),
      422, 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL',
    );
  }
});

test('of sign-ups at once with one address one succeeds', async () => {
  const email = freshEmail();
  const answers = await Promise.all(Array.from({ length: 5 }, () => signUp({ email })));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  assert.equal(answers.filter(({ status }) => status === 422).length, 4);
});

test('passwords have a length', async () => {
  isError(await signUp({ password: 'x'.repeat(7) }), 400, 'PASSWORD_TOO_SHORT', 'Password too short');
  isError(await signUp({ password: 'x'.repeat(129) }), 400, 'PASSWORD_TOO_LONG', 'Password too long');
  assert.equal((await signUp({ password: 'x'.repeat(8) })).status, 200);
  // UTF-16 code units count, so four of these are enough.
  assert.equal((await signUp({ password: '😀'.repeat(4) })).status, 200);

  const longest = differs({ stellar: 72, reference: 128, why: 'bcrypt does not look at more than 72 bytes' });
  assert.equal((await signUp({ password: 'x'.repeat(longest) })).status, 200);
  isError(await signUp({ password: 'x'.repeat(longest + 1) }), 400, 'PASSWORD_TOO_LONG', 'Password too long');
});

test('a zero byte in a password', async () => {
  const answer = await signUp({ password: 'password\u0000123' });
  const expected = differs({ stellar: 400, reference: 200, why: 'some bcrypt libraries stop at a zero byte' });
  assert.equal(answer.status, expected);
});

test('fields that are not for users to set', async () => {
  for (const [field, value] of [['role', 'admin'], ['banReason', 'x'], ['banExpires', '2030-01-01T00:00:00.000Z']]) {
    isError(await signUp({ [field]: value }), 400, 'FIELD_NOT_ALLOWED', `${field} is not allowed to be set`);
  }
  const answer = await signUp({
    banned: true, twoFactorEnabled: true, emailVerified: true, id: 'mine', createdAt: '2001-01-01T00:00:00.000Z',
    unknown: 'x', role: '', banReason: null,
  });
  assert.equal(answer.status, 200, answer.text);
  const { user } = answer.json;
  assert.deepEqual(
    [user.banned, user.twoFactorEnabled, user.emailVerified, user.role, user.banReason],
    [false, false, false, 'user', null],
  );
  assert.notEqual(user.id, 'mine');
  assert.doesNotMatch(user.createdAt, /^2001/);
});

test('what is wrong with a body is said, all of it', async () => {
  const undefinedString = 'Invalid input: expected string, received undefined';
  const browser = new Browser();
  for (const [body, message] of [
    [{ name: 'Ann', email: 'ann', password: PASSWORD }, '[body.email] Invalid email address'],
    [{ email: freshEmail(), password: PASSWORD }, `[body.name] ${undefinedString}`],
    [{ name: 'Ann', email: freshEmail() }, `[body.password] ${undefinedString}`],
    [{}, `[body.name] ${undefinedString}; [body.email] ${undefinedString}; [body.password] ${undefinedString}`],
    [{ name: 1, email: freshEmail(), password: PASSWORD }, '[body.name] Invalid input: expected string, received number'],
    [
      { name: 'Ann', email: freshEmail(), password: PASSWORD, rememberMe: 'no' },
      '[body.rememberMe] Invalid input: expected boolean, received string',
    ],
  ]) {
    const answer = await browser.post(SIGN_UP, body);
    isError(answer, 400, 'VALIDATION_ERROR');
    assert.equal(answer.json.message, message, JSON.stringify(body));
  }
});

test('addresses that are none', async () => {
  for (const email of [
    ' ann@example.com', 'ann@example', 'ann@@example.com', 'änn@example.com', 'ann@exämple.com', 'a..b@example.com', '',
  ]) {
    const answer = await signUp({ email });
    isError(answer, 400, 'VALIDATION_ERROR', '[body.email] Invalid email address');
  }
});

test('a client that is no browser need not say where it comes from', async () => {
  const body = JSON.stringify({ name: 'Ann', email: freshEmail(), password: PASSWORD });
  const answer = await raw('POST', SIGN_UP, { 'content-type': 'application/json' }, body);
  assert.equal(answer.status, 200, answer.text);
});
