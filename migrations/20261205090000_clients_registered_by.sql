-- Who registered a client: the operator, or it itself (RFC 7591), so that nobody has looked at it.
ALTER TABLE clients ADD COLUMN registered_by TEXT NOT NULL DEFAULT 'operator';
