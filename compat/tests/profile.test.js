import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { newUser, ok, refused, signIn } from '../lib/people.js';
import { isError, REMEMBERED, setsCookies } from '../lib/shapes.js';
import { differs } from '../lib/target.js';

const UPDATE_USER = '/api/auth/update-user';
const UPDATE_SESSION = '/api/auth/update-session';

async function profile({ client }) {
  return ok(await client.getSession()).user;
}

test('somebody changes name and picture, and all their sessions see it', async () => {
  const here = await newUser();
  const there = await signIn(here);
  const image = 'https://example.com/ann.png';
  assert.deepEqual(ok(await here.client.updateUser({ name: 'Anna', image })), { status: true });
  for (const session of [here, there]) {
    const { name, image: seen, updatedAt } = await profile(session);
    assert.deepEqual([name, seen], ['Anna', image]);
    assert.ok(updatedAt >= new Date(here.user.updatedAt));
  }
  ok(await here.client.updateUser({ image: null }));
  const { name, image: none } = await profile(here);
  assert.deepEqual([name, none], ['Anna', null]);
});

test('the session stays, its cookie is set anew', async () => {
  const { browser, token } = await newUser();
  const before = browser.sessionCookie;
  const answer = await browser.post(UPDATE_USER, { name: 'Anna' });
  assert.deepEqual([answer.status, answer.json], [200, { status: true }]);
  setsCookies(answer, [REMEMBERED]);
  assert.equal(browser.sessionCookie, before);
  assert.equal(ok(await browser.client.getSession()).session.token, token);
});

test('what is not for users to change', async () => {
  const { browser } = await newUser();
  isError(
    await browser.post(UPDATE_USER, { email: 'other@example.com' }),
    400, 'EMAIL_CAN_NOT_BE_UPDATED', 'Email can not be updated',
  );
  for (const [field, value] of [
    ['role', 'admin'], ['banned', true], ['banReason', 'x'], ['banExpires', '2030-01-01T00:00:00.000Z'],
    ['twoFactorEnabled', true],
  ]) {
    isError(
      await browser.post(UPDATE_USER, { name: 'Eve', [field]: value }),
      400, 'FIELD_NOT_ALLOWED', `${field} is not allowed to be set`,
    );
  }
  const { name, role } = await profile(browser);
  assert.deepEqual([name, role], ['Ann', 'user']);
});

test('keys that mean nothing change nothing', async () => {
  const { browser, user } = await newUser();
  isError(await browser.post(UPDATE_USER, {}), 400, undefined, 'No fields to update');
  isError(await browser.post(UPDATE_USER, { unknown: 1 }), 400, undefined, 'No fields to update');
  const answer = await browser.post(UPDATE_USER, { name: 'Anna', id: 'other', emailVerified: true, createdAt: 'x' });
  assert.equal(answer.status, 200, answer.text);
  const { id, emailVerified } = await profile(browser);
  assert.deepEqual([id, emailVerified], [user.id, false]);
});

test('a name is a text', async () => {
  const { browser } = await newUser();
  for (const body of [{ name: 1 }, { image: 1 }]) {
    const { status } = await browser.post(UPDATE_USER, body);
    assert.equal(status, differs({ stellar: 400, reference: 200, why: 'fields have types' }), JSON.stringify(body));
  }
  const { status } = await browser.post(UPDATE_USER, { name: null });
  assert.equal(status, differs({ stellar: 400, reference: 500, why: "a client's mistake is no fault of the server" }));
  const zero = await browser.post(UPDATE_USER, { name: 'a\u0000b' });
  assert.equal(zero.status, differs({ stellar: 400, reference: 500, why: "a client's mistake is no fault of the server" }));
});

test('a body must be an object', async () => {
  const { browser } = await newUser();
  isError(await browser.post(UPDATE_USER, []), 400, 'VALIDATION_ERROR');
});

test('one must be signed in', async () => {
  const { client } = new Browser();
  refused(await client.updateUser({ name: 'Anna' }), 401, 'UNAUTHORIZED');
  refused(await client.updateSession({ theme: 'dark' }), 401, 'UNAUTHORIZED');
});

test('a session has nothing of its own to change', async () => {
  const { browser, client, token } = await newUser();
  const error = refused(await client.updateSession({ theme: 'dark' }), 400, undefined);
  assert.equal(error.message, 'No fields to update');
  for (const body of [{}, { token: 'x' }, { userId: 'x' }, { expiresAt: '2099-01-01T00:00:00.000Z' }]) {
    isError(await browser.post(UPDATE_SESSION, body), 400, undefined, 'No fields to update');
  }
  isError(
    await browser.post(UPDATE_SESSION, { impersonatedBy: 'x' }),
    400, 'FIELD_NOT_ALLOWED', 'impersonatedBy is not allowed to be set',
  );
  assert.equal(ok(await client.getSession()).session.token, token);
});
