-- Which requests end when there are too many: told by an index alone, without reading the requests
-- themselves, which are long.
CREATE INDEX pending_authorizations_kept
    ON pending_authorizations (finished_at, source, created_at, id);
