import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Browser, raw } from '../lib/browser.js';
import { freshEmail, newUser, PASSWORD } from '../lib/people.js';
import { oursOnly } from '../lib/target.js';

// StellarStack's own routes, which are no part of Better Auth.

const JSON_TYPE = { 'content-type': 'application/json' };

function post(path, body) {
  return raw('POST', path, JSON_TYPE, JSON.stringify(body));
}

before(() => newUser());

test('the status of a system in use', oursOnly, async () => {
  const answer = await raw('GET', '/api/admin/status');
  assert.equal(answer.status, 200);
  const { initialized, hasAdmin, userCount, ...rest } = answer.json;
  assert.deepEqual([initialized, typeof hasAdmin, rest], [true, 'boolean', {}]);
  assert.ok(userCount >= 1);
});

test('a system is set up once', oursOnly, async () => {
  const answer = await post('/api/setup', { name: 'Eve', email: freshEmail(), password: PASSWORD });
  assert.deepEqual([answer.status, answer.json], [400, { error: 'System is already initialized' }]);
});

test('recovery is off without a key', oursOnly, async () => {
  const answer = await post('/api/admin/reset-password', { email: freshEmail(), newPassword: PASSWORD, recoveryKey: 'x' });
  assert.equal(answer.status, 403);
  assert.deepEqual(answer.json, {
    error: 'Password recovery is disabled. Set ADMIN_RECOVERY_KEY environment variable to enable.',
  });
});

test('a ticket for a WebSocket', oursOnly, async () => {
  const { browser, user, token } = await newUser();
  const answer = await browser.get('/api/ws/token');
  assert.equal(answer.status, 200);
  assert.deepEqual(Object.keys(answer.json).sort(), ['token', 'userId']);
  assert.equal(answer.json.userId, user.id);
  assert.notEqual(answer.json.token, token);
  const anonymous = await new Browser().get('/api/ws/token');
  assert.deepEqual([anonymous.status, anonymous.json], [401, { error: 'Not authenticated' }]);
});

test('an application behind the gateway knows who asks', oursOnly, async () => {
  const { browser } = await newUser();
  assert.equal((await browser.get('/api/servers')).status, 200);
  const anonymous = await new Browser().get('/api/servers');
  assert.deepEqual([anonymous.status, anonymous.json], [401, { error: 'Unauthorized' }]);
});

test('answers say what a browser may do with them', oursOnly, async () => {
  for (const path of ['/api/auth/get-session', '/api/auth/nowhere', '/api/admin/status', '/health']) {
    const { headers } = await raw('GET', path);
    assert.equal(headers['x-frame-options'], 'DENY', path);
    assert.equal(headers['x-content-type-options'], 'nosniff', path);
    assert.equal(headers['referrer-policy'], 'strict-origin-when-cross-origin', path);
    assert.equal(headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'", path);
    assert.ok(headers['permissions-policy'], path);
    assert.deepEqual([headers.server, headers['x-powered-by']], [undefined, undefined], path);
  }
});
