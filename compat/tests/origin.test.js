import assert from 'node:assert/strict';
import { test } from 'node:test';
import { raw } from '../lib/browser.js';
import { freshEmail, newUser, PASSWORD } from '../lib/people.js';
import { isError } from '../lib/shapes.js';
import { differs, target } from '../lib/target.js';

const SIGN_IN = '/api/auth/sign-in/email';
const SIGN_UP = '/api/auth/sign-up/email';
const SIGN_OUT = '/api/auth/sign-out';
const EVIL = 'https://evil.example.com';

function post(path, headers, body = '{}') {
  return raw('POST', path, { 'content-type': 'application/json', ...headers }, body);
}

const ANYBODY = JSON.stringify({ name: 'Nobody', email: freshEmail(), password: 'not this one' });
const isMissing = (answer) => isError(answer, 403, 'MISSING_OR_NULL_ORIGIN', 'Missing or null Origin');
const isInvalid = (answer) => isError(answer, 403, 'INVALID_ORIGIN', 'Invalid origin');

test('with any cookie one must say where one comes from', async () => {
  for (const cookie of ['theme=dark', 'better-auth.session_token=x']) {
    isMissing(await post(SIGN_OUT, { cookie }));
    isMissing(await post(SIGN_OUT, { cookie, origin: 'null' }));
    for (const origin of [
      EVIL, 'x', `${target.frontend}.evil.example.com`, target.frontend.replace('http:', 'https:'), `${target.frontend}0`,
    ]) {
      isInvalid(await post(SIGN_OUT, { cookie, origin }));
    }
    isInvalid(await post(SIGN_OUT, { cookie, referer: `${EVIL}/page` }));
    isInvalid(await post(SIGN_OUT, { cookie, origin: EVIL, referer: `${target.frontend}/page` }));

    for (const origin of [target.frontend, target.origin, target.frontend.replace('localhost', 'LOCALHOST')]) {
      assert.equal((await post(SIGN_OUT, { cookie, origin })).status, 200, origin);
    }
    assert.equal((await post(SIGN_OUT, { cookie, referer: `${target.frontend}/page?x` })).status, 200);
  }
});

test('of the null origin of the very same site', async () => {
  const headers = { cookie: 'theme=dark', origin: 'null', 'sec-fetch-site': 'same-origin' };
  assert.equal((await post(SIGN_OUT, headers)).status, 200);
  isMissing(await post(SIGN_OUT, { ...headers, 'sec-fetch-site': 'same-site' }));
});

test('without a cookie most routes do not ask', async () => {
  assert.equal((await post(SIGN_OUT, {})).status, 200);
  const { status } = await post(SIGN_OUT, { origin: EVIL });
  assert.equal(status, differs({ stellar: 403, reference: 200, why: 'a foreign page has no business here' }));
});

test('sign-in and sign-up ask browsers even then', async () => {
  for (const path of [SIGN_IN, SIGN_UP]) {
    isInvalid(await post(path, { origin: EVIL }, ANYBODY));
    isInvalid(await post(path, { referer: `${EVIL}/page` }, ANYBODY));
    isMissing(await post(path, { 'sec-fetch-mode': 'cors' }, ANYBODY));
    isInvalid(await post(path, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', origin: EVIL }, ANYBODY));
    isError(
      await post(path, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', origin: target.frontend }, ANYBODY),
      403, 'CROSS_SITE_NAVIGATION_LOGIN_BLOCKED',
      'Cross-site navigation login blocked. This request appears to be a CSRF attack.',
    );
  }
  assert.equal((await post(SIGN_IN, {}, ANYBODY)).status, 401);
  assert.equal((await post(SIGN_IN, { 'sec-fetch-mode': 'cors', origin: target.frontend }, ANYBODY)).status, 401);
});

test('reading needs no origin', async () => {
  const { browser } = await newUser();
  for (const origin of [null, EVIL]) {
    browser.origin = origin;
    assert.equal((await browser.get('/api/auth/list-sessions')).status, 200);
  }
});

const GOOD = [
  '/dash', '/foo?x=%2F%2Fevil', '/foo?u=http://evil.example.com', '/a b', '/é', '/',
  target.frontend, `${target.frontend}/x`, `${target.frontend}/x`.replace('http://localhost', 'HTTP://LOCALHOST'),
  target.frontend.replace('http://', 'http://evil.example.com@'), `${target.origin}/x`, '',
];
const BAD = [
  '//evil.example.com', '/\\evil.example.com', '/%5Cevil.example.com', '/%2f/evil', '/a%2Fb', 'dash', '?x=1', '#a',
  `${target.frontend}.evil.example.com`, `${target.frontend}@evil.example.com`, target.frontend.replace('http:', 'https:'),
  `${target.frontend}0`, 'http://localhost', 'javascript:alert(1)', 'data:text/html,x', '\t/foo', '/foo\n', 'myapp://x', EVIL,
];

test('pages that answers may lead to', async () => {
  for (const callbackURL of GOOD) {
    const answer = await post(SIGN_IN, {}, JSON.stringify({ email: freshEmail(), password: PASSWORD, callbackURL }));
    assert.equal(answer.status, 401, `${callbackURL}: ${answer.text}`);
  }
});

test('paths that do not say where they lead', async () => {
  for (const callbackURL of ['/a//b', '/a/./b', '/..', '/%2e%2e/x']) {
    const answer = await post(SIGN_IN, {}, JSON.stringify({ email: freshEmail(), password: PASSWORD, callbackURL }));
    assert.equal(answer.status, differs({ stellar: 403, reference: 401, why: 'a path has one spelling' }), callbackURL);
  }
});

test('pages that they may not lead to', async () => {
  for (const callbackURL of BAD) {
    const answer = await post(SIGN_IN, {}, JSON.stringify({ email: freshEmail(), password: PASSWORD, callbackURL }));
    assert.equal(answer.json?.code, 'INVALID_CALLBACK_URL', `${JSON.stringify(callbackURL)}: ${answer.text}`);
    assert.equal(answer.status, 403);
  }
});

test('every field that names a page, on every route', async () => {
  for (const [field, code, label] of [
    ['callbackURL', 'INVALID_CALLBACK_URL', 'callbackURL'],
    ['redirectTo', 'INVALID_REDIRECT_URL', 'redirectURL'],
    ['errorCallbackURL', 'INVALID_ERROR_CALLBACK_URL', 'errorCallbackURL'],
    ['newUserCallbackURL', 'INVALID_NEW_USER_CALLBACK_URL', 'newUserCallbackURL'],
  ]) {
    for (const path of [SIGN_OUT, '/api/auth/update-user', '/api/auth/revoke-sessions', '/api/auth/request-password-reset']) {
      isError(await post(path, {}, JSON.stringify({ [field]: EVIL })), 403, code, `Invalid ${label}`);
      isError(await post(path, {}, JSON.stringify({ [field]: 1 })), 400, undefined, `Invalid ${label}: expected a string`);
    }
  }
});
