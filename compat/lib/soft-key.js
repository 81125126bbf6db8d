// An authenticator made of software: it keeps ES256 keys, and does what it is told, also
// what no real one would.

import { createHash, createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { encodeCBOR } from '@levischuck/tiny-cbor';
import { target } from './target.js';

/** Of authenticator data (WebAuthn 3, 6.1). */
export const FLAGS = { UP: 0x01, UV: 0x04, BE: 0x08, BS: 0x10, AT: 0x40 };

const AAGUID = '00112233-4455-6677-8899-aabbccddeeff';

export class SoftKey {
  credentials = [];

  /**
   * @param counts whether it counts its signatures
   * @param flags what it says besides, such as that its user was verified
   * @param origin of the page it is asked from
   */
  constructor({ counts = true, flags = FLAGS.UP | FLAGS.UV, origin = target.frontend } = {}) {
    Object.assign(this, { counts, flags, origin });
  }

  /** A `RegistrationResponseJSON` (WebAuthn 3, 5.1) for these options. `changes` replace what would be so. */
  create({ challenge, rp, user }, changes = {}) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const credential = { id: randomBytes(32), privateKey, userHandle: user.id, counter: 0, ...changes.credential };
    this.credentials.push(credential);
    const idLength = Buffer.alloc(2);
    idLength.writeUInt16BE(credential.id.length);
    const authData = Buffer.concat([
      authenticatorData(changes.rpId ?? rp.id, (changes.flags ?? this.flags) | FLAGS.AT, this.#count(credential)),
      Buffer.from(AAGUID.replaceAll('-', ''), 'hex'),
      idLength,
      credential.id,
      changes.publicKey ?? coseKey(publicKey),
    ]);
    const attestation = new Map([['fmt', 'none'], ['attStmt', new Map()], ['authData', authData]]);
    return this.#response(credential, {
      attestationObject: base64url(encodeCBOR(attestation)),
      clientDataJSON: this.#clientData('webauthn.create', challenge, changes),
      transports: ['internal', 'hybrid'],
    });
  }

  /** An `AuthenticationResponseJSON` for these options, by the first key that they allow. */
  get({ challenge, rpId, allowCredentials = [] }, changes = {}) {
    const allowed = ({ id }) => !allowCredentials.length || allowCredentials.some((one) => one.id === base64url(id));
    const credential = this.credentials.find(allowed);
    const data = authenticatorData(changes.rpId ?? rpId, changes.flags ?? this.flags, changes.counter ?? this.#count(credential));
    const clientDataJSON = this.#clientData('webauthn.get', challenge, changes);
    const signed = Buffer.concat([data, sha256(Buffer.from(clientDataJSON, 'base64url'))]);
    return this.#response(credential, {
      authenticatorData: base64url(data),
      clientDataJSON,
      signature: base64url(createSign('sha256').update(signed).sign(changes.key ?? credential.privateKey)),
      userHandle: changes.userHandle ?? credential.userHandle,
    });
  }

  /** While `act` runs, this is what a page finds at `navigator.credentials`. */
  async pluggedIn(act) {
    plugged = this;
    try {
      return await act();
    } finally {
      plugged = undefined;
    }
  }

  #count(credential) {
    if (this.counts) credential.counter += 1;
    return credential.counter;
  }

  #clientData(type, challenge, changes) {
    const data = { type: changes.type ?? type, challenge: changes.challenge ?? challenge, origin: changes.origin ?? this.origin };
    return base64url(JSON.stringify({ ...data, crossOrigin: false }));
  }

  #response({ id }, response) {
    return { id: base64url(id), rawId: base64url(id), response, type: 'public-key', authenticatorAttachment: 'platform' };
  }
}

function authenticatorData(rpId, flags, counter) {
  const rest = Buffer.alloc(5);
  rest.writeUInt8(flags);
  rest.writeUInt32BE(counter, 1);
  return Buffer.concat([sha256(rpId), rest]);
}

/** A COSE_Key of ES256 (RFC 9053, 7.1). */
function coseKey(publicKey) {
  const { x, y } = publicKey.export({ format: 'jwk' });
  const point = (text) => Buffer.from(text, 'base64url');
  return Buffer.from(encodeCBOR(new Map([[1, 2], [3, -7], [-1, 1], [-2, point(x)], [-3, point(y)]])));
}

function sha256(data) {
  return createHash('sha256').update(data).digest();
}

function base64url(data) {
  return Buffer.from(data).toString('base64url');
}

// The official client finds the authenticator where a browser has it.

let plugged;

/** Bytes in place of base64url, as `navigator.credentials` gives them. */
function asCredential({ id, rawId, response, type, authenticatorAttachment }) {
  const { transports, ...texts } = response;
  const bytes = Object.entries(texts).map(([name, text]) => [name, text && Buffer.from(text, 'base64url')]);
  return {
    id, type, authenticatorAttachment,
    rawId: Buffer.from(rawId, 'base64url'),
    response: { ...Object.fromEntries(bytes), getTransports: () => transports },
    getClientExtensionResults: () => ({}),
  };
}

function asJson({ challenge, user, allowCredentials, ...rest }) {
  const named = ({ id, ...more }) => ({ ...more, id: base64url(id) });
  return {
    ...rest,
    challenge: base64url(challenge),
    ...(user && { user: named(user) }),
    allowCredentials: allowCredentials?.map(named),
  };
}

const credentials = {
  create: async ({ publicKey }) => asCredential(plugged.create(asJson(publicKey))),
  get: async ({ publicKey }) => asCredential(plugged.get(asJson(publicKey))),
};
Object.defineProperty(globalThis, 'navigator', { value: { credentials }, configurable: true });
globalThis.PublicKeyCredential = class {};
