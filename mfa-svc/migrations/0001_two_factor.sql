-- An authenticator app. Whether sign-ins ask for a second factor at all is with the
-- user, in identity-svc: a user may have codes by mail only, and then no row here.
CREATE TABLE two_factor (
    user_id text PRIMARY KEY,
    -- Sealed (src/model/sealing.rs), with the name of the key that did it.
    secret bytea NOT NULL,
    key_id text NOT NULL,
    issuer text NOT NULL,
    -- Counts only once a code of it was given.
    verified boolean NOT NULL DEFAULT false,
    -- No code of this time step or an earlier one is good again.
    last_used_step bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL
);

-- One row for each that is left. They come and go with the app.
CREATE TABLE backup_code (
    user_id text NOT NULL REFERENCES two_factor (user_id) ON DELETE CASCADE,
    digest bytea NOT NULL,
    PRIMARY KEY (user_id, digest)
);

-- A sign-in whose second factor is owed. It is no session, and is nowhere near them.
CREATE TABLE challenge (
    -- SHA-256 of what the browser has.
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    user_id text NOT NULL,
    -- The user as they were when the password was judged, with their version.
    snapshot jsonb NOT NULL,
    remember boolean NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL
);

CREATE INDEX challenge_user_id_idx ON challenge (user_id);
CREATE INDEX challenge_expires_at_idx ON challenge (expires_at);

-- The last code that was sent for a challenge or to a session.
CREATE TABLE email_code (
    scope text PRIMARY KEY,
    user_id text NOT NULL,
    digest bytea NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX email_code_user_id_idx ON email_code (user_id);
CREATE INDEX email_code_expires_at_idx ON email_code (expires_at);

CREATE TABLE trusted_device (
    -- Names the device to its user. It opens nothing.
    id text PRIMARY KEY,
    -- SHA-256 of what the browser has; another one after each use.
    digest bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    user_id text NOT NULL,
    user_agent text NOT NULL,
    ip_address text NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX trusted_device_user_id_idx ON trusted_device (user_id);
CREATE INDEX trusted_device_expires_at_idx ON trusted_device (expires_at);

-- What may be done a number of times within a while: guesses of a session, codes sent
-- to a user.
CREATE TABLE allowance (
    what text PRIMARY KEY,
    used integer NOT NULL,
    ends_at timestamptz NOT NULL
);

CREATE INDEX allowance_ends_at_idx ON allowance (ends_at);

-- Wrong guesses of an account, over all factors, challenges and restarts
-- (src/model/guard.rs).
CREATE TABLE guard (
    user_id text NOT NULL,
    door text NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    lockouts integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    PRIMARY KEY (user_id, door)
);

-- See service_kit::outbox.
CREATE TABLE outbox (
    id uuid PRIMARY KEY,
    subject text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0
);

CREATE INDEX outbox_due_at_idx ON outbox (due_at);
