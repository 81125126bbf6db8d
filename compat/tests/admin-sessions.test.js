import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { isSignedIn, newAdmin, newUser, ok, refused, signIn } from '../lib/people.js';
import { isSession } from '../lib/shapes.js';
import { differs } from '../lib/target.js';

let admin;

before(async () => {
  ({ client: { admin } } = await newAdmin());
});

test("an admin lists somebody's sessions and revokes one", async () => {
  const here = await newUser();
  const there = await signIn(here);
  const { sessions } = ok(await admin.listUserSessions({ userId: here.user.id }));
  assert.equal(sessions.length, 2);
  sessions.forEach(isSession);
  const isToken = differs({ stellar: false, reference: true, why: 'a list of sessions is no bunch of keys' });
  assert.equal(sessions.some(({ token }) => token === there.token), isToken);

  const { id } = ok(await there.client.getSession()).session;
  const { token } = sessions.find((session) => session.id === id);
  assert.deepEqual(ok(await admin.revokeUserSession({ sessionToken: token })), { success: true });
  assert.deepEqual([await isSignedIn(there), await isSignedIn(here)], [false, true]);
});

test('or all of them', async () => {
  const here = await newUser();
  const there = await signIn(here);
  assert.deepEqual(ok(await admin.revokeUserSessions({ userId: here.user.id })), { success: true });
  assert.deepEqual([await isSignedIn(here), await isSignedIn(there)], [false, false]);
  assert.deepEqual(ok(await admin.listUserSessions({ userId: here.user.id })), { sessions: [] });
});

test('what does not exist has no sessions', async () => {
  assert.deepEqual(ok(await admin.listUserSessions({ userId: 'unknown' })), { sessions: [] });
  assert.deepEqual(ok(await admin.revokeUserSession({ sessionToken: 'unknown' })), { success: true });
  assert.deepEqual(ok(await admin.revokeUserSessions({ userId: 'unknown' })), { success: true });
  refused(await admin.revokeUserSession({ sessionToken: 1 }), 400, 'VALIDATION_ERROR');
});
