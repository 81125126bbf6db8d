-- What we last heard of each user who has, or had, a session. It outlives the
-- sessions, because it also says which versions of a user may still open one.
CREATE TABLE user_snapshot (
    user_id text PRIMARY KEY,
    -- Version of the user's row in identity-svc; only grows.
    version bigint NOT NULL,
    -- No session opens on the word of a version before this one.
    opens_from_version bigint NOT NULL DEFAULT 0,
    snapshot jsonb NOT NULL
);

CREATE TABLE session (
    id text PRIMARY KEY,
    -- SHA-256 of the token. The token itself is nowhere.
    token_digest bytea NOT NULL UNIQUE CHECK (octet_length(token_digest) = 32),
    user_id text NOT NULL REFERENCES user_snapshot (user_id),
    -- Grows with every change of this row.
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ip_address text NOT NULL,
    user_agent text NOT NULL,
    impersonated_by text,
    -- False for sessions of one day and impersonations: they are never stretched.
    extendable boolean NOT NULL,
    -- How the user proved who they are.
    proof text NOT NULL
);

CREATE INDEX session_user_id_idx ON session (user_id);
CREATE INDEX session_expires_at_idx ON session (expires_at);

-- Sessions that are gone from here but perhaps not yet from Redis. A revocation
-- writes its rows in the statement that deletes the sessions; they go when Redis
-- has dropped the copies, and only then is the caller told that it is done.
CREATE TABLE pending_revocation (
    token_digest bytea PRIMARY KEY CHECK (octet_length(token_digest) = 32),
    user_id text NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX pending_revocation_user_id_idx ON pending_revocation (user_id);
