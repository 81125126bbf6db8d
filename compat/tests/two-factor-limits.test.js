import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { endLock } from '../lib/database.js';
import { isSignedIn, ok, PASSWORD, refused } from '../lib/people.js';
import { cleared, isError, setsCookies } from '../lib/shapes.js';
import { differs } from '../lib/target.js';
import { giveHalf, mailedCode, newUserWithApp, newUserWithMailedCodes, notThis } from '../lib/two-factor.js';

const SPENT = 'TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE';
const LOCKED = 'ACCOUNT_TEMPORARILY_LOCKED';

async function times(count, ask) {
  for (let i = 0; i < count; i++) await ask();
}

function guess({ app }, { twoFactor }) {
  return async () => refused(await twoFactor.verifyTotp({ code: app.wrongCode() }), 401, 'INVALID_CODE');
}

test('five wrong codes end a challenge', async () => {
  const user = await newUserWithApp();
  const half = await giveHalf(user);
  await times(3, guess(user, half));
  await times(2, async () => refused(await half.twoFactor.verifyBackupCode({ code: 'x' }), 401, 'INVALID_BACKUP_CODE'));
  const before = half.browser.copy();
  const answer = await half.browser.post('/api/auth/two-factor/verify-totp', { code: await user.app.code() });
  isError(answer, 400, SPENT, 'Too many attempts. Please request a new code.');
  setsCookies(answer, [cleared('two_factor')]);
  const { twoFactor } = before.client;
  refused(await twoFactor.verifyTotp({ code: user.app.shows() }), 401, 'INVALID_TWO_FACTOR_COOKIE');
  refused(await twoFactor.verifyBackupCode({ code: user.backupCodes[0] }), 401, 'INVALID_TWO_FACTOR_COOKIE');
  // The right one in a new challenge is still good.
  ok(await (await giveHalf(user)).twoFactor.verifyTotp({ code: user.app.shows() }));
});

test('ten wrong codes lock the factor, for codes of every kind', async () => {
  const user = await newUserWithApp();
  const [first, second, third] = [await giveHalf(user), await giveHalf(user), await giveHalf(user)];
  const mailed = await mailedCode(user, third);
  await times(5, guess(user, first));
  await times(5, guess(user, second));
  const answer = await third.browser.post('/api/auth/two-factor/verify-totp', { code: await user.app.code() });
  const message =
    'Too many failed verification attempts. Your account is temporarily locked. Please try again later.';
  isError(answer, 429, LOCKED, message);
  refused(await third.twoFactor.verifyBackupCode({ code: user.backupCodes[0] }), 429, LOCKED);
  refused(await third.twoFactor.verifyOtp({ code: mailed }), 429, LOCKED);
  assert.equal(await isSignedIn(third), false);
  // Whoever is in stays in.
  assert.equal(await isSignedIn(user), true);

  await endLock(user.user.id);
  ok(await third.twoFactor.verifyTotp({ code: user.app.shows() }));
});

test('a right code forgets the wrong ones before it', async () => {
  const user = await newUserWithApp();
  for (let round = 0; round < 3; round++) {
    const half = await giveHalf(user);
    await times(4, guess(user, half));
    ok(await half.twoFactor.verifyTotp({ code: await user.app.code() }));
  }
});

test('codes by mail have the same budget, however many are sent', async () => {
  const user = await newUserWithMailedCodes();
  const half = await giveHalf(user);
  const wrong = async (code) => refused(await half.twoFactor.verifyOtp({ code: notThis(code) }), 401, 'INVALID_CODE');
  const first = await mailedCode(user, half);
  await times(3, () => wrong(first));
  const second = await mailedCode(user, half, 2);
  await times(2, () => wrong(second));
  const { error } = await half.twoFactor.verifyOtp({ code: second });
  assert.equal(error?.code, differs({
    stellar: SPENT, reference: undefined, why: 'another mail gives no guesses back',
  }));
});

test('five wrong codes end a mailed code', async () => {
  const user = await newUserWithMailedCodes();
  const half = await giveHalf(user);
  const code = await mailedCode(user, half);
  await times(5, async () => refused(await half.twoFactor.verifyOtp({ code: notThis(code) }), 401, 'INVALID_CODE'));
  refused(await half.twoFactor.verifyOtp({ code }), 400, SPENT);
  const [status, gone] = differs({
    stellar: [401, 'INVALID_TWO_FACTOR_COOKIE'], reference: [400, 'OTP_HAS_EXPIRED'],
    why: 'five wrong codes end a challenge, whatever their kind',
  });
  refused(await half.twoFactor.verifyOtp({ code }), status, gone);
});

test('who gets codes by mail only is locked as well', async () => {
  const user = await newUserWithMailedCodes();
  let sent = 0;
  for (let round = 0; round < 2; round++) {
    const half = await giveHalf(user);
    const code = await mailedCode(user, half, ++sent);
    await times(5, async () => refused(await half.twoFactor.verifyOtp({ code: notThis(code) }), 401, 'INVALID_CODE'));
  }
  const { error } = await (await giveHalf(user)).twoFactor.verifyOtp({ code: '123456' });
  assert.equal(error.code, differs({
    stellar: LOCKED, reference: 'OTP_HAS_EXPIRED', why: 'every second factor can be guessed at',
  }));
});

test('a session has the same budget', async () => {
  const user = await newUserWithApp();
  const wrong = () => user.client.twoFactor.verifyTotp({ code: user.app.wrongCode() });
  await times(5, async () => refused(await wrong(), 401, 'INVALID_CODE'));
  const { error } = await wrong();
  assert.equal(error.code, differs({
    stellar: SPENT, reference: 'INVALID_CODE', why: 'a stolen session must not be a way to guess',
  }));
  assert.equal(await isSignedIn(user), true);
});

test('nothing is counted without the password', async () => {
  const user = await newUserWithApp();
  for (let i = 0; i < 3; i++) {
    const wrong = { email: user.email, password: `${PASSWORD}!` };
    refused(await new Browser().client.signIn.email(wrong), 401, 'INVALID_EMAIL_OR_PASSWORD');
  }
  ok(await (await giveHalf(user)).twoFactor.verifyTotp({ code: await user.app.code() }));
});
