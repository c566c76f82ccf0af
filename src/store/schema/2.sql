-- Form 2: lists ask of every session how many cells persons changed. With `class` in it no cell has to be read for that.
CREATE INDEX cell_by_person ON cell (session, person_class, class) WHERE person_class IS NOT NULL;
