-- Since when a person goes through the steps that shut an intruder out, until they are through. It stands here so
-- that each of their pages knows it without asking for it.
ALTER TABLE users ADD COLUMN securing_at BIGINT;
