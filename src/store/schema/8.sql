-- Form 8: whole fields, kept for cells that somebody must look at. Boxes are px of the field.
CREATE TABLE field (
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    taken TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL,
    um_per_px REAL,
    jpeg BLOB NOT NULL,
    PRIMARY KEY (session, number)
);
CREATE TABLE field_cell (
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    field INTEGER NOT NULL,
    cell INTEGER NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL,
    PRIMARY KEY (session, cell, field)
) WITHOUT ROWID;
