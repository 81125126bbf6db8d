// Users whom a test makes for itself.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Browser } from './browser.js';
import { makeAdmin } from './database.js';

/** The password of everybody about whose password a test says nothing. */
export const PASSWORD = 'correct horse battery';

export function freshEmail() {
  return `user-${randomUUID()}@example.com`;
}

/** What a call of the client gave. */
export function ok({ data, error }) {
  assert.equal(error, null, `refused: ${JSON.stringify(error)}`);
  return data;
}

/** That a call of the client was refused, and how. */
export function refused({ data, error }, status, code) {
  assert.equal(data, null, `not refused: ${JSON.stringify(data)}`);
  assert.deepEqual({ status: error.status, code: error.code }, { status, code }, JSON.stringify(error));
  return error;
}

/** Somebody new, signed in: `{browser, client, email, password, user, token}`. */
export async function newUser({ name = 'Ann', email = freshEmail(), password = PASSWORD, server } = {}) {
  const browser = new Browser(server);
  const { user, token } = ok(await browser.client.signUp.email({ name, email, password }));
  return { browser, client: browser.client, email, password, user, token };
}

/** The same person in another browser. */
export async function signIn({ email, password = PASSWORD }, options = {}) {
  const browser = new Browser();
  const { user, token } = ok(await browser.client.signIn.email({ email, password, ...options }));
  return { browser, client: browser.client, email, password, user, token };
}

/** Nobody could be made an admin by the protocol alone, so this one was in the database. */
export async function newAdmin() {
  const user = await newUser({ name: 'Admin' });
  await makeAdmin(user.user.id);
  return signIn(user);
}

export async function isSignedIn({ client }) {
  return ok(await client.getSession()) !== null;
}

export async function canSignIn(email, password) {
  const { data } = await new Browser().client.signIn.email({ email, password });
  return data !== null;
}
