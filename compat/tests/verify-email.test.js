import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { linkTo, mailsTo, staysAt } from '../lib/mailbox.js';
import { freshEmail, newUser, ok, refused, signIn } from '../lib/people.js';
import { isError, redirects, setsCookies } from '../lib/shapes.js';
import { differs, target } from '../lib/target.js';

const SEND = '/api/auth/send-verification-email';
const VERIFY = '/api/auth/verify-email';
const PAGE = `${target.frontend}/verified`;

async function isVerified({ client }) {
  return ok(await client.getSession()).user.emailVerified;
}

test('somebody verifies their address by the link in a mail', async () => {
  const here = await newUser();
  const there = await signIn(here);
  assert.deepEqual(ok(await here.client.sendVerificationEmail({ email: here.email, callbackURL: PAGE })), { status: true });
  const link = await linkTo('verify-email?', here.email);
  const { searchParams } = new URL(link);
  assert.deepEqual([...searchParams.keys()], ['token', 'callbackURL']);
  assert.equal(searchParams.get('callbackURL'), PAGE);

  const answer = await new Browser().open(link);
  redirects(answer, PAGE);
  setsCookies(answer, []);
  assert.deepEqual([await isVerified(here), await isVerified(there)], [true, true]);
});

test('the client verifies a token', async () => {
  const user = await newUser();
  ok(await user.client.sendVerificationEmail({ email: user.email }));
  const link = new URL(await linkTo('verify-email?', user.email));
  assert.equal(link.searchParams.get('callbackURL'), '/');
  const token = link.searchParams.get('token');
  assert.deepEqual(ok(await new Browser().client.verifyEmail({ query: { token } })), { status: true, user: null });
  assert.equal(await isVerified(user), true);

  // Whether or not the link works again, nobody is told off for a second click.
  assert.deepEqual(ok(await new Browser().client.verifyEmail({ query: { token } })), { status: true, user: null });
});

test('somebody who is not signed in asks for the mail', async () => {
  const { email } = await newUser();
  const started = Date.now();
  assert.deepEqual(ok(await new Browser().client.sendVerificationEmail({ email })), { status: true });
  assert.ok(Date.now() - started >= 490, 'too fast');
  await linkTo('verify-email?', email);
});

test('nothing tells whether there is such a user', async () => {
  const nobody = freshEmail();
  const started = Date.now();
  assert.deepEqual(ok(await new Browser().client.sendVerificationEmail({ email: nobody })), { status: true });
  assert.ok(Date.now() - started >= 490, 'too fast');
  assert.equal((await mailsTo(nobody)).length, 0);
});

test('whoever is signed in asks for themselves only, and once verified not at all', async () => {
  const user = await newUser();
  refused(await user.client.sendVerificationEmail({ email: freshEmail() }), 400, 'EMAIL_MISMATCH');
  ok(await user.client.sendVerificationEmail({ email: user.email }));
  await new Browser().open(await linkTo('verify-email?', user.email));
  refused(await user.client.sendVerificationEmail({ email: user.email }), 400, 'EMAIL_ALREADY_VERIFIED');
  assert.deepEqual(ok(await new Browser().client.sendVerificationEmail({ email: user.email })), { status: true });
  await staysAt(1, user.email);
});

test('tokens that are none', async () => {
  const browser = new Browser();
  isError(await browser.get(`${VERIFY}?token=bad`), 401, 'INVALID_TOKEN', 'Invalid token');
  const unsigned = 'eyJhbGciOiJub25lIn0.eyJlbWFpbCI6ImFubkBleGFtcGxlLmNvbSJ9.';
  isError(await browser.get(`${VERIFY}?token=${unsigned}`), 401, 'INVALID_TOKEN', 'Invalid token');
  refused(await browser.client.verifyEmail({ query: { token: 'bad' } }), 401, 'INVALID_TOKEN');
  isError(
    await browser.get(VERIFY), 400, 'VALIDATION_ERROR', '[query.token] Invalid input: expected string, received undefined',
  );
});

test('faults are told to the page that asked', async () => {
  const at = (callbackURL) => new Browser().get(`${VERIFY}?token=bad&callbackURL=${encodeURIComponent(callbackURL)}`);
  redirects(await at(PAGE), `${PAGE}?error=INVALID_TOKEN`);
  redirects(await at(`${PAGE}?a=1`), `${PAGE}?a=1&error=INVALID_TOKEN`);
  redirects(await at('/dash'), '/dash?error=INVALID_TOKEN');
  isError(await at('https://evil.example.com'), 403, 'INVALID_CALLBACK_URL', 'Invalid callbackURL');
});

test('no path leads to another host', async () => {
  for (const path of ['/..', '/.', '/x/..', '/%2e%2e']) {
    const callbackURL = `${path}//evil.example.com`;
    const answer = await new Browser().get(`${VERIFY}?token=bad&callbackURL=${encodeURIComponent(callbackURL)}`);
    assert.equal(answer.status, differs({
      stellar: 403, reference: 302, why: 'the original redirects to //evil.example.com here',
    }), callbackURL);
  }
});

test('a mail leads to trusted pages only', async () => {
  const { browser, email } = await newUser();
  isError(
    await browser.post(SEND, { email, callbackURL: 'https://evil.example.com' }),
    403, 'INVALID_CALLBACK_URL', 'Invalid callbackURL',
  );
  isError(await browser.post(SEND, { email: 'ann' }), 400, 'VALIDATION_ERROR', '[body.email] Invalid email address');
  await staysAt(0, email);
});
