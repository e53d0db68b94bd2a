-- The audit trail, which is also a person's sign-in history. It outlives those it names.
CREATE TABLE events (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    user_id TEXT,
    client_id TEXT,
    session_id TEXT,
    actor TEXT,
    address TEXT,
    user_agent TEXT,
    outcome TEXT NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX events_at ON events (at, id);
CREATE INDEX events_user_at ON events (user_id, at, id);
