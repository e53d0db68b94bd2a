-- What a person allows a client: one standing consent for each pair of them.
-- A client's removal revokes its consents and leaves the rows as history, so client_id is no
-- foreign key.
CREATE TABLE consents (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX consents_standing ON consents (user_id, client_id) WHERE revoked_at IS NULL;
CREATE INDEX consents_user ON consents (user_id);
CREATE INDEX consents_client ON consents (client_id);

CREATE TABLE consent_scopes (
    consent_id TEXT NOT NULL REFERENCES consents (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (consent_id, scope)
);
