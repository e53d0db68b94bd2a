-- Single tokens that died before their time, until they would have expired anyway; and the
-- assertions (RFC 7523) that were used once.
CREATE TABLE revoked_tokens (
    token_id TEXT NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL,
    authorization_id TEXT,
    generation BIGINT
);
CREATE INDEX revoked_tokens_authorization ON revoked_tokens (authorization_id);
CREATE INDEX revoked_tokens_expires_at ON revoked_tokens (expires_at);

CREATE TABLE used_assertions (
    client_id TEXT NOT NULL,
    jti_hash TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, jti_hash)
);
CREATE INDEX used_assertions_expires_at ON used_assertions (expires_at);
