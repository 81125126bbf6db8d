import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { hashPassword } from 'better-auth/crypto';
import { Browser } from '../lib/browser.js';
import { query, runFile } from '../lib/database.js';
import { withOriginal } from '../lib/original.js';
import { addPasskey, newUserWithPasskey, signInByPasskey } from '../lib/passkeys.js';
import { newUser, ok, PASSWORD, refused, signIn } from '../lib/people.js';
import { SoftKey } from '../lib/soft-key.js';
import { oursOnly, target } from '../lib/target.js';
import { beginEnrolment, giveHalf, newUserWithApp, newUserWithMailedCodes } from '../lib/two-factor.js';

// docs/migrating.md, with rows that the original has written.

const people = {};

before(async () => {
  if (!target.isOurs) return;
  await withOriginal(async (server) => {
    people.plain = await newUser({ server, name: 'Plain' });
    people.native = await newUser({ server });
    await query('UPDATE public.account SET password = $2 WHERE "userId" = $1', [
      people.native.user.id, await hashPassword(PASSWORD),
    ]);
    people.withApp = await newUserWithApp({ server });
    people.unfinished = await newUser({ server });
    people.unfinished.app = (await beginEnrolment(people.unfinished)).app;
    people.mailed = await newUserWithMailedCodes({ server });
    people.withPasskey = await newUserWithPasskey({}, { server });
    people.withBoth = await newUserWithApp({ server });
    people.withBoth.key = new SoftKey({ counts: false });
    ok(await addPasskey(people.withBoth, people.withBoth.key));
    people.banned = await newUser({ server });
    await query('UPDATE public."user" SET banned = true WHERE id = $1', [people.banned.user.id]);
  });
  await takeOver();
});

after(async () => {
  const tables = ['session', 'account', 'verification', '"twoFactor"', 'passkey', '"user"'];
  for (const table of target.isOurs ? tables : []) await query(`DROP TABLE IF EXISTS public.${table}`);
});

async function takeOver() {
  for (const service of ['identity-svc', 'mfa-svc']) {
    await runFile(new URL(`../../${service}/import/better-auth.sql`, import.meta.url));
  }
}

test('a password is what it was', oursOnly, async () => {
  const { user, session } = ok(await (await signIn(people.plain)).client.getSession());
  const { id, createdAt } = people.plain.user;
  assert.deepEqual([user.id, user.name, user.email, user.role], [id, 'Plain', people.plain.email, 'user']);
  assert.equal(user.createdAt.getTime(), new Date(createdAt).getTime());
  assert.notEqual(session.token, people.plain.token);
  assert.equal((await signIn(people.native)).user.id, people.native.user.id);
  const { client } = new Browser();
  for (const { email } of [people.plain, people.native]) {
    refused(await client.signIn.email({ email, password: `${PASSWORD}!` }), 401, 'INVALID_EMAIL_OR_PASSWORD');
  }
});

test('so is a ban', oursOnly, async () => {
  refused(await new Browser().client.signIn.email({ email: people.banned.email, password: PASSWORD }), 403, 'BANNED_USER');
});

test('an authenticator app goes on', oursOnly, async () => {
  const { app } = people.withApp;
  const half = await giveHalf(people.withApp);
  assert.deepEqual(half.methods, ['totp', 'otp']);
  refused(await half.twoFactor.verifyTotp({ code: app.wrongCode() }), 401, 'INVALID_CODE');
  const { user } = ok(await half.twoFactor.verifyTotp({ code: await app.code() }));
  assert.equal(user.id, people.withApp.user.id);
  // And again, sealed anew by then.
  const again = await giveHalf(people.withApp);
  ok(await again.twoFactor.verifyTotp({ code: await app.code() }));
  const { totpURI } = ok(await again.twoFactor.getTotpUri({ password: PASSWORD }));
  assert.equal(totpURI, `${app.uri}`);
});

test('backup codes are good, once each', oursOnly, async () => {
  const { backupCodes: [first, second] } = people.withApp;
  refused(await (await giveHalf(people.withApp)).twoFactor.verifyBackupCode({ code: 'xxxxx-xxxxx' }), 401, 'INVALID_BACKUP_CODE');
  ok(await (await giveHalf(people.withApp)).twoFactor.verifyBackupCode({ code: first }));
  refused(await (await giveHalf(people.withApp)).twoFactor.verifyBackupCode({ code: first }), 401, 'INVALID_BACKUP_CODE');
  ok(await (await giveHalf(people.withApp)).twoFactor.verifyBackupCode({ code: second }));
});

test('an enrolment that was not finished is begun anew', oursOnly, async () => {
  const { client, user } = await signIn(people.unfinished);
  assert.equal(ok(await client.getSession()).user.twoFactorEnabled, false);
  refused(await client.twoFactor.verifyTotp({ code: people.unfinished.app.shows() }), 400, 'TOTP_NOT_ENABLED');
  const { app } = await beginEnrolment({ client, user });
  ok(await client.twoFactor.verifyTotp({ code: app.shows() }));
});

test('codes are mailed to whom they were', oursOnly, async () => {
  assert.deepEqual((await giveHalf(people.mailed)).methods, ['otp']);
});

test('a passkey signs in', oursOnly, async () => {
  for (const { key, user } of [people.withPasskey, people.withBoth]) {
    const browser = new Browser();
    assert.equal(ok(await signInByPasskey(browser, key)).user.id, user.id);
  }
  const { client } = await signIn(people.withPasskey);
  const [passkey] = ok(await client.passkey.listUserPasskeys());
  const { counter, createdAt, ...rest } = people.withPasskey.passkey;
  assert.deepEqual(passkey, { ...rest, counter: counter + 1, createdAt: passkey.createdAt });
  assert.equal(new Date(passkey.createdAt).getTime(), new Date(createdAt).getTime());
});

test('taking over again changes nothing', oursOnly, async () => {
  const newPassword = 'another correct horse';
  const { client } = await signIn(people.plain);
  ok(await client.changePassword({ currentPassword: PASSWORD, newPassword }));
  await takeOver();
  assert.equal((await signIn({ ...people.plain, password: newPassword })).user.id, people.plain.user.id);
  const { twoFactor } = await giveHalf(people.withApp);
  refused(await twoFactor.verifyBackupCode({ code: people.withApp.backupCodes[0] }), 401, 'INVALID_BACKUP_CODE');
});
