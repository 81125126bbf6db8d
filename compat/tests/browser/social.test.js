// Social sign-in by the official client in a real browser: with a certified OpenID provider
// in Google's place, and the stand-ins of examples/providers for GitHub and Discord.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Authenticator } from '../../lib/authenticator.js';
import { useChromium, Visitor } from '../../lib/chromium.js';
import { proveAddress } from '../../lib/database.js';
import { agree, cancel, knows, useOpenId } from '../../lib/openid.js';
import { freshEmail, PASSWORD } from '../../lib/people.js';
import { oursOnly } from '../../lib/target.js';

useChromium();
if (!oursOnly.skip) useOpenId();

/** Somebody at the OpenID provider. */
function someone(claims = {}) {
  const login = randomUUID();
  const email = freshEmail();
  knows(login, { email, email_verified: true, name: 'Olga Open', picture: 'https://id.example/olga.png', ...claims });
  return { login, email };
}

/** A visitor who has come by the OpenID provider. */
async function arriveBy({ login, email }) {
  const visitor = await Visitor.arrive();
  visitor.email = email;
  await visitor.press('Continue with Google');
  await agree(visitor.page, login);
  await visitor.isSignedIn();
  return visitor;
}

async function waysIn(visitor) {
  await visitor.page.locator('#accounts li').first().waitFor();
  const ways = await visitor.page.locator('#accounts li').allTextContents();
  return ways.map((way) => way.replace('Remove', '')).sort();
}

test('an OpenID provider makes a user, and finds them again', oursOnly, async () => {
  const olga = someone();
  const visitor = await arriveBy(olga);
  const { user } = await visitor.session();
  assert.deepEqual(
    [user.email, user.emailVerified, user.name, user.image, user.role],
    [olga.email, true, 'Olga Open', 'https://id.example/olga.png', 'user'],
  );
  assert.deepEqual(await waysIn(visitor), ['google']);
  assert.equal(new URL(visitor.page.url()).search, '', 'nothing of the detour is left in the address');
  await visitor.signOut();

  // The provider remembers who signed in there, and asks nothing.
  await visitor.press('Continue with Google');
  await visitor.isSignedIn();
  assert.equal((await visitor.session()).user.id, user.id);
  await visitor.leave();

  const elsewhere = await arriveBy(olga);
  assert.equal((await elsewhere.session()).user.id, user.id);
  await elsewhere.leave();
});

test('who cancels at the provider is told so', oursOnly, async () => {
  const visitor = await Visitor.arrive();
  await visitor.press('Continue with Google');
  await cancel(visitor.page);
  await visitor.isTold('access_denied');
  await visitor.isSignedOut();
  await visitor.leave();
});

test('an address that is not proved is not somebody else', oursOnly, async () => {
  const owner = await Visitor.arrive();
  await owner.signUp();
  const stranger = await Visitor.arrive();
  const claims = someone({ email: owner.email });
  await stranger.press('Continue with Google');
  await agree(stranger.page, claims.login);
  await stranger.isTold('account_not_linked');

  await proveAddress(owner.user.id);
  await stranger.press('Continue with Google');
  stranger.email = owner.email;
  await stranger.isSignedIn();
  assert.equal((await stranger.session()).user.id, owner.user.id);
  await Promise.all([owner.leave(), stranger.leave()]);
});

test('an identity is added, and taken away while another way in is left', oursOnly, async () => {
  const visitor = await Visitor.arrive();
  await visitor.signUp();
  await proveAddress(visitor.user.id);
  const { login } = someone({ email: visitor.email });
  await visitor.press('Add Google');
  await agree(visitor.page, login);
  await visitor.isSignedIn();
  assert.deepEqual(await waysIn(visitor), ['credential', 'google']);
  const password = visitor.page.getByRole('listitem').filter({ hasText: 'credential' });
  await password.getByRole('button').click();
  await visitor.isTold('Done.');
  // The list is drawn anew a moment later.
  await password.waitFor({ state: 'detached' });
  assert.deepEqual(await waysIn(visitor), ['google']);
  await visitor.page.getByRole('listitem').filter({ hasText: 'google' }).getByRole('button').click();
  await visitor.isTold('FAILED_TO_UNLINK_LAST_ACCOUNT');
  await visitor.leave();
});

test('after the provider the second factor is owed', oursOnly, async () => {
  const visitor = await Visitor.arrive();
  await visitor.signUp();
  await proveAddress(visitor.user.id);
  const { page } = visitor;
  await page.getByLabel('Your password').fill(PASSWORD);
  await visitor.press('Set up an app');
  const link = page.getByRole('link', { name: 'Open in an app' });
  await link.waitFor();
  const app = new Authenticator(visitor.user, await link.getAttribute('href'));
  await page.getByLabel('First code').fill(await app.code());
  await visitor.press('Confirm');
  await visitor.isTold('Done.');
  await visitor.signOut();

  const { login } = someone({ email: visitor.email });
  await visitor.press('Continue with Google');
  await agree(page, login);
  await page.getByRole('heading', { name: 'One more step' }).waitFor();
  assert.equal(await visitor.session(), null);
  await page.getByLabel('Code', { exact: true }).fill(await app.code());
  await page.getByRole('button', { name: 'Continue', exact: true }).click();
  await visitor.isSignedIn();
  await visitor.leave();
});

for (const provider of ['GitHub', 'Discord']) {
  test(`${provider}, and nobody of that name there`, oursOnly, async () => {
    const visitor = await Visitor.arrive();
    await visitor.press(`Continue with ${provider}`);
    await visitor.page.getByRole('link', { name: 'Cancel' }).click();
    await visitor.isTold('access_denied');
    await visitor.press(`Continue with ${provider}`);
    await visitor.page.getByRole('link', { name: 'Sign in as ann@example.com' }).click();
    visitor.email = 'ann@example.com';
    await visitor.isSignedIn();
    assert.equal((await visitor.session()).user.emailVerified, true);
    await visitor.leave();
  });
}
