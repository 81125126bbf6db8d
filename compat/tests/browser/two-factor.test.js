import assert from 'node:assert/strict';
import { test } from 'node:test';
import { useChromium, Visitor } from '../../lib/chromium.js';
import { target } from '../../lib/target.js';

useChromium();

/** Somebody who has begun to set up an app on the page. */
async function visitorWithApp() {
  const visitor = await Visitor.arrive();
  await visitor.signUp();
  await visitor.setUpApp();
  return visitor;
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
  await visitor.confirmApp();
  assert.equal((await visitor.session()).user.twoFactorEnabled, true);

  await visitor.signOut();
  await visitor.giveThePassword();
  await visitor.isAskedForCode();
  assert.equal(await visitor.session(), null);
  await visitor.giveCode(app.wrongCode());
  await visitor.isTold('INVALID_CODE');
  await page.getByLabel('Trust this device').check();
  await visitor.giveCode(await app.code());
  await visitor.isSignedIn();

  // Trusted now: the password will do.
  await visitor.signOut();
  await visitor.giveThePassword();
  await visitor.isSignedIn();
  await visitor.leave();
});

test('no script reads a cookie of ours', async () => {
  const visitor = await visitorWithApp();
  await visitor.confirmApp();
  await visitor.signOut();
  await visitor.giveThePassword();
  await visitor.page.getByLabel('Trust this device').check();
  assert.equal(await visitor.page.evaluate(() => document.cookie), '');
  await visitor.giveCode(await visitor.app.code());
  await visitor.isSignedIn();

  assert.equal(await visitor.page.evaluate(() => document.cookie), '');
  const kept = await visitor.context.cookies();
  const names = kept.map(({ name }) => name);
  assert.ok(names.includes('better-auth.session_token') && names.includes('better-auth.trust_device'), `${names}`);
  for (const { name, httpOnly, sameSite } of kept) assert.deepEqual([httpOnly, sameSite], [true, 'Lax'], name);
  await visitor.leave();
});
