-- Wrong secrets of a client, counted for each address apart (IPv6: a /64). Short-lived: a count is
-- over with its window, and swept.
CREATE TABLE client_failures (
    client_id TEXT NOT NULL,
    address TEXT NOT NULL,
    window_began_at BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    closed_until BIGINT,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, address)
);
CREATE INDEX client_failures_last_at ON client_failures (last_at);
CREATE INDEX client_failures_closed ON client_failures (closed_until)
    WHERE closed_until IS NOT NULL;
