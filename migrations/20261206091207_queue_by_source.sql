-- From where work was asked for, where strangers may ask: each address has a share of the queue.
ALTER TABLE queue ADD COLUMN source TEXT NOT NULL DEFAULT '';
CREATE INDEX queue_source ON queue (kind, source, created_at, id);
