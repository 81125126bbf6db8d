import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { endChallenges } from '../lib/database.js';
import { isSignedIn, newAdmin, ok, PASSWORD, refused } from '../lib/people.js';
import {
  cleared, DONT_REMEMBER, hasKeys, isError, isUser, NOT_REMEMBERED, REMEMBERED, setsCookie, setsCookies,
} from '../lib/shapes.js';
import { differs } from '../lib/target.js';
import { giveHalf, newUserWithApp } from '../lib/two-factor.js';

const SIGN_IN = '/api/auth/sign-in/email';
const VERIFY = '/api/auth/two-factor/verify-totp';
const DAY_MS = 86_400_000;
const CHALLENGE = setsCookie('two_factor', '2fa-[A-Za-z0-9_-]{20}', 600);

test('a password alone signs nobody in', async () => {
  const { email } = await newUserWithApp();
  const browser = new Browser();
  const answer = await browser.post(SIGN_IN, { email, password: PASSWORD });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.json, { twoFactorRedirect: true, twoFactorMethods: ['totp', 'otp'] });
  setsCookies(answer, [cleared('session_token'), cleared('session_data'), CHALLENGE]);
  assert.equal(await isSignedIn(browser), false);
  refused(await browser.client.listSessions(), 401, 'UNAUTHORIZED');
});

test('the client sends its page on, and the code signs in', async () => {
  const { email, app, user } = await newUserWithApp();
  const { browser, client, twoFactor } = await giveHalf({ email });
  assert.deepEqual(browser.challenges, [{ twoFactorMethods: ['totp', 'otp'] }]);
  const data = ok(await twoFactor.verifyTotp({ code: await app.code() }));
  assert.deepEqual([data.user.id, data.user.twoFactorEnabled], [user.id, true]);
  const { session } = ok(await client.getSession());
  assert.deepEqual([session.token, session.ipAddress], [data.token, browser.address]);
});

test('the answer has a whole user, and the challenge is over', async () => {
  const { email, app } = await newUserWithApp();
  const { browser, twoFactor } = await giveHalf({ email });
  const before = browser.copy();
  const answer = await browser.post(VERIFY, { code: await app.code() });
  assert.equal(answer.status, 200, answer.text);
  setsCookies(answer, [REMEMBERED, cleared('two_factor')]);
  hasKeys(answer.json, ['token', 'user']);
  isUser(answer.json.user);
  assert.equal(browser.cookies.has('better-auth.two_factor'), false);
  refused(await before.client.twoFactor.verifyTotp({ code: await app.code() }), 401, 'INVALID_TWO_FACTOR_COOKIE');
  // In a session the client may ask again; nothing new begins.
  const { token } = ok(await twoFactor.verifyTotp({ code: await app.code() }));
  assert.equal(token, answer.json.token);
});

test('rememberMe is remembered through the factor', async () => {
  const { email, app } = await newUserWithApp();
  const browser = new Browser();
  const half = await browser.post(SIGN_IN, { email, password: PASSWORD, rememberMe: false });
  setsCookies(half, [DONT_REMEMBER, cleared('session_token'), cleared('session_data'), CHALLENGE]);
  const answer = await browser.post(VERIFY, { code: await app.code() });
  setsCookies(answer, [NOT_REMEMBERED, DONT_REMEMBER, cleared('two_factor')]);
  const { session } = ok(await browser.client.getSession());
  assert.ok(Math.abs(session.expiresAt - session.createdAt - DAY_MS) < 1000);
});

test('a wrong code is told, and the challenge stays', async () => {
  const { email, app } = await newUserWithApp();
  const { browser, twoFactor } = await giveHalf({ email });
  for (const code of [app.wrongCode(), '', `${app.shows()} `, app.shows().slice(1)]) {
    const answer = await browser.post(VERIFY, { code });
    isError(answer, 401, 'INVALID_CODE', 'Invalid code');
    setsCookies(answer, []);
  }
  ok(await twoFactor.verifyTotp({ code: await app.code() }));
});

test('codes of half a minute before and after are good, and no others', async () => {
  const { email, app } = await newUserWithApp();
  const { twoFactor } = await giveHalf({ email });
  refused(await twoFactor.verifyTotp({ code: app.shows(-3) }), 401, 'INVALID_CODE');
  refused(await twoFactor.verifyTotp({ code: app.shows(3) }), 401, 'INVALID_CODE');
  await app.code();
  // What it shows may change between here and there; the one after is within reach all the same.
  ok(await twoFactor.verifyTotp({ code: app.shows(1) }));
});

test('a code is good once', async () => {
  const { email, app } = await newUserWithApp();
  const code = await app.code();
  ok(await (await giveHalf({ email })).twoFactor.verifyTotp({ code }));
  const { data } = await (await giveHalf({ email })).twoFactor.verifyTotp({ code });
  assert.equal(data !== null, differs({
    stellar: false, reference: true, why: 'a code that was seen must be worthless',
  }));
});

test('without a challenge there is nothing to prove', async () => {
  const { email, app, user } = await newUserWithApp();
  const routes = ['verify-totp', 'verify-otp', 'verify-backup-code', 'send-otp'];
  const body = { code: app.shows() };
  for (const route of routes) {
    const answer = await new Browser().post(`/api/auth/two-factor/${route}`, body);
    isError(answer, 401, 'INVALID_TWO_FACTOR_COOKIE', 'Invalid two factor cookie');
    setsCookies(answer, []);
  }
  const { browser } = await giveHalf({ email });
  const forged = browser.copy();
  forged.cookies.set('better-auth.two_factor', browser.cookies.get('better-auth.two_factor').replace('2fa-', '2fb-'));
  isError(await forged.post(VERIFY, body), 401, 'INVALID_TWO_FACTOR_COOKIE', 'Invalid two factor cookie');
  await endChallenges(user.id);
  for (const route of routes) {
    const answer = await browser.copy().post(`/api/auth/two-factor/${route}`, body);
    isError(answer, 401, 'INVALID_TWO_FACTOR_COOKIE', 'Invalid two factor cookie');
    setsCookies(answer, differs({
      stellar: [cleared('two_factor')], reference: [], why: 'what opens nothing any more need not be kept',
    }));
  }
});

test('a challenge takes the codes of its own user', async () => {
  const ann = await newUserWithApp();
  const bob = await newUserWithApp();
  const { twoFactor } = await giveHalf(ann);
  refused(await twoFactor.verifyTotp({ code: await bob.app.code() }), 401, 'INVALID_CODE');
});

test('a session counts before a challenge', async () => {
  const ann = await newUserWithApp();
  const bob = await newUserWithApp();
  const { browser } = await giveHalf(ann);
  bob.browser.cookies.set('better-auth.two_factor', browser.cookies.get('better-auth.two_factor'));
  refused(await bob.client.twoFactor.verifyTotp({ code: await ann.app.code() }), 401, 'INVALID_CODE');
  const { user } = ok(await bob.client.twoFactor.verifyTotp({ code: await bob.app.code() }));
  assert.equal(user.id, bob.user.id);
});

test('whoever is banned meanwhile stays out', async () => {
  const { email, app, user } = await newUserWithApp();
  const { twoFactor, client } = await giveHalf({ email });
  const admin = await newAdmin();
  ok(await admin.client.admin.banUser({ userId: user.id }));
  const [status, code] = differs({
    stellar: [401, 'INVALID_TWO_FACTOR_COOKIE'], reference: [403, 'BANNED_USER'],
    why: 'a ban ends the sign-ins that were begun',
  });
  refused(await twoFactor.verifyTotp({ code: await app.code() }), status, code);
  assert.equal(await isSignedIn({ client }), false);
});

test('a callback for later does not come with a challenge', async () => {
  const { email } = await newUserWithApp();
  const answer = await new Browser().post(SIGN_IN, { email, password: PASSWORD, callbackURL: '/dash' });
  assert.deepEqual(Object.keys(answer.json).sort(), ['twoFactorMethods', 'twoFactorRedirect']);
});
