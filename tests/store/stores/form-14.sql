PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES('audit_head','7 37e08f01679916119948bbd31035df7d459d1520af2e591f0dc7b1c340280aec');
INSERT INTO meta VALUES('first_store','62b69892b63ff4c4890ae8169d85810f');
INSERT INTO meta VALUES('last_result','2');
INSERT INTO meta VALUES('store','62b69892b63ff4c4890ae8169d85810f');
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
, control INTEGER REFERENCES control_lot (id));
INSERT INTO session VALUES(1,'A-1','bench','2026-09-21T14:13:20.000000000Z','2026-09-21T14:14:20.000000000Z','done','{"version":"0","camera":"v4l:/dev/video0","source":"camera","taken_with":{"camera":"simulated","objective":""},"session":{"target":4,"precision_of":null,"precision_points":2.0,"at_most":1000,"red_count_cv_percent":2.0,"autostart":true},"sample":{"pattern":"","min_length":1,"max_length":64,"check_digit":"none","refuse_names":false,"nameless":true,"scan_interval_ms":50,"scan_length":4,"scan_prefix":null,"scan_suffix":null,"scan_layout":"host"},"flags":{"blasts_percent":1.0,"bands_percent":10.0,"immature_granulocytes_percent":2.0,"nucleated_red_per_100":1.0,"unclassified_percent":10.0,"correct_white_from":5.0},"red_cells":{"grade":true,"schistocytes_percent":1.0,"spherocytes_percent":5.0,"target_cells_percent":5.0,"teardrops_percent":5.0,"elliptocytes_percent":5.0,"ovalocytes_percent":5.0,"stomatocytes_percent":5.0,"burr_cells_percent":5.0,"hypochromic_percent":11.0,"macrocytes_percent":11.0,"microcytes_percent":11.0},"critical":{"blast_cells":null,"blasts_percent":null,"neutrophils_per_ul_below":null},"models":{"classifier":"ab12"},"calibration":null,"um_per_px":null,"unknown_below":null}',NULL,NULL,NULL,NULL);
INSERT INTO session VALUES(2,'A-2','bench','2026-09-21T14:13:20.000000000Z','2026-09-21T14:14:20.000000000Z','done','{"version":"0","camera":"v4l:/dev/video0","source":"camera","taken_with":{"camera":"simulated","objective":""},"session":{"target":4,"precision_of":null,"precision_points":2.0,"at_most":1000,"red_count_cv_percent":2.0,"autostart":true},"sample":{"pattern":"","min_length":1,"max_length":64,"check_digit":"none","refuse_names":false,"nameless":true,"scan_interval_ms":50,"scan_length":4,"scan_prefix":null,"scan_suffix":null,"scan_layout":"host"},"flags":{"blasts_percent":1.0,"bands_percent":10.0,"immature_granulocytes_percent":2.0,"nucleated_red_per_100":1.0,"unclassified_percent":10.0,"correct_white_from":5.0},"red_cells":{"grade":true,"schistocytes_percent":1.0,"spherocytes_percent":5.0,"target_cells_percent":5.0,"teardrops_percent":5.0,"elliptocytes_percent":5.0,"ovalocytes_percent":5.0,"stomatocytes_percent":5.0,"burr_cells_percent":5.0,"hypochromic_percent":11.0,"macrocytes_percent":11.0,"microcytes_percent":11.0},"critical":{"blast_cells":null,"blasts_percent":null,"neutrophils_per_ul_below":null},"models":{"classifier":"ab12"},"calibration":null,"um_per_px":null,"unknown_below":null}',NULL,NULL,NULL,NULL);
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
    person_class TEXT, person TEXT, person_at TEXT, person_own TEXT, graded INTEGER, diameter_um REAL, pallor REAL,
    PRIMARY KEY (session, number)
) WITHOUT ROWID;
INSERT INTO cell VALUES(1,1,'WBC',0,1,10.499999999999999999,20.25,30.0,31.0,'NGS',0.98999999999999999111,'[["NGS",0.99]]',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO cell VALUES(1,2,'WBC',0,1,10.499999999999999999,20.25,30.0,31.0,'NGS',0.69999999999999995559,'[["NGS",0.7]]','NGB','rita','2026-09-21T14:14:30.000000000Z',NULL,NULL,NULL,NULL);
INSERT INTO cell VALUES(1,3,'WBC',0,1,10.499999999999999999,20.25,30.0,31.0,'NGS',0.8000000000000000444,'[["NGS",0.8]]',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO cell VALUES(1,4,'WBC',0,1,10.499999999999999999,20.25,30.0,31.0,'LYT',0.94999999999999995559,'[["LYT",0.95]]',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO cell VALUES(1,5,'RBC',0,1,10.499999999999999999,20.25,30.0,31.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO cell VALUES(1,6,'RBC',0,1,10.499999999999999999,20.25,30.0,31.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
, before_own TEXT, own TEXT);
INSERT INTO reclassification VALUES(1,1,2,NULL,NULL,NULL,'NGB','rita','2026-09-21T14:14:30.000000000Z',0,NULL,NULL);
CREATE TABLE result (
    sequence INTEGER PRIMARY KEY,
    session INTEGER NOT NULL UNIQUE REFERENCES session (id),
    at TEXT NOT NULL,
    snapshot TEXT NOT NULL
, store TEXT, amends INTEGER GENERATED ALWAYS AS
    (CASE WHEN json_valid(snapshot) THEN json_extract(snapshot, '$.amends.session') END) VIRTUAL);
INSERT INTO result VALUES(1,1,'2026-09-21T14:14:20.000000000Z','{"sample":"A-1","phase":"done","ending":"target-reached","trouble":null,"time":"2026-09-21T14:14:20Z","started":"2026-09-21T14:13:20Z","target":4,"counted":4,"kinds":{"WBC":4,"RBC":2,"PLT":0},"classes":[{"class":"NGS","count":3,"percent":75.0,"low":5.0,"high":95.0},{"class":"LYT","count":1,"percent":25.0,"low":5.0,"high":95.0}],"classes_uncorrected":{"LYT":1,"NGS":3},"prevalence":null,"blasts_kept":0,"flags":[],"source":"camera","statistics":{"groups":{},"evidence":[]},"frames":{"used":0,"skipped":0,"damaged":0,"refused":{"out-of-focus":0,"too-dark":0,"too-bright":0,"too-thick":0,"too-thin":0,"empty":0,"too-coarse":0},"failed":0},"frame_rate":null,"um_per_px":0.1,"quality":null,"first_reviewer":null}','62b69892b63ff4c4890ae8169d85810f');
INSERT INTO result VALUES(2,2,'2026-09-21T14:14:20.000000000Z','{"sample":"A-2","phase":"done","ending":"target-reached","trouble":null,"time":"2026-09-21T14:14:20Z","started":"2026-09-21T14:13:20Z","target":4,"counted":4,"kinds":{"WBC":4,"RBC":2,"PLT":0},"classes":[{"class":"NGS","count":3,"percent":75.0,"low":5.0,"high":95.0},{"class":"LYT","count":1,"percent":25.0,"low":5.0,"high":95.0}],"classes_uncorrected":{"LYT":1,"NGS":3},"prevalence":null,"blasts_kept":0,"flags":[],"source":"camera","statistics":{"groups":{},"evidence":[]},"frames":{"used":0,"skipped":0,"damaged":0,"refused":{"out-of-focus":0,"too-dark":0,"too-bright":0,"too-thick":0,"too-thin":0,"empty":0,"too-coarse":0},"failed":0},"frame_rate":null,"um_per_px":0.1,"quality":null,"first_reviewer":null}','62b69892b63ff4c4890ae8169d85810f');
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
INSERT INTO signature VALUES(1,'rita','2026-09-21T14:14:50.000000000Z','seen','{"sample":"A-1","phase":"done","ending":"target-reached","trouble":null,"time":"2026-09-21T14:14:20Z","started":"2026-09-21T14:13:20Z","target":4,"counted":4,"kinds":{"WBC":4,"RBC":2,"PLT":0},"classes":[{"class":"NGS","count":2,"percent":50.0,"low":6.7585986488542975,"high":93.2414013511457},{"class":"LYT","count":1,"percent":25.0,"low":0.6309463209709829,"high":80.5879550316756},{"class":"NGB","count":1,"percent":25.0,"low":0.6309463209709829,"high":80.5879550316756}],"classes_uncorrected":{"LYT":1,"NGS":3},"prevalence":null,"blasts_kept":0,"flags":[],"source":"camera","statistics":{"groups":{"neutrophils":[75.0,19.412,99.3691],"lymphocytes":[25.0,0.6309,80.588]},"evidence":[],"per_red_cell":{"red_cells":2},"simultaneous":{"percent":{"LYT":[25.0,0.0447,92.2022],"NGB":[25.0,0.0447,92.2022],"NGS":[50.0,1.7455,98.2545]},"unseen_below":79.44331915497406}},"frames":{"used":0,"skipped":0,"damaged":0,"refused":{"out-of-focus":0,"too-dark":0,"too-bright":0,"too-thick":0,"too-thin":0,"empty":0,"too-coarse":0},"failed":0},"frame_rate":null,"um_per_px":0.1,"quality":null,"looked_at":{"cells":1,"of":4,"classes":{"LYT":{"cells":0,"of":1},"NGB":{"cells":1,"of":1},"NGS":{"cells":0,"of":2}}},"camera_check":{"camera":"simulated","objective":"","cells":1,"agree":0,"percent":[0.0,0.0,97.5]},"first_reviewer":null}','818975c2244b09853a0616ea303e4a2bcf9401229a6e32bbd5c842f414f1061f',5,'f95afad95d7a0796a42276dea82f296fc51d4828e0c1951cef12d306bb9cda05');
CREATE TABLE user (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('operator', 'reviewer', 'admin')),
    password TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
INSERT INTO user VALUES('rita','reviewer','$argon2id$v=19$m=19456,t=2,p=1$IsT5BLYBaCsoY0ByTMSXMw$MF2KZ3KQiBtQ/yMyL7NTf+b/8TGnPNohrAPAgMfKhkM',1);
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
INSERT INTO audit VALUES(1,'2026-09-21T14:13:20.000000000Z','device','begin',1,'{"sample":"A-1"}','7033890d746cbf835191a98c6702d79b944bb6c1ec44180284d113f915e8d55a','{"alarm":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","control":"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d","session":"f912040931d1a51b211cf69f67f01e7fb2753f003e9b36fdf83ebdc442ce8a4f"}');
INSERT INTO audit VALUES(2,'2026-09-21T14:14:20.000000000Z','device','result',1,'{"counted":4,"flags":[],"result":1,"sample":"A-1"}','f3cf831d0b5721b3a9a617f214a3ed6f6451ed7870dd5a5ffb88e2e8a5323839','{"alarm":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","before":{"alarm":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","control":"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d","review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","session":"f912040931d1a51b211cf69f67f01e7fb2753f003e9b36fdf83ebdc442ce8a4f"},"cells":"6275b7eee605fee347d66919e7bd81b6e2d459ce551b9958d59dedb6fa89c201","classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","control":"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d","fields":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","marks":"f9f66411fafbd0c769f37c2c91efb157695ae9818f424de02eb5ae8e17fa9e9f","own classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","own review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","pictures":"41008286f509b81073b8a508ae8a388599d0aee8d4b867b0356ce6efebc3c77a","places":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","result":"cf861e4d1d509d2f0f8d05c0cf733a66f4f98637cbafd1561060fff3d5d35b89","review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","session":"438df6f177a8ccfb31676cb06e239f96250d2c20fdc5c19acca931f8230a7a4a"}');
INSERT INTO audit VALUES(3,'2026-09-21T14:14:25.000000000Z','console','add user',NULL,'{"role":"reviewer","user":"rita"}','fc2ac96e570103f6d793cb23d71f49d8017989c75df044854439a958808417f3','{"user":"26cf34b0ff822e1ca9a6aebf6ba00ee218ba330257cbb235a1d3a8a0392a5fb3"}');
INSERT INTO audit VALUES(4,'2026-09-21T14:14:30.000000000Z','rita','reclassify',1,'{"cells":[{"cell":2,"from":"NGS","program":"NGS"}],"to":"NGB"}','acf4fc197fcffe62a397ddcc15ad878a8a7b08adb59c8853038251386be4311b','{"alarm":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","before":{"alarm":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","own classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","own review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","quickly":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"classes":"3658de639f5fc8a8997abf8df185c16b01473a7ca0a827aeb088ae00c546359a","own classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","own review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","quickly":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","review":"f90b33023fe0901d41b4024af3df4c59908b88d05ff70e8e64077524eb08443b"}');
INSERT INTO audit VALUES(5,'2026-09-21T14:14:50.000000000Z','rita','sign',1,'{"camera_check":{"agree":0,"cells":1},"counted":4,"looked_at":{"cells":1,"classes":{"LYT":{"cells":0,"of":1},"NGB":{"cells":1,"of":1},"NGS":{"cells":0,"of":2}},"of":4},"sha256":"818975c2244b09853a0616ea303e4a2bcf9401229a6e32bbd5c842f414f1061f","unseen":"signed with 3 of 4 cells unseen"}','f95afad95d7a0796a42276dea82f296fc51d4828e0c1951cef12d306bb9cda05','{"alarm":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","cells":"6275b7eee605fee347d66919e7bd81b6e2d459ce551b9958d59dedb6fa89c201","classes":"3658de639f5fc8a8997abf8df185c16b01473a7ca0a827aeb088ae00c546359a","control":"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d","fields":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","marks":"f9f66411fafbd0c769f37c2c91efb157695ae9818f424de02eb5ae8e17fa9e9f","own classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","own review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","pictures":"41008286f509b81073b8a508ae8a388599d0aee8d4b867b0356ce6efebc3c77a","places":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","quickly":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","result":"cf861e4d1d509d2f0f8d05c0cf733a66f4f98637cbafd1561060fff3d5d35b89","review":"f90b33023fe0901d41b4024af3df4c59908b88d05ff70e8e64077524eb08443b","session":"438df6f177a8ccfb31676cb06e239f96250d2c20fdc5c19acca931f8230a7a4a"}');
INSERT INTO audit VALUES(6,'2026-09-21T14:13:20.000000000Z','device','begin',2,'{"sample":"A-2"}','882b90aa4ddd499165a82da5333c0ce86caaab267dd980120062c771221be681','{"alarm":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","control":"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d","session":"494093341f1d0261c5806d9a706571435214cf3e4151bab9e4cea98e5beb7603"}');
INSERT INTO audit VALUES(7,'2026-09-21T14:14:20.000000000Z','device','result',2,'{"counted":4,"flags":[],"result":2,"sample":"A-2"}','37e08f01679916119948bbd31035df7d459d1520af2e591f0dc7b1c340280aec','{"alarm":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","before":{"alarm":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","control":"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d","review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","session":"494093341f1d0261c5806d9a706571435214cf3e4151bab9e4cea98e5beb7603"},"cells":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","control":"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d","fields":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","marks":"c06e8c2ec5582662573e2b61dfe0317ef955ca24dedca8cdf0e1c24e306da728","own classes":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","own review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","pictures":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","places":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","result":"05b985f064d45a4e3c036f1e2f1c8a60efd239357fbe7745115e8993486d13ef","review":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","session":"f7f87f85df52ba291a07c9c57f906b3ab8a45a5d1c68bb4842191af02f92ea09"}');
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
, fields BLOB);
INSERT INTO cell_hash VALUES(1,NULL,NULL,X'00000006000000013160284800000002e7ea953a00000003fb8fa4fc00000004691bbc6100000005237060ee00000006440675ed0000000400000001f6dde7220000000246bde38800000003a693a0eb00000004724fe9d2',NULL);
INSERT INTO cell_hash VALUES(2,NULL,NULL,X'0000000000000000',NULL);
CREATE TABLE control_lot (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    person TEXT NOT NULL,
    lot TEXT NOT NULL,
    retired TEXT
);
CREATE TABLE control_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lot INTEGER NOT NULL REFERENCES control_lot (id),
    -- Of a counted slide; it stays when retention takes the session away.
    session INTEGER UNIQUE,
    at TEXT NOT NULL,
    run TEXT NOT NULL
);
CREATE TABLE control_override (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    person TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE TABLE alarm (
    session INTEGER PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
    critical TEXT NOT NULL,
    open INTEGER NOT NULL
);
CREATE TABLE field (
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    taken TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL,
    um_per_px REAL,
    jpeg BLOB NOT NULL,
    PRIMARY KEY (session, number)
);
CREATE TABLE field_cell (
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    field INTEGER NOT NULL,
    cell INTEGER NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL,
    PRIMARY KEY (session, cell, field)
) WITHOUT ROWID;
CREATE TABLE seen_quickly (
    change INTEGER PRIMARY KEY REFERENCES reclassification (id) ON DELETE CASCADE,
    session INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE practice (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    -- drawn or exported.
    source TEXT NOT NULL,
    -- JSON: how many cells of each class there were, and how many were named right.
    classes TEXT NOT NULL
);
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
CREATE INDEX ordered_by_sample ON ordered (sample);
CREATE INDEX control_run_by_lot ON control_run (lot, id);
CREATE TRIGGER control_run_stays BEFORE UPDATE ON control_run BEGIN SELECT RAISE(ABORT, 'a control run does not change'); END;
CREATE TRIGGER control_run_is_kept BEFORE DELETE ON control_run BEGIN SELECT RAISE(ABORT, 'a control run is not deleted'); END;
CREATE INDEX alarm_open ON alarm (session) WHERE open;
CREATE INDEX seen_quickly_by_session ON seen_quickly (session, change);
CREATE TRIGGER seen_quickly_stays BEFORE UPDATE ON seen_quickly BEGIN SELECT RAISE(ABORT, 'how a cell was seen does not change'); END;
CREATE TRIGGER signed_cells_are_not_seen_later BEFORE INSERT ON seen_quickly
WHEN EXISTS (SELECT 1 FROM signature WHERE session = new.session)
BEGIN SELECT RAISE(ABORT, 'the cells of a signed result do not change'); END;
CREATE UNIQUE INDEX result_by_amended ON result (amends) WHERE amends IS NOT NULL;
CREATE INDEX practice_by_person ON practice (person, number);
CREATE INDEX audit_of_station ON audit (action, number) WHERE action IN ('backup', 'install models', 'models back', 'profile');
CREATE INDEX cell_by_person ON cell (session, person_class, class, kind) WHERE person_class IS NOT NULL;
COMMIT;
PRAGMA application_id = 1279612235;
PRAGMA user_version = 14;
