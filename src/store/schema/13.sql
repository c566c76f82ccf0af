-- Form 13: a laboratory's own class within the fixed one that a person gave, as `CODE name`: the name as it was then.
ALTER TABLE cell ADD COLUMN person_own TEXT;
ALTER TABLE reclassification ADD COLUMN before_own TEXT;
ALTER TABLE reclassification ADD COLUMN own TEXT;
