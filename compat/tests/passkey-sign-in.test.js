import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import {
  addPasskey, authenticate, authenticationOptions, newUserWithPasskey, registrationOptions, signInByPasskey,
  verifyAuthentication,
} from '../lib/passkeys.js';
import { isSignedIn, newAdmin, ok } from '../lib/people.js';
import { cleared, hasKeys, isError, isSession, isUser, REMEMBERED, setsCookie, setsCookies } from '../lib/shapes.js';
import { FLAGS, SoftKey } from '../lib/soft-key.js';
import { differs, target } from '../lib/target.js';
import { newUserWithApp } from '../lib/two-factor.js';

const CEREMONY = setsCookie('better-auth-passkey', '[A-Za-z0-9_-]{32}', 300);
const CHALLENGE = setsCookie('two_factor', '2fa-[A-Za-z0-9_-]{20}', 600);

function fails(answer, status = 400) {
  isError(answer, status, 'AUTHENTICATION_FAILED', 'Authentication failed');
  setsCookies(answer, []);
}

test('a passkey signs in without a user name', async () => {
  const user = await newUserWithPasskey();
  const browser = new Browser();
  const { session, user: found } = ok(await signInByPasskey(browser, user.key));
  assert.deepEqual([found.id, session.userId], [user.user.id, user.user.id]);
  assert.equal(ok(await browser.client.getSession()).session.token, session.token);
  assert.notEqual(session.token, user.token);
});

test('the answer has the session and a whole user', async () => {
  const { key } = await newUserWithPasskey();
  const answer = await authenticate(key);
  assert.equal(answer.status, 200, answer.text);
  setsCookies(answer, [REMEMBERED]);
  hasKeys(answer.json, ['session', 'user']);
  isSession(answer.json.session);
  isUser(answer.json.user);
});

test('what a browser is asked for', async () => {
  const { browser, passkey } = await newUserWithPasskey();
  const anonymous = await authenticationOptions(new Browser());
  assert.equal(anonymous.status, 200, anonymous.text);
  setsCookies(anonymous, [CEREMONY]);
  const { challenge, ...rest } = anonymous.json;
  assert.match(challenge, /^[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(rest, { rpId: 'localhost', timeout: 60000, userVerification: 'preferred' });

  const signedIn = await authenticationOptions(browser);
  const allowed = [{ id: passkey.credentialID, transports: ['internal', 'hybrid'], type: 'public-key' }];
  assert.deepEqual(signedIn.json.allowCredentials, allowed);
});

test('a counter grows', async () => {
  const { client, key } = await newUserWithPasskey();
  assert.equal((await authenticate(key)).status, 200);
  const [{ counter }] = ok(await client.passkey.listUserPasskeys());
  assert.equal(counter, 2);
  fails(await authenticate(key, { counter: 2 }));
  fails(await authenticate(key, { counter: 1 }));
  fails(await authenticate(key, { counter: 0 }));
  assert.equal((await authenticate(key, { counter: 2 ** 31 - 1 })).status, 200);
  // The original keeps it in 31 bits.
  if (target.isOurs) assert.equal((await authenticate(key, { counter: 2 ** 32 - 1 })).status, 200);
});

test('a passkey that counts nothing signs in again and again', async () => {
  const { key } = await newUserWithPasskey({ counts: false });
  for (let i = 0; i < 3; i++) assert.equal((await authenticate(key)).status, 200);
});

test('an assertion is tried once', async () => {
  const { key } = await newUserWithPasskey();
  const browser = new Browser();
  const { json: options } = await authenticationOptions(browser);
  const response = key.get(options);
  fails(await verifyAuthentication(browser, { ...response, response: { ...response.response, authenticatorData: 'AAAA' } }));
  isError(await verifyAuthentication(browser, response), 400, 'CHALLENGE_NOT_FOUND', 'Challenge not found');

  const again = key.get((await authenticationOptions(browser)).json);
  assert.equal((await verifyAuthentication(browser, again)).status, 200);
  isError(await verifyAuthentication(browser, again), 400, 'CHALLENGE_NOT_FOUND', 'Challenge not found');
  await authenticationOptions(browser);
  fails(await verifyAuthentication(browser, again));
});

test('of several with one assertion at once, one is let in', async () => {
  const { key } = await newUserWithPasskey();
  const browser = new Browser();
  const response = key.get((await authenticationOptions(browser)).json);
  const copies = Array.from({ length: 6 }, () => browser.copy());
  const answers = await Promise.all(copies.map((copy) => verifyAuthentication(copy, response)));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400, 400, 400, 400, 400]);
});

test('a challenge is for the browser that asked for it, and for its ceremony', async () => {
  const user = await newUserWithPasskey();
  const browser = new Browser();
  const response = user.key.get((await authenticationOptions(browser)).json);
  const notFound = [400, 'CHALLENGE_NOT_FOUND', 'Challenge not found'];
  isError(await verifyAuthentication(new Browser(), response), ...notFound);
  const forged = browser.copy();
  const COOKIE = 'better-auth.better-auth-passkey';
  forged.cookies.set(COOKIE, browser.cookies.get(COOKIE).replace(/^./, (first) => (first === 'a' ? 'b' : 'a')));
  isError(await verifyAuthentication(forged, response), ...notFound);
  const { json: { challenge } } = await registrationOptions(user);
  isError(await verifyAuthentication(user.browser, user.key.get({ challenge, rpId: 'localhost' })), ...notFound);
});

test('what breaks a rule of the ceremony', async () => {
  const { key } = await newUserWithPasskey();
  for (const changes of [
    { origin: 'https://evil.example' }, { origin: `${target.frontend}.evil.example` }, { rpId: 'example.com' },
    { type: 'webauthn.create' }, { challenge: 'x'.repeat(43) }, { flags: FLAGS.UV },
  ]) {
    fails(await authenticate(key, changes));
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  fails(await authenticate(key, { key: privateKey }), 401);
  for (const changes of [{ rawId: 'AAAA' }, { type: 'password' }, { response: {} }]) {
    const browser = new Browser();
    const response = key.get((await authenticationOptions(browser)).json);
    fails(await verifyAuthentication(browser, { ...response, ...changes }));
  }
});

test('a passkey that nobody has', async () => {
  const browser = new Browser();
  const key = new SoftKey();
  key.create({ challenge: 'x', rp: { id: 'localhost' }, user: { id: 'x' } });
  isError(await authenticate(key, {}, browser), 401, 'PASSKEY_NOT_FOUND', 'Passkey not found');
  isError(
    await browser.post('/api/auth/passkey/verify-authentication', {}), 400, 'VALIDATION_ERROR',
    '[body.response] Invalid input: expected record, received undefined',
  );
});

test('the handle of another user', async () => {
  const [ann, bob] = [await newUserWithPasskey(), await newUserWithPasskey()];
  const { status } = await authenticate(ann.key, { userHandle: bob.key.credentials[0].userHandle });
  assert.equal(status, differs({
    stellar: 400, reference: 200, why: 'who signs in is whom the authenticator names',
  }));
});

test('whoever is signed in and asks for their own passkeys is not signed in by another', async () => {
  const [ann, bob] = [await newUserWithPasskey(), await newUserWithPasskey()];
  const { json: { challenge, rpId } } = await authenticationOptions(ann.browser);
  const answer = await verifyAuthentication(ann.browser, bob.key.get({ challenge, rpId }));
  assert.equal(answer.status, differs({
    stellar: 400, reference: 200, why: 'a challenge for one user signs in no other',
  }));
});

test('whoever is banned is told so, and not let in', async () => {
  const { key, user } = await newUserWithPasskey();
  const admin = await newAdmin();
  ok(await admin.client.admin.banUser({ userId: user.id }));
  const browser = new Browser();
  const answer = await authenticate(key, {}, browser);
  assert.deepEqual([answer.status, answer.json.code], [403, 'BANNED_USER']);
  assert.equal(await isSignedIn(browser), false);
});

test('a cookie that asks not to be remembered is heard', async () => {
  const user = await newUserWithPasskey();
  const browser = new Browser();
  ok(await browser.client.signIn.email({ email: user.email, password: user.password, rememberMe: false }));
  browser.cookies.delete('better-auth.session_token');
  const answer = await authenticate(user.key, {}, browser);
  assert.equal(answer.status, 200, answer.text);
  assert.ok(!answer.setCookies[0].includes('Max-Age'), answer.setCookies[0]);
});

test('a passkey that has verified its user spares the second factor', async () => {
  const user = await newUserWithApp();
  const key = new SoftKey();
  ok(await addPasskey(user, key));
  const browser = new Browser();
  ok(await signInByPasskey(browser, key));
  assert.equal(await isSignedIn(browser), true);
  assert.deepEqual(browser.challenges, []);
});

test('one that has not is one factor', async () => {
  const user = await newUserWithApp();
  const key = new SoftKey({ flags: FLAGS.UP });
  ok(await addPasskey(user, key));
  const browser = new Browser();
  const data = ok(await signInByPasskey(browser, key));
  assert.equal(data.twoFactorRedirect, differs({
    stellar: true, reference: undefined, why: 'a key that was found on the street is one factor',
  }));
  if (!target.isOurs) return;
  assert.deepEqual(browser.challenges, [{ twoFactorMethods: ['totp', 'otp'] }]);
  assert.equal(await isSignedIn(browser), false);
  ok(await browser.client.twoFactor.verifyTotp({ code: await user.app.code() }));
  assert.equal(await isSignedIn(browser), true);
  setsCookies(await authenticate(key), [cleared('session_token'), cleared('session_data'), CHALLENGE]);
});

test('one that has not signs in who has no second factor', async () => {
  const { key } = await newUserWithPasskey({ flags: FLAGS.UP });
  assert.equal((await authenticate(key)).status, 200);
});
