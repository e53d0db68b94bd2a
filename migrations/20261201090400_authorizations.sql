-- Requests in progress, the approvals they end in, and the codes that hand these over.
CREATE TABLE pending_authorizations (
    id TEXT NOT NULL PRIMARY KEY,
    browser_hash TEXT NOT NULL,
    client_id TEXT NOT NULL,
    request TEXT NOT NULL,
    hinted_subject TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    account_selected_at BIGINT,
    decided_at BIGINT,
    decision TEXT,
    decided_by TEXT,
    finished_at BIGINT
);
CREATE INDEX pending_authorizations_expires_at ON pending_authorizations (expires_at);

-- Every token hangs on one of these rows. The session may be swept before an offline
-- authorization ends and the client may be removed, so neither is a foreign key.
CREATE TABLE authorizations (
    id TEXT NOT NULL PRIMARY KEY,
    consent_id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    claims TEXT NOT NULL,
    resource TEXT NOT NULL,
    nonce TEXT,
    auth_time BIGINT NOT NULL,
    acr TEXT NOT NULL,
    amr TEXT NOT NULL,
    offline_at BIGINT,
    created_at BIGINT NOT NULL,
    redeemed_at BIGINT,
    expires_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    previous_generation BIGINT,
    rotated_at BIGINT,
    seen_generation BIGINT NOT NULL,
    revoked_at BIGINT,
    revoke_reason TEXT
);
CREATE INDEX authorizations_user ON authorizations (user_id);
CREATE INDEX authorizations_client_user ON authorizations (client_id, user_id);
CREATE INDEX authorizations_session ON authorizations (session_id);
CREATE INDEX authorizations_expires_at ON authorizations (expires_at);

CREATE TABLE authorization_codes (
    code_hash TEXT NOT NULL PRIMARY KEY,
    authorization_id TEXT NOT NULL REFERENCES authorizations (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    consumed_at BIGINT
);
CREATE INDEX authorization_codes_authorization ON authorization_codes (authorization_id);
CREATE INDEX authorization_codes_expires_at ON authorization_codes (expires_at);
