PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES('audit_head','7 f4429aafb59f43f70d763f5c257d2ddfdb67a292b8b54483b447ba9d6cc69f1b');
INSERT INTO meta VALUES('first_store','5e5f3a7c94d79eabf782fec4735d45f9');
INSERT INTO meta VALUES('last_result','2');
INSERT INTO meta VALUES('store','5e5f3a7c94d79eabf782fec4735d45f9');
INSERT INTO meta VALUES('witnessed','1');
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
INSERT INTO session VALUES(1,'A-1','bench','2026-09-21T14:13:20.000000000Z','2026-09-21T14:14:20.000000000Z','done','{"version":"0","camera":"simulated","session":{"target":4,"precision_of":null,"precision_points":2.0,"at_most":1000,"red_count_cv_percent":2.0,"autostart":true},"flags":{"blasts_percent":1.0,"bands_percent":10.0,"immature_granulocytes_percent":2.0,"nucleated_red_per_100":1.0,"unclassified_percent":10.0,"correct_white_from":5.0},"models":{"classifier":"ab12"},"calibration":null,"um_per_px":null,"unknown_below":null}',NULL,NULL,NULL);
INSERT INTO session VALUES(2,'A-2','bench','2026-09-21T14:13:20.000000000Z','2026-09-21T14:14:20.000000000Z','done','{"version":"0","camera":"simulated","session":{"target":4,"precision_of":null,"precision_points":2.0,"at_most":1000,"red_count_cv_percent":2.0,"autostart":true},"flags":{"blasts_percent":1.0,"bands_percent":10.0,"immature_granulocytes_percent":2.0,"nucleated_red_per_100":1.0,"unclassified_percent":10.0,"correct_white_from":5.0},"models":{"classifier":"ab12"},"calibration":null,"um_per_px":null,"unknown_below":null}',NULL,NULL,NULL);
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
INSERT INTO cell VALUES(1,1,'WBC',0,1,10.499999999999999999,20.25,30.0,31.0,'NGS',0.98999999999999999111,'[["NGS",0.99]]',NULL,NULL,NULL);
INSERT INTO cell VALUES(1,2,'WBC',0,1,10.499999999999999999,20.25,30.0,31.0,'NGS',0.69999999999999995559,'[["NGS",0.7]]','NGB','rita','2026-09-21T14:14:30.000000000Z');
INSERT INTO cell VALUES(1,3,'WBC',0,1,10.499999999999999999,20.25,30.0,31.0,'NGS',0.8000000000000000444,'[["NGS",0.8]]',NULL,NULL,NULL);
INSERT INTO cell VALUES(1,4,'WBC',0,1,10.499999999999999999,20.25,30.0,31.0,'LYT',0.94999999999999995559,'[["LYT",0.95]]',NULL,NULL,NULL);
INSERT INTO cell VALUES(1,5,'RBC',0,1,10.499999999999999999,20.25,30.0,31.0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO cell VALUES(1,6,'RBC',0,1,10.499999999999999999,20.25,30.0,31.0,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE crop (
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    jpeg BLOB NOT NULL,
    PRIMARY KEY (session, number)
);
INSERT INTO crop VALUES(1,1,X'ffd801');
INSERT INTO crop VALUES(1,2,X'ffd802');
INSERT INTO crop VALUES(1,3,X'ffd803');
INSERT INTO crop VALUES(1,4,X'ffd804');
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
INSERT INTO reclassification VALUES(1,1,2,NULL,NULL,NULL,'NGB','rita','2026-09-21T14:14:30.000000000Z',0);
CREATE TABLE result (
    sequence INTEGER PRIMARY KEY,
    session INTEGER NOT NULL UNIQUE REFERENCES session (id),
    at TEXT NOT NULL,
    snapshot TEXT NOT NULL
, store TEXT);
INSERT INTO result VALUES(1,1,'2026-09-21T14:14:20.000000000Z','{"sample":"A-1","phase":"done","ending":"target-reached","trouble":null,"time":"2026-09-21T14:14:20Z","started":"2026-09-21T14:13:20Z","target":4,"counted":4,"kinds":{"WBC":4,"RBC":2,"PLT":0},"classes":[{"class":"NGS","count":3,"percent":75.0,"low":5.0,"high":95.0},{"class":"LYT","count":1,"percent":25.0,"low":5.0,"high":95.0}],"classes_uncorrected":{"LYT":1,"NGS":3},"prevalence":null,"blasts_kept":0,"flags":[],"statistics":{"groups":{},"evidence":[]},"frames":{"used":0,"skipped":0,"damaged":0,"refused":{"out-of-focus":0,"too-dark":0,"too-bright":0,"too-thick":0,"too-thin":0,"empty":0}},"frame_rate":null,"um_per_px":0.1,"quality":null}','5e5f3a7c94d79eabf782fec4735d45f9');
INSERT INTO result VALUES(2,2,'2026-09-21T14:14:20.000000000Z','{"sample":"A-2","phase":"done","ending":"target-reached","trouble":null,"time":"2026-09-21T14:14:20Z","started":"2026-09-21T14:13:20Z","target":4,"counted":4,"kinds":{"WBC":4,"RBC":2,"PLT":0},"classes":[{"class":"NGS","count":3,"percent":75.0,"low":5.0,"high":95.0},{"class":"LYT","count":1,"percent":25.0,"low":5.0,"high":95.0}],"classes_uncorrected":{"LYT":1,"NGS":3},"prevalence":null,"blasts_kept":0,"flags":[],"statistics":{"groups":{},"evidence":[]},"frames":{"used":0,"skipped":0,"damaged":0,"refused":{"out-of-focus":0,"too-dark":0,"too-bright":0,"too-thick":0,"too-thin":0,"empty":0}},"frame_rate":null,"um_per_px":0.1,"quality":null}','5e5f3a7c94d79eabf782fec4735d45f9');
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
INSERT INTO signature VALUES(1,'rita','2026-09-21T14:14:50.000000000Z','seen','{"sample":"A-1","phase":"done","ending":"target-reached","trouble":null,"time":"2026-09-21T14:14:20Z","started":"2026-09-21T14:13:20Z","target":4,"counted":4,"kinds":{"WBC":4,"RBC":2,"PLT":0},"classes":[{"class":"NGS","count":2,"percent":50.0,"low":6.7585986488542975,"high":93.2414013511457},{"class":"LYT","count":1,"percent":25.0,"low":0.6309463209709829,"high":80.5879550316756},{"class":"NGB","count":1,"percent":25.0,"low":0.6309463209709829,"high":80.5879550316756}],"classes_uncorrected":{"LYT":1,"NGS":3},"prevalence":null,"blasts_kept":0,"flags":[],"statistics":{"groups":{"neutrophils":[75.0,19.412,99.3691],"lymphocytes":[25.0,0.6309,80.588]},"evidence":[],"per_red_cell":{"red_cells":2},"simultaneous":{"percent":{"LYT":[25.0,0.0481,92.0029],"NGB":[25.0,0.0481,92.0029],"NGS":[50.0,1.8122,98.1878]},"unseen_below":79.05891574790091}},"frames":{"used":0,"skipped":0,"damaged":0,"refused":{"out-of-focus":0,"too-dark":0,"too-bright":0,"too-thick":0,"too-thin":0,"empty":0}},"frame_rate":null,"um_per_px":0.1,"quality":null}','dde4fe895135e7cdb763f01ef33fa3abb7b8850ccd9a278e417b5e0bbb06a0ed',5,'f5c9225a30378aaacf678456dd37da8c72d0f9481b61074dddebcf86d8ae2214');
CREATE TABLE user (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('operator', 'reviewer', 'admin')),
    password TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
INSERT INTO user VALUES('rita','reviewer','$argon2id$v=19$m=19456,t=2,p=1$ksIEhGbnIjHN3x+2kHZ6ag$4XoFbWNrqCwGb2hqGxs/5hHlaNy++qiLByVmiKtmyrk',1);
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
, row_hashes TEXT);
INSERT INTO audit VALUES(1,'2026-09-21T14:13:20.000000000Z','device','begin',1,'{"sample":"A-1"}','afb8dacada3fa971aa004738ddf69e1984e09f89922097503037905c4b553014','{"session":"acc3a93f003dba97d84fff860a88abef0ef4d9863a587e3b6770ccd49c1c5600"}');
INSERT INTO audit VALUES(2,'2026-09-21T14:14:20.000000000Z','device','result',1,'{"counted":4,"result":1}','21bdae38dbf49840453e59ded6faa175e01054b1689272595c68c60f35fe2d88','{"before":{"session":"acc3a93f003dba97d84fff860a88abef0ef4d9863a587e3b6770ccd49c1c5600"},"cells":"6275b7eee605fee347d66919e7bd81b6e2d459ce551b9958d59dedb6fa89c201","classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","pictures":"41008286f509b81073b8a508ae8a388599d0aee8d4b867b0356ce6efebc3c77a","result":"d3b33d2cc1c15e8c5bd9cc27451bbf11c0ac7b86ea6ad9d624af1a2bba405c99","review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","session":"4fb536e8fdc4fa5efa91c1b4ee38197a84a174f7514fb374a731a4e6f04fe131"}');
INSERT INTO audit VALUES(3,'2026-09-21T14:14:25.000000000Z','console','add user',NULL,'{"role":"reviewer","user":"rita"}','5f2d3ed79ebfa1fe433641b57bda039b97c7bd1cf62e776ba493a104f1564590','{"user":"2edc92bfe98994fce84ce1e310937a43cec941d2ccc15ec4989b2543fba508a6"}');
INSERT INTO audit VALUES(4,'2026-09-21T14:14:30.000000000Z','rita','reclassify',1,'{"cells":[{"cell":2,"from":"NGS","program":"NGS"}],"to":"NGB"}','a7ee1c660a4fd5b644023f5309482a3e69193f669922e6dd73ad11c1c6e50fc2','{"before":{"classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"classes":"3658de639f5fc8a8997abf8df185c16b01473a7ca0a827aeb088ae00c546359a","review":"f90b33023fe0901d41b4024af3df4c59908b88d05ff70e8e64077524eb08443b"}');
INSERT INTO audit VALUES(5,'2026-09-21T14:14:50.000000000Z','rita','sign',1,'{"counted":4,"sha256":"dde4fe895135e7cdb763f01ef33fa3abb7b8850ccd9a278e417b5e0bbb06a0ed"}','f5c9225a30378aaacf678456dd37da8c72d0f9481b61074dddebcf86d8ae2214','{"cells":"6275b7eee605fee347d66919e7bd81b6e2d459ce551b9958d59dedb6fa89c201","classes":"3658de639f5fc8a8997abf8df185c16b01473a7ca0a827aeb088ae00c546359a","pictures":"41008286f509b81073b8a508ae8a388599d0aee8d4b867b0356ce6efebc3c77a","result":"d3b33d2cc1c15e8c5bd9cc27451bbf11c0ac7b86ea6ad9d624af1a2bba405c99","review":"f90b33023fe0901d41b4024af3df4c59908b88d05ff70e8e64077524eb08443b","session":"4fb536e8fdc4fa5efa91c1b4ee38197a84a174f7514fb374a731a4e6f04fe131"}');
INSERT INTO audit VALUES(6,'2026-09-21T14:13:20.000000000Z','device','begin',2,'{"sample":"A-2"}','3a2165bc731d1d340a539c35e8ee62ed268b746a4cf69993745e95551fc2fdf4','{"session":"5413ab1910d7f6632fd38feb0cd52cc4dd7ad4a100a328684e64679d02e2e6bd"}');
INSERT INTO audit VALUES(7,'2026-09-21T14:14:20.000000000Z','device','result',2,'{"counted":4,"result":2}','f4429aafb59f43f70d763f5c257d2ddfdb67a292b8b54483b447ba9d6cc69f1b','{"before":{"session":"5413ab1910d7f6632fd38feb0cd52cc4dd7ad4a100a328684e64679d02e2e6bd"},"cells":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","pictures":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","result":"9e853c4ed20b2a7a9db50c46fa1d1edc93d6a512e2562fa3745751c13c9b3bc6","review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","session":"54ab53b24810998bf32f07af9ea1fdb8099b9dc86164c8dd2cd7af6bd604736c"}');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('session',2);
INSERT INTO sqlite_sequence VALUES('reclassification',1);
CREATE INDEX session_by_time ON session (started);
CREATE INDEX reclassification_by_session ON reclassification (session, id);
CREATE TRIGGER signature_stays BEFORE UPDATE ON signature BEGIN SELECT RAISE(ABORT, 'a signature does not change'); END;
CREATE TRIGGER signature_is_kept BEFORE DELETE ON signature BEGIN SELECT RAISE(ABORT, 'a signature is not deleted'); END;
CREATE TRIGGER result_stays BEFORE UPDATE ON result BEGIN SELECT RAISE(ABORT, 'a result does not change'); END;
CREATE TRIGGER signed_result_is_kept BEFORE DELETE ON result WHEN EXISTS (SELECT 1 FROM signature WHERE session = old.session)
BEGIN SELECT RAISE(ABORT, 'a signed result is not deleted'); END;
CREATE TRIGGER signed_cells_stay BEFORE UPDATE ON cell WHEN EXISTS (SELECT 1 FROM signature WHERE session = old.session)
BEGIN SELECT RAISE(ABORT, 'the cells of a signed result do not change'); END;
CREATE INDEX audit_by_session ON audit (session, number);
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail does not change'); END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is not deleted'); END;
CREATE INDEX cell_by_person ON cell (session, person_class, class) WHERE person_class IS NOT NULL;
COMMIT;
PRAGMA application_id = 1279612235;
PRAGMA user_version = 3;
