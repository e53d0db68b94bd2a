-- Of too many names that nobody has, those with the fewest failures are forgotten first.
CREATE INDEX throttle_fewest ON throttle (in_a_row, last_at) WHERE subject >= '?' AND subject < '@';
