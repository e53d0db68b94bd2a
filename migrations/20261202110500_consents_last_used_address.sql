-- Where the application's last token request came from: its server, or for a program on a
-- person's device that device.
ALTER TABLE consents ADD COLUMN last_used_address TEXT;
