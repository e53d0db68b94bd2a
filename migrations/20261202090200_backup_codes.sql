-- Codes for when the authenticator app is not at hand: good once each.
CREATE TABLE backup_codes (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    code_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    saved_at BIGINT,
    used_at BIGINT
);
CREATE INDEX backup_codes_user ON backup_codes (user_id);
ALTER TABLE totp_credentials ADD COLUMN last_used_at BIGINT;
