-- Which master key each sealed record names, so that those of an old one are found without reading
-- all rows.
CREATE INDEX signing_keys_sealed_with ON signing_keys (substr(sealed, 1, 12), kid);
CREATE INDEX totp_credentials_sealed_with ON totp_credentials (substr(sealed_seed, 1, 12), id);
CREATE INDEX kept_forms_sealed_with ON kept_forms (substr(sealed_fields, 1, 12), id_hash);
CREATE INDEX queue_sealed_with ON queue (substr(sealed, 1, 12), id);
