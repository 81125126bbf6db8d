// Which keys the objects of the protocol have, all of them and no more.

import assert from 'node:assert/strict';

const USER = [
  'banExpires', 'banReason', 'banned', 'createdAt', 'email', 'emailVerified', 'id', 'image', 'name', 'role',
  'twoFactorEnabled', 'updatedAt',
];
const SESSION = [
  'createdAt', 'expiresAt', 'id', 'impersonatedBy', 'ipAddress', 'token', 'updatedAt', 'userAgent', 'userId',
];
const ACCOUNT = ['accountId', 'createdAt', 'id', 'providerId', 'scopes', 'updatedAt', 'userId'];
const PASSKEY = [
  'aaguid', 'backedUp', 'counter', 'createdAt', 'credentialID', 'deviceType', 'id', 'name', 'publicKey', 'transports',
  'userId',
];

export const isUser = (value) => hasKeys(value, USER);
export const isSession = (value) => hasKeys(value, SESSION);
export const isAccount = (value) => hasKeys(value, ACCOUNT);
export const isPasskey = (value) => hasKeys(value, PASSKEY);

export function hasKeys(value, keys) {
  assert.deepEqual(Object.keys(value).sort(), [...keys].sort());
}

/** The lines that end a session in the browser. */
export const CLEARED = ['session_token', 'session_data', 'dont_remember'].map(cleared);

export function cleared(name) {
  return `better-auth.${name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax`;
}

const SIGNATURE = '[A-Za-z0-9%]+%3D';

/** A line that sets a signed cookie; `maxAge` of undefined is one for the browser's session. */
export function setsCookie(name, value, maxAge) {
  const age = maxAge === undefined ? '' : `; Max-Age=${maxAge}`;
  return new RegExp(`^better-auth\\.${name}=${value}\\.${SIGNATURE}${age}; Path=/; HttpOnly; SameSite=Lax$`);
}

export const WEEK = 604800;
export const TOKEN = '[A-Za-z0-9]{32}';
export const REMEMBERED = setsCookie('session_token', TOKEN, WEEK);
export const NOT_REMEMBERED = setsCookie('session_token', TOKEN);
export const DONT_REMEMBER = setsCookie('dont_remember', 'true');

/** That the answer sets these cookies, in this order, and no others. */
export function setsCookies(answer, expected) {
  assert.equal(answer.setCookies.length, expected.length, answer.setCookies.join('\n'));
  expected.forEach((line, i) => {
    if (line instanceof RegExp) assert.match(answer.setCookies[i], line);
    else assert.equal(answer.setCookies[i], line);
  });
}

/** That the answer is this error. Without a code: only a message; without both: an empty body. */
export function isError(answer, status, code, message) {
  assert.equal(answer.status, status, answer.text);
  if (code === undefined && message === undefined) return assert.equal(answer.text, '');
  const expected = { ...(message !== undefined && { message }), ...(code !== undefined && { code }) };
  const seen = Object.fromEntries(Object.keys(expected).map((key) => [key, answer.json?.[key]]));
  assert.deepEqual(seen, expected, answer.text);
  assert.deepEqual(Object.keys(answer.json).filter((key) => !['message', 'code'].includes(key)), []);
  if (code === undefined) assert.equal(answer.json.code, undefined);
}

/** That the answer sends the browser on. */
export function redirects(answer, location) {
  assert.equal(answer.status, 302, answer.text);
  if (location instanceof RegExp) assert.match(answer.headers.location, location);
  else assert.equal(answer.headers.location, location);
}
