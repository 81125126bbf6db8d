// What no route can do, done by SQL. The two servers name things differently.

import pg from 'pg';
import { target } from './target.js';

export async function makeAdmin(userId) {
  // Ours orders snapshots of a user by version.
  const sql = target.isOurs
    ? `UPDATE identity."user" SET role = 'admin', version = version + 1 WHERE id = $1`
    : `UPDATE "user" SET role = 'admin' WHERE id = $1`;
  await run(sql, [userId]);
}

/** An account at GitHub, as if linked earlier. Gives its id. */
export async function linkAccount(userId) {
  const id = `linked-${userId}`;
  const sql = target.isOurs
    ? `INSERT INTO identity.account (id, user_id, provider_id, account_id, created_at, updated_at)
       VALUES ($1, $2, 'github', $3, now(), now())`
    : `INSERT INTO account (id, "userId", "providerId", "accountId", "createdAt", "updatedAt")
       VALUES ($1, $2, 'github', $3, now(), now())`;
  await run(sql, [id, userId, userId]);
  return id;
}

async function run(sql, values) {
  const client = new pg.Client({ connectionString: target.database });
  await client.connect();
  try {
    return await client.query(sql, values);
  } finally {
    await client.end();
  }
}
