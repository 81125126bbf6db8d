import { closePage } from '../lib/page.js';
import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import { cleanup, renderHook, waitFor } from '@testing-library/react';
import { adminClient } from 'better-auth/client/plugins';
import { createAuthClient } from 'better-auth/react';
import { Browser } from '../lib/browser.js';
import { linkTo } from '../lib/mailbox.js';
import { freshEmail, newAdmin, newUser, ok, PASSWORD, refused } from '../lib/people.js';

afterEach(cleanup);
after(closePage);

/** An application's client, and what its `useSession` shows. */
function app(browser = new Browser()) {
  const client = createAuthClient({ ...browser.clientOptions(), plugins: [adminClient()] });
  const { result } = renderHook(() => client.useSession());
  const shows = (check) => waitFor(() => {
    const { data, isPending, error } = result.current;
    assert.deepEqual([isPending, error], [false, null]);
    check(data);
  }, { timeout: 3000 });
  return {
    browser,
    client,
    result,
    showsNobody: () => shows((data) => assert.equal(data, null)),
    shows: (expected) => shows((data) => {
      const seen = Object.keys(expected).map((key) => [key, data?.user[key]]);
      assert.deepEqual(Object.fromEntries(seen), expected);
    }),
  };
}

test('useSession is pending, then shows nobody', async () => {
  const { result, showsNobody } = app();
  assert.deepEqual([result.current.isPending, result.current.data], [true, null]);
  await showsNobody();
});

test('useSession follows sign-up, sign-out and sign-in', async () => {
  const { client, shows, showsNobody, result } = app();
  await showsNobody();
  const email = freshEmail();
  ok(await client.signUp.email({ name: 'Ann', email, password: PASSWORD }));
  await shows({ email, name: 'Ann', role: 'user' });
  assert.ok(result.current.data.session.expiresAt instanceof Date);

  ok(await client.signOut());
  await showsNobody();

  refused(await client.signIn.email({ email, password: 'not this one' }), 401, 'INVALID_EMAIL_OR_PASSWORD');
  await showsNobody();
  ok(await client.signIn.email({ email, password: PASSWORD }));
  await shows({ email });
});

test('useSession follows what the user changes', async () => {
  const { browser, email } = await newUser();
  const { client, shows, showsNobody } = app(browser);
  await shows({ name: 'Ann' });
  ok(await client.updateUser({ name: 'Anna' }));
  await shows({ name: 'Anna' });
  ok(await client.changePassword({ currentPassword: PASSWORD, newPassword: 'another correct horse', revokeOtherSessions: true }));
  await shows({ name: 'Anna' });
  ok(await client.deleteUser());
  const link = new URL(await linkTo('delete-user/callback?', email));
  ok(await client.deleteUser({ token: link.searchParams.get('token') }));
  await showsNobody();
});

test('useSession notices that its session was revoked', async () => {
  const { browser } = await newUser();
  const { client, shows, showsNobody } = app(browser);
  await shows({ name: 'Ann' });
  ok(await client.revokeSessions());
  await showsNobody();
});

test('useSession can be asked to look again', async () => {
  const user = await newUser();
  const { result, shows, showsNobody } = app(user.browser.copy());
  await shows({ email: user.email });
  ok(await user.client.revokeSessions());
  await result.current.refetch();
  await showsNobody();
});

test('useSession follows an impersonation', async () => {
  const bob = await newUser({ name: 'Bob' });
  const boss = await newAdmin();
  const { client, shows } = app(boss.browser);
  await shows({ name: 'Admin', role: 'admin' });
  ok(await client.admin.impersonateUser({ userId: bob.user.id }));
  await shows({ name: 'Bob' });
  ok(await client.admin.stopImpersonating());
  await shows({ name: 'Admin' });
});
