-- Form 10: the session whose signed result this one amends, read from the result itself, which never changes. One version
-- is amended once at a time: of two who begin together, one is refused.
ALTER TABLE result ADD COLUMN amends INTEGER GENERATED ALWAYS AS
    (CASE WHEN json_valid(snapshot) THEN json_extract(snapshot, '$.amends.session') END) VIRTUAL;
CREATE UNIQUE INDEX result_by_amended ON result (amends) WHERE amends IS NOT NULL;
