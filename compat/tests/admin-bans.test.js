import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from '../lib/browser.js';
import { canSignIn, isSignedIn, newAdmin, newUser, ok, PASSWORD, refused } from '../lib/people.js';
import { isError, isUser } from '../lib/shapes.js';
import { differs } from '../lib/target.js';

const BANNED = 'You have been banned from this application. Please contact support if you believe this is an error.';
let boss, admin;

before(async () => {
  boss = await newAdmin();
  admin = boss.client.admin;
});

test('an admin bans somebody, whose sessions end', async () => {
  const bob = await newUser();
  const { user } = ok(await admin.banUser({ userId: bob.user.id }));
  isUser(user);
  assert.deepEqual([user.banned, user.banReason, user.banExpires], [true, 'No reason', null]);
  assert.equal(await isSignedIn(bob), false);

  const { signIn } = new Browser().client;
  const error = refused(await signIn.email({ email: bob.email, password: PASSWORD }), 403, 'BANNED_USER');
  assert.equal(error.message, BANNED);
  // Only who has the password is told.
  refused(await signIn.email({ email: bob.email, password: 'not this one' }), 401, 'INVALID_EMAIL_OR_PASSWORD');
});

test('and unbans them', async () => {
  const bob = await newUser();
  ok(await admin.banUser({ userId: bob.user.id, banReason: 'spam', banExpiresIn: 3600 }));
  const { user } = ok(await admin.unbanUser({ userId: bob.user.id }));
  isUser(user);
  assert.deepEqual([user.banned, user.banReason, user.banExpires], [false, null, null]);
  assert.equal(await canSignIn(bob.email, PASSWORD), true);
});

test('a ban has a reason and an end', async () => {
  const bob = await newUser();
  const { user } = ok(await admin.banUser({ userId: bob.user.id, banReason: 'spam', banExpiresIn: 1 }));
  assert.equal(user.banReason, 'spam');
  assert.ok(Math.abs(user.banExpires - Date.now()) < 3000);
  assert.equal(await canSignIn(bob.email, PASSWORD), false);
  await sleep(1100);
  assert.equal(await canSignIn(bob.email, PASSWORD), true);
  const { banned, banReason, banExpires } = ok(await admin.getUser({ query: { id: bob.user.id } }));
  assert.deepEqual([banned, banReason, banExpires], [false, null, null]);
});

test('no seconds are for ever', async () => {
  const bob = await newUser();
  assert.equal(ok(await admin.banUser({ userId: bob.user.id, banExpiresIn: 0 })).user.banExpires, null);
});

test('a ban by update-user is one, too', async () => {
  const bob = await newUser();
  const banExpires = '2099-01-01T00:00:00.000Z';
  const user = ok(await admin.updateUser({ userId: bob.user.id, data: { banned: true, banReason: 'spam', banExpires } }));
  assert.deepEqual([user.banned, user.banReason, user.banExpires], [true, 'spam', new Date(banExpires)]);
  assert.equal(await isSignedIn(bob), false);
  assert.equal(await canSignIn(bob.email, PASSWORD), false);
});

test('a banned admin is none at once', async () => {
  const former = await newAdmin();
  ok(await admin.banUser({ userId: former.user.id }));
  assert.equal((await former.client.admin.listUsers({ query: {} })).error.status, 401);
});

test('a ban that ends before it begins', async () => {
  const bob = await newUser();
  const { status } = await boss.browser.post('/api/auth/admin/ban-user', { userId: bob.user.id, banExpiresIn: -1 });
  assert.equal(status, differs({ stellar: 400, reference: 200, why: 'a ban that is over is none' }));
});

test('bans that are refused', async () => {
  refused(await admin.banUser({ userId: boss.user.id }), 400, 'YOU_CANNOT_BAN_YOURSELF');
  refused(await admin.banUser({ userId: 'unknown' }), 404, 'USER_NOT_FOUND');
  refused(await admin.unbanUser({ userId: 'unknown' }), 404, 'USER_NOT_FOUND');
  isError(
    await boss.browser.post('/api/auth/admin/ban-user'),
    400, 'VALIDATION_ERROR', '[body.userId] Invalid input: expected nonoptional, received undefined',
  );
  refused(await admin.banUser({ userId: 'x', banExpiresIn: 'soon' }), 400, 'VALIDATION_ERROR');
  // A number will do for an id.
  refused(await admin.banUser({ userId: 12 }), 404, 'USER_NOT_FOUND');
});
