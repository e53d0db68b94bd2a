-- How often a signed-in browser has tried to prove once more who sits before it.
CREATE TABLE proof_tries (
    session_id TEXT NOT NULL PRIMARY KEY REFERENCES browser_sessions (id) ON DELETE CASCADE,
    tries BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);
