import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, raw } from '../../lib/browser.js';
import { freshEmail, PASSWORD } from '../../lib/people.js';
import { redirects } from '../../lib/shapes.js';
import { differs, oursOnly, target } from '../../lib/target.js';

async function statuses(count, send) {
  const seen = [];
  for (let i = 0; i < count; i++) seen.push((await send()).status);
  return seen;
}

test('three tries in ten seconds, then one waits', async () => {
  const browser = new Browser();
  const send = () => browser.post('/api/auth/sign-in/email', { email: freshEmail(), password: PASSWORD });
  assert.deepEqual(await statuses(3, send), [401, 401, 401]);
  const answer = await send();
  assert.equal(answer.status, 429);
  assert.deepEqual(answer.json, { message: 'Too many requests. Please try again later.' });
  assert.match(answer.headers['x-retry-after'], /^([1-9]|10)$/);
  assert.equal(answer.headers['retry-after'], differs({
    stellar: answer.headers['x-retry-after'], reference: undefined, why: 'Retry-After is what other clients know',
  }));

  // Others, and other paths, are counted apart.
  browser.address = new Browser().address;
  assert.equal((await send()).status, 401);
});

test('so it is for mails', async () => {
  for (const path of ['/api/auth/request-password-reset', '/api/auth/send-verification-email']) {
    const browser = new Browser();
    assert.deepEqual(await statuses(4, () => browser.post(path, { email: freshEmail() })), [200, 200, 200, 429], path);
  }
});

test('and for codes', async () => {
  const browser = new Browser();
  const send = () => browser.post('/api/auth/two-factor/verify-totp', { code: '123456' });
  assert.deepEqual(await statuses(4, send), [401, 401, 401, 429]);
  assert.equal((await browser.post('/api/auth/two-factor/verify-otp', { code: '123456' })).status, 401);
});

test('a network of IPv6 is one address', async () => {
  const addresses = ['2001:db8:a:b::1', '2001:DB8:a:b::2', '2001:0db8:000a:000b:ffff:0:0:3', '2001:db8:a:b:1::'];
  const send = () => {
    const browser = new Browser();
    browser.address = addresses.shift();
    return browser.post('/api/auth/sign-in/email', { email: freshEmail(), password: PASSWORD });
  };
  assert.deepEqual(await statuses(4, send), [401, 401, 401, 429]);
});

test('the page of errors', async () => {
  for (const [query, location] of [
    ['error=INVALID_TOKEN', /\/\?error=INVALID_TOKEN$/],
    ['error=%3Cscript%3E', /\/\?error=UNKNOWN$/],
    ['', /\/\?error=UNKNOWN$/],
  ]) {
    const answer = await raw('GET', `/api/auth/error?${query}`, { 'x-forwarded-for': new Browser().address });
    redirects(answer, location);
    const { origin } = new URL(answer.headers.location, target.origin);
    assert.equal(origin, differs({
      stellar: target.frontend, reference: target.origin, why: 'the pages are on the frontend',
    }));
  }
});

test('every answer says how much is left', oursOnly, async () => {
  const browser = new Browser();
  const left = async () => {
    const { headers } = await browser.get('/api/auth/get-session');
    assert.equal(headers['x-ratelimit-limit'], '100');
    const resets = Number(headers['x-ratelimit-reset']) - Date.now() / 1000;
    assert.ok(resets > 5 && resets < 15, `in ${resets} s`);
    return Number(headers['x-ratelimit-remaining']);
  };
  assert.deepEqual([await left(), await left()], [99, 98]);
});
