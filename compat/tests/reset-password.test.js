import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { linkTo, mailsTo, staysAt } from '../lib/mailbox.js';
import { canSignIn, freshEmail, isSignedIn, newUser, ok, PASSWORD, refused } from '../lib/people.js';
import { isError, redirects, setsCookies } from '../lib/shapes.js';
import { differs, target } from '../lib/target.js';

const NEW_PASSWORD = 'another correct horse';
const REQUEST = '/api/auth/request-password-reset';
const RESET = '/api/auth/reset-password';
const PAGE = `${target.frontend}/reset-password`;

async function tokenFor(email, count = 1) {
  ok(await new Browser().client.requestPasswordReset({ email, redirectTo: PAGE }));
  const link = new URL(await linkTo('reset-password/', email, count));
  return link.pathname.split('/').at(-1);
}

test('somebody who forgot their password gets a new one by mail', async () => {
  const forgetful = await newUser();
  const browser = new Browser();
  const requested = ok(await browser.client.requestPasswordReset({ email: forgetful.email, redirectTo: PAGE }));
  assert.deepEqual(requested, {
    status: true, message: 'If this email exists in our system, check your email for the reset link',
  });

  const link = await linkTo('reset-password/', forgetful.email);
  const [, token] = link.match(/\/reset-password\/([A-Za-z0-9]{24})\?callbackURL=/);
  assert.equal(link, `${target.base}/reset-password/${token}?callbackURL=${encodeURIComponent(PAGE)}`);

  const opened = await browser.open(link);
  redirects(opened, `${PAGE}?token=${token}`);
  assert.equal(opened.headers['content-type'], 'application/json');
  assert.equal(opened.text, '');
  // A mail scanner may have opened it before.
  redirects(await browser.open(link), `${PAGE}?token=${token}`);

  assert.deepEqual(ok(await browser.client.resetPassword({ newPassword: NEW_PASSWORD, token })), { status: true });
  assert.equal(await canSignIn(forgetful.email, PASSWORD), false);
  assert.equal(await canSignIn(forgetful.email, NEW_PASSWORD), true);

  refused(await browser.client.resetPassword({ newPassword: NEW_PASSWORD, token }), 400, 'INVALID_TOKEN');
  redirects(await browser.open(link), `${PAGE}?error=INVALID_TOKEN`);
});

test('a reset signs nobody in, and ends what was open', async () => {
  const forgetful = await newUser();
  const token = await tokenFor(forgetful.email);
  const answer = await new Browser().post(RESET, { newPassword: NEW_PASSWORD, token });
  assert.deepEqual([answer.status, answer.json], [200, { status: true }]);
  setsCookies(answer, []);
  assert.equal(await isSignedIn(forgetful), differs({
    stellar: false, reference: true, why: 'whoever made the change necessary may hold a session',
  }));
});

test('a token may be in the query', async () => {
  const { email } = await newUser();
  const token = await tokenFor(email);
  const answer = await new Browser().post(`${RESET}?token=${token}`, { newPassword: NEW_PASSWORD });
  assert.equal(answer.status, 200, answer.text);
});

test('a reset that is refused does not spend the token', async () => {
  const { email } = await newUser();
  const token = await tokenFor(email);
  const browser = new Browser();
  isError(await browser.post(RESET, { newPassword: 'short', token }), 400, 'PASSWORD_TOO_SHORT', 'Password too short');
  isError(await browser.post(RESET, { newPassword: 'x'.repeat(129), token }), 400, 'PASSWORD_TOO_LONG', 'Password too long');
  assert.equal((await browser.post(RESET, { newPassword: NEW_PASSWORD, token })).status, 200);
});

test('tokens that are none', async () => {
  const browser = new Browser();
  isError(await browser.post(RESET, { newPassword: NEW_PASSWORD }), 400, 'INVALID_TOKEN', 'Invalid token');
  isError(await browser.post(RESET, { newPassword: NEW_PASSWORD, token: 'x' }), 400, 'INVALID_TOKEN', 'Invalid token');
  isError(
    await browser.post(RESET, { token: 'x' }), 400, 'VALIDATION_ERROR',
    '[body.newPassword] Invalid input: expected string, received undefined',
  );
});

test('a token is good for one of many resets at once', async () => {
  const { email } = await newUser();
  const token = await tokenFor(email);
  const resets = Array.from({ length: 8 }, (_, i) => new Browser().post(RESET, { newPassword: `${NEW_PASSWORD} ${i}`, token }));
  const statuses = (await Promise.all(resets)).map(({ status }) => status).sort();
  assert.deepEqual(statuses, [200, ...Array(7).fill(400)]);
});

test('a newer token', async () => {
  const { email } = await newUser();
  const first = await tokenFor(email);
  const second = await tokenFor(email, 2);
  assert.notEqual(first, second);
  const answer = await new Browser().post(RESET, { newPassword: NEW_PASSWORD, token: first });
  assert.equal(answer.status, differs({ stellar: 400, reference: 200, why: 'a newer link ends the older ones' }), answer.text);
  assert.equal((await new Browser().post(RESET, { newPassword: NEW_PASSWORD, token: second })).status, 200);
});

test('nothing tells whether there is such a user', async () => {
  const { email } = await newUser();
  const nobody = freshEmail();
  const [known, unknown] = await Promise.all(
    [email, nobody].map((address) => new Browser().post(REQUEST, { email: address, redirectTo: PAGE })),
  );
  assert.deepEqual([unknown.status, unknown.text], [known.status, known.text]);
  await linkTo('reset-password/', email);
  assert.equal((await mailsTo(nobody)).length, 0);
});

test('no mail leads elsewhere', async () => {
  const { email } = await newUser();
  for (const redirectTo of ['https://evil.example.com/', '//evil.example.com', `${target.frontend}.evil.example.com`]) {
    isError(await new Browser().post(REQUEST, { email, redirectTo }), 403, 'INVALID_REDIRECT_URL', 'Invalid redirectURL');
  }
  await staysAt(0, email);
});

test('where a link leads', async () => {
  const { email } = await newUser();
  const token = await tokenFor(email);
  const open = (path) => new Browser().get(`/api/auth/reset-password/${path}`);
  redirects(await open(`${token}?callbackURL=`), /\/api\/auth\/error\?error=INVALID_TOKEN$/);
  redirects(await open(`${token}?callbackURL=%2Fpage%3Fa%3D1%23x`), `${target.origin}/page?a=1&token=${token}#x`);
  redirects(await open(`unknown?callbackURL=${encodeURIComponent(PAGE)}`), `${PAGE}?error=INVALID_TOKEN`);
  isError(await open(`${token}?callbackURL=https%3A%2F%2Fevil.example.com`), 403, 'INVALID_CALLBACK_URL', 'Invalid callbackURL');
  isError(await open(token), 400, 'VALIDATION_ERROR', '[query.callbackURL] Invalid input: expected string, received undefined');
});

test('a request without a page to lead to', async () => {
  const { email } = await newUser();
  const answer = await new Browser().post(REQUEST, { email });
  assert.equal(answer.status, 200);
  setsCookies(answer, []);
  assert.match(await linkTo('reset-password/', email), /\?callbackURL=$/);
  isError(await new Browser().post(REQUEST, { email: 'ann' }), 400, 'VALIDATION_ERROR', '[body.email] Invalid email address');
});
