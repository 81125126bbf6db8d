import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { Browser } from '../../lib/browser.js';
import { useChromium, Visitor } from '../../lib/chromium.js';
import { isError } from '../../lib/shapes.js';
import { differs, target } from '../../lib/target.js';

useChromium();

const OPTIONS = '/api/auth/passkey/generate-authenticate-options';
const VERIFY = '/api/auth/passkey/verify-authentication';
const REGISTER_OPTIONS = '/api/auth/passkey/generate-register-options';
const REGISTER = '/api/auth/passkey/verify-registration';

/** A page of somebody else's, on this machine too, so for a browser of the same relying party. */
let foreign;

before(async () => {
  foreign = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<h1>Win a prize</h1>'));
  await new Promise((listening) => foreign.listen(0, 'localhost', listening));
});
after(() => foreign.close());

/** Somebody who has registered a passkey on the page, and is signed out. */
async function visitorWithPasskey(options) {
  const visitor = await Visitor.arrive(options);
  await visitor.signUp();
  await visitor.addPasskey('Laptop');
  await listed(visitor, 'Laptop');
  // With autofill the page would be signed in again at once.
  if (options?.autofill) await visitor.passkeys.setPresence(false);
  await visitor.signOut();
  return visitor;
}

/** What the page lists of passkeys. */
function items({ page }) {
  return page.locator('#passkeys').getByRole('listitem');
}

function listed(visitor, name) {
  return items(visitor).filter({ hasText: name }).waitFor();
}

/** Has the browser sign these options on the page that is open, as its scripts could. */
function assertion({ page }, options) {
  return page.evaluate(async (json) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(json);
    return (await navigator.credentials.get({ publicKey })).toJSON();
  }, options);
}

function attestation({ page }, options) {
  return page.evaluate(async (json) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(json);
    return (await navigator.credentials.create({ publicKey })).toJSON();
  }, options);
}

/** The page that is open asks its own server. */
function ask({ page }, path, body) {
  return page.evaluate(async ([url, json]) => {
    const init = json && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(json) };
    const answer = await fetch(url, init);
    const text = await answer.text();
    return { status: answer.status, text, json: JSON.parse(text) };
  }, [path, body]);
}

function registrationFails(answer) {
  const status = differs({ stellar: 400, reference: 500, why: "a client's mistake is no fault of the server" });
  isError(answer, status, 'FAILED_TO_VERIFY_REGISTRATION', 'Failed to verify registration');
}

test('a passkey is registered, and signs in without a user name', async () => {
  const visitor = await visitorWithPasskey();
  const [kept, ...others] = await visitor.passkeys.all();
  assert.deepEqual([kept.rpId, kept.isResidentCredential, others], ['localhost', true, []]);
  await visitor.press('Sign in with a passkey');
  await visitor.isSignedIn();
  assert.equal((await visitor.session()).user.id, visitor.user.id);
  await visitor.leave();
});

test('the browser offers it where the e-mail is filled in', async () => {
  const visitor = await visitorWithPasskey({ autofill: true });
  const { page } = visitor;
  await page.addInitScript(() => {
    const get = CredentialsContainer.prototype.get;
    window.given = [];
    CredentialsContainer.prototype.get = async function (options) {
      const credential = await get.call(this, options);
      window.given.push(options.mediation);
      return credential;
    };
  });
  await visitor.passkeys.setPresence(true);
  await visitor.open();
  await visitor.isSignedIn();
  assert.deepEqual(await page.evaluate(() => window.given), ['conditional']);
  assert.equal((await visitor.session()).user.id, visitor.user.id);
  await visitor.leave();
});

test('an assertion is good once', async () => {
  const visitor = await visitorWithPasskey();
  const sent = visitor.page.waitForRequest((request) => request.url().endsWith(VERIFY));
  await visitor.press('Sign in with a passkey');
  const body = (await sent).postDataJSON();
  await visitor.isSignedIn();
  isError(await ask(visitor, VERIFY, body), 400, 'CHALLENGE_NOT_FOUND', 'Challenge not found');
  // Nor is it an answer to another challenge.
  assert.equal((await ask(visitor, OPTIONS)).status, 200);
  isError(await ask(visitor, VERIFY, body), 400, 'AUTHENTICATION_FAILED', 'Authentication failed');
  await visitor.leave();
});

test('what a foreign page is given signs nobody in', async () => {
  const visitor = await visitorWithPasskey();
  await visitor.page.goto(`http://localhost:${foreign.address().port}/`);
  // Its scripts reach nothing; whoever is behind it does, and relays.
  await assert.rejects(ask(visitor, `${target.origin}${OPTIONS}`), /Failed to fetch/);
  const attacker = new Browser();
  const { json: options } = await attacker.get(OPTIONS);
  const response = await assertion(visitor, options);
  isError(await attacker.post(VERIFY, { response }), 400, 'AUTHENTICATION_FAILED', 'Authentication failed');
  assert.equal(attacker.sessionCookie, undefined);

  // The same way, but on our own page: what was refused is the page.
  await visitor.open();
  const own = await assertion(visitor, (await attacker.get(OPTIONS)).json);
  assert.equal((await attacker.post(VERIFY, { response: own })).status, 200);
  await visitor.leave();
});

test('a passkey that was made on a foreign page is not registered', async () => {
  const visitor = await Visitor.arrive();
  await visitor.signUp();
  const { json: options } = await ask(visitor, REGISTER_OPTIONS);
  await visitor.page.goto(`http://localhost:${foreign.address().port}/`);
  const response = await attestation(visitor, options);
  await visitor.open();
  await visitor.isSignedIn();
  registrationFails(await ask(visitor, REGISTER, { response }));
  assert.deepEqual((await ask(visitor, '/api/auth/passkey/list-user-passkeys')).json, []);
  await visitor.leave();
});

test('a page under an address that is no name of ours cannot even ask', async () => {
  const visitor = await visitorWithPasskey();
  await visitor.open(target.origin.replace('localhost', '127.0.0.1'));
  await visitor.press('Sign in with a passkey');
  await visitor.isTold('ERROR_INVALID');
  await visitor.leave();
});

test('a passkey of another relying party signs nobody in', async () => {
  const visitor = await visitorWithPasskey();
  const [credential] = await visitor.passkeys.all();
  // The same key, on an authenticator that holds it for a name of ours that is not the relying party's.
  const rpId = new URL(target.subdomain).hostname;
  await visitor.passkeys.plugIn();
  await visitor.passkeys.put({ ...credential, rpId });
  await visitor.open(target.subdomain);
  const { json: options } = await ask(visitor, OPTIONS);
  const response = await assertion(visitor, { ...options, rpId });
  isError(await ask(visitor, VERIFY, { response }), 400, 'AUTHENTICATION_FAILED', 'Authentication failed');

  // That page is trusted, but what it makes for itself is not registered either.
  await visitor.giveThePassword();
  await visitor.isSignedIn();
  const { json: creation } = await ask(visitor, REGISTER_OPTIONS);
  const made = await attestation(visitor, { ...creation, rp: { ...creation.rp, id: rpId }, excludeCredentials: [] });
  registrationFails(await ask(visitor, REGISTER, { response: made }));
  await visitor.leave();
});

test('an authenticator is registered once', async () => {
  const visitor = await Visitor.arrive();
  await visitor.signUp();
  await visitor.addPasskey('Laptop');
  await listed(visitor, 'Laptop');
  await visitor.addPasskey('Laptop again');
  await visitor.isTold('ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED');
  await visitor.passkeys.plugIn({ transport: 'usb' });
  await visitor.addPasskey('Key');
  await listed(visitor, 'Key');
  assert.equal(await items(visitor).count(), 2);
  await visitor.leave();
});

test('a passkey is renamed, and deleted', async () => {
  const visitor = await visitorWithPasskey();
  const { page } = visitor;
  await visitor.giveThePassword();
  await visitor.isSignedIn();
  page.once('dialog', (dialog) => dialog.accept('Old laptop'));
  await visitor.press('Rename');
  await listed(visitor, 'Old laptop');
  await items(visitor).getByRole('button', { name: 'Delete' }).click();
  await items(visitor).waitFor({ state: 'detached' });
  await visitor.signOut();
  await visitor.press('Sign in with a passkey');
  await visitor.isTold('PASSKEY_NOT_FOUND');
  await visitor.leave();
});

test('a passkey spares the second factor, for its user was verified', async () => {
  const visitor = await Visitor.arrive();
  await visitor.signUp();
  await visitor.setUpApp();
  await visitor.confirmApp();
  await visitor.addPasskey('Laptop');
  await listed(visitor, 'Laptop');
  await visitor.signOut();
  await visitor.press('Sign in with a passkey');
  await visitor.isSignedIn();
  await visitor.leave();
});
