-- What people chose for themselves, and which groups they are in (names between spaces).
ALTER TABLE users ADD COLUMN member_of TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN appearance TEXT;
-- Since when the person wants no mail about sign-ins.
ALTER TABLE users ADD COLUMN sign_in_mails_off_at BIGINT;
-- When the account will be removed, because its owner asked for it.
ALTER TABLE users ADD COLUMN removal_at BIGINT;
CREATE INDEX users_removal_at ON users (removal_at);
