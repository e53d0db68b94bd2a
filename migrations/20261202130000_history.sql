-- Which request did it: the id in the log and on the error page. Which sign-in an attempt belongs
-- to: the password and the code of one sign-in name the same.
ALTER TABLE events ADD COLUMN request_id TEXT;
ALTER TABLE events ADD COLUMN attempt TEXT;
CREATE INDEX events_attempt ON events (attempt) WHERE attempt IS NOT NULL;
-- The history by how it went, and its end; the list of changes without what happens all the time.
CREATE INDEX events_sign_ins ON events (user_id, outcome, at, id) WHERE kind = 'sign_in';
CREATE INDEX events_sign_ins_at ON events (at) WHERE kind = 'sign_in';
CREATE INDEX events_changes ON events (user_id, at, id)
    WHERE kind <> 'sign_in' AND kind <> 'application_authorized';

-- How many attempts on an account went wrong on one day (days since 1970, UTC), by how they did:
-- the trail keeps the first ones, this row counts them all. No user_id: names that are nobody's.
CREATE TABLE failure_counts (
    user_id TEXT NOT NULL,
    day BIGINT NOT NULL,
    bucket TEXT NOT NULL,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    last_address TEXT NOT NULL,
    PRIMARY KEY (user_id, day, bucket)
);
CREATE INDEX failure_counts_day ON failure_counts (day);
