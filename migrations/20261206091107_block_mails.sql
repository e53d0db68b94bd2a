-- When a person was last told that strangers were shut out of their account, however many counts
-- there are and however often they begin anew: one mail a day, the history tells the rest.
CREATE TABLE block_mails (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    told_at BIGINT NOT NULL
);
