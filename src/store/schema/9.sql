-- Form 9: steps of a review that came faster than a person can look. A cell was seen quickly if its latest step that was not
-- taken back is one of them.
CREATE TABLE seen_quickly (
    change INTEGER PRIMARY KEY REFERENCES reclassification (id) ON DELETE CASCADE,
    session INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX seen_quickly_by_session ON seen_quickly (session, change);
CREATE TRIGGER seen_quickly_stays BEFORE UPDATE ON seen_quickly BEGIN SELECT RAISE(ABORT, 'how a cell was seen does not change'); END;
CREATE TRIGGER signed_cells_are_not_seen_later BEFORE INSERT ON seen_quickly
WHEN EXISTS (SELECT 1 FROM signature WHERE session = new.session)
BEGIN SELECT RAISE(ABORT, 'the cells of a signed result do not change'); END;
