-- A public key credential of a user (WebAuthn). Rows made by Better Auth may be put here
-- as they are (docs/migrating.md), so what it left empty may be empty.
CREATE TABLE passkey (
    -- Names it to its user. It opens nothing.
    id text PRIMARY KEY,
    user_id text NOT NULL,
    name text,
    -- Of all users: a credential belongs to one.
    credential_id bytea NOT NULL UNIQUE,
    -- COSE_Key, as the authenticator wrote it.
    public_key bytea NOT NULL,
    -- The authenticator's count, 32 bits without a sign.
    counter bigint NOT NULL,
    -- May it be on several devices, and is it backed up (WebAuthn flags BE and BS)?
    multi_device boolean NOT NULL,
    backed_up boolean NOT NULL,
    -- How the browser may reach it: words with commas between them.
    transports text,
    -- Which model of authenticator, as it says itself.
    aaguid text,
    -- By which name the authenticator knows its user; not known of rows from elsewhere.
    user_handle bytea,
    created_at timestamptz,
    last_used_at timestamptz
);

CREATE INDEX passkey_user_id_idx ON passkey (user_id);

-- A ceremony that has begun: the challenge is out, and good for one try.
CREATE TABLE passkey_ceremony (
    -- SHA-256 of what the browser has.
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    -- 'registration' or 'authentication'.
    kind text NOT NULL,
    -- Whose it is. Nobody's where anybody may sign in with it.
    user_id text,
    -- The challenge and what else webauthn-rs remembers of it.
    state jsonb NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX passkey_ceremony_expires_at_idx ON passkey_ceremony (expires_at);

-- What was given before the second factor is owed: 'password' or 'passkey'.
ALTER TABLE challenge ADD COLUMN first_factor text NOT NULL DEFAULT 'password';

-- Backup codes in the original's own encryption, until the first of them is tried
-- (src/model/better_auth.rs).
ALTER TABLE two_factor ADD COLUMN imported_backup_codes text;
