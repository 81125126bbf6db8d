import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { linkTo, staysAt } from '../lib/mailbox.js';
import { canSignIn, isSignedIn, newUser, ok, PASSWORD, refused, signIn } from '../lib/people.js';
import { CLEARED, isError, redirects, setsCookies } from '../lib/shapes.js';
import { target } from '../lib/target.js';

const DELETE = '/api/auth/delete-user';
const CALLBACK = `${DELETE}/callback`;
const PAGE = `${target.frontend}/goodbye`;
const ASKED = { success: true, message: 'Verification email sent' };
const DELETED = { success: true, message: 'User deleted' };

async function linkFor({ client, email }, body = {}) {
  assert.deepEqual(ok(await client.deleteUser(body)), ASKED);
  return linkTo('delete-user/callback?', email);
}

function tokenIn(link) {
  return new URL(link).searchParams.get('token');
}

test('somebody deletes their account by the link in a mail', async () => {
  const here = await newUser();
  const there = await signIn(here);
  const link = await linkFor(here, { password: PASSWORD, callbackURL: PAGE });
  const token = tokenIn(link);
  assert.match(token, /^[0-9a-z]{32}$/);
  assert.equal(link, `${target.base}/delete-user/callback?token=${token}&callbackURL=${encodeURIComponent(PAGE)}`);
  assert.equal(await isSignedIn(here), true);

  const answer = await here.browser.open(link);
  redirects(answer, PAGE);
  setsCookies(answer, CLEARED);
  assert.deepEqual([await isSignedIn(here), await isSignedIn(there)], [false, false]);
  assert.equal(await canSignIn(here.email, PASSWORD), false);
  // The address is free again.
  const again = await newUser({ email: here.email });
  assert.notEqual(again.user.id, here.user.id);
});

test('or by the token', async () => {
  const user = await newUser();
  const token = tokenIn(await linkFor(user));
  const answer = await user.browser.post(DELETE, { token });
  assert.deepEqual([answer.status, answer.json], [200, DELETED]);
  setsCookies(answer, CLEARED);
  assert.equal(await canSignIn(user.email, PASSWORD), false);
});

test('the link without a page to lead to', async () => {
  const user = await newUser();
  const answer = await user.browser.get(`${CALLBACK}?token=${tokenIn(await linkFor(user))}`);
  assert.deepEqual([answer.status, answer.json], [200, DELETED]);
});

test('nobody else can use the link', async () => {
  const user = await newUser();
  const link = await linkFor(user, { callbackURL: PAGE });
  isError(await new Browser().open(link), 404, 'FAILED_TO_GET_USER_INFO', 'Failed to get user info');
  const eve = await newUser();
  isError(await eve.browser.open(link), 404, 'INVALID_TOKEN', 'Invalid token');
  refused(await eve.client.deleteUser({ token: tokenIn(link) }), 404, 'INVALID_TOKEN');
  assert.deepEqual([await isSignedIn(user), await isSignedIn(eve)], [true, true]);
});

test('a deletion that is refused', async () => {
  const { client, browser, email } = await newUser();
  refused(await client.deleteUser({ password: 'not this one' }), 400, 'INVALID_PASSWORD');
  refused(await client.deleteUser({ password: 'x'.repeat(129) }), 400, 'PASSWORD_TOO_LONG');
  refused(await client.deleteUser({ token: 'unknown' }), 404, 'INVALID_TOKEN');
  isError(await browser.post(DELETE, { callbackURL: '//evil.example.com' }), 403, 'INVALID_CALLBACK_URL', 'Invalid callbackURL');
  isError(
    await browser.post(DELETE, { password: 1 }),
    400, 'VALIDATION_ERROR', '[body.password] Invalid input: expected string, received number',
  );
  refused(await new Browser().client.deleteUser(), 401, 'UNAUTHORIZED');
  await staysAt(0, email);
  assert.equal(await isSignedIn(browser), true);
});

test('links that are none', async () => {
  const { browser } = await newUser();
  isError(await browser.get(`${CALLBACK}?token=unknown`), 404, 'INVALID_TOKEN', 'Invalid token');
  isError(
    await browser.get(`${CALLBACK}?token=x&callbackURL=https://evil.example.com`),
    403, 'INVALID_CALLBACK_URL', 'Invalid callbackURL',
  );
  isError(
    await browser.get(CALLBACK), 400, 'VALIDATION_ERROR', '[query.token] Invalid input: expected string, received undefined',
  );
});
