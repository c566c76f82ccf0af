PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES('audit_head','7 81bd2c3e742d23f01eee16507f91b3a26f5ffecd03a1352265b95f1508cf540f');
INSERT INTO meta VALUES('first_store','faacd0768d806695a34022e677217a1f');
INSERT INTO meta VALUES('last_result','2');
INSERT INTO meta VALUES('store','faacd0768d806695a34022e677217a1f');
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
INSERT INTO session VALUES(1,'A-1','bench','2026-09-21T14:13:20.000000000Z','2026-09-21T14:14:20.000000000Z','done','{"version":"0","camera":"simulated","taken_with":{"camera":"simulated","objective":""},"session":{"target":4,"precision_of":null,"precision_points":2.0,"at_most":1000,"red_count_cv_percent":2.0,"autostart":true,"sample_pattern":""},"flags":{"blasts_percent":1.0,"bands_percent":10.0,"immature_granulocytes_percent":2.0,"nucleated_red_per_100":1.0,"unclassified_percent":10.0,"correct_white_from":5.0},"models":{"classifier":"ab12"},"calibration":null,"um_per_px":null,"unknown_below":null}',NULL,NULL,NULL);
INSERT INTO session VALUES(2,'A-2','bench','2026-09-21T14:13:20.000000000Z','2026-09-21T14:14:20.000000000Z','done','{"version":"0","camera":"simulated","taken_with":{"camera":"simulated","objective":""},"session":{"target":4,"precision_of":null,"precision_points":2.0,"at_most":1000,"red_count_cv_percent":2.0,"autostart":true,"sample_pattern":""},"flags":{"blasts_percent":1.0,"bands_percent":10.0,"immature_granulocytes_percent":2.0,"nucleated_red_per_100":1.0,"unclassified_percent":10.0,"correct_white_from":5.0},"models":{"classifier":"ab12"},"calibration":null,"um_per_px":null,"unknown_below":null}',NULL,NULL,NULL);
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
INSERT INTO result VALUES(1,1,'2026-09-21T14:14:20.000000000Z','{"sample":"A-1","phase":"done","ending":"target-reached","trouble":null,"time":"2026-09-21T14:14:20Z","started":"2026-09-21T14:13:20Z","target":4,"counted":4,"kinds":{"WBC":4,"RBC":2,"PLT":0},"classes":[{"class":"NGS","count":3,"percent":75.0,"low":5.0,"high":95.0},{"class":"LYT","count":1,"percent":25.0,"low":5.0,"high":95.0}],"classes_uncorrected":{"LYT":1,"NGS":3},"prevalence":null,"blasts_kept":0,"flags":[],"statistics":{"groups":{},"evidence":[]},"frames":{"used":0,"skipped":0,"damaged":0,"refused":{"out-of-focus":0,"too-dark":0,"too-bright":0,"too-thick":0,"too-thin":0,"empty":0,"too-coarse":0},"failed":0},"frame_rate":null,"um_per_px":0.1,"quality":null}','faacd0768d806695a34022e677217a1f');
INSERT INTO result VALUES(2,2,'2026-09-21T14:14:20.000000000Z','{"sample":"A-2","phase":"done","ending":"target-reached","trouble":null,"time":"2026-09-21T14:14:20Z","started":"2026-09-21T14:13:20Z","target":4,"counted":4,"kinds":{"WBC":4,"RBC":2,"PLT":0},"classes":[{"class":"NGS","count":3,"percent":75.0,"low":5.0,"high":95.0},{"class":"LYT","count":1,"percent":25.0,"low":5.0,"high":95.0}],"classes_uncorrected":{"LYT":1,"NGS":3},"prevalence":null,"blasts_kept":0,"flags":[],"statistics":{"groups":{},"evidence":[]},"frames":{"used":0,"skipped":0,"damaged":0,"refused":{"out-of-focus":0,"too-dark":0,"too-bright":0,"too-thick":0,"too-thin":0,"empty":0,"too-coarse":0},"failed":0},"frame_rate":null,"um_per_px":0.1,"quality":null}','faacd0768d806695a34022e677217a1f');
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
INSERT INTO signature VALUES(1,'rita','2026-09-21T14:14:50.000000000Z','seen','{"sample":"A-1","phase":"done","ending":"target-reached","trouble":null,"time":"2026-09-21T14:14:20Z","started":"2026-09-21T14:13:20Z","target":4,"counted":4,"kinds":{"WBC":4,"RBC":2,"PLT":0},"classes":[{"class":"NGS","count":2,"percent":50.0,"low":6.7585986488542975,"high":93.2414013511457},{"class":"LYT","count":1,"percent":25.0,"low":0.6309463209709829,"high":80.5879550316756},{"class":"NGB","count":1,"percent":25.0,"low":0.6309463209709829,"high":80.5879550316756}],"classes_uncorrected":{"LYT":1,"NGS":3},"prevalence":null,"blasts_kept":0,"flags":[],"statistics":{"groups":{"neutrophils":[75.0,19.412,99.3691],"lymphocytes":[25.0,0.6309,80.588]},"evidence":[],"per_red_cell":{"red_cells":2},"simultaneous":{"percent":{"LYT":[25.0,0.0447,92.2022],"NGB":[25.0,0.0447,92.2022],"NGS":[50.0,1.7455,98.2545]},"unseen_below":79.44331915497406}},"frames":{"used":0,"skipped":0,"damaged":0,"refused":{"out-of-focus":0,"too-dark":0,"too-bright":0,"too-thick":0,"too-thin":0,"empty":0,"too-coarse":0},"failed":0},"frame_rate":null,"um_per_px":0.1,"quality":null,"looked_at":{"cells":1,"of":4},"camera_check":{"camera":"simulated","objective":"","cells":1,"agree":0,"percent":[0.0,0.0,97.5]}}','87709235a8d6f7e4c8dbabe6bd9d82bb5cb4db25a66725d6102a0a03048ffb92',5,'e0b2c41fbd8c9829cee744305d1527a8110052c78bfbb1e77df3b93dcf283e4f');
CREATE TABLE user (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('operator', 'reviewer', 'admin')),
    password TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
INSERT INTO user VALUES('rita','reviewer','$argon2id$v=19$m=19456,t=2,p=1$r/nklSHKCmHMkJAC26pgDg$/9PRnvZa0Ernw+4STiUytmKQ9NNB8NB1OYHkD/ZYXoc',1);
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
INSERT INTO audit VALUES(1,'2026-09-21T14:13:20.000000000Z','device','begin',1,'{"sample":"A-1"}','2d9c71b015d016a8e428b64bb6fcbbb6040bef3ba6ffb088e1234f1311fd9741','{"session":"5c164a36ff4de5afbc468e9f99031928f4be2ee759649b893694d4efc7aa7ffc"}');
INSERT INTO audit VALUES(2,'2026-09-21T14:14:20.000000000Z','device','result',1,'{"counted":4,"flags":[],"result":1,"sample":"A-1"}','e69de45db8b70cf09bb8784d640ae85203397e7157aae9bf771da2087ceec2dd','{"before":{"session":"5c164a36ff4de5afbc468e9f99031928f4be2ee759649b893694d4efc7aa7ffc"},"cells":"6275b7eee605fee347d66919e7bd81b6e2d459ce551b9958d59dedb6fa89c201","classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","marks":"f9f66411fafbd0c769f37c2c91efb157695ae9818f424de02eb5ae8e17fa9e9f","pictures":"41008286f509b81073b8a508ae8a388599d0aee8d4b867b0356ce6efebc3c77a","result":"3b7dd514b7304f7ab5f18845a054cd2b90eaf19d6657907a8c03b32bcf1d8d90","review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","session":"d5bebd8efd85874af338c562e4226bfe88f71dc257696949c87acc4e68846604"}');
INSERT INTO audit VALUES(3,'2026-09-21T14:14:25.000000000Z','console','add user',NULL,'{"role":"reviewer","user":"rita"}','97cfd37fc9c535c3ebb884c4467ed525f8cfc9eba56aa22273cbf2fe8eff786c','{"user":"cf7ccf7fed21506994204eb82d000de22d2ce4aa6bed10d2ea9e86a01d51a6b4"}');
INSERT INTO audit VALUES(4,'2026-09-21T14:14:30.000000000Z','rita','reclassify',1,'{"cells":[{"cell":2,"from":"NGS","program":"NGS"}],"to":"NGB"}','21383213c98e98dd7d9d5a13478fb162bf5f3bbf022569eceaff8f352b884249','{"before":{"classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"classes":"3658de639f5fc8a8997abf8df185c16b01473a7ca0a827aeb088ae00c546359a","review":"f90b33023fe0901d41b4024af3df4c59908b88d05ff70e8e64077524eb08443b"}');
INSERT INTO audit VALUES(5,'2026-09-21T14:14:50.000000000Z','rita','sign',1,'{"camera_check":{"agree":0,"cells":1},"counted":4,"looked_at":{"cells":1,"of":4},"sha256":"87709235a8d6f7e4c8dbabe6bd9d82bb5cb4db25a66725d6102a0a03048ffb92"}','e0b2c41fbd8c9829cee744305d1527a8110052c78bfbb1e77df3b93dcf283e4f','{"cells":"6275b7eee605fee347d66919e7bd81b6e2d459ce551b9958d59dedb6fa89c201","classes":"3658de639f5fc8a8997abf8df185c16b01473a7ca0a827aeb088ae00c546359a","marks":"f9f66411fafbd0c769f37c2c91efb157695ae9818f424de02eb5ae8e17fa9e9f","pictures":"41008286f509b81073b8a508ae8a388599d0aee8d4b867b0356ce6efebc3c77a","result":"3b7dd514b7304f7ab5f18845a054cd2b90eaf19d6657907a8c03b32bcf1d8d90","review":"f90b33023fe0901d41b4024af3df4c59908b88d05ff70e8e64077524eb08443b","session":"d5bebd8efd85874af338c562e4226bfe88f71dc257696949c87acc4e68846604"}');
INSERT INTO audit VALUES(6,'2026-09-21T14:13:20.000000000Z','device','begin',2,'{"sample":"A-2"}','28f544d6975f59745951f2cd6347d45380c57e38ee1182913ace0e38a3060a7f','{"session":"1eade9c1b8e4c1c1cc03fee2e5861b7d1948d92d6ddd3aaadd2494d615556073"}');
INSERT INTO audit VALUES(7,'2026-09-21T14:14:20.000000000Z','device','result',2,'{"counted":4,"flags":[],"result":2,"sample":"A-2"}','81bd2c3e742d23f01eee16507f91b3a26f5ffecd03a1352265b95f1508cf540f','{"before":{"session":"1eade9c1b8e4c1c1cc03fee2e5861b7d1948d92d6ddd3aaadd2494d615556073"},"cells":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","marks":"c06e8c2ec5582662573e2b61dfe0317ef955ca24dedca8cdf0e1c24e306da728","pictures":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","result":"e3648ddd96b7b5a9bf6e2b13825b7f7bbb9cac60227ec7d67f7367336efe08ed","review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","session":"9a8bdc8c5327deb2e87bd8b1e7b4ae2a3d1373df888aab2d72bdde57ed7b597e"}');
CREATE TABLE ordered (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    sample TEXT NOT NULL,
    -- Who ordered it: a connection such as astm, or a person.
    host TEXT NOT NULL,
    -- The host's own number of the order; empty if it gave none.
    order_id TEXT NOT NULL,
    urgent INTEGER NOT NULL,
    at TEXT NOT NULL,
    cancelled TEXT,
    UNIQUE (host, sample, order_id)
);
CREATE TABLE cell_hash (
    session INTEGER PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
    -- While it is being counted, and once it was interrupted: sums of the SHA-256 of every cell and every picture.
    cells BLOB,
    pictures BLOB,
    -- Once it ended: the first bytes of the SHA-256 of every cell and every picture, with their numbers.
    marks BLOB
);
INSERT INTO cell_hash VALUES(1,NULL,NULL,X'00000006000000013160284800000002e7ea953a00000003fb8fa4fc00000004691bbc6100000005237060ee00000006440675ed0000000400000001f6dde7220000000246bde38800000003a693a0eb00000004724fe9d2');
INSERT INTO cell_hash VALUES(2,NULL,NULL,X'0000000000000000');
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
CREATE INDEX ordered_by_sample ON ordered (sample);
COMMIT;
PRAGMA application_id = 1279612235;
PRAGMA user_version = 5;
