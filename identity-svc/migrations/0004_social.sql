-- What a social provider gave us for its user: one sealed value
-- (src/model/social/tokens.rs), with the name of the key that sealed it.
ALTER TABLE identity.account
    ADD COLUMN tokens bytea,
    ADD COLUMN tokens_key_id text,
    ADD COLUMN access_token_expires_at timestamptz,
    ADD COLUMN refresh_token_expires_at timestamptz,
    -- Separated by commas.
    ADD COLUMN scope text,
    -- Whether the provider had proved the user's address when the account was added. An
    -- account that came without that goes when somebody else proves the address.
    ADD COLUMN address_proved boolean NOT NULL DEFAULT true,
    ADD CONSTRAINT account_subject_check CHECK (provider_id <> '' AND account_id <> '');

-- Sign-ins that have gone to a social provider and not come back.
CREATE TABLE identity.social_flow (
    -- SHA-256 of the state, which only the browser has.
    state_digest bytea PRIMARY KEY CHECK (octet_length(state_digest) = 32),
    -- Where to go afterwards, for whom, and with which provider.
    flow jsonb NOT NULL,
    -- PKCE verifier and nonce, sealed.
    secrets bytea NOT NULL,
    secrets_key_id text NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX social_flow_expires_at_idx ON identity.social_flow (expires_at);
