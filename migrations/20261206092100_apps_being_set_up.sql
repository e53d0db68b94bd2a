-- Authenticator apps that nobody went on setting up are found among all the others.
CREATE INDEX totp_credentials_being_set_up ON totp_credentials (created_at)
    WHERE confirmed_at IS NULL;
