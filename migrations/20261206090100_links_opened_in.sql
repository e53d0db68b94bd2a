-- In which browser (the hash of its cookie) a link was opened by somebody who had yet to sign in there.
ALTER TABLE links ADD COLUMN opened_in TEXT;
