//! The store: cells and results as counted, reviews beside the program's classes, signatures that cannot be changed.

use crate::common::stored::{at, cell, put, result, session, settings, six_cells, start};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::class::{CellClass, Group, Kind};
use leukoscope::domain::flag::Flag;
use leukoscope::store::records::{CellChange, CellRecord, Role, SessionQuery, Settings, Status};
use leukoscope::store::{FILE, Store, StoreError};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

#[test]
fn a_session_is_there_after_a_restart_as_it_was_counted() {
    let (folder, store) = store();
    let id = store.begin(&start("A-1")).unwrap();
    store.change_cells(id, &six_cells()[..2]).unwrap();
    assert_eq!(store.session(id).unwrap().unwrap().summary.status, Status::Counting);
    let number = store.finish(id, &six_cells()[2..], &result("A-1"), &settings()).unwrap();
    drop(store);

    let store = Store::open(folder.path()).unwrap();
    let detail = store.session(id).unwrap().unwrap();
    assert_eq!(detail.counted_result.as_ref(), Some(&result("A-1")));
    assert_eq!((detail.reviewed_result, detail.reclassified), (detail.counted_result, 0));
    assert_eq!((detail.summary.status, detail.summary.result), (Status::Preliminary, Some(number)));
    assert_eq!(detail.settings, Some(start("A-1").settings));
    let cells = store.cells(id, Some(Kind::Wbc), None).unwrap();
    assert_eq!(cells.iter().map(|cell| cell.number).collect::<Vec<_>>(), [2, 3, 4, 1], "least sure first");
    let expected =
        leukoscope::store::records::CellRecord { has_crop: true, ..cell(2, Kind::Wbc, Some(CellClass::Ngs), 0.7) };
    assert_eq!(cells[0], expected);
    assert_eq!(store.crop(id, 2).unwrap().unwrap(), [0xff, 0xd8, 2]);
    assert_eq!(store.cells(id, None, None).unwrap().len(), 6);
    let found = store.find(number).unwrap().unwrap().snapshot;
    assert_eq!(Snapshot { camera_check: None, ..found }, result("A-1"));
    assert_eq!((store.last(), store.unsigned_after(0), store.unsigned_after(number)), (number, Some(number), None));
}

#[test]
fn a_cell_that_counts_no_more_is_gone_with_its_picture_unless_it_counts_again() {
    let (_folder, store) = store();
    let id = store.begin(&start("A-1")).unwrap();
    store.change_cells(id, &six_cells()).unwrap();
    store.change_cells(id, &[CellChange::Withdrawn(1), CellChange::Withdrawn(2)]).unwrap();
    assert_eq!(store.cells(id, Some(Kind::Wbc), None).unwrap().len(), 2);
    let again = put(cell(2, Kind::Wbc, Some(CellClass::Bas), 0.9), None);
    store.finish(id, &[again], &result("A-1"), &settings()).unwrap();
    assert!(store.crop(id, 1).unwrap().is_none());
    assert!(store.crop(id, 2).unwrap().is_some(), "its earlier picture holds");
    assert_eq!(store.cells(id, None, Some(CellClass::Bas)).unwrap()[0].number, 2);
}

#[test]
fn a_session_that_power_cut_short_is_marked_and_keeps_its_cells() {
    let (folder, store) = store();
    let id = store.begin(&start("A-1")).unwrap();
    store.change_cells(id, &six_cells()).unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.session(id).unwrap().unwrap().summary.status, Status::Interrupted);
    assert_eq!(store.cells(id, None, None).unwrap().len(), 6);
    assert!(store.change_cells(id, &six_cells()).unwrap_err().is_refusal());
}

#[test]
fn a_person_s_answer_stands_beside_the_program_s_and_changes_the_reviewed_result_only() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    store.reclassify(id, 2, Some(CellClass::Myo), "ana", at(70)).unwrap();
    let detail = store.session(id).unwrap().unwrap();
    assert_eq!(detail.counted_result, Some(result("A-1")));
    let reviewed = detail.reviewed_result.unwrap();
    let count = |class| reviewed.classes.iter().find(|line| line.class == class).map_or(0, |line| line.count);
    assert_eq!((count(CellClass::Ngs), count(CellClass::Lyt), count(CellClass::Myo)), (2, 1, 1));
    assert_eq!(
        (reviewed.flags.clone(), reviewed.kinds, detail.reclassified),
        (vec![Flag::Blasts], result("").kinds, 1)
    );
    let changed = store.cell(id, 2).unwrap().unwrap();
    assert_eq!((changed.class, changed.class_in_force()), (Some(CellClass::Ngs), Some(CellClass::Myo)));
    assert_eq!(changed.by_person.unwrap().by, "ana");

    store.reclassify(id, 3, Some(CellClass::Plt), "ana", at(71)).unwrap();
    let reviewed = store.session(id).unwrap().unwrap().reviewed_result.unwrap();
    assert_eq!((reviewed.kinds.wbc, reviewed.kinds.plt, reviewed.counted), (3, 1, 3));
    assert!(reviewed.flags.contains(&Flag::FewCells));

    assert_eq!(store.undo(id, "ben", at(72)).unwrap(), [], "that was not ben");
    assert_eq!(store.undo(id, "ana", at(72)).unwrap()[0].number, 3);
    assert_eq!(store.undo(id, "ana", at(73)).unwrap()[0].number, 2);
    assert_eq!(store.undo(id, "ana", at(74)).unwrap(), []);
    assert_eq!(store.session(id).unwrap().unwrap().reviewed_result, Some(result("A-1")));
}

#[test]
fn a_review_of_one_cell_takes_away_no_flag_that_others_raise_by_the_network_alone() {
    let (_folder, store) = store();
    let id = store.begin(&start("A-1")).unwrap();
    let settings = Settings { unknown_below: Some(0.6), ..settings() };
    // The program counts them as segmented by the composition of the sample; the network alone says band.
    let cells: Vec<CellChange> = (1..=30)
        .map(|number| {
            let ranked = if number <= 7 {
                vec![(CellClass::Ngb, 0.7), (CellClass::Ngs, 0.3)]
            } else {
                vec![(CellClass::Ngs, 0.99)]
            };
            put(CellRecord { ranked, ..cell(number, Kind::Wbc, Some(CellClass::Ngs), 0.8) }, None)
        })
        .collect();
    store.finish(id, &cells, &result("A-1"), &settings).unwrap();
    store.reclassify(id, 30, Some(CellClass::Lyt), "ana", at(70)).unwrap();
    let reviewed = store.session(id).unwrap().unwrap().reviewed_result.unwrap();
    assert_eq!(reviewed.flags, [Flag::LeftShift]);
    assert!(reviewed.statistics.evidence[0].network_alone);
    assert_eq!(reviewed.statistics.network_alone[0].count, 7);
    // Looked at, each of them counts as what the person says.
    for number in 1..=7 {
        store.reclassify(id, number, Some(CellClass::Ngs), "ana", at(71)).unwrap();
    }
    let reviewed = store.session(id).unwrap().unwrap().reviewed_result.unwrap();
    assert_eq!((reviewed.flags, reviewed.statistics.network_alone), (vec![], vec![]));
}

#[test]
fn a_result_of_before_that_tells_the_lines_of_blasts_stays_as_it_was_and_is_reviewed() {
    let (_folder, store) = store();
    let id = store.begin(&start("A-1")).unwrap();
    let settings = Settings { unknown_below: Some(0.6), ..settings() };
    let line = |class| CellRecord {
        ranked: vec![(class, 0.9), (CellClass::Lyt, 0.1)],
        ..cell(1, Kind::Wbc, Some(class), 0.9)
    };
    let cells: Vec<CellChange> = (1..=40)
        .map(|number| {
            put(CellRecord { number, ..line(if number <= 20 { CellClass::Myo } else { CellClass::Mob }) }, None)
        })
        .collect();
    store.finish(id, &cells, &result("A-1"), &settings).unwrap();
    // A person names one anew; another only says that it is a blast.
    store.reclassify(id, 1, Some(CellClass::Lyt), "ana", at(70)).unwrap();
    store.reclassify(id, 2, Some(CellClass::Bla), "ana", at(71)).unwrap();
    let reviewed = store.session(id).unwrap().unwrap().reviewed_result.unwrap();
    let count = |class| reviewed.classes.iter().find(|line| line.class == class).map_or(0, |line| line.count);
    assert_eq!([CellClass::Myo, CellClass::Mob, CellClass::Bla, CellClass::Lyt].map(count), [18, 20, 1, 1]);
    assert_eq!(reviewed.statistics.network_alone, [], "the network alone says the same");
    assert!((reviewed.statistics.groups[&Group::Blasts].value - 97.5).abs() < 1e-9);
}

#[test]
fn undo_does_not_take_back_what_somebody_else_said_since() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    store.reclassify(id, 2, Some(CellClass::Bas), "ana", at(70)).unwrap();
    store.reclassify(id, 2, Some(CellClass::Eos), "ben", at(71)).unwrap();
    assert!(store.undo(id, "ana", at(72)).unwrap_err().to_string().contains("somebody else"));
    assert_eq!(store.undo(id, "ben", at(73)).unwrap()[0].number, 2);
    assert_eq!(store.cell(id, 2).unwrap().unwrap().by_person.unwrap().by, "ana");
}

#[test]
fn only_white_cells_of_results_that_are_not_signed_are_reclassified() {
    let (_folder, store) = store();
    let running = store.begin(&start("A-0")).unwrap();
    let id = session(&store, "A-1");
    let refusal = |session, cell| {
        let error = store.reclassify(session, cell, Some(CellClass::Eos), "ana", at(70)).unwrap_err();
        assert!(error.is_refusal());
        error.to_string()
    };
    assert!(refusal(running, 1).contains("still being counted"));
    assert!(refusal(id, 5).contains("is a red cell"));
    assert!(refusal(id, 99).contains("no cell 99"));
    assert!(refusal(77, 1).contains("no session 77"));
    store.sign(id, "ana", at(80), "").unwrap();
    assert!(refusal(id, 1).contains("signed"));
}

#[test]
fn a_signed_result_is_final_for_every_reader_and_cannot_be_changed_in_the_file() {
    let (folder, store) = store();
    let id = session(&store, "A-1");
    store.reclassify(id, 4, Some(CellClass::Lya), "ana", at(70)).unwrap();
    let signature = store.sign(id, "ana", at(80), "atypical, seen twice").unwrap();
    assert!(store.sign(id, "ben", at(81), "").unwrap_err().is_refusal());
    let detail = store.session(id).unwrap().unwrap();
    assert_eq!((detail.summary.status, detail.signature.as_ref()), (Status::Final, Some(&signature)));
    let sent = store.find(1).unwrap().unwrap();
    assert_eq!((Some(&sent.snapshot), sent.signature), (detail.reviewed_result.as_ref(), Some(signature)));
    drop(store);

    let file = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    for sql in [
        "UPDATE signature SET comment = 'x'",
        "DELETE FROM signature",
        "UPDATE result SET snapshot = '{}'",
        "DELETE FROM result",
        "UPDATE cell SET class = 'BAS'",
        "UPDATE audit SET person = 'ben'",
        "DELETE FROM audit",
    ] {
        assert!(file.execute(sql, []).is_err(), "{sql}");
    }
}

#[test]
fn sessions_are_listed_newest_first_and_found_by_sample_and_status() {
    let (_folder, store) = store();
    let ids: Vec<_> = ["A-1", "B-2", "a-3"].iter().map(|sample| session(&store, sample)).collect();
    store.sign(ids[1], "ana", at(80), "").unwrap();
    let list = |query: SessionQuery| store.sessions(&query).unwrap().iter().map(|s| s.id).collect::<Vec<_>>();
    assert_eq!(list(SessionQuery::default()), [ids[2], ids[1], ids[0]]);
    assert_eq!(list(SessionQuery { sample: Some("A-".into()), ..SessionQuery::default() }), [ids[2], ids[0]]);
    assert_eq!(list(SessionQuery { status: Some(Status::Final), ..SessionQuery::default() }), [ids[1]]);
    assert_eq!(list(SessionQuery { limit: 1, offset: 1, ..SessionQuery::default() }), [ids[1]]);
    assert!(list(SessionQuery { from: Some(at(1)), ..SessionQuery::default() }).is_empty());
}

#[test]
fn users_have_passwords_that_nobody_can_read_and_tokens_are_shown_once() {
    let (folder, store) = store();
    assert!(store.add_user("ana", Role::Reviewer, "short", "console", at(0)).unwrap_err().to_string().contains("12"));
    assert!(store.add_user("a b", Role::Reviewer, "long enough", "console", at(0)).unwrap_err().is_refusal());
    assert!(store.add_user("device", Role::Admin, "long enough", "console", at(0)).unwrap_err().is_refusal());
    store.add_user("ana", Role::Reviewer, "three little words", "console", at(0)).unwrap();
    assert!(store.add_user("ana", Role::Admin, "three little words", "console", at(0)).unwrap_err().is_refusal());
    assert_eq!(store.check_password("ana", "three little words").unwrap().unwrap().role, Role::Reviewer);
    assert_eq!(store.check_password("ana", "three little word").unwrap(), None);
    assert_eq!(store.check_password("eve", "three little words").unwrap(), None);
    store.set_user("ana", None, Some(false), None, "console", at(1)).unwrap();
    assert_eq!(store.check_password("ana", "three little words").unwrap(), None);
    let secret = store.add_token("lims", Role::Operator, "console", at(2)).unwrap();
    assert_eq!(store.token(&secret).unwrap().unwrap().name, "lims");
    assert_eq!(store.token("something else").unwrap(), None);
    assert!(store.remove_token("lims", "console", at(3)).unwrap());
    assert_eq!(store.token(&secret).unwrap(), None);
    drop(store);
    let bytes = std::fs::read(folder.path().join(FILE)).unwrap();
    for hidden in ["three little words", &secret] {
        assert!(!bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes()));
    }
}

#[test]
fn a_second_writer_is_refused_and_a_reader_is_not() {
    let (folder, store) = store();
    let id = session(&store, "A-1");
    assert!(matches!(Store::open(folder.path()), Err(StoreError::InUse { .. })));
    let reader = Store::open_to_read(folder.path()).unwrap().unwrap();
    assert!(reader.session(id).unwrap().is_some());
    assert!(reader.sign(id, "ana", at(1), "").unwrap_err().is_refusal());
    assert!(Store::open_to_read(&folder.path().join("nowhere")).unwrap().is_none());
}

/// Memory of this process, MB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1000
}

#[test]
fn checking_passwords_on_many_threads_takes_the_memory_of_one() {
    let (_folder, store) = store();
    store.add_user("ada", Role::Admin, "three little words", "console", at(0)).unwrap();
    let before = resident();
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| store.check_password("ada", "something else").unwrap());
            }
        });
    }
    let taken = resident().saturating_sub(before);
    // Ten threads with their own 19 MiB would take 200; other tests of this process run meanwhile.
    assert!(taken < 100, "{taken} MB more than before");
}
