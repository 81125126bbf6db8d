import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { linkAccount } from '../lib/database.js';
import { newUser, ok, refused } from '../lib/people.js';
import { isAccount, isError } from '../lib/shapes.js';

const TOKEN_ROUTES = ['/api/auth/get-access-token', '/api/auth/refresh-token'];
const ACCOUNT_INFO = '/api/auth/account-info';

test('somebody lists their accounts', async () => {
  const { client, user } = await newUser();
  const accounts = ok(await client.listAccounts());
  assert.equal(accounts.length, 1);
  const [account] = accounts;
  isAccount(account);
  assert.deepEqual(
    [account.providerId, account.accountId, account.userId, account.scopes], ['credential', user.id, user.id, []],
  );
  assert.ok(account.createdAt instanceof Date);
});

test('somebody unlinks one of two accounts', async () => {
  const { client, user } = await newUser();
  const linked = await linkAccount(user.id);
  assert.equal(ok(await client.listAccounts()).length, 2);
  refused(await client.unlinkAccount({ accountId: 'unknown' }), 400, 'ACCOUNT_NOT_FOUND');
  assert.deepEqual(ok(await client.unlinkAccount({ accountId: linked })), { status: true });
  const left = ok(await client.listAccounts());
  assert.deepEqual(left.map(({ providerId }) => providerId), ['credential']);
});

test('the last account stays', async () => {
  const { client } = await newUser();
  const [{ id }] = ok(await client.listAccounts());
  for (const accountId of [id, 'unknown']) {
    const error = refused(await client.unlinkAccount({ accountId }), 400, 'FAILED_TO_UNLINK_LAST_ACCOUNT');
    assert.equal(error.message, "You can't unlink your last account");
  }
});

test("nobody unlinks another's account", async () => {
  const eve = await newUser();
  await linkAccount(eve.user.id);
  const victim = await newUser();
  const linked = await linkAccount(victim.user.id);
  refused(await eve.client.unlinkAccount({ accountId: linked }), 400, 'ACCOUNT_NOT_FOUND');
  assert.equal(ok(await victim.client.listAccounts()).length, 2);
});

test('a password is no account at a provider', async () => {
  const { client } = await newUser();
  const [{ id: accountId }] = ok(await client.listAccounts());
  refused(await client.getAccessToken({ accountId }), 400, 'PROVIDER_NOT_SUPPORTED');
  refused(await client.refreshToken({ accountId }), 400, 'PROVIDER_NOT_SUPPORTED');
  refused(await client.accountInfo({ query: { accountId } }), 400, 'PROVIDER_NOT_CONFIGURED');
});

test("another's account is not found", async () => {
  const eve = await newUser();
  const victim = await newUser();
  const [{ id }] = ok(await victim.client.listAccounts());
  for (const accountId of [id, 'unknown']) {
    refused(await eve.client.getAccessToken({ accountId }), 400, 'ACCOUNT_NOT_FOUND');
    refused(await eve.client.refreshToken({ accountId }), 400, 'ACCOUNT_NOT_FOUND');
    refused(await eve.client.accountInfo({ query: { accountId } }), 400, 'ACCOUNT_NOT_FOUND');
  }
});

test('which account is said in one of two ways', async () => {
  const { browser } = await newUser();
  for (const path of TOKEN_ROUTES) {
    isError(await browser.post(path, {}), 400, 'VALIDATION_ERROR', '[body] Invalid input');
    for (const body of [{ accountId: 'x', useAccountCookie: true }, { accountId: 'x', unknown: 1 }, { providerId: 'github' }]) {
      isError(await browser.post(path, body), 400, 'VALIDATION_ERROR');
    }
    isError(await browser.post(path, { useAccountCookie: true }), 400, 'ACCOUNT_NOT_FOUND', 'Account not found');
  }
  isError(await browser.get(ACCOUNT_INFO), 400, 'VALIDATION_ERROR', '[query] Invalid input');
});

test('one must be signed in', async () => {
  const browser = new Browser();
  isError(await browser.get('/api/auth/list-accounts'), 401, 'UNAUTHORIZED', 'Unauthorized');
  isError(await browser.post('/api/auth/unlink-account', { accountId: 'x' }), 401, 'UNAUTHORIZED', 'Unauthorized');
  for (const path of TOKEN_ROUTES) isError(await browser.post(path, { accountId: 'x' }), 401);
  isError(await browser.get(`${ACCOUNT_INFO}?accountId=x`), 401);
});
