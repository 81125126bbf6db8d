import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { isSignedIn, ok, PASSWORD, refused } from '../lib/people.js';
import { cleared, hasKeys, REMEMBERED, setsCookie, setsCookies } from '../lib/shapes.js';
import { differs, oursOnly } from '../lib/target.js';
import { beginEnrolment, giveHalf, mailedCode, newUserWithApp } from '../lib/two-factor.js';

const SIGN_IN = '/api/auth/sign-in/email';
const COOKIE = 'better-auth.trust_device';
const TRUSTED = setsCookie('trust_device', '[A-Za-z0-9_-]{43}!trust-device-[A-Za-z0-9_-]{32}', 2592000);

/** A browser that this user trusts, and in which nobody is signed in. */
async function trustedBrowser(user) {
  const { browser, client, twoFactor } = await giveHalf(user);
  ok(await twoFactor.verifyTotp({ code: await user.app.code(), trustDevice: true }));
  ok(await client.signOut());
  return browser;
}

function giveThePassword({ email, password = PASSWORD }, browser, more) {
  return browser.post(SIGN_IN, { email, password, ...more });
}

async function isTrusted(user, browser) {
  return (await giveThePassword(user, browser)).json.twoFactorRedirect !== true;
}

test('trust is given with a code, and spares the next', async () => {
  const user = await newUserWithApp();
  const half = await giveHalf(user);
  const answer = await half.browser.post('/api/auth/two-factor/verify-totp', {
    code: await user.app.code(), trustDevice: true,
  });
  setsCookies(answer, [REMEMBERED, cleared('two_factor'), TRUSTED, cleared('dont_remember')]);
  ok(await half.client.signOut());

  const { token, twoFactorRedirect } = ok(await half.client.signIn.email({ email: user.email, password: PASSWORD }));
  assert.deepEqual([typeof token, twoFactorRedirect], ['string', undefined]);
  assert.equal(await isSignedIn(half), true);
  // Others are asked as before.
  await giveHalf(user);
});

test('the cookie is another one after each use', async () => {
  const user = await newUserWithApp();
  const browser = await trustedBrowser(user);
  const copy = browser.copy();
  for (let i = 0; i < 3; i++) {
    const before = browser.cookies.get(COOKIE);
    const answer = await giveThePassword(user, browser);
    setsCookies(answer, [REMEMBERED, TRUSTED]);
    assert.notEqual(browser.cookies.get(COOKIE), before);
  }
  // Whoever has copied it is too late, and loses it.
  const late = await giveThePassword(user, copy);
  assert.equal(late.json.twoFactorRedirect, true);
  assert.equal(late.setCookies[0], cleared('trust_device'));
  assert.equal(copy.cookies.has(COOKIE), false);
});

test('a browser is trusted by one user', async () => {
  const ann = await newUserWithApp();
  const bob = await newUserWithApp();
  const browser = await trustedBrowser(ann);
  const copy = browser.copy();
  assert.equal(await isTrusted(bob, copy), false);
  assert.equal(await isTrusted(ann, browser), true);
});

test('a forged cookie is none', async () => {
  const user = await newUserWithApp();
  const browser = await trustedBrowser(user);
  browser.cookies.set(COOKIE, browser.cookies.get(COOKIE).replace('trust-device-', 'trust-device_'));
  assert.equal(await isTrusted(user, browser), false);
});

test('every factor gives trust, and none does in a session', async () => {
  const user = await newUserWithApp();
  const inSession = await user.browser.post('/api/auth/two-factor/verify-totp', {
    code: await user.app.code(), trustDevice: true,
  });
  setsCookies(inSession, []);

  const byBackupCode = await giveHalf(user);
  ok(await byBackupCode.twoFactor.verifyBackupCode({ code: user.backupCodes[0], trustDevice: true }));
  assert.equal(await isTrusted(user, byBackupCode.browser), true);
  const byMail = await giveHalf(user);
  ok(await byMail.twoFactor.verifyOtp({ code: await mailedCode(user, byMail), trustDevice: true }));
  assert.equal(await isTrusted(user, byMail.browser), true);
});

test('rememberMe on a trusted device', async () => {
  const user = await newUserWithApp();
  const browser = await trustedBrowser(user);
  await giveThePassword(user, browser, { rememberMe: false });
  const { session } = ok(await browser.client.getSession());
  assert.ok(Math.abs(session.expiresAt - session.createdAt - 86_400_000) < 1000);
});

test('disable ends the trust of the browser that asks for it', async () => {
  const user = await newUserWithApp();
  const browser = await trustedBrowser(user);
  ok(await browser.client.signIn.email({ email: user.email, password: PASSWORD }));
  const answer = await browser.post('/api/auth/two-factor/disable', { password: PASSWORD });
  setsCookies(answer, [REMEMBERED, cleared('trust_device')]);
  assert.equal(browser.cookies.has(COOKIE), false);
});

test('other browsers lose it as well', async () => {
  const user = await newUserWithApp();
  const browser = await trustedBrowser(user);
  ok(await user.client.twoFactor.disable({ password: PASSWORD }));
  const { app } = await beginEnrolment(user);
  ok(await user.client.twoFactor.verifyTotp({ code: await app.code() }));
  assert.equal(await isTrusted(user, browser), differs({
    stellar: false, reference: true, why: 'trust was given with another factor',
  }));
});

test('a new password ends all trust', async () => {
  const user = await newUserWithApp();
  const browser = await trustedBrowser(user);
  const newPassword = 'another correct horse';
  ok(await user.client.changePassword({ currentPassword: PASSWORD, newPassword, revokeOtherSessions: true }));
  assert.equal(await isTrusted({ email: user.email, password: newPassword }, browser), differs({
    stellar: false, reference: true, why: 'trust was given with another password',
  }));
});

test('trusted devices are listed, and forgotten one by one', oursOnly, async () => {
  const user = await newUserWithApp();
  const browser = await trustedBrowser(user);
  const { $fetch } = user.client;
  const [device, ...others] = ok(await $fetch('/two-factor/list-trusted-devices'));
  hasKeys(device, ['createdAt', 'expiresAt', 'id', 'ipAddress', 'lastUsedAt', 'userAgent']);
  assert.deepEqual([device.ipAddress, others], [browser.address, []]);
  assert.ok(!browser.cookies.get(COOKIE).includes(device.id));

  const revoke = (client, id) => client.$fetch('/two-factor/revoke-trusted-device', { method: 'POST', body: { id } });
  const stranger = await newUserWithApp();
  ok(await revoke(stranger.client, device.id));
  assert.equal(ok(await $fetch('/two-factor/list-trusted-devices')).length, 1);
  ok(await revoke(user.client, device.id));
  assert.deepEqual(ok(await $fetch('/two-factor/list-trusted-devices')), []);
  assert.equal(await isTrusted(user, browser), false);
  refused(await new Browser().client.$fetch('/two-factor/list-trusted-devices'), 401, 'UNAUTHORIZED');
});
