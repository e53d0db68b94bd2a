-- Since when a password must be changed before anything else, because somebody else chose it.
ALTER TABLE password_credentials ADD COLUMN must_change_at BIGINT;
-- The SHA-256 of the hash that the present one of the same password replaced.
ALTER TABLE password_credentials ADD COLUMN rehashed_from TEXT;
-- What was proven by a sign-in that owes nothing more but another password (JSON).
ALTER TABLE pending_sign_ins ADD COLUMN proof TEXT;
