-- Work to do later: mails, logout notices. What is to be sent is sealed: it may hold links.
CREATE TABLE queue (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    tries BIGINT NOT NULL
);
CREATE INDEX queue_kind_due_at ON queue (kind, due_at);
CREATE INDEX queue_expires_at ON queue (expires_at);
