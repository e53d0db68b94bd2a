-- The session or sign-in in which an authenticator app is being set up: its seed is shown there
-- and nowhere else. Empty for those that are confirmed.
ALTER TABLE totp_credentials ADD COLUMN enrolment TEXT;
CREATE INDEX totp_credentials_enrolment ON totp_credentials (enrolment);

-- When a sign-in that must set two-factor up showed its first code.
ALTER TABLE pending_sign_ins ADD COLUMN proven_at BIGINT;

-- Wrong codes since the last right one, and within one step of 30 seconds.
CREATE TABLE factor_failures (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    in_a_row BIGINT NOT NULL,
    step BIGINT NOT NULL,
    in_step BIGINT NOT NULL
);
