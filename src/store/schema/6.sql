-- Form 6: quality control. Lots and runs are JSON as records say; a run as judged does not change.
CREATE TABLE control_lot (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    person TEXT NOT NULL,
    lot TEXT NOT NULL,
    retired TEXT
);

CREATE TABLE control_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lot INTEGER NOT NULL REFERENCES control_lot (id),
    -- Of a counted slide; it stays when retention takes the session away.
    session INTEGER UNIQUE,
    at TEXT NOT NULL,
    run TEXT NOT NULL
);
CREATE INDEX control_run_by_lot ON control_run (lot, id);
CREATE TRIGGER control_run_stays BEFORE UPDATE ON control_run BEGIN SELECT RAISE(ABORT, 'a control run does not change'); END;
CREATE TRIGGER control_run_is_kept BEFORE DELETE ON control_run BEGIN SELECT RAISE(ABORT, 'a control run is not deleted'); END;

-- Why signing was opened although the control had not passed.
CREATE TABLE control_override (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    person TEXT NOT NULL,
    reason TEXT NOT NULL
);

-- The lot that a session is a control of; none for a sample.
ALTER TABLE session ADD COLUMN control INTEGER REFERENCES control_lot (id);
