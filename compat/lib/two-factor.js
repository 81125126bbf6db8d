// Users with a second factor.

import assert from 'node:assert/strict';
import { Authenticator } from './authenticator.js';
import { Browser } from './browser.js';
import { codeTo } from './mailbox.js';
import { newUser, ok, PASSWORD } from './people.js';

/** Begins an enrolment: what `enable` answered, and the app that has scanned it. */
export async function beginEnrolment({ client, user }, options = {}) {
  const enabled = ok(await client.twoFactor.enable({ password: PASSWORD, ...options }));
  return { ...enabled, app: new Authenticator(user, enabled.totpURI) };
}

/** Somebody new with an authenticator app, signed in: a user as of `newUser`, `app` and `backupCodes`. */
export async function newUserWithApp(person) {
  const user = await newUser(person);
  const { app, backupCodes } = await beginEnrolment(user);
  ok(await user.client.twoFactor.verifyTotp({ code: await app.code() }));
  return { ...user, app, backupCodes };
}

/** Somebody new who gets codes by mail, and has no app. */
export async function newUserWithMailedCodes(person) {
  const user = await newUser(person);
  assert.deepEqual(ok(await user.client.twoFactor.enable({ password: PASSWORD, method: 'otp' })), { method: 'otp' });
  return user;
}

/** Gives the password, in another browser or this one: a challenge is open there. */
export async function giveHalf({ email }, { browser = new Browser(), ...options } = {}) {
  const data = ok(await browser.client.signIn.email({ email, password: PASSWORD, ...options }));
  assert.equal(data.twoFactorRedirect, true, JSON.stringify(data));
  return { browser, client: browser.client, twoFactor: browser.client.twoFactor, methods: data.twoFactorMethods };
}

/** Has the `count`th code sent to this user, in that browser, and reads it. */
export async function mailedCode({ email }, { client }, count = 1) {
  assert.deepEqual(ok(await client.twoFactor.sendOtp()), { status: true });
  return codeTo(email, count);
}

/** Another code than this one. */
export function notThis(code) {
  return code === '000000' ? '000001' : '000000';
}
