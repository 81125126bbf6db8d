import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, raw } from '../lib/browser.js';
import { newUser } from '../lib/people.js';
import { isError, redirects } from '../lib/shapes.js';
import { differs, target } from '../lib/target.js';

const SIGN_IN = '/api/auth/sign-in/email';
const JSON_TYPE = { 'content-type': 'application/json' };

test('the server says that it is there', async () => {
  const answer = await raw('GET', '/api/auth/ok');
  assert.deepEqual([answer.status, answer.json], [200, { ok: true }]);
  const health = await raw('GET', '/health');
  assert.equal(health.status, 200);
  assert.equal(health.json.status, 'ok');
  assert.match(health.json.timestamp, /^\d{4}-\d\d-\d\dT.*Z$/);
});

test('paths that lead nowhere', async () => {
  for (const path of [
    '/api/auth', '/api/auth/', '/api/auth/x', '/api/auth//ok', '/api/auth/ok/', '/api/auth/OK', '/api/auth/%6fk',
    '/api/auth/get-session/', '/api/auth/sign-in/email', '/api/auth/sign-up/email', '/api/auth/reset-password',
  ]) {
    isError(await raw('GET', path), 404);
  }
  for (const path of [
    '/api/auth/ok', '/api/auth/list-sessions', '/api/auth/set-password', '/api/auth/forget-password',
    '/api/auth/sign-in/email/', '/api/auth//sign-in/email', '/api/auth/totp/generate', '/api/auth/two-factor/view-backup-codes',
  ]) {
    isError(await raw('POST', path, JSON_TYPE, '{}'), 404);
  }
  for (const path of ['/', '/api', '/api/x', '/nowhere']) {
    const answer = await raw('GET', path);
    assert.deepEqual([answer.status, answer.json], [404, { error: 'Not found' }], path);
  }
});

test('methods that are none', async () => {
  for (const method of ['PUT', 'DELETE', 'PATCH']) {
    const answer = await raw(method, SIGN_IN, JSON_TYPE, '{}');
    assert.deepEqual([answer.status, answer.json], [404, { error: 'Not found' }], method);
  }
});

test('a body has a type', async () => {
  const body = '{"email":"ann@example.com","password":"x"}';
  const allowed = 'Allowed types: application/x-www-form-urlencoded, application/json';
  for (const [type, message] of [
    ['text/plain', `Content-Type "text/plain" is not allowed. ${allowed}`],
    ['application/ld+json', `Content-Type "application/ld+json" is not allowed. ${allowed}`],
    ['multipart/form-data; boundary=x', `Content-Type "multipart/form-data; boundary=x" is not allowed. ${allowed}`],
  ]) {
    isError(await raw('POST', SIGN_IN, { 'content-type': type }, body), 415, 'UNSUPPORTED_MEDIA_TYPE', message);
  }
  isError(await raw('POST', SIGN_IN, {}, body), 415, 'UNSUPPORTED_MEDIA_TYPE', `Content-Type is required. ${allowed}`);
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  isError(
    await raw('POST', '/api/auth/update-user', form, 'name=x'), 415, 'UNSUPPORTED_MEDIA_TYPE',
    'Content-Type "application/x-www-form-urlencoded" is not allowed. Allowed types: application/json',
  );
});

test('its spelling does not matter', async () => {
  const body = '{"email":"ann","password":"x"}';
  for (const type of ['Application/JSON', 'application/json; charset=utf-8', 'application/json ;charset=x']) {
    isError(await raw('POST', SIGN_IN, { 'content-type': type }, body), 400, 'INVALID_EMAIL', 'Invalid email');
  }
});

test('a body is JSON, and an object', async () => {
  for (const body of ['{', 'x', '{"email":}', '{"a":1,}']) {
    isError(await raw('POST', SIGN_IN, JSON_TYPE, body), 400, 'BAD_REQUEST', 'Invalid JSON in request body');
  }
  for (const body of ['null', '[]', '1', '"x"', 'true']) {
    isError(await raw('POST', SIGN_IN, JSON_TYPE, body), 400, 'VALIDATION_ERROR');
    isError(await raw('POST', '/api/auth/sign-up/email', JSON_TYPE, body), 400, 'VALIDATION_ERROR');
  }
});

test('no body at all', async () => {
  const { status, json } = await raw('POST', SIGN_IN, JSON_TYPE, '');
  const code = differs({ stellar: 'VALIDATION_ERROR', reference: 'BAD_REQUEST', why: 'no body is not a broken one' });
  assert.deepEqual([status, json.code], [400, code]);
  isError(await raw('POST', SIGN_IN, {}, ''), 415, 'UNSUPPORTED_MEDIA_TYPE');
});

test('a body has a size', async () => {
  const email = `${'x'.repeat(100_000)}@example.com`;
  const { status } = await raw('POST', SIGN_IN, JSON_TYPE, JSON.stringify({ email, password: 'x' }));
  assert.equal(status, differs({ stellar: 413, reference: 401, why: 'nobody needs more than 64 KiB' }));
});

test('keys that programs trip over', async () => {
  for (const key of ['__proto__', 'constructor', 'toString']) {
    const answer = await raw('POST', SIGN_IN, JSON_TYPE, `{"email":"ann@example.com","password":"x","${key}":{"x":1}}`);
    assert.equal(answer.status, 401, answer.text);
  }
});

test('a request is judged in an order', async () => {
  const { browser } = await newUser();
  const foreign = { origin: 'https://evil.example.com' };
  const update = (body, headers) => browser.request('POST', '/api/auth/update-user', { body, headers });
  isError(await update('x', { ...foreign, 'content-type': 'text/plain' }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  isError(await update('{', foreign), 400, 'BAD_REQUEST');
  isError(await update('[]', foreign), 403, 'INVALID_ORIGIN');
  isError(await new Browser().post('/api/auth/update-user', []), 400, 'VALIDATION_ERROR');
  isError(await new Browser().post('/api/auth/update-user', { name: 'x' }), 401, 'UNAUTHORIZED');
});

test('the page of errors', async () => {
  const answer = await raw('GET', '/api/auth/error?error=INVALID_TOKEN&error_description=%3Cb%3Ex');
  if (answer.status === 302) return redirects(answer, /[?&]error=INVALID_TOKEN/);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/html/);
  assert.match(answer.text, /INVALID_TOKEN/);
  assert.doesNotMatch(answer.text, /<b>x/);
  const odd = await raw('GET', '/api/auth/error?error=%3Cscript%3Ealert(1)%3C/script%3E');
  assert.match(odd.text, /UNKNOWN/);
  assert.doesNotMatch(odd.text, /<script>alert/);
});

test('a browser may read answers only on pages of the frontend', async () => {
  for (const path of ['/api/auth/get-session', '/api/auth/list-sessions', '/api/auth/nowhere', '/health']) {
    const answer = await raw('GET', path, { origin: target.frontend });
    assert.equal(answer.headers['access-control-allow-origin'], target.frontend, path);
    assert.equal(answer.headers['access-control-allow-credentials'], 'true', path);
    assert.match(answer.headers.vary, /\bOrigin\b/i, path);
  }
  for (const origin of ['https://evil.example.com', `${target.frontend}.evil.example.com`, 'null']) {
    const answer = await raw('GET', '/api/auth/get-session', { origin });
    assert.notEqual(answer.headers['access-control-allow-origin'], origin);
    assert.notEqual(answer.headers['access-control-allow-origin'], '*');
  }
});

test('a browser asks before it posts', async () => {
  const ask = (origin) => raw('OPTIONS', SIGN_IN, {
    origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type',
  });
  const answer = await ask(target.frontend);
  assert.deepEqual([answer.status, answer.text], [204, '']);
  assert.equal(answer.headers['access-control-allow-origin'], target.frontend);
  assert.equal(answer.headers['access-control-allow-credentials'], 'true');
  assert.match(answer.headers['access-control-allow-methods'], /\bPOST\b/);
  assert.match(answer.headers['access-control-allow-headers'], /content-type/i);
  const foreign = await ask('https://evil.example.com');
  assert.notEqual(foreign.headers['access-control-allow-origin'], 'https://evil.example.com');
});

test('nothing is kept by caches', async () => {
  const { browser } = await newUser();
  for (const path of ['/api/auth/list-sessions', '/api/auth/list-accounts', '/api/auth/nowhere']) {
    const answer = await browser.get(path);
    assert.equal(answer.headers['cache-control'], differs({
      stellar: 'no-store', reference: undefined, why: 'every answer may be about somebody',
    }), path);
  }
});
