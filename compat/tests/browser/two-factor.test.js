import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Authenticator } from '../../lib/authenticator.js';
import { useChromium, Visitor } from '../../lib/chromium.js';
import { PASSWORD } from '../../lib/people.js';
import { target } from '../../lib/target.js';

useChromium();

/** Somebody who has set up an app on the page. */
async function visitorWithApp() {
  const visitor = await Visitor.arrive();
  await visitor.signUp();
  await visitor.page.getByLabel('Your password').fill(PASSWORD);
  await visitor.press('Set up an app');
  const link = visitor.page.getByRole('link', { name: 'Open in an app' });
  await link.waitFor();
  visitor.app = new Authenticator(visitor.user, await link.getAttribute('href'));
  return visitor;
}

async function giveCode(visitor, code) {
  await visitor.page.getByLabel('Code', { exact: true }).fill(code);
  await visitor.press('Continue');
}

test('a password, and a code from an app that was set up on the page', async () => {
  const visitor = await visitorWithApp();
  const { page, app } = visitor;
  if (target.isOurs) {
    // The picture is there, and the browser can draw it.
    await page.waitForFunction(() => document.getElementById('qr-code').naturalWidth > 0);
  }
  assert.equal(await page.locator('#backup-codes li').count(), 10);
  await page.getByLabel('First code').fill(app.wrongCode());
  await visitor.press('Confirm');
  await visitor.isTold('INVALID_CODE');
  await page.getByLabel('First code').fill(await app.code());
  await visitor.press('Confirm');
  await visitor.isTold('Done.');
  assert.equal((await visitor.session()).user.twoFactorEnabled, true);

  await visitor.signOut();
  await visitor.giveThePassword();
  await page.getByRole('heading', { name: 'One more step' }).waitFor();
  assert.equal(await visitor.session(), null);
  await giveCode(visitor, app.wrongCode());
  await visitor.isTold('INVALID_CODE');
  await page.getByLabel('Trust this device').check();
  await giveCode(visitor, await app.code());
  await visitor.isSignedIn();

  // Trusted now: the password will do.
  await visitor.signOut();
  await visitor.giveThePassword();
  await visitor.isSignedIn();
  await visitor.leave();
});

test('no script reads a cookie of ours', async () => {
  const visitor = await visitorWithApp();
  await visitor.page.getByLabel('First code').fill(await visitor.app.code());
  await visitor.press('Confirm');
  await visitor.isTold('Done.');
  await visitor.signOut();
  await visitor.giveThePassword();
  await visitor.page.getByLabel('Trust this device').check();
  assert.equal(await visitor.page.evaluate(() => document.cookie), '');
  await giveCode(visitor, await visitor.app.code());
  await visitor.isSignedIn();

  assert.equal(await visitor.page.evaluate(() => document.cookie), '');
  const kept = await visitor.context.cookies();
  const names = kept.map(({ name }) => name);
  assert.ok(names.includes('better-auth.session_token') && names.includes('better-auth.trust_device'), `${names}`);
  for (const { name, httpOnly, sameSite } of kept) assert.deepEqual([httpOnly, sameSite], [true, 'Lax'], name);
  await visitor.leave();
});
