-- Until when what a client asked of the token endpoint fills its limit, in nanoseconds since 1970:
-- each request moves it on by its share of a minute. Nodes take several requests at once. What
-- lies in the past means nothing and is swept.
CREATE TABLE client_requests (
    client_id TEXT PRIMARY KEY,
    filled_until BIGINT NOT NULL
);
CREATE INDEX client_requests_filled_until ON client_requests (filled_until);
