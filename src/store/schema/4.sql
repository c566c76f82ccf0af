-- Form 4: the worklist, samples that somebody ordered a count of.
CREATE TABLE ordered (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    sample TEXT NOT NULL,
    -- Who ordered it: a connection such as astm, or a person.
    host TEXT NOT NULL,
    -- The host's own number of the order; empty if it gave none.
    order_id TEXT NOT NULL,
    urgent INTEGER NOT NULL,
    at TEXT NOT NULL,
    cancelled TEXT,
    UNIQUE (host, sample, order_id)
);
CREATE INDEX ordered_by_sample ON ordered (sample);
