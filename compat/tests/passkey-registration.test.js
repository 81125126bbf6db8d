import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../lib/browser.js';
import { mailAbout } from '../lib/mailbox.js';
import {
  addPasskey, authenticate, authenticationOptions, newUserWithPasskey, register, registrationOptions, verifyRegistration,
} from '../lib/passkeys.js';
import { isSignedIn, newAdmin, newUser, ok, refused, signIn } from '../lib/people.js';
import { isError, isPasskey, isSession, isUser, REMEMBERED, setsCookie, setsCookies } from '../lib/shapes.js';
import { FLAGS, SoftKey } from '../lib/soft-key.js';
import { differs, oursOnly, target } from '../lib/target.js';

const CEREMONY = setsCookie('better-auth-passkey', '[A-Za-z0-9_-]{32}', 300);
const BASE64URL = /^[A-Za-z0-9_-]{43}$/;

function fails(answer) {
  const status = differs({ stellar: 400, reference: 500, why: "a client's mistake is no fault of the server" });
  isError(answer, status, 'FAILED_TO_VERIFY_REGISTRATION', 'Failed to verify registration');
}

test('a passkey is registered by the client', async () => {
  const user = await newUser();
  const key = new SoftKey();
  const passkey = ok(await addPasskey(user, key, { name: ' Laptop ' }));
  isPasskey(passkey);
  const [{ id }] = key.credentials;
  const { name, userId, credentialID, counter, deviceType, backedUp, transports, aaguid } = passkey;
  assert.deepEqual({ name, userId, credentialID, counter, deviceType, backedUp, transports, aaguid }, {
    name: 'Laptop', userId: user.user.id, credentialID: id.toString('base64url'), counter: 1, deviceType: 'singleDevice',
    backedUp: false, transports: 'internal,hybrid', aaguid: '00112233-4455-6677-8899-aabbccddeeff',
  });
  assert.deepEqual(ok(await user.client.passkey.listUserPasskeys()), [passkey]);
  assert.equal(await isSignedIn(user), true);
});

test('what a browser is asked for', async () => {
  const user = await newUserWithPasskey();
  const answer = await registrationOptions(user);
  assert.equal(answer.status, 200, answer.text);
  setsCookies(answer, [CEREMONY]);
  const { challenge, user: { id, ...named }, ...rest } = answer.json;
  assert.match(challenge, BASE64URL);
  assert.ok(Buffer.from(id, 'base64url').length <= 64, id);
  assert.deepEqual(named, { name: user.email, displayName: user.email });
  assert.deepEqual(rest, {
    rp: { name: 'StellarStack', id: 'localhost' },
    pubKeyCredParams: [-8, -7, -257].map((alg) => ({ alg, type: 'public-key' })),
    timeout: 60000,
    attestation: 'none',
    excludeCredentials: [{ id: user.passkey.credentialID, transports: ['internal', 'hybrid'], type: 'public-key' }],
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred', requireResidentKey: false },
    extensions: { credProps: true },
    hints: [],
  });

  const { json } = await registrationOptions(user, '?authenticatorAttachment=cross-platform&name=Ann%27s%20key');
  assert.equal(json.authenticatorSelection.authenticatorAttachment, 'cross-platform');
  assert.deepEqual([json.user.name, json.user.displayName], ["Ann's key", user.email]);
  assert.equal(json.user.id === id, differs({
    stellar: true, reference: false, why: 'an authenticator knows a user under one handle',
  }));
  isError(
    await registrationOptions(user, '?authenticatorAttachment=any'), 400, 'VALIDATION_ERROR',
    '[query.authenticatorAttachment] Invalid option: expected one of "platform"|"cross-platform"',
  );
});

test('a name is not needed', async () => {
  const user = await newUser();
  assert.equal(ok(await addPasskey(user, new SoftKey(), {})).name, null);
  assert.equal((await register(user, new SoftKey(), {}, { name: '  ' })).json.name, null);
});

test('what a synced passkey says of itself', async () => {
  const { passkey } = await newUserWithPasskey({ counts: false, flags: FLAGS.UP | FLAGS.UV | FLAGS.BE | FLAGS.BS });
  assert.deepEqual([passkey.deviceType, passkey.backedUp, passkey.counter], ['multiDevice', true, 0]);
});

test('a session may begin with it', async () => {
  const user = await newUser();
  const answer = await register(user, new SoftKey(), {}, { createSession: true });
  assert.equal(answer.status, 200, answer.text);
  setsCookies(answer, [REMEMBERED]);
  const { session, user: found, ...passkey } = answer.json;
  isPasskey(passkey);
  isSession(session);
  isUser(found);
  assert.notEqual(session.token, user.token);
  assert.equal(ok(await user.client.getSession()).session.token, session.token);
});

test('a new passkey ends the other sessions', async () => {
  const user = await newUser();
  const other = await signIn(user);
  ok(await addPasskey(user, new SoftKey()));
  assert.equal(await isSignedIn(user), true);
  assert.equal(await isSignedIn(other), differs({
    stellar: false, reference: true, why: 'whoever made the new passkey necessary may hold a session',
  }));
});

test('the owner is told', oursOnly, async () => {
  const { client, email, passkey } = await newUserWithPasskey();
  assert.match((await mailAbout('A passkey was added to your account', email)).text, /"Laptop"/);
  ok(await client.passkey.deletePasskey({ id: passkey.id }));
  assert.match((await mailAbout('A passkey was removed from your account', email)).text, /"Laptop"/);
});

test('a registration is tried once', async () => {
  const user = await newUser();
  const key = new SoftKey();
  const { json: options } = await registrationOptions(user);
  fails(await verifyRegistration(user, key.create(options, { origin: 'https://evil.example' })));
  isError(await verifyRegistration(user, key.create(options)), 400, 'CHALLENGE_NOT_FOUND', 'Challenge not found');

  const again = await registrationOptions(user);
  const response = key.create(again.json);
  assert.equal((await verifyRegistration(user, response)).status, 200);
  isError(await verifyRegistration(user, response), 400, 'CHALLENGE_NOT_FOUND', 'Challenge not found');
});

test('a registration is for whom it was begun, and for nothing else', async () => {
  const [ann, bob] = [await newUser(), await newUser()];
  const key = new SoftKey();
  const { json: options } = await registrationOptions(ann);
  const COOKIE = 'better-auth.better-auth-passkey';
  isError(await verifyRegistration(bob, key.create(options)), 400, 'CHALLENGE_NOT_FOUND', 'Challenge not found');
  bob.browser.cookies.set(COOKIE, ann.browser.cookies.get(COOKIE));
  isError(
    await verifyRegistration(bob, key.create(options)), 401, 'YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY',
    'You are not allowed to register this passkey',
  );
  const { json: { challenge } } = await authenticationOptions(ann.browser);
  isError(
    await verifyRegistration(ann, key.create({ ...options, challenge })), 400, 'CHALLENGE_NOT_FOUND', 'Challenge not found',
  );
});

test('what breaks a rule of the ceremony', async () => {
  const user = await newUser();
  const key = new SoftKey();
  for (const changes of [
    { origin: 'https://evil.example' }, { origin: `${target.frontend}/` }, { rpId: 'example.com' }, { type: 'webauthn.get' },
    { challenge: 'x'.repeat(43) }, { flags: FLAGS.UV }, { publicKey: Buffer.from('a0', 'hex') },
    { publicKey: Buffer.from('f'.repeat(200)) },
  ]) {
    fails(await register(user, key, changes));
  }
  for (const change of [
    (response) => ({ ...response, rawId: 'AAAA' }),
    (response) => ({ ...response, type: 'password' }),
    (response) => ({ ...response, response: { ...response.response, attestationObject: 'oGNmbXQ' } }),
    (response) => ({ ...response, response: { ...response.response, clientDataJSON: 'e30' } }),
    () => ({}),
  ]) {
    const { json: options } = await registrationOptions(user);
    fails(await verifyRegistration(user, change(key.create(options))));
  }
  assert.deepEqual(ok(await user.client.passkey.listUserPasskeys()), []);
});

test('a credential belongs to one user', async () => {
  const { key } = await newUserWithPasskey();
  const eve = await newUser();
  const answer = await register(eve, new SoftKey(), { credential: key.credentials[0] });
  assert.equal(answer.status, differs({
    stellar: 400, reference: 200, why: 'a credential that two users have signs in whom it likes',
  }));
});

test('whoever is not signed in registers nothing', async () => {
  const browser = new Browser();
  const key = new SoftKey();
  isError(await registrationOptions({ browser }), 401, 'UNAUTHORIZED', 'Unauthorized');
  const { json: options } = await registrationOptions(await newUser());
  isError(await verifyRegistration({ browser }, key.create(options)), 401, 'UNAUTHORIZED', 'Unauthorized');
  refused(await addPasskey(browser, key), 401, 'UNAUTHORIZED');
});

test('an admin who acts as a user registers nothing', oursOnly, async () => {
  const { user } = await newUser();
  const admin = await newAdmin();
  ok(await admin.client.admin.impersonateUser({ userId: user.id }));
  refused(await addPasskey(admin, new SoftKey()), 403, 'NOT_ALLOWED_WHILE_IMPERSONATING');
});

test('rename', async () => {
  const [ann, eve] = [await newUserWithPasskey(), await newUser()];
  const { id } = ann.passkey;
  const { passkey } = ok(await ann.client.passkey.updatePasskey({ id, name: ' Old laptop ' }));
  assert.deepEqual(passkey, { ...ann.passkey, name: 'Old laptop' });
  refused(await ann.client.passkey.updatePasskey({ id: 'nobody', name: 'x' }), 404, 'PASSKEY_NOT_FOUND');
  for (const body of [{ id, name: '  ' }, { id }, { name: 'x' }]) {
    const { error } = await ann.client.passkey.updatePasskey(body);
    assert.deepEqual([error.status, error.code], [400, 'VALIDATION_ERROR']);
  }
  const [status, code] = differs({
    stellar: [404, 'PASSKEY_NOT_FOUND'], reference: [401, 'YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY'],
    why: "what is somebody else's is not there",
  });
  refused(await eve.client.passkey.updatePasskey({ id, name: 'Mine' }), status, code);
  refused(await new Browser().client.passkey.updatePasskey({ id, name: 'x' }), 401, 'UNAUTHORIZED');
  assert.deepEqual(ok(await ann.client.passkey.listUserPasskeys()), [passkey]);
});

test('delete', async () => {
  const [ann, eve] = [await newUserWithPasskey(), await newUser()];
  const { id } = ann.passkey;
  const { error } = await eve.client.passkey.deletePasskey({ id });
  assert.equal(error.status, differs({ stellar: 404, reference: 401, why: "what is somebody else's is not there" }));
  refused(await new Browser().client.passkey.deletePasskey({ id }), 401, 'UNAUTHORIZED');
  assert.deepEqual(ok(await ann.client.passkey.deletePasskey({ id })), { status: true });
  assert.deepEqual(ok(await ann.client.passkey.listUserPasskeys()), []);
  refused(await ann.client.passkey.deletePasskey({ id }), 404, 'PASSKEY_NOT_FOUND');
  isError(await authenticate(ann.key), 401, 'PASSKEY_NOT_FOUND', 'Passkey not found');
});
