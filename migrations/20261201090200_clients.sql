-- Clients with their RFC 7591 metadata, and the resource identifiers (RFC 8707) they answer for.
CREATE TABLE clients (
    id TEXT NOT NULL PRIMARY KEY,
    metadata TEXT NOT NULL,
    secret_hash TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE client_resources (
    resource TEXT NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE
);
CREATE INDEX client_resources_client ON client_resources (client_id);
