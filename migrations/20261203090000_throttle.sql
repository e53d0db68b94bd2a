-- Tries at a password, counted for each account (or name that nobody has) apart for strangers and
-- for each browser that the account knows. A try counts as failed until it succeeds.
CREATE TABLE throttle (
    subject TEXT NOT NULL,
    bucket TEXT NOT NULL,
    window_began_at BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    in_a_row BIGINT NOT NULL,
    blocked_until BIGINT,
    last_at BIGINT NOT NULL,
    told_at BIGINT,
    PRIMARY KEY (subject, bucket)
);
CREATE INDEX throttle_last_at ON throttle (last_at);
