-- Form 14: what a named red cell looks like. Its class, its probability and its ranking stand where those of a white cell do, by the
-- codes of red cells; the rest here. Rows of other cells hold nothing of it.
ALTER TABLE cell ADD COLUMN graded INTEGER;
ALTER TABLE cell ADD COLUMN diameter_um REAL;
ALTER TABLE cell ADD COLUMN pallor REAL;
-- With the kind, so that changed white cells and changed red ones are still counted without reading cells.
DROP INDEX cell_by_person;
CREATE INDEX cell_by_person ON cell (session, person_class, class, kind) WHERE person_class IS NOT NULL;
