-- The instance's signing keys, sealed, and facts about the instance that are set once.
CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    key_type TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    activates_at BIGINT NOT NULL,
    retires_at BIGINT,
    removed_at BIGINT
);

CREATE TABLE instance (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
