// What no route can do, done by SQL. The two servers name things differently.

import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { target } from './target.js';

export async function makeAdmin(userId) {
  // Ours orders snapshots of a user by version.
  const sql = target.isOurs
    ? `UPDATE identity."user" SET role = 'admin', version = version + 1 WHERE id = $1`
    : `UPDATE "user" SET role = 'admin' WHERE id = $1`;
  await query(sql, [userId]);
}

/** As if the user had followed the link that proves their address. */
export async function proveAddress(userId) {
  const sql = target.isOurs
    ? 'UPDATE identity."user" SET email_verified = true, version = version + 1 WHERE id = $1'
    : 'UPDATE "user" SET "emailVerified" = true WHERE id = $1';
  await query(sql, [userId]);
}

/** An account at GitHub, as if linked earlier. Gives its id. */
export async function linkAccount(userId) {
  const id = `linked-${userId}`;
  const sql = target.isOurs
    ? `INSERT INTO identity.account (id, user_id, provider_id, account_id, created_at, updated_at)
       VALUES ($1, $2, 'github', $3, now(), now())`
    : `INSERT INTO account (id, "userId", "providerId", "accountId", "createdAt", "updatedAt")
       VALUES ($1, $2, 'github', $3, now(), now())`;
  await query(sql, [id, userId, userId]);
  return id;
}

/** As if the time of the codes that this user has used had passed. The original forgets them anyway. */
export async function letCodesPass(userId) {
  if (target.isOurs) await query('UPDATE mfa.two_factor SET last_used_step = 0 WHERE user_id = $1', [userId]);
}

/** As if the challenges of this user's sign-ins had had their time; the original then deletes them. */
export async function endChallenges(userId) {
  const sql = target.isOurs
    ? 'UPDATE mfa.challenge SET expires_at = now() WHERE user_id = $1'
    : `DELETE FROM verification WHERE value = $1 AND identifier LIKE '2fa-%'`;
  await query(sql, [userId]);
}

/** As if the codes that were mailed for them had had theirs. */
export async function endMailedCodes(userId) {
  const sql = target.isOurs
    ? 'UPDATE mfa.email_code SET expires_at = now() WHERE user_id = $1'
    : `UPDATE verification SET "expiresAt" = now()
       WHERE identifier IN (SELECT '2fa-otp-' || identifier FROM verification WHERE value = $1)`;
  await query(sql, [userId]);
}

/** As if the time for which this user's second factor is locked had passed. */
export async function endLock(userId) {
  const sql = target.isOurs
    ? 'UPDATE mfa.guard SET locked_until = now() WHERE user_id = $1'
    : `UPDATE "twoFactor" SET "lockedUntil" = now() WHERE "userId" = $1`;
  await query(sql, [userId]);
}

/** Runs a file of statements. */
export async function runFile(url) {
  await query(await readFile(url, 'utf8'));
}

/** Runs statements; with values, one. */
export async function query(sql, values) {
  const client = new pg.Client({ connectionString: target.database });
  await client.connect();
  try {
    return await client.query(sql, values);
  } finally {
    await client.end();
  }
}
