import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../../lib/browser.js';
import { linkTo, mailsTo, staysAt } from '../../lib/mailbox.js';
import { freshEmail, ok, PASSWORD, refused } from '../../lib/people.js';
import { isError, isUser, redirects, setsCookies } from '../../lib/shapes.js';
import { differs, target } from '../../lib/target.js';

const SIGN_UP = '/api/auth/sign-up/email';
const PAGE = `${target.frontend}/welcome`;

function signUp(email, more) {
  return new Browser().post(SIGN_UP, { name: 'Ann', email, password: PASSWORD, ...more });
}

test('somebody signs up, verifies their address and signs in', async () => {
  const email = freshEmail();
  const { client } = new Browser();
  const { token, user } = ok(await client.signUp.email({ name: 'Ann', email, password: PASSWORD, callbackURL: PAGE }));
  assert.deepEqual([token, user.emailVerified], [null, false]);
  assert.equal(ok(await client.getSession()), null);

  refused(await client.signIn.email({ email, password: PASSWORD }), 403, 'EMAIL_NOT_VERIFIED');
  refused(await client.signIn.email({ email, password: 'not this one' }), 401, 'INVALID_EMAIL_OR_PASSWORD');

  redirects(await new Browser().open(await linkTo('verify-email?', email)), PAGE);
  assert.equal(ok(await client.signIn.email({ email, password: PASSWORD })).user.emailVerified, true);
});

test('a sign-up tells nobody that there is such a user', async () => {
  const email = freshEmail();
  const fresh = await signUp(email);
  assert.equal(fresh.status, 200, fresh.text);
  setsCookies(fresh, []);
  isUser(fresh.json.user);

  const taken = await signUp(email, { name: 'Eve' });
  assert.equal(taken.status, 200, taken.text);
  setsCookies(taken, []);
  const { user } = taken.json;
  assert.deepEqual([taken.json.token, user.name, user.email, user.emailVerified], [null, 'Eve', email, false]);
  assert.notEqual(user.id, fresh.json.user.id);
  isUser(user);
  assert.equal(user.role, differs({ stellar: 'user', reference: null, why: 'a real answer has the role' }));
  await linkTo('verify-email?', email);
  await staysAt(1, email);
});

test('a password reset does not verify the address', async () => {
  const email = freshEmail();
  await signUp(email);
  const { client } = new Browser();
  ok(await client.requestPasswordReset({ email, redirectTo: PAGE }));
  const link = new URL(await linkTo('reset-password/', email));
  const newPassword = 'another correct horse';
  ok(await client.resetPassword({ newPassword, token: link.pathname.split('/').at(-1) }));
  refused(await client.signIn.email({ email, password: newPassword }), 403, 'EMAIL_NOT_VERIFIED');
});

test('a forged address gets no mail', async () => {
  const email = freshEmail();
  isError(await signUp(email, { callbackURL: 'https://evil.example.com' }), 403, 'INVALID_CALLBACK_URL');
  assert.equal((await mailsTo(email)).length, 0);
});
