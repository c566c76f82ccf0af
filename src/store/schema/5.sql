-- Form 5: what a count writes is hashed as it comes, and short hashes find a changed cell among the others.
CREATE TABLE cell_hash (
    session INTEGER PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
    -- While it is being counted, and once it was interrupted: sums of the SHA-256 of every cell and every picture.
    cells BLOB,
    pictures BLOB,
    -- Once it ended: the first bytes of the SHA-256 of every cell and every picture, with their numbers.
    marks BLOB
);
