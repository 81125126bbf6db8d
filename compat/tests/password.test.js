import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { canSignIn, isSignedIn, newUser, ok, PASSWORD, refused, signIn } from '../lib/people.js';
import { isError, isUser, REMEMBERED, setsCookies, TOKEN } from '../lib/shapes.js';
import { differs } from '../lib/target.js';

const NEW_PASSWORD = 'another correct horse';
const CHANGE = '/api/auth/change-password';

function change(browser, body) {
  return browser.post(CHANGE, { currentPassword: PASSWORD, newPassword: NEW_PASSWORD, ...body });
}

test('somebody changes their password', async () => {
  const here = await newUser();
  const there = await signIn(here);
  const data = ok(await here.client.changePassword({ currentPassword: PASSWORD, newPassword: NEW_PASSWORD }));
  assert.equal(data.token, null);
  assert.equal(data.user.id, here.user.id);
  assert.equal(await isSignedIn(here), true);
  assert.equal(await isSignedIn(there), differs({
    stellar: false, reference: true, why: 'whoever made the change necessary may hold a session',
  }));
  assert.equal(await canSignIn(here.email, PASSWORD), false);
  assert.equal(await canSignIn(here.email, NEW_PASSWORD), true);
});

test('and gets a new session, if all others are to end', async () => {
  const here = await newUser();
  const there = await signIn(here);
  const old = here.browser.copy();
  const answer = await change(here.browser, { revokeOtherSessions: true });
  assert.equal(answer.status, 200, answer.text);
  setsCookies(answer, [REMEMBERED]);
  assert.deepEqual(Object.keys(answer.json).sort(), ['token', 'user']);
  assert.match(answer.json.token, new RegExp(`^${TOKEN}$`));
  isUser(answer.json.user);
  assert.notEqual(answer.json.token, here.token);
  assert.deepEqual([await isSignedIn(old), await isSignedIn(there)], [false, false]);
  assert.equal(ok(await here.client.getSession()).session.token, answer.json.token);
});

test('without revoking there is no new cookie', async () => {
  const { browser } = await newUser();
  const answer = await change(browser, {});
  assert.equal(answer.status, 200);
  setsCookies(answer, []);
  assert.deepEqual(Object.keys(answer.json).sort(), ['token', 'user']);
});

test('changes that are refused', async () => {
  const { browser, email } = await newUser();
  isError(await change(browser, { currentPassword: 'not this one' }), 400, 'INVALID_PASSWORD', 'Invalid password');
  isError(await change(browser, { newPassword: 'short' }), 400, 'PASSWORD_TOO_SHORT', 'Password too short');
  isError(await change(browser, { newPassword: 'x'.repeat(129) }), 400, 'PASSWORD_TOO_LONG', 'Password too long');
  isError(await change(browser, { currentPassword: 'x'.repeat(129) }), 400, 'PASSWORD_TOO_LONG', 'Password too long');
  isError(
    await browser.post(CHANGE, {}), 400, 'VALIDATION_ERROR',
    '[body.newPassword] Invalid input: expected string, received undefined; '
      + '[body.currentPassword] Invalid input: expected string, received undefined',
  );
  const { status } = await change(browser, { newPassword: 'x'.repeat(73) });
  assert.equal(status, differs({ stellar: 400, reference: 200, why: 'bcrypt does not look at more than 72 bytes' }));
  if (status === 400) assert.equal(await canSignIn(email, PASSWORD), true);
});

test('a password is verified', async () => {
  const { client, browser } = await newUser();
  assert.deepEqual(ok(await client.verifyPassword({ password: PASSWORD })), { status: true });
  refused(await client.verifyPassword({ password: 'not this one' }), 400, 'INVALID_PASSWORD');
  refused(await client.verifyPassword({ password: 'x'.repeat(129) }), 400, 'PASSWORD_TOO_LONG');
  const answer = await browser.post('/api/auth/verify-password', { password: PASSWORD });
  setsCookies(answer, []);
  isError(
    await browser.post('/api/auth/verify-password'),
    400, 'VALIDATION_ERROR', '[body.password] Invalid input: expected string, received undefined',
  );
});

test('one must be signed in', async () => {
  const { client } = new Browser();
  refused(await client.verifyPassword({ password: PASSWORD }), 401, 'UNAUTHORIZED');
  refused(await client.changePassword({ currentPassword: PASSWORD, newPassword: NEW_PASSWORD }), 401, 'UNAUTHORIZED');
});

test('a password cannot be set without the old one', async () => {
  const { browser } = await newUser();
  isError(await browser.post('/api/auth/set-password', { newPassword: NEW_PASSWORD }), 404);
});
