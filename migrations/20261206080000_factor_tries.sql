-- Wrong codes of the second factor, counted for each account apart for strangers (an empty bucket)
-- and for each browser that it knows, and apps' codes apart from backup codes: nobody who knows a
-- password closes the second factor to its owner. What was counted for an account as a whole counts
-- as strangers' from now on; factor_failures stays as the row that racing codes wait for.
CREATE TABLE factor_tries (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    bucket TEXT NOT NULL,
    -- Since the last right one.
    in_a_row BIGINT NOT NULL,
    -- The step of 30 seconds of the last wrong one, and how many came in it.
    step BIGINT NOT NULL,
    in_step BIGINT NOT NULL,
    -- When the present hour began, and how many came in it.
    hour_began_at BIGINT NOT NULL,
    in_hour BIGINT NOT NULL,
    PRIMARY KEY (user_id, bucket)
);
INSERT INTO factor_tries (user_id, bucket, in_a_row, step, in_step, hour_began_at, in_hour)
SELECT user_id, '', in_a_row, step, in_step, 0, 0 FROM factor_failures WHERE in_a_row > 0;
