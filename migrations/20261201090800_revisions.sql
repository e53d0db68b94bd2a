-- Counts the writes that make something less allowed, so that caches know when they are stale.
CREATE TABLE revisions (
    name TEXT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);
INSERT INTO revisions (name, revision) VALUES ('standing', 1);
