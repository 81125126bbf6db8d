import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { isSignedIn, newUser, ok, refused, signIn } from '../lib/people.js';
import { CLEARED, isError, isSession, setsCookies } from '../lib/shapes.js';
import { differs } from '../lib/target.js';

async function sessionOf({ client }) {
  return ok(await client.getSession()).session;
}

test('somebody lists their sessions', async () => {
  const here = await newUser();
  const there = await signIn(here);
  const sessions = ok(await here.client.listSessions());
  assert.equal(sessions.length, 2);
  for (const session of sessions) {
    isSession(session);
    assert.equal(session.userId, here.user.id);
    assert.ok(session.expiresAt instanceof Date);
  }
  const own = await sessionOf(here);
  assert.deepEqual(sessions.find(({ id }) => id === own.id), own);

  const other = await sessionOf(there);
  const listed = sessions.find(({ id }) => id === other.id);
  const isToken = differs({ stellar: false, reference: true, why: 'a list of sessions is no bunch of keys' });
  assert.equal(listed.token === there.token, isToken);
  assert.deepEqual({ ...listed, token: other.token }, other);
});

test('somebody revokes another session of theirs', async () => {
  const here = await newUser();
  const there = await signIn(here);
  const { id } = await sessionOf(there);
  const { token } = ok(await here.client.listSessions()).find((session) => session.id === id);
  assert.deepEqual(ok(await here.client.revokeSession({ token })), { status: true });
  assert.equal(await isSignedIn(there), false);
  assert.equal(await isSignedIn(here), true);
  assert.equal(ok(await here.client.listSessions()).length, 1);
});

test('somebody revokes the session they are in', async () => {
  const { browser, token } = await newUser();
  const answer = await browser.post('/api/auth/revoke-session', { token });
  assert.deepEqual([answer.status, answer.json], [200, { status: true }]);
  setsCookies(answer, CLEARED);
  assert.equal(await isSignedIn(browser), false);
});

test("nobody revokes another's session", async () => {
  const eve = await newUser();
  const victim = await newUser();
  const [{ token }] = ok(await victim.client.listSessions());
  for (const tried of [token, victim.token, 'unknown']) {
    assert.deepEqual(ok(await eve.client.revokeSession({ token: tried })), { status: true });
  }
  assert.equal(await isSignedIn(victim), true);
});

test('all sessions are revoked', async () => {
  const here = await newUser();
  const there = await signIn(here);
  const answer = await here.browser.post('/api/auth/revoke-sessions');
  assert.deepEqual([answer.status, answer.json], [200, { status: true }]);
  setsCookies(answer, CLEARED);
  assert.deepEqual([await isSignedIn(here), await isSignedIn(there)], [false, false]);
});

test('the client revokes all sessions', async () => {
  const here = await newUser();
  assert.deepEqual(ok(await here.client.revokeSessions()), { status: true });
  assert.equal(await isSignedIn(here), false);
});

test('all other sessions are revoked', async () => {
  const here = await newUser();
  const others = [await signIn(here), await signIn(here)];
  assert.deepEqual(ok(await here.client.revokeOtherSessions()), { status: true });
  for (const other of others) assert.equal(await isSignedIn(other), false);
  assert.equal(await isSignedIn(here), true);
});

test('one must be signed in', async () => {
  const { client } = new Browser();
  for (const call of [
    client.listSessions(), client.revokeSession({ token: 'x' }), client.revokeSessions(), client.revokeOtherSessions(),
  ]) {
    refused(await call, 401, 'UNAUTHORIZED');
  }
  const answer = await new Browser().get('/api/auth/list-sessions');
  isError(answer, 401, 'UNAUTHORIZED', 'Unauthorized');
  setsCookies(answer, []);
});

test('a session to revoke must be named', async () => {
  const { browser } = await newUser();
  for (const path of ['/api/auth/revoke-session']) {
    isError(
      await browser.post(path), 400, 'VALIDATION_ERROR', '[body.token] Invalid input: expected string, received undefined',
    );
  }
  // A bad body is told before whether one is signed in.
  isError(await new Browser().post('/api/auth/revoke-session'), 400, 'VALIDATION_ERROR');
});
