import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { mailAbout } from '../lib/mailbox.js';
import { isSignedIn, newUser, ok, PASSWORD, refused, signIn } from '../lib/people.js';
import { hasKeys, isError, isUser, REMEMBERED, setsCookies } from '../lib/shapes.js';
import { differs, oursOnly } from '../lib/target.js';
import { beginEnrolment, giveHalf, newUserWithApp, newUserWithMailedCodes } from '../lib/two-factor.js';

const WRONG = { password: 'not this one' };
const RIGHT = { password: PASSWORD };

test('an app is enrolled with its first code', async () => {
  const user = await newUser();
  const { method, totpURI, backupCodes, app } = await beginEnrolment(user);
  assert.equal(method, 'totp');
  assert.ok(totpURI.startsWith(`otpauth://totp/StellarStack:${encodeURIComponent(user.email)}?secret=`), totpURI);
  assert.deepEqual([...app.uri.searchParams].slice(1), [['issuer', 'StellarStack'], ['digits', '6'], ['period', '30']]);
  assert.equal(new Set(backupCodes).size, 10);
  for (const code of backupCodes) assert.match(code, /^[A-Za-z0-9]{5}-[A-Za-z0-9]{5}$/);

  // Nothing has changed until then.
  assert.equal(ok(await user.client.getSession()).user.twoFactorEnabled, false);
  assert.ok((await signIn(user)).token);

  ok(await user.client.twoFactor.verifyTotp({ code: await app.code() }));
  const { user: enrolled, session } = ok(await user.client.getSession());
  assert.equal(enrolled.twoFactorEnabled, true);
  assert.notEqual(session.token, user.token);
  await giveHalf(user);
});

test('the first code gives a new session', async () => {
  const { browser, client, user, token } = await newUser();
  const before = browser.copy();
  const { app } = await beginEnrolment({ client, user });
  const answer = await browser.post('/api/auth/two-factor/verify-totp', { code: app.shows() });
  assert.equal(answer.status, 200, answer.text);
  setsCookies(answer, [REMEMBERED]);
  hasKeys(answer.json, ['token', 'user']);
  isUser(answer.json.user);
  const { session } = ok(await client.getSession());
  assert.deepEqual([answer.json.token, answer.json.user.twoFactorEnabled], differs({
    stellar: [session.token, true], reference: [token, false], why: 'an answer tells what is so now',
  }));
  assert.equal(await isSignedIn(before), false);
});

test('a new factor ends the other sessions', async () => {
  const user = await newUser();
  const other = await signIn(user);
  const { app } = await beginEnrolment(user);
  ok(await user.client.twoFactor.verifyTotp({ code: await app.code() }));
  assert.equal(await isSignedIn(user), true);
  assert.equal(await isSignedIn(other), differs({
    stellar: false, reference: true, why: 'whoever made the new factor necessary may hold a session',
  }));
});

test('the owner is told of every change of a factor', oursOnly, async () => {
  const user = await newUserWithApp();
  const changed = (count) => mailAbout('Your two-factor authentication was changed', user.email, count);
  assert.match((await changed(1)).text, /authenticator app/);
  ok(await user.client.twoFactor.generateBackupCodes(RIGHT));
  assert.match((await changed(2)).text, /backup codes were replaced/);
  ok(await user.client.twoFactor.disable(RIGHT));
  assert.match((await changed(3)).text, /turned off/);
});

test('an enrolment begun anew forgets the first', async () => {
  const user = await newUser();
  const first = await beginEnrolment(user);
  const second = await beginEnrolment(user);
  assert.notEqual(first.totpURI, second.totpURI);
  refused(await user.client.twoFactor.verifyTotp({ code: first.app.shows() }), 401, 'INVALID_CODE');
  ok(await user.client.twoFactor.verifyTotp({ code: second.app.shows() }));
});

test('the address of an app can be seen again', async () => {
  const { client, user } = await newUser();
  refused(await client.twoFactor.getTotpUri(WRONG), 400, 'TOTP_NOT_ENABLED');
  const { totpURI, app } = await beginEnrolment({ client, user });
  assert.deepEqual(ok(await client.twoFactor.getTotpUri(RIGHT)), { totpURI });
  refused(await client.twoFactor.getTotpUri(WRONG), 400, 'INVALID_PASSWORD');
  ok(await client.twoFactor.verifyTotp({ code: app.shows() }));
  assert.deepEqual(ok(await client.twoFactor.getTotpUri(RIGHT)), { totpURI });
});

test('an issuer of the caller', async () => {
  const { client, user } = await newUser();
  const { totpURI, app } = await beginEnrolment({ client, user }, { issuer: 'My Panel' });
  assert.ok(totpURI.startsWith('otpauth://totp/My%20Panel:'), totpURI);
  assert.equal(app.uri.searchParams.get('issuer'), 'My Panel');
  const again = new URL(ok(await client.twoFactor.getTotpUri(RIGHT)).totpURI);
  assert.equal(again.searchParams.get('issuer'), differs({
    stellar: 'My Panel', reference: 'StellarStack', why: 'an app has one name',
  }));
});

test('the address as a QR code, while it waits for the first code', oursOnly, async () => {
  const { browser, client, user } = await newUser();
  const picture = () => browser.get('/api/auth/two-factor/qr-code');
  isError(await picture(), 400, 'TOTP_NOT_ENABLED', 'TOTP not enabled');
  const { totpURI, app } = await beginEnrolment({ client, user });
  const answer = await picture();
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['content-type'], 'image/svg+xml');
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.match(answer.text, /^(<\?xml[^>]*>)?\s*<svg /);
  assert.ok(!answer.text.includes(totpURI));
  ok(await client.twoFactor.verifyTotp({ code: app.shows() }));
  isError(await picture(), 400, 'TOTP_NOT_ENABLED', 'TOTP not enabled');
  isError(await new Browser().get('/api/auth/two-factor/qr-code'), 401, 'UNAUTHORIZED', 'Unauthorized');
});

test('codes by mail are on at once', async () => {
  const user = await newUser();
  const before = user.browser.copy();
  const answer = await user.browser.post('/api/auth/two-factor/enable', { ...RIGHT, method: 'otp' });
  assert.deepEqual([answer.status, answer.json], [200, { method: 'otp' }]);
  setsCookies(answer, [REMEMBERED]);
  assert.equal(await isSignedIn(before), false);
  assert.equal(ok(await user.client.getSession()).user.twoFactorEnabled, true);
  assert.deepEqual((await giveHalf(user)).methods, ['otp']);
});

test('an app joins codes by mail without a new session', async () => {
  const user = await newUserWithMailedCodes();
  const { token } = ok(await user.client.getSession()).session;
  const { app } = await beginEnrolment(user);
  assert.deepEqual((await giveHalf(user)).methods, ['otp']);
  const answer = await user.browser.post('/api/auth/two-factor/verify-totp', { code: app.shows() });
  assert.deepEqual([answer.status, answer.json.token, answer.setCookies], [200, token, []]);
  assert.deepEqual((await giveHalf(user)).methods, ['totp', 'otp']);
});

test('there is one app at a time', async () => {
  const { client } = await newUserWithApp();
  refused(await client.twoFactor.enable(WRONG), 400, 'INVALID_PASSWORD');
  refused(await client.twoFactor.enable(RIGHT), 400, 'TOTP_ALREADY_ENABLED');
});

test('disable', async () => {
  const user = await newUserWithApp();
  const other = user.browser.copy();
  refused(await user.client.twoFactor.disable(WRONG), 400, 'INVALID_PASSWORD');
  const answer = await user.browser.post('/api/auth/two-factor/disable', RIGHT);
  assert.deepEqual([answer.status, answer.json], [200, { status: true }]);
  setsCookies(answer, [REMEMBERED]);
  assert.equal(await isSignedIn(other), false);
  assert.equal(ok(await user.client.getSession()).user.twoFactorEnabled, false);
  assert.ok((await signIn(user)).token);
  refused(await user.client.twoFactor.verifyTotp({ code: await user.app.code() }), 400, 'TOTP_NOT_ENABLED');
  refused(await user.client.twoFactor.getTotpUri(RIGHT), 400, 'TOTP_NOT_ENABLED');
  // And on again.
  const { app } = await beginEnrolment(user);
  ok(await user.client.twoFactor.verifyTotp({ code: await app.code() }));
});

test('who is not signed in, and bodies that are none', async () => {
  const { browser } = await newUser();
  for (const route of ['enable', 'disable', 'get-totp-uri', 'generate-backup-codes']) {
    const path = `/api/auth/two-factor/${route}`;
    isError(await new Browser().post(path, RIGHT), 401, 'UNAUTHORIZED', 'Unauthorized');
    const message = '[body.password] Invalid input: expected string, received undefined';
    isError(await new Browser().post(path, {}), 400, 'VALIDATION_ERROR', message);
    isError(await browser.post(path, {}), 400, 'VALIDATION_ERROR', message);
  }
  for (const route of ['verify-totp', 'verify-otp', 'verify-backup-code']) {
    const message = '[body.code] Invalid input: expected string, received number';
    isError(await browser.post(`/api/auth/two-factor/${route}`, { code: 123456 }), 400, 'VALIDATION_ERROR', message);
  }
  isError(
    await browser.post('/api/auth/two-factor/enable', { ...RIGHT, method: 'sms' }),
    400, 'VALIDATION_ERROR', '[body.method] Invalid option: expected one of "otp"|"totp"',
  );
});

test('what only the server itself may ask', async () => {
  const { browser, user } = await newUserWithApp();
  for (const path of ['two-factor/view-backup-codes', 'totp/generate', 'two-factor/generate-totp']) {
    isError(await browser.post(`/api/auth/${path}`, { userId: user.id, secret: 'x' }), 404);
  }
});
