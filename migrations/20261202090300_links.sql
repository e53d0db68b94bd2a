-- Links sent by mail: good once, for one purpose, for a while.
CREATE TABLE links (
    token_hash TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    details TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX links_user ON links (user_id, purpose);
CREATE INDEX links_expires_at ON links (expires_at);

-- What somebody typed before they were asked to confirm that it is they; sealed.
CREATE TABLE kept_forms (
    id_hash TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES browser_sessions (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    sealed_fields TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX kept_forms_session ON kept_forms (session_id);
CREATE INDEX kept_forms_expires_at ON kept_forms (expires_at);
