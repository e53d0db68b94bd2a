-- Access tokens from before a lock stay dead when the account is unlocked.
ALTER TABLE users ADD COLUMN last_locked_at BIGINT;
