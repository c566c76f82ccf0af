-- Form 7: results that meet a critical value, and whether somebody still has to say who was told. What was said stands in the
-- trail; this is only what open alarms are found by.
CREATE TABLE alarm (
    session INTEGER PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
    critical TEXT NOT NULL,
    open INTEGER NOT NULL
);
CREATE INDEX alarm_open ON alarm (session) WHERE open;
