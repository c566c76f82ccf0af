//! Every value of every row of a store that holds everything there is, changed by hand, and every row deleted: what the
//! verification does not find is listed here, with the reason.

use std::fs;
use std::path::Path;

use crate::common::stored::{at, put, red_cell, result, session, settings, six_cells, start};
use leukoscope::config::StoreConfig;
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::critical::{CriticalOf, CriticalValue};
use leukoscope::domain::own_class::{GivenClass, OwnName};
use leukoscope::domain::red_class::RedClass;
use leukoscope::store::records::{CellChange, FieldCell, FieldRecord, Order, Role};
use leukoscope::store::told::Told;
use leukoscope::store::{AuditVerdict, FILE, Notice, PracticeScore, Store};
use leukoscope::system::stop::Stop;
use rusqlite::Connection;
use serde_json::json;

/// Rows of which a change is no change of what is stored: the trail says nothing of them.
const NOT_WATCHED: [(&str, &str); 7] = [
    // Judged anew at each start and each hour; what is deleted for its age has lines.
    ("meta", "clock"),
    // A number is never given twice all the same: results and witness have the highest one.
    ("meta", "last_result"),
    // The identity of results of versions that stored none with them; here are none.
    ("meta", "first_store"),
    // Without it a store beside its witness is the same store.
    ("meta", "witnessed"),
    // Keeps a second line of a first use from being written.
    ("meta", "token used"),
    // The order of entries stays, or is found.
    ("reclassification", "id"),
    // Scores of practice are no results.
    ("practice", "number"),
];

const DAY: i64 = 24 * 3600;

/// Sessions: 1 lost its cells, 2 its pictures, 3 is signed with a review and a comment, 4 is reviewed, 5 only counted, 6 has an alarm
/// and whole fields, 7 is interrupted, 8 being counted. Orders, one of them cancelled; users, one shut out; tokens, one taken back;
/// what quality control keeps; a score of practice.
fn filled(folder: &Path) {
    let open = || Store::open(folder).unwrap();
    let retain = |crops, cells| {
        let rules = StoreConfig {
            crops_days: crops,
            cells_days: cells,
            results_days: 0,
            megabytes: 0,
            ..StoreConfig::default()
        };
        let (now, store) = (at(10 * DAY), open());
        store.retain(&rules, Notice { age: Some(now), size: false }, now, &Stop::new()).unwrap()
    };
    let store = open();
    let first = session(&store, "A-1");
    store.reclassify(first, 2, Some(CellClass::Ngb), "rita", at(70)).unwrap();
    store.sign(first, "rita", at(71), "").unwrap();
    drop(store);
    assert_eq!(retain(0, 1).cells, 1);
    session(&open(), "A-2");
    assert_eq!(retain(1, 0).crops, 1);
    let store = open();
    store.add_user("rita", Role::Reviewer, "correct horse battery", "console", at(65)).unwrap();
    store.add_user("otto", Role::Operator, "correct horse battery", "console", at(65)).unwrap();
    store.set_user("otto", None, Some(false), None, "console", at(66)).unwrap();
    store.add_token("lis", Role::Operator, "console", at(67)).unwrap();
    store.add_token("old", Role::Operator, "console", at(67)).unwrap();
    store.remove_token("old", "console", at(68)).unwrap();
    let (signed, reviewed) = (session(&store, "A-3"), session(&store, "A-4"));
    for id in [signed, reviewed] {
        store.reclassify(id, 2, Some(CellClass::Ngb), "rita", at(70)).unwrap();
        store.reclassify(id, 3, Some(CellClass::Ngb), "rita", at(71)).unwrap();
        store.undo(id, "rita", at(72)).unwrap();
        // An own class, and one in its place.
        for (code, second) in [("HCL", 73), ("SEZ", 74)] {
            let own = Some(OwnName { code: code.into(), name: "cell".into() });
            let given = Some(GivenClass { class: CellClass::Lya, own });
            store.reclassify_seen(id, &[4], given.as_ref(), "rita", at(second), |_| false).unwrap();
        }
    }
    store.sign(signed, "rita", at(90), "seen").unwrap();
    session(&store, "A-5");
    critical_with_fields(&store);
    quality_control(&store);
    for sample in ["B-1", "B-2"] {
        let order = Order { sample: sample.into(), host: "astm".into(), order_id: Some("7".into()), urgent: false };
        store.order(&order, at(100)).unwrap();
    }
    store.cancel_order("astm", "B-2", None, at(101)).unwrap();
    let id = store.begin(&start("A-6")).unwrap();
    store.change_cells(id, &six_cells()).unwrap();
    store.change_cells(id, &named_red_cells()).unwrap();
    store.change_cells(id, &[whole_field()]).unwrap();
    drop(store);
    let store = open();
    let id = store.begin(&start("A-7")).unwrap();
    store.change_cells(id, &six_cells()).unwrap();
    store.change_cells(id, &[whole_field()]).unwrap();
    store.change_cells(id, &[CellChange::Withdrawn(3)]).unwrap();
}

/// Red cells in the place of white ones, so that the numbers that are tried are among them.
fn named_red_cells() -> Vec<CellChange> {
    [(3, RedClass::Target), (4, RedClass::Burr)].map(|(number, class)| put(red_cell(number, class, 0.8), None)).into()
}

/// A field that shows two cells.
fn whole_field() -> CellChange {
    let place = |number| FieldCell { number, x: 10.0, y: 20.0, w: 30.0, h: 31.0 };
    let cells = vec![place(1), place(2)];
    let field = FieldRecord { taken: at(5), width: 640, height: 480, um_per_px: Some(0.14), cells };
    CellChange::Field { field, jpeg: vec![0xff, 0xd8, 9] }
}

fn critical_with_fields(store: &Store) {
    let id = store.begin(&start("A-8")).unwrap();
    store.change_cells(id, &six_cells()).unwrap();
    store.change_cells(id, &named_red_cells()).unwrap();
    let critical = vec![CriticalValue { of: CriticalOf::BlastCells, value: 1.0, limit: 1.0 }];
    let result = Snapshot { critical, ..result("A-8") };
    store.finish(id, &[whole_field()], &result, &settings()).unwrap();
    let told = Told { told: "Kim".into(), told_by: None, told_at: None, read_back: true, note: String::new() };
    store.acknowledge(id, "rita", at(85), &told).unwrap();
}

fn quality_control(store: &Store) {
    let lot = json!({"kind": "slide", "name": "L7", "targets": {"NGS": {"by": "chance", "percent": 60.0}}});
    let lot = store.add_control_lot(&serde_json::from_value(lot).unwrap(), "ada", at(50)).unwrap();
    let run = json!({"lot": lot, "lot_name": "L7", "level": 1, "at": at(51), "by": "otto", "try_number": 1, "outcome": "failed",
        "causes": [], "values": [], "look": null, "look_checks": [], "calibration": null, "kinds": [100, 0, 0]});
    store.add_control_run(&serde_json::from_value(run).unwrap()).unwrap();
    store.override_control("the slide is old", "ada", at(52)).unwrap();
    let classes = [(CellClass::Ngs, (3, 4))].into();
    store.keep_score(&PracticeScore { person: "otto".into(), at: at(53), source: "drawn".into(), classes }).unwrap();
}

/// What the verification says of the store after a change by hand, with the guards put back as they were; `None` if it
/// finds nothing. `Some` of an error where it cannot be read any more.
fn said_after(from: &Path, sql: &str) -> Option<String> {
    let to = tempfile::tempdir().unwrap();
    for name in [FILE, "leukoscope.witness", "leukoscope.lock"] {
        fs::copy(from.join(name), to.path().join(name)).unwrap();
    }
    let file = Connection::open(to.path().join(FILE)).unwrap();
    let triggers: Vec<(String, String)> = {
        let mut select = file.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").unwrap();
        select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    let quiet = "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;";
    let dropped = triggers.iter().map(|(name, _)| format!("DROP TRIGGER {name};")).collect::<Vec<_>>().concat();
    let again = triggers.iter().map(|(_, sql)| format!("{sql};")).collect::<Vec<_>>().concat();
    file.execute_batch(&format!("{quiet} {dropped}")).unwrap();
    let before: i64 = file.query_row("SELECT total_changes()", [], |row| row.get(0)).unwrap();
    file.execute_batch(sql).unwrap_or_else(|problem| panic!("{sql}: {problem}"));
    let after: i64 = file.query_row("SELECT total_changes()", [], |row| row.get(0)).unwrap();
    assert!(after > before, "{sql} changes nothing");
    file.execute_batch(&again).unwrap();
    drop(file);
    match Store::open_to_read(to.path()).and_then(|store| store.unwrap().verify_audit()) {
        Ok(AuditVerdict::Whole { notes, .. }) => notes.first().cloned(),
        Ok(AuditVerdict::Broken { why, .. }) => Some(why),
        Err(problem) => Some(problem.to_string()),
    }
}

fn strings(file: &Connection, sql: &str) -> Vec<String> {
    let mut select = file.prepare(sql).unwrap();
    select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// A condition for each row of a table: of tables of cells, the same three of each session.
fn rows(file: &Connection, table: &str) -> Vec<String> {
    let keys = strings(file, &format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0"));
    let one = keys
        .iter()
        .map(|key| format!("'\"{key}\" = ' || quote(\"{key}\")"))
        .collect::<Vec<_>>()
        .join(" || ' AND ' || ");
    let few = if ["cell", "crop"].contains(&table) { "WHERE number IN (2, 3, 4)" } else { "" };
    strings(file, &format!("SELECT {one} FROM \"{table}\" {few}"))
}

#[test]
fn every_value_of_every_row_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let store = Store::open_to_read(folder.path()).unwrap().unwrap();
    let verdict = store.verify_audit().unwrap();
    assert!(matches!(&verdict, AuditVerdict::Whole { unhashed: 0, notes, .. } if notes.is_empty()), "{verdict:?}");
    drop(store);
    let file = Connection::open(folder.path().join(FILE)).unwrap();
    file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let tables = strings(
        &file,
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    );
    assert!(tables.len() >= 11, "{tables:?}");
    let (mut tried, mut missed) = (0, Vec::new());
    for table in &tables {
        let columns = strings(&file, &format!("SELECT name FROM pragma_table_info('{table}')"));
        for row in rows(&file, table) {
            let changed = |column: &String| {
                // A number far from all others, so that it is no row's key yet.
                format!(
                    "UPDATE \"{table}\" SET \"{column}\" = CASE typeof(\"{column}\") WHEN 'integer' THEN \"{column}\" + 1000 \
                     WHEN 'real' THEN \"{column}\" + 1 WHEN 'blob' THEN zeroblob(length(\"{column}\")) \
                     ELSE coalesce(\"{column}\", '') || 'x' END WHERE {row}"
                )
            };
            let edits = columns.iter().map(|column| (column.as_str(), changed(column)));
            for (column, sql) in edits.chain([("", format!("DELETE FROM \"{table}\" WHERE {row}"))]) {
                let exempt =
                    NOT_WATCHED.iter().any(|(of, what)| of == table && (column == *what || row.contains(what)));
                if exempt {
                    continue;
                }
                tried += 1;
                if said_after(folder.path(), &sql).is_none() {
                    missed.push(sql);
                }
            }
        }
    }
    assert!(tried > 700, "{tried}");
    assert!(missed.is_empty(), "{} of {tried} edits are not found:\n{}", missed.len(), missed.join("\n"));
    eprintln!("{tried} edits, every one found");
}

/// Changes a copy of a store in which one session is being counted, and expects the words; then starts the program on it,
/// and expects them still.
#[track_caller]
fn while_counting(sql: &str, words: &str, for_ever: &str) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = store.begin(&start("A-1")).unwrap();
    store.change_cells(id, &six_cells()).unwrap();
    let better = crate::common::stored::cell(1, Kind::Wbc, Some(CellClass::Lyt), 0.6);
    store.change_cells(id, &[put(better, Some(&[7; 9])), CellChange::Withdrawn(2), whole_field()]).unwrap();
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }));
    let file = Connection::open(folder.path().join(FILE)).unwrap();
    file.execute_batch(sql).unwrap();
    drop(file);
    let AuditVerdict::Broken { why, .. } = store.verify_audit().unwrap() else { panic!("{sql}: whole") };
    assert!(why.contains(words), "{sql}: {why}");
    // Both ends of a count: its result, and a power cut.
    let cut = tempfile::tempdir().unwrap();
    for name in [FILE, "leukoscope.sqlite-wal", "leukoscope.witness", "leukoscope.lock"] {
        fs::copy(folder.path().join(name), cut.path().join(name)).unwrap();
    }
    store.finish(id, &[], &result("A-1"), &settings()).unwrap();
    let after_cut = Store::open(cut.path()).unwrap();
    for store in [&store, &after_cut] {
        let AuditVerdict::Broken { why, .. } = store.verify_audit().unwrap() else { panic!("{sql}: whole") };
        assert!(why.contains(for_ever), "{sql}: {why}");
    }
}

#[test]
fn what_is_changed_in_a_running_count_is_found_at_once_and_after_its_end() {
    let cells = "session 1, sample A-1: a cell was changed, removed or added by something else while it was counted";
    let ever = "session 1, sample A-1: cells were changed by something else while it was counted";
    while_counting("UPDATE cell SET class = 'EOS' WHERE number = 1", cells, ever);
    while_counting("UPDATE cell SET x = x + 1 WHERE number = 5", cells, ever);
    while_counting("UPDATE cell SET withdrawn = 1 WHERE number = 3", cells, ever);
    while_counting("DELETE FROM cell WHERE number = 6", cells, ever);
    while_counting(
        "INSERT INTO cell (session, number, kind, patch, x, y, w, h) VALUES (1, 9, 'RBC', 1, 0, 0, 9, 9)",
        cells,
        ever,
    );
    while_counting(
        "UPDATE crop SET jpeg = x'00' WHERE number = 1",
        "a picture was changed, removed or added by something else while it was counted",
        "pictures were changed by something else while it was counted",
    );
    while_counting(
        "UPDATE field SET jpeg = x'00' WHERE number = 1",
        "a whole field was changed, removed or added by something else while it was counted",
        "fields were changed by something else while it was counted",
    );
    while_counting(
        "UPDATE session SET sample = 'A-9'",
        "its sample id is A-9, and was A-1",
        "the settings was changed between line 1",
    );
    while_counting(
        "DELETE FROM cell_hash",
        "what is kept of its cells while it is counted is gone",
        "cells and pictures were changed",
    );
}

#[test]
fn an_interrupted_count_is_watched_like_one_that_ended() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = store.begin(&start("A-1")).unwrap();
    store.change_cells(id, &six_cells()).unwrap();
    drop(store);
    drop(Store::open(folder.path()).unwrap());
    for (sql, words) in [
        ("UPDATE cell SET class = 'EOS' WHERE number = 1", "session 1, sample A-1: cell 1 was changed"),
        ("DELETE FROM cell WHERE number = 4", "session 1, sample A-1: cell 4 was removed"),
        ("UPDATE session SET sample = 'A-9'", "its sample id is A-9, and was A-1"),
    ] {
        let said = said_after(folder.path(), sql);
        assert!(said.as_ref().is_some_and(|said| said.contains(words)), "{sql}: {said:?}");
    }
}

#[test]
fn every_finding_is_told_and_not_only_the_first() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let file = Connection::open(folder.path().join(FILE)).unwrap();
    file.execute_batch("UPDATE session SET sample = 'X' WHERE id IN (3, 4, 5)").unwrap();
    drop(file);
    let store = Store::open_to_read(folder.path()).unwrap().unwrap();
    let AuditVerdict::Broken { why, more, .. } = store.verify_audit().unwrap() else { panic!("whole") };
    let told: Vec<&str> = [why.as_str()].into_iter().chain(more.iter().map(|found| found.why.as_str())).collect();
    for sample in ["A-3", "A-4", "A-5"] {
        assert!(told.iter().any(|why| why.contains(&format!("its sample id is X, and was {sample}"))), "{told:?}");
    }
}

#[test]
fn what_is_changed_beside_the_cells_is_named() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    for (sql, words) in [
        ("UPDATE control_run SET run = replace(run, 'failed', 'passed')", "control run 1 was changed after line"),
        ("DELETE FROM control_run", "control run 1 is gone; it was there at line"),
        ("UPDATE control_lot SET person = 'otto'", "control lot 1 was changed after line"),
        ("DELETE FROM control_override", "reason 1 to sign without a control that passed is gone"),
        (
            "INSERT INTO control_override (at, person, reason) VALUES ('2026', 'ada', 'because')",
            "reason 2 to sign without a control that passed is not in the trail: it was added",
        ),
        (
            "UPDATE alarm SET open = 1",
            "session 6, sample A-8: its alarm for critical values was changed; changed after",
        ),
        ("DELETE FROM alarm", "session 6, sample A-8: its alarm for critical values was changed; changed after"),
        ("UPDATE field SET jpeg = x'00' WHERE session = 6", "session 6, sample A-8: a whole field was changed"),
        (
            "UPDATE field_cell SET x = 0 WHERE session = 6 AND cell = 1",
            "session 6, sample A-8: where a cell lies in a whole field was changed",
        ),
        ("DELETE FROM field WHERE session = 6", "session 6, sample A-8: a whole field was changed"),
        (
            "INSERT INTO alarm (session, critical, open) VALUES (5, '[]', 1)",
            "session 5, sample A-5: its alarm for critical values was changed",
        ),
        ("INSERT INTO alarm (session, critical, open) VALUES (99, '[]', 1)", "alarm: a row belongs to session 99"),
    ] {
        let said = said_after(folder.path(), sql);
        assert!(said.as_ref().is_some_and(|said| said.contains(words)), "{sql}: {said:?}");
    }
}

#[test]
fn the_last_line_cannot_be_taken_away_whatever_it_says() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    // Even with what is kept of the last line brought up to date.
    let cut = "DELETE FROM audit WHERE number = (SELECT max(number) FROM audit); \
               UPDATE meta SET value = (SELECT number || ' ' || hash FROM audit ORDER BY number DESC LIMIT 1) WHERE name = 'audit_head'";
    let store = Store::open(folder.path()).unwrap();
    store.note("rita", at(200), "view", Some(3), &serde_json::json!({"form": "cells"})).unwrap();
    drop(store);
    let said = said_after(folder.path(), cut).unwrap();
    assert!(said.contains("had been acknowledged and are missing"), "{said}");
}
