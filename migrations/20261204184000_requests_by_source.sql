-- Who has a request in progress: a person who is signed in, else an address. Each has a share.
ALTER TABLE pending_authorizations ADD COLUMN source TEXT NOT NULL DEFAULT '';
CREATE INDEX pending_authorizations_source ON pending_authorizations (source, created_at, id)
    WHERE finished_at IS NULL;
