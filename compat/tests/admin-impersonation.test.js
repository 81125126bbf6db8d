import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { freshEmail, isSignedIn, newAdmin, newUser, ok, PASSWORD, refused, signIn } from '../lib/people.js';
import {
  cleared, CLEARED, DONT_REMEMBER, isError, isSession, isUser, NOT_REMEMBERED, REMEMBERED, setsCookie, setsCookies, TOKEN, WEEK,
} from '../lib/shapes.js';
import { differs } from '../lib/target.js';

const IMPERSONATE = '/api/auth/admin/impersonate-user';
const STOP = '/api/auth/admin/stop-impersonating';
const HOUR_MS = 3_600_000;
let account, boss, bob;

before(async () => {
  account = await newAdmin();
});

beforeEach(async () => {
  boss = await signIn(account);
  bob = await newUser({ name: 'Bob' });
});

test('an admin is somebody else for a while', async () => {
  const { session, user } = ok(await boss.client.admin.impersonateUser({ userId: bob.user.id }));
  isSession(session);
  isUser(user);
  assert.deepEqual([user.id, session.userId, session.impersonatedBy], [bob.user.id, bob.user.id, boss.user.id]);
  assert.ok(Math.abs(session.expiresAt - session.createdAt - HOUR_MS) < 1000);

  const seen = ok(await boss.client.getSession());
  assert.deepEqual([seen.user.id, seen.session.impersonatedBy, seen.session.id], [bob.user.id, boss.user.id, session.id]);
  refused(await boss.client.admin.listUsers({ query: {} }), 403, 'YOU_ARE_NOT_ALLOWED_TO_LIST_USERS');

  const back = ok(await boss.client.admin.stopImpersonating());
  assert.deepEqual([back.user.id, back.session.token], [boss.user.id, boss.token]);
  const { session: own } = ok(await boss.client.getSession());
  assert.deepEqual([own.token, own.impersonatedBy], [boss.token, null]);
  ok(await boss.client.admin.listUsers({ query: { limit: 1 } }));
});

test('the cookies on the way there and back', async () => {
  const there = await boss.browser.post(IMPERSONATE, { userId: bob.user.id });
  assert.equal(there.status, 200, there.text);
  setsCookies(there, [...CLEARED, setsCookie('admin_session', `${TOKEN}%3A`, WEEK), NOT_REMEMBERED, DONT_REMEMBER]);
  assert.deepEqual(Object.keys(there.json).sort(), ['session', 'user']);

  const back = await boss.browser.post(STOP);
  assert.equal(back.status, 200, back.text);
  assert.deepEqual(Object.keys(back.json).sort(), ['session', 'user']);
  setsCookies(back, [REMEMBERED, cleared('dont_remember'), cleared('admin_session')]);
});

test('an admin who is not remembered still is not afterwards', async () => {
  const { browser } = await signIn(account, { rememberMe: false });
  const there = await browser.post(IMPERSONATE, { userId: bob.user.id });
  assert.match(there.setCookies[3], setsCookie('admin_session', `${TOKEN}%3Atrue`, WEEK));
  const back = await browser.post(STOP);
  setsCookies(back, [NOT_REMEMBERED, DONT_REMEMBER, cleared('admin_session')]);
});

test('the impersonated do not see it', async () => {
  ok(await boss.client.admin.impersonateUser({ userId: bob.user.id }));
  assert.equal(ok(await bob.client.listSessions()).length, 1);
  assert.equal(await isSignedIn(bob), true);
});

test('the session ends with the impersonation', async () => {
  ok(await boss.client.admin.impersonateUser({ userId: bob.user.id }));
  const left = boss.browser.copy();
  ok(await boss.client.admin.stopImpersonating());
  assert.equal(await isSignedIn(left), false);
});

test('the session is not prolonged by forgetting that it ends', async () => {
  ok(await boss.client.admin.impersonateUser({ userId: bob.user.id }));
  boss.browser.cookies.delete('better-auth.dont_remember');
  const { session } = ok(await boss.client.getSession());
  const lasts = session.expiresAt - session.createdAt;
  const expected = differs({ stellar: HOUR_MS, reference: WEEK * 1000, why: 'the server itself knows how long a session lasts' });
  assert.ok(Math.abs(lasts - expected) < 2000, `${lasts} ms`);
});

test('who cannot be impersonated', async () => {
  const { admin } = boss.client;
  refused(await admin.impersonateUser({ userId: 'unknown' }), 404, 'USER_NOT_FOUND');
  refused(await admin.impersonateUser({ userId: boss.user.id }), 403, 'YOU_CANNOT_IMPERSONATE_ADMINS');
  const other = await newAdmin();
  refused(await admin.impersonateUser({ userId: other.user.id }), 403, 'YOU_CANNOT_IMPERSONATE_ADMINS');
  ok(await admin.banUser({ userId: bob.user.id }));
  refused(await admin.impersonateUser({ userId: bob.user.id }), 403, 'BANNED_USER');
  assert.equal(ok(await boss.client.getSession()).user.id, boss.user.id);
});

test('who does not impersonate cannot stop', async () => {
  isError(await boss.browser.post(STOP), 400, undefined, 'You are not impersonating anyone');
  isError(await bob.browser.post(STOP), 400, undefined, 'You are not impersonating anyone');
  boss.browser.cookies.clear();
  isError(await boss.browser.post(STOP), 401);
});

test('without the way back there is none', async () => {
  ok(await boss.client.admin.impersonateUser({ userId: bob.user.id }));
  boss.browser.cookies.delete('better-auth.admin_session');
  const answer = await boss.browser.post(STOP);
  const status = differs({ stellar: 400, reference: 500, why: "a client's mistake is no fault of the server" });
  isError(answer, status, undefined, 'Failed to find admin session');
});

test('an impersonation ends with the right to it', async () => {
  const former = await newAdmin();
  ok(await former.client.admin.impersonateUser({ userId: bob.user.id }));
  ok(await boss.client.admin.setRole({ userId: former.user.id, role: 'user' }));
  assert.equal(await isSignedIn(former), differs({
    stellar: false, reference: true, why: 'whoever is no admin any more acts for nobody',
  }));
});

test('an admin does not change how somebody else signs in', async () => {
  ok(await boss.client.admin.impersonateUser({ userId: bob.user.id }));
  for (const [route, body] of [
    ['change-email', { newEmail: freshEmail() }],
    ['change-password', { currentPassword: PASSWORD, newPassword: 'another correct horse' }],
    ['delete-user', {}],
  ]) {
    const answer = await boss.browser.post(`/api/auth/${route}`, body);
    assert.equal(answer.status, differs({ stellar: 403, reference: 200, why: 'an impersonation leaves nothing behind' }), route);
    if (answer.status === 403) assert.equal(answer.json.code, 'NOT_ALLOWED_WHILE_IMPERSONATING');
  }
});
