-- A browser behind a busy address is asked whose it is before anybody's name is known.
CREATE INDEX devices_token ON devices (token_hash, last_seen_at);
