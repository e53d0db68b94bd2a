-- Browsers that a person has signed in from. The cookie is the browser's own, so that two people
-- who share one have a row each.
CREATE TABLE devices (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    address TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    -- Until when a password is enough here.
    trusted_until BIGINT,
    trusted_at BIGINT
);
CREATE UNIQUE INDEX devices_user_token ON devices (user_id, token_hash);
CREATE INDEX devices_last_seen_at ON devices (last_seen_at);

-- In which of them a session lives, and what a sign-in that owes a second factor brought along.
ALTER TABLE browser_sessions ADD COLUMN device_id TEXT;
ALTER TABLE pending_sign_ins ADD COLUMN remembered_at BIGINT;
