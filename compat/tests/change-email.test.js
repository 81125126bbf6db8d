import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { linkTo, mailsTo, staysAt } from '../lib/mailbox.js';
import { canSignIn, freshEmail, newUser, ok, PASSWORD, refused, signIn } from '../lib/people.js';
import { isError, redirects } from '../lib/shapes.js';
import { target } from '../lib/target.js';

const CHANGE = '/api/auth/change-email';
const PAGE = `${target.frontend}/profile`;

async function emailOf({ client }) {
  return ok(await client.getSession()).user.email;
}

async function verifiedUser() {
  const user = await newUser();
  ok(await user.client.sendVerificationEmail({ email: user.email }));
  await new Browser().open(await linkTo('verify-email?', user.email));
  return user;
}

test('somebody who never verified their address changes it by a mail to the new one', async () => {
  const here = await newUser();
  const there = await signIn(here);
  const newEmail = freshEmail();
  const asked = ok(await here.client.changeEmail({ newEmail: newEmail.toUpperCase(), callbackURL: PAGE }));
  assert.deepEqual(asked, { status: true });
  assert.equal(await emailOf(here), here.email);

  redirects(await here.browser.open(await linkTo('verify-email?', newEmail)), PAGE);
  assert.deepEqual([await emailOf(here), await emailOf(there)], [newEmail, newEmail]);
  assert.equal(await canSignIn(here.email, PASSWORD), false);
  assert.equal(await canSignIn(newEmail, PASSWORD), true);
});

test('somebody who did is asked at the old one, too', async () => {
  const user = await verifiedUser();
  const newEmail = freshEmail();
  ok(await user.client.changeEmail({ newEmail, callbackURL: PAGE }));
  const confirm = await linkTo('verify-email?', user.email, 2);
  assert.equal((await mailsTo(newEmail)).length, 0);

  redirects(await new Browser().open(confirm), PAGE);
  assert.equal(await emailOf(user), user.email);
  redirects(await new Browser().open(await linkTo('verify-email?', newEmail)), PAGE);
  assert.equal(await emailOf(user), newEmail);
  assert.equal(ok(await user.client.getSession()).user.emailVerified, true);
});

test('the link needs no session', async () => {
  const user = await newUser();
  const newEmail = freshEmail();
  ok(await user.client.changeEmail({ newEmail }));
  await new Browser().open(await linkTo('verify-email?', newEmail));
  assert.equal(await emailOf(user), newEmail);
});

test('the link works once', async () => {
  const user = await newUser();
  const newEmail = freshEmail();
  ok(await user.client.changeEmail({ newEmail, callbackURL: PAGE }));
  const link = await linkTo('verify-email?', newEmail);
  await user.browser.open(link);
  const again = await user.browser.open(link);
  assert.equal(again.status, 302);
  assert.match(again.headers.location, /\?error=(INVALID_TOKEN|USER_NOT_FOUND)$/);
});

test('somebody else who is signed in cannot use it', async () => {
  const user = await newUser();
  const eve = await newUser();
  const newEmail = freshEmail();
  ok(await user.client.changeEmail({ newEmail, callbackURL: PAGE }));
  redirects(await eve.browser.open(await linkTo('verify-email?', newEmail)), `${PAGE}?error=INVALID_USER`);
  assert.equal(await emailOf(user), user.email);
});

test('a taken address looks like a free one, and gets no mail', async () => {
  const user = await newUser();
  const other = await newUser();
  assert.deepEqual(ok(await user.client.changeEmail({ newEmail: other.email })), { status: true });
  await staysAt(0, other.email);
});

test('changes that are refused', async () => {
  const { browser, email } = await newUser();
  isError(await browser.post(CHANGE, { newEmail: email.toUpperCase() }), 400, undefined, 'Email is the same');
  isError(await browser.post(CHANGE, { newEmail: 'ann' }), 400, 'VALIDATION_ERROR', '[body.newEmail] Invalid email address');
  const newEmail = freshEmail();
  isError(
    await browser.post(CHANGE, { newEmail, callbackURL: '//evil.example.com' }),
    403, 'INVALID_CALLBACK_URL', 'Invalid callbackURL',
  );
  refused(await new Browser().client.changeEmail({ newEmail }), 401, 'UNAUTHORIZED');
  assert.equal((await mailsTo(newEmail)).length, 0);
});
