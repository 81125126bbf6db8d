import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endMailedCodes } from '../lib/database.js';
import { staysAt } from '../lib/mailbox.js';
import { isSignedIn, newAdmin, newUser, ok, PASSWORD, refused } from '../lib/people.js';
import { cleared, hasKeys, isError, isUser, REMEMBERED, setsCookies } from '../lib/shapes.js';
import { differs, oursOnly } from '../lib/target.js';
import { beginEnrolment, giveHalf, mailedCode, newUserWithApp, newUserWithMailedCodes } from '../lib/two-factor.js';

const RIGHT = { password: PASSWORD };

test('a mailed code signs in, once', async () => {
  const user = await newUserWithMailedCodes();
  const half = await giveHalf(user);
  const code = await mailedCode(user, half);
  const answer = await half.browser.post('/api/auth/two-factor/verify-otp', { code });
  assert.equal(answer.status, 200, answer.text);
  setsCookies(answer, [REMEMBERED, cleared('two_factor')]);
  hasKeys(answer.json, ['token', 'user']);
  isUser(answer.json.user);
  assert.equal(ok(await half.client.getSession()).session.token, answer.json.token);

  const { twoFactor } = await giveHalf(user);
  refused(await twoFactor.verifyOtp({ code }), 400, 'OTP_HAS_EXPIRED');
});

test('who has an app may have a code mailed as well', async () => {
  const user = await newUserWithApp();
  const half = await giveHalf(user);
  const { user: found } = ok(await half.twoFactor.verifyOtp({ code: await mailedCode(user, half) }));
  assert.equal(found.id, user.user.id);
  assert.equal(await isSignedIn(half), true);
});

test('a mailed code is good where it was asked for', async () => {
  const user = await newUserWithMailedCodes();
  const [here, there] = [await giveHalf(user), await giveHalf(user)];
  const code = await mailedCode(user, here);
  refused(await there.twoFactor.verifyOtp({ code }), 400, 'OTP_HAS_EXPIRED');
  ok(await here.twoFactor.verifyOtp({ code }));
});

test('a code that was never sent, and one that is too old', async () => {
  const user = await newUserWithMailedCodes();
  const half = await giveHalf(user);
  const wrong = await half.browser.post('/api/auth/two-factor/verify-otp', { code: '123456' });
  isError(wrong, 400, 'OTP_HAS_EXPIRED', 'OTP has expired');
  const code = await mailedCode(user, half);
  await endMailedCodes(user.user.id);
  refused(await half.twoFactor.verifyOtp({ code }), 400, 'OTP_HAS_EXPIRED');
  ok(await half.twoFactor.verifyOtp({ code: await mailedCode(user, half, 2) }));
});

test('a new code takes the place of the last', async () => {
  const user = await newUserWithMailedCodes();
  const half = await giveHalf(user);
  const first = await mailedCode(user, half);
  const second = await mailedCode(user, half, 2);
  if (first !== second) refused(await half.twoFactor.verifyOtp({ code: first }), 401, 'INVALID_CODE');
  ok(await half.twoFactor.verifyOtp({ code: second }));
});

test('the first mailed code in a session turns them on', async () => {
  const user = await newUser();
  const before = user.browser.copy();
  const code = await mailedCode(user, user);
  const answer = await user.browser.post('/api/auth/two-factor/verify-otp', { code });
  assert.equal(answer.status, 200, answer.text);
  setsCookies(answer, [REMEMBERED]);
  assert.equal(answer.json.user.twoFactorEnabled, true);
  const { session } = ok(await user.client.getSession());
  assert.deepEqual([answer.json.token, await isSignedIn(before)], [session.token, false]);
});

test('a mailbox is not filled', oursOnly, async () => {
  const user = await newUserWithMailedCodes();
  const [here, there] = [await giveHalf(user), await giveHalf(user)];
  for (const half of [here, there, here, there, here]) ok(await half.twoFactor.sendOtp());
  for (const half of [here, there]) refused(await half.twoFactor.sendOtp(), 429, 'TOO_MANY_CODES_REQUESTED');
  // And one that told of the factor.
  await staysAt(6, user.email);
});

test('a backup code signs in, once', async () => {
  const user = await newUserWithApp();
  const [code, other] = user.backupCodes;
  const { browser, client } = await giveHalf(user);
  const answer = await browser.post('/api/auth/two-factor/verify-backup-code', { code });
  assert.equal(answer.status, 200, answer.text);
  setsCookies(answer, [REMEMBERED, cleared('two_factor')]);
  hasKeys(answer.json, ['token', 'user']);
  assert.equal(await isSignedIn({ client }), true);

  const again = await giveHalf(user);
  const used = await again.browser.post('/api/auth/two-factor/verify-backup-code', { code });
  isError(used, 401, 'INVALID_BACKUP_CODE', 'Invalid backup code');
  refused(await again.twoFactor.verifyBackupCode({ code: other.replace('-', '') }), 401, 'INVALID_BACKUP_CODE');
  ok(await again.twoFactor.verifyBackupCode({ code: other }));
});

test('a backup code without a session', async () => {
  const user = await newUserWithApp();
  const [first, second, third] = user.backupCodes;
  const { browser, twoFactor } = await giveHalf(user);
  const answer = await browser.post('/api/auth/two-factor/verify-backup-code', { code: first, disableSession: true });
  assert.equal(answer.status, 200, answer.text);
  hasKeys(answer.json, ['user']);
  setsCookies(answer, []);
  assert.equal(await isSignedIn(browser), false);
  // The challenge is open still; in the original no code is judged there any more.
  const { error } = await twoFactor.verifyBackupCode({ code: second });
  assert.equal(error?.code, differs({
    stellar: undefined, reference: 'INVALID_TWO_FACTOR_COOKIE', why: 'a right code takes no attempt from the next',
  }));

  const { token } = ok(await user.client.getSession()).session;
  const inSession = ok(await user.client.twoFactor.verifyBackupCode({ code: third, disableSession: true }));
  assert.equal(inSession.token, token);
});

test('of several who come with one backup code at once, one is let in', async () => {
  const user = await newUserWithApp();
  const code = user.backupCodes[0];
  const halves = await Promise.all(Array.from({ length: 6 }, () => giveHalf(user)));
  const answers = await Promise.all(halves.map((half) => half.twoFactor.verifyBackupCode({ code })));
  assert.equal(answers.filter(({ data }) => data !== null).length, 1);
});

test('new backup codes take the place of the old', async () => {
  const user = await newUserWithApp();
  const { twoFactor } = user.client;
  refused(await twoFactor.generateBackupCodes({ password: 'not this one' }), 400, 'INVALID_PASSWORD');
  const { status, backupCodes } = ok(await twoFactor.generateBackupCodes(RIGHT));
  assert.deepEqual([status, new Set(backupCodes).size], [true, 10]);
  const half = await giveHalf(user);
  refused(await half.twoFactor.verifyBackupCode({ code: user.backupCodes[0] }), 401, 'INVALID_BACKUP_CODE');
  ok(await half.twoFactor.verifyBackupCode({ code: backupCodes[0] }));
});

test('where there are no backup codes', async () => {
  const nobody = await newUser();
  refused(await nobody.client.twoFactor.generateBackupCodes(RIGHT), 400, 'TWO_FACTOR_NOT_ENABLED');
  refused(await nobody.client.twoFactor.verifyBackupCode({ code: 'x' }), 400, 'BACKUP_CODES_NOT_ENABLED');
  const user = await newUserWithMailedCodes();
  refused(await user.client.twoFactor.generateBackupCodes(RIGHT), 400, 'TWO_FACTOR_NOT_ENABLED');
  const { twoFactor } = await giveHalf(user);
  refused(await twoFactor.verifyBackupCode({ code: 'x' }), 400, 'BACKUP_CODES_NOT_ENABLED');
  refused(await twoFactor.verifyTotp({ code: '123456' }), 400, 'TOTP_NOT_ENABLED');
});

test('the codes of an app whose enrolment was never finished open nothing', async () => {
  const user = await newUserWithMailedCodes();
  const { app, backupCodes } = await beginEnrolment(user);
  const { twoFactor, browser } = await giveHalf(user);
  refused(await twoFactor.verifyTotp({ code: app.shows() }), 400, 'TOTP_NOT_ENABLED');
  const answer = await browser.post('/api/auth/two-factor/verify-backup-code', { code: backupCodes[0] });
  assert.equal(answer.json.code, differs({
    stellar: 'BACKUP_CODES_NOT_ENABLED', reference: undefined, why: 'a factor counts after its first code',
  }));
});

test('an admin who acts as a user changes no factor and proves none', oursOnly, async () => {
  const { user, app } = await newUserWithApp();
  const admin = await newAdmin();
  ok(await admin.client.admin.impersonateUser({ userId: user.id }));
  const { twoFactor } = admin.client;
  for (const ask of [
    () => twoFactor.enable(RIGHT), () => twoFactor.disable(RIGHT), () => twoFactor.getTotpUri(RIGHT),
    () => twoFactor.generateBackupCodes(RIGHT), () => twoFactor.sendOtp(), () => twoFactor.verifyTotp({ code: app.shows() }),
    () => twoFactor.verifyBackupCode({ code: 'x' }),
  ]) refused(await ask(), 403, 'NOT_ALLOWED_WHILE_IMPERSONATING');
});
