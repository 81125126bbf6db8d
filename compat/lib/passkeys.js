// Users with a passkey, and the ceremonies as written.

import { Browser } from './browser.js';
import { newUser, ok } from './people.js';
import { SoftKey } from './soft-key.js';

const PASSKEY = '/api/auth/passkey';

/** Registers a passkey by the client. */
export function addPasskey({ client }, key, options = { name: 'Laptop' }) {
  return key.pluggedIn(() => client.passkey.addPasskey(options));
}

/** Signs in by the client. */
export function signInByPasskey({ client }, key) {
  return key.pluggedIn(() => client.signIn.passkey());
}

/** Somebody new with a passkey on a key of their own, signed in: a user as of `newUser`, `key` and `passkey`. */
export async function newUserWithPasskey(options, person) {
  const user = await newUser(person);
  const key = new SoftKey(options);
  return { ...user, key, passkey: ok(await addPasskey(user, key)) };
}

export function registrationOptions({ browser }, query = '') {
  return browser.get(`${PASSKEY}/generate-register-options${query}`);
}

/** A whole registration without the client, in which the key changes this. */
export async function register({ browser }, key, changes, body) {
  const { json: options } = await registrationOptions({ browser });
  return browser.post(`${PASSKEY}/verify-registration`, { response: key.create(options, changes), ...body });
}

export function authenticationOptions(browser) {
  return browser.get(`${PASSKEY}/generate-authenticate-options`);
}

/** A whole sign-in without the client, in which the key changes this. */
export async function authenticate(key, changes, browser = new Browser()) {
  const { json: options } = await authenticationOptions(browser);
  return verifyAuthentication(browser, key.get(options, changes));
}

export function verifyRegistration({ browser }, response, more) {
  return browser.post(`${PASSKEY}/verify-registration`, { response, ...more });
}

export function verifyAuthentication(browser, response) {
  return browser.post(`${PASSKEY}/verify-authentication`, { response });
}
