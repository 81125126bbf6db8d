import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { hashPassword } from 'better-auth/crypto';
import { Browser } from '../lib/browser.js';
import { query, runFile } from '../lib/database.js';
import { withOriginal } from '../lib/original.js';
import { newUser, ok, PASSWORD, refused, signIn } from '../lib/people.js';
import { oursOnly, target } from '../lib/target.js';

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
  await runFile(new URL('../../identity-svc/import/better-auth.sql', import.meta.url));
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

test('taking over again changes nothing', oursOnly, async () => {
  const newPassword = 'another correct horse';
  const { client } = await signIn(people.plain);
  ok(await client.changePassword({ currentPassword: PASSWORD, newPassword }));
  await takeOver();
  assert.equal((await signIn({ ...people.plain, password: newPassword })).user.id, people.plain.user.id);
});
