-- Form 11: scores of practice, apart from everything that is counted for a patient.
CREATE TABLE practice (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    -- drawn or exported.
    source TEXT NOT NULL,
    -- JSON: how many cells of each class there were, and how many were named right.
    classes TEXT NOT NULL
);
CREATE INDEX practice_by_person ON practice (person, number);
-- What the health page asks of a long trail.
CREATE INDEX audit_of_station ON audit (action, number) WHERE action IN ('backup', 'install models', 'models back', 'profile');
