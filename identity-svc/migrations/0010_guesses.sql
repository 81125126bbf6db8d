-- How often passwords were guessed wrongly, for each account and for each place that
-- guesses come from. Addresses without an account have rows as well.
CREATE TABLE identity.guess (
    -- SHA-256 of what is counted together.
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    failures integer NOT NULL,
    locked_until timestamptz,
    -- When the row is forgotten.
    ends_at timestamptz NOT NULL
);

CREATE INDEX guess_ends_at_idx ON identity.guess (ends_at);

-- Wrong passwords from places that an account was never seen at, of all accounts
-- together, minute by minute.
CREATE TABLE identity.strangers_guess (
    minute bigint PRIMARY KEY,
    failures integer NOT NULL
);

-- Networks from which a user has given the right password.
CREATE TABLE identity.known_place (
    user_id text NOT NULL REFERENCES identity.user (id) ON DELETE CASCADE,
    -- SHA-256 of the user and the network.
    place bytea NOT NULL CHECK (octet_length(place) = 32),
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, place)
);

CREATE INDEX known_place_seen_at_idx ON identity.known_place (seen_at);
