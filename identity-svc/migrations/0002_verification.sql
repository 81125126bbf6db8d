-- One-time tokens that are out: of each purpose one at most for a user, so that a
-- newer one takes the place of an older. The token itself is nowhere.
CREATE TABLE identity.verification (
    -- SHA-256 of the token.
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    purpose text NOT NULL,
    user_id text NOT NULL REFERENCES identity.user (id) ON DELETE CASCADE,
    -- The user's address when it was made. The token is good only as long as it
    -- still is theirs.
    email text NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (user_id, purpose)
);

CREATE INDEX verification_expires_at_idx ON identity.verification (expires_at);
