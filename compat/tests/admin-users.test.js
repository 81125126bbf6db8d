import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { canSignIn, freshEmail, isSignedIn, newAdmin, newUser, ok, PASSWORD, refused, signIn } from '../lib/people.js';
import { isError, isUser } from '../lib/shapes.js';
import { differs } from '../lib/target.js';

const NEW_PASSWORD = 'another correct horse';
let boss, admin;

before(async () => {
  boss = await newAdmin();
  admin = boss.client.admin;
});

function get(id) {
  return admin.getUser({ query: { id } });
}

test('an admin gets a user', async () => {
  const { user } = await newUser();
  const found = ok(await get(user.id));
  isUser(found);
  assert.deepEqual([found.id, found.email, found.role], [user.id, user.email, 'user']);
  refused(await get('unknown'), 404, 'USER_NOT_FOUND');
});

test('an admin creates a user, who signs in', async () => {
  const email = freshEmail();
  const { user } = ok(await admin.createUser({ email: email.toUpperCase(), name: 'Bob', password: PASSWORD }));
  isUser(user);
  assert.deepEqual([user.email, user.name, user.role, user.emailVerified], [email, 'Bob', 'user', false]);
  assert.equal(await canSignIn(email, PASSWORD), true);
});

test('with a role, and more', async () => {
  const data = { image: 'https://example.com/bob.png', emailVerified: true };
  const { user } = ok(await admin.createUser({ email: freshEmail(), name: 'Bob', password: PASSWORD, role: 'admin', data }));
  assert.deepEqual([user.role, user.image, user.emailVerified], ['admin', data.image, true]);
  const several = await admin.createUser({ email: freshEmail(), name: 'Bob', password: PASSWORD, role: ['user', 'admin'] });
  assert.equal(ok(several).user.role, 'user,admin');
});

test('without a password', async () => {
  const email = freshEmail();
  const { user } = ok(await admin.createUser({ email, name: 'Bob' }));
  refused(await new Browser().client.signIn.email({ email, password: PASSWORD }), 401, 'INVALID_EMAIL_OR_PASSWORD');
  ok(await admin.setUserPassword({ userId: user.id, newPassword: NEW_PASSWORD }));
  assert.equal(await canSignIn(email, NEW_PASSWORD), true);
});

test('users that cannot be created', async () => {
  const { email } = await newUser();
  const body = { name: 'Bob', email: freshEmail(), password: PASSWORD };
  refused(await admin.createUser({ ...body, email }), 400, 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL');
  refused(await admin.createUser({ ...body, email: 'bob' }), 400, 'INVALID_EMAIL');
  refused(await admin.createUser({ ...body, password: 'x'.repeat(129) }), 400, 'PASSWORD_TOO_LONG');
  refused(await admin.createUser({ ...body, role: [1] }), 400, 'VALIDATION_ERROR');
  refused(await admin.createUser({ name: 'Bob' }), 400, 'VALIDATION_ERROR');
  const short = await boss.browser.post('/api/auth/admin/create-user', { ...body, password: 'pw' });
  assert.equal(short.status, differs({ stellar: 400, reference: 200, why: 'an admin gives no weaker passwords' }));
});

test('what an admin may not decide of a new user', async () => {
  const data = { id: `mine-${randomUUID()}`, createdAt: '2001-01-01T00:00:00.000Z' };
  const { user } = ok(await admin.createUser({ email: freshEmail(), name: 'Bob', password: PASSWORD, data }));
  assert.equal(user.id === data.id, differs({ stellar: false, reference: true, why: 'ids are made by the server' }));
});

test('an admin changes a user, whose sessions see it at once', async () => {
  const bob = await newUser();
  const email = freshEmail();
  const changed = ok(await admin.updateUser({
    userId: bob.user.id,
    data: { name: 'Robert', image: 'https://example.com/b.png', email: email.toUpperCase(), emailVerified: true },
  }));
  isUser(changed);
  assert.deepEqual(
    [changed.name, changed.image, changed.email, changed.emailVerified], ['Robert', 'https://example.com/b.png', email, true],
  );
  const { user } = ok(await bob.client.getSession());
  assert.deepEqual([user.name, user.email, user.emailVerified], ['Robert', email, true]);
});

test('changes that are refused', async () => {
  const { user: { id: userId } } = await newUser();
  const other = await newUser();
  refused(await admin.updateUser({ userId, data: {} }), 400, 'NO_DATA_TO_UPDATE');
  refused(await admin.updateUser({ userId, data: { password: 'x' } }), 400, 'PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER');
  refused(await admin.updateUser({ userId, data: { id: 'x' } }), 400, 'USER_ID_CANNOT_BE_UPDATED');
  refused(await admin.updateUser({ userId, data: { role: 1 } }), 400, 'INVALID_ROLE_TYPE');
  refused(await admin.updateUser({ userId, data: { email: 'bob' } }), 400, 'INVALID_EMAIL');
  refused(await admin.updateUser({ userId, data: { email: other.email } }), 400, 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL');
  refused(await admin.updateUser({ userId: 'unknown', data: { name: 'x' } }), 404, 'USER_NOT_FOUND');
  refused(await admin.updateUser({ userId: boss.user.id, data: { banned: true } }), 400, 'YOU_CANNOT_BAN_YOURSELF');
  refused(await admin.updateUser({ userId }), 400, 'VALIDATION_ERROR');
});

test('unknown keys are no reason to refuse', async () => {
  const { user: { id: userId } } = await newUser();
  const changed = ok(await admin.updateUser({ userId, data: { name: 'Robert', unknown: 1 } }));
  assert.equal(changed.name, 'Robert');
  isUser(changed);
});

test('an admin gives a role, which holds at once', async () => {
  const bob = await newUser();
  refused(await bob.client.admin.listUsers({ query: {} }), 403, 'YOU_ARE_NOT_ALLOWED_TO_LIST_USERS');
  const { user } = ok(await admin.setRole({ userId: bob.user.id, role: 'admin' }));
  isUser(user);
  assert.equal(user.role, 'admin');
  ok(await bob.client.admin.listUsers({ query: { limit: 1 } }));
  assert.equal(ok(await bob.client.getSession()).user.role, 'admin');

  ok(await admin.updateUser({ userId: bob.user.id, data: { role: 'user' } }));
  refused(await bob.client.admin.listUsers({ query: {} }), 403, 'YOU_ARE_NOT_ALLOWED_TO_LIST_USERS');
  assert.equal(ok(await admin.setRole({ userId: bob.user.id, role: ['user', 'admin'] })).user.role, 'user,admin');
});

test('roles that are none', async () => {
  const { user: { id: userId } } = await newUser();
  refused(await admin.setRole({ userId: 'unknown', role: 'user' }), 404, 'USER_NOT_FOUND');
  refused(await admin.setRole({ userId, role: 1 }), 400, 'VALIDATION_ERROR');
  const { status } = await boss.browser.post('/api/auth/admin/set-role', { userId, role: 'emperor' });
  assert.equal(status, differs({ stellar: 400, reference: 200, why: 'a role that means nothing is a mistake' }));
});

test('an admin does not demote themselves', async () => {
  const other = await newAdmin();
  const answer = await other.browser.post('/api/auth/admin/set-role', { userId: other.user.id, role: 'user' });
  assert.equal(answer.status, differs({ stellar: 400, reference: 200, why: 'there is always an admin' }));
  if (answer.status === 400) assert.equal(answer.json.code, 'YOU_CANNOT_DEMOTE_YOURSELF');
});

test('what an admin writes has its type, too', async () => {
  const { user: { id: userId } } = await newUser();
  const update = async (data) => (await boss.browser.post('/api/auth/admin/update-user', { userId, data })).status;
  for (const data of [{ name: 1 }, { image: 1 }, { emailVerified: 'true' }, { banned: 'true' }]) {
    assert.equal(await update(data), differs({ stellar: 400, reference: 200, why: 'fields have types' }), JSON.stringify(data));
  }
  for (const data of [{ name: null }, { emailVerified: null }, { banExpires: 'soon' }]) {
    const status = differs({ stellar: 400, reference: 500, why: "a client's mistake is no fault of the server" });
    assert.equal(await update(data), status, JSON.stringify(data));
  }
  assert.equal(await update({ twoFactorEnabled: true }), differs({
    stellar: 400, reference: 200, why: 'a second factor is on when there is one',
  }));
});

test('an admin sets a password', async () => {
  const bob = await newUser();
  assert.deepEqual(ok(await admin.setUserPassword({ userId: bob.user.id, newPassword: NEW_PASSWORD })), { status: true });
  assert.equal(await canSignIn(bob.email, PASSWORD), false);
  assert.equal(await canSignIn(bob.email, NEW_PASSWORD), true);
  assert.equal(await isSignedIn(bob), differs({
    stellar: false, reference: true, why: 'whoever made the change necessary may hold a session',
  }));
});

test('passwords that are refused', async () => {
  const userId = boss.user.id;
  const post = (body) => boss.browser.post('/api/auth/admin/set-user-password', body);
  isError(await post({ userId, newPassword: 'short' }), 400, 'PASSWORD_TOO_SHORT', 'Password too short');
  isError(await post({ userId, newPassword: 'x'.repeat(129) }), 400, 'PASSWORD_TOO_LONG', 'Password too long');
  isError(await post({ userId: 'unknown', newPassword: NEW_PASSWORD }), 404, 'USER_NOT_FOUND', 'User not found');
  isError(await post({ userId, newPassword: '' }), 400, 'VALIDATION_ERROR', '[body.newPassword] newPassword cannot be empty');
  isError(await post({ userId: '', newPassword: NEW_PASSWORD }), 400, 'VALIDATION_ERROR', '[body.userId] userId cannot be empty');
});

test('an admin removes a user', async () => {
  const bob = await newUser();
  assert.deepEqual(ok(await admin.removeUser({ userId: bob.user.id })), { success: true });
  refused(await get(bob.user.id), 404, 'USER_NOT_FOUND');
  assert.equal(await isSignedIn(bob), false);
  assert.equal(await canSignIn(bob.email, PASSWORD), false);
  refused(await admin.removeUser({ userId: bob.user.id }), 404, 'USER_NOT_FOUND');
  refused(await admin.removeUser({ userId: boss.user.id }), 400, 'YOU_CANNOT_REMOVE_YOURSELF');
});

test('who may do what', async () => {
  const bob = await newUser();
  const has = async (client, permissions) => ok(await client.admin.hasPermission({ permissions }));
  assert.deepEqual(await has(boss.client, { user: ['create', 'ban'], session: ['revoke'] }), { error: null, success: true });
  assert.deepEqual(await has(bob.client, { user: ['list'] }), { error: null, success: false });
  for (const permissions of [
    { user: ['impersonate-admins'] }, { user: ['list', 'fly'] }, { planet: ['list'] }, {}, { user: [] },
  ]) {
    assert.equal((await has(boss.client, permissions)).success, false, JSON.stringify(permissions));
  }
  // The caller is asked about, whatever else is said.
  const other = await bob.client.admin.hasPermission({ userId: boss.user.id, role: 'admin', permissions: { user: ['list'] } });
  assert.equal(ok(other).success, false);
});

test('questions that are none', async () => {
  const post = (body, browser = boss.browser) => browser.post('/api/auth/admin/has-permission', body);
  isError(await post({}), 400, 'VALIDATION_ERROR', '[body] Invalid input');
  isError(
    await post({ permission: { user: ['list'] } }), 400, undefined, 'invalid permission check. no permission(s) were passed.',
  );
  isError(await post({ permissions: { user: ['list'] } }, new Browser()), 401);
});

test('the client knows the roles itself', () => {
  const { admin } = new Browser().client;
  assert.equal(admin.checkRolePermission({ role: 'admin', permissions: { user: ['ban'] } }), true);
  assert.equal(admin.checkRolePermission({ role: 'user', permissions: { user: ['ban'] } }), false);
});

const ROUTES = [
  ['GET', 'list-users', undefined, 'YOU_ARE_NOT_ALLOWED_TO_LIST_USERS'],
  ['GET', 'get-user?id=x', undefined, 'YOU_ARE_NOT_ALLOWED_TO_GET_USER'],
  ['POST', 'create-user', { email: 'bob@example.com', name: 'Bob' }, 'YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS'],
  ['POST', 'update-user', { userId: 'x', data: { name: 'x' } }, 'YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS'],
  ['POST', 'set-role', { userId: 'x', role: 'user' }, 'YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE'],
  ['POST', 'ban-user', { userId: 'x' }, 'YOU_ARE_NOT_ALLOWED_TO_BAN_USERS'],
  ['POST', 'unban-user', { userId: 'x' }, 'YOU_ARE_NOT_ALLOWED_TO_BAN_USERS'],
  ['POST', 'impersonate-user', { userId: 'x' }, 'YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS'],
  ['POST', 'list-user-sessions', { userId: 'x' }, 'YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS'],
  ['POST', 'revoke-user-session', { sessionToken: 'x' }, 'YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS'],
  ['POST', 'revoke-user-sessions', { userId: 'x' }, 'YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS'],
  ['POST', 'remove-user', { userId: 'x' }, 'YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS'],
  ['POST', 'set-user-password', { userId: 'x', newPassword: NEW_PASSWORD }, 'YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD'],
];

for (const [method, route, body, code] of ROUTES) {
  test(`${route} is for admins`, async () => {
    const path = `/api/auth/admin/${route}`;
    isError(await new Browser().request(method, path, { body }), 401);
    const bob = await newUser();
    isError(await bob.browser.request(method, path, { body }), 403, code);
    if (body) isError(await new Browser().post(path, {}), 400, 'VALIDATION_ERROR');
  });
}

test('an admin of the past is none', async () => {
  const former = await newAdmin();
  ok(await former.client.admin.listUsers({ query: { limit: 1 } }));
  ok(await admin.setRole({ userId: former.user.id, role: 'user' }));
  refused(await former.client.admin.listUsers({ query: { limit: 1 } }), 403, 'YOU_ARE_NOT_ALLOWED_TO_LIST_USERS');
  assert.equal(ok(await former.client.getSession()).user.role, 'user');
  assert.ok(await isSignedIn(await signIn(former)));
});
