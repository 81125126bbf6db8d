-- "user" is a reserved word; with its schema in front it needs no quotes.
CREATE TABLE identity.user (
    id text PRIMARY KEY,
    name text NOT NULL,
    -- Lower case, as auth_types::Email has it.
    email text NOT NULL UNIQUE,
    email_verified boolean NOT NULL DEFAULT false,
    image text,
    role text NOT NULL DEFAULT 'user',
    banned boolean NOT NULL DEFAULT false,
    ban_reason text,
    ban_expires timestamptz,
    two_factor_enabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    -- Grows with every change, so that whoever holds two snapshots of a user
    -- knows which is the newer.
    version bigint NOT NULL DEFAULT 1
);

CREATE TABLE identity.account (
    id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES identity.user (id) ON DELETE CASCADE,
    -- 'credential' for a password, whose account_id is then the user's id.
    provider_id text NOT NULL,
    account_id text NOT NULL,
    -- A bcrypt hash; only of a credential account.
    password text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (provider_id, account_id)
);

CREATE INDEX account_user_id_idx ON identity.account (user_id);

-- See service_kit::outbox.
CREATE TABLE identity.outbox (
    id uuid PRIMARY KEY,
    subject text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0
);

CREATE INDEX outbox_due_at_idx ON identity.outbox (due_at);
