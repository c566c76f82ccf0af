-- Form 1. Times are RFC 3339 in UTC with nine digits of a second, so that they sort as text.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sample TEXT NOT NULL,
    station TEXT NOT NULL,
    started TEXT NOT NULL,
    ended TEXT,
    -- counting, interrupted, done
    state TEXT NOT NULL DEFAULT 'counting' CHECK (state IN ('counting', 'interrupted', 'done')),
    settings TEXT,
    -- Cells and pictures that retention has taken away are not missing.
    crops_removed TEXT,
    cells_removed TEXT,
    -- White cells that persons had given another class, once the cells are gone.
    reclassified INTEGER
);
CREATE INDEX session_by_time ON session (started);

CREATE TABLE cell (
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('WBC', 'RBC', 'PLT')),
    -- Of a running session: it does not count any more, but may again.
    withdrawn INTEGER NOT NULL DEFAULT 0,
    patch INTEGER NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL,
    class TEXT,
    probability REAL,
    ranked TEXT,
    person_class TEXT, person TEXT, person_at TEXT,
    PRIMARY KEY (session, number)
) WITHOUT ROWID;

-- Apart from the cells, so that lists do not read pictures.
CREATE TABLE crop (
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    jpeg BLOB NOT NULL,
    PRIMARY KEY (session, number)
);

-- What persons said of cells, in its order.
CREATE TABLE reclassification (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    cell INTEGER NOT NULL,
    before_class TEXT, before_person TEXT, before_at TEXT,
    class TEXT,
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX reclassification_by_session ON reclassification (session, id);

CREATE TABLE result (
    sequence INTEGER PRIMARY KEY,
    session INTEGER NOT NULL UNIQUE REFERENCES session (id),
    at TEXT NOT NULL,
    snapshot TEXT NOT NULL
);

CREATE TABLE signature (
    session INTEGER PRIMARY KEY REFERENCES session (id),
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    comment TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    -- Number and hash of the audit trail's last line when it was signed.
    audit_number INTEGER NOT NULL,
    audit_hash TEXT NOT NULL
);
CREATE TRIGGER signature_stays BEFORE UPDATE ON signature BEGIN SELECT RAISE(ABORT, 'a signature does not change'); END;
CREATE TRIGGER signature_is_kept BEFORE DELETE ON signature BEGIN SELECT RAISE(ABORT, 'a signature is not deleted'); END;
CREATE TRIGGER result_stays BEFORE UPDATE ON result BEGIN SELECT RAISE(ABORT, 'a result does not change'); END;
CREATE TRIGGER signed_result_is_kept BEFORE DELETE ON result WHEN EXISTS (SELECT 1 FROM signature WHERE session = old.session)
BEGIN SELECT RAISE(ABORT, 'a signed result is not deleted'); END;
CREATE TRIGGER signed_cells_stay BEFORE UPDATE ON cell WHEN EXISTS (SELECT 1 FROM signature WHERE session = old.session)
BEGIN SELECT RAISE(ABORT, 'the cells of a signed result do not change'); END;

CREATE TABLE user (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('operator', 'reviewer', 'admin')),
    password TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;

CREATE TABLE token (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('operator', 'reviewer', 'admin')),
    sha256 TEXT NOT NULL UNIQUE
) WITHOUT ROWID;

CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    person TEXT NOT NULL,
    action TEXT NOT NULL,
    session INTEGER,
    detail TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_by_session ON audit (session, number);
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail does not change'); END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is not deleted'); END;
