-- Up to when each client's assertions were forgotten: one that expired by then may have been used.
CREATE TABLE forgotten_assertions (
    client_id TEXT NOT NULL PRIMARY KEY,
    expired_by BIGINT NOT NULL
);
CREATE INDEX forgotten_assertions_expired_by ON forgotten_assertions (expired_by);
