//! Named red cells: stored with what they look like, given other classes by people like white ones, and watched like them.

use std::sync::Arc;

use crate::common::stored::{at, red_cell, red_cells, red_morphology, red_result, result, settings, six_cells, start};
use image::RgbImage;
use leukoscope::counting::counter::CountedCell;
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::counting::track::{CellId, OnSlide};
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::flag::Flag;
use leukoscope::domain::red_class::RedClass;
use leukoscope::station::drops::Drops;
use leukoscope::station::recorder::Recorder;
use leukoscope::station::trouble::Troubles;
use leukoscope::store::records::{CellChange, CellRecord, SessionId, SessionQuery};
use leukoscope::store::{AuditVerdict, FILE, Store};
use leukoscope::vision::red_cells::RedOpinion;
use rusqlite::Connection;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

/// A session of [`red_cells`] with a result.
fn session(store: &Store, sample: &str) -> SessionId {
    let id = store.begin(&start(sample)).unwrap();
    store.finish(id, &red_cells(), &red_result(sample), &settings()).unwrap();
    id
}

fn give(
    store: &Store,
    id: SessionId,
    cells: &[i64],
    class: Option<RedClass>,
    by: &str,
    second: i64,
) -> Vec<CellRecord> {
    store.reclassify_red(id, cells, class, by, at(second), |_| false).unwrap()
}

fn in_force(store: &Store, id: SessionId, cell: i64) -> RedClass {
    store.cell(id, cell).unwrap().unwrap().red.unwrap().class_in_force()
}

fn numbers(cells: Vec<CellRecord>) -> Vec<i64> {
    cells.into_iter().map(|cell| cell.number).collect()
}

fn whole(store: &Store) {
    let verdict = store.verify_audit().unwrap();
    assert!(matches!(&verdict, AuditVerdict::Whole { notes, .. } if notes.is_empty()), "{verdict:?}");
}

#[test]
fn a_named_red_cell_is_read_back_as_it_was_and_the_least_sure_come_first() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    let cell = store.cell(id, 20).unwrap().unwrap();
    assert_eq!(cell, CellRecord { has_crop: true, ..red_cell(20, RedClass::Target, 0.9) });
    let teardrop = store.cell(id, 23).unwrap().unwrap().red.unwrap();
    assert_eq!((teardrop.graded, teardrop.pallor), (false, None));
    let all = store.cells(id, Some(Kind::Rbc), None).unwrap();
    assert_eq!(numbers(all), [21, 22, 23, 20, 24, 5, 6], "those that were not named come last");
    assert_eq!(numbers(store.red_cells(id, None, false).unwrap()), [21, 22, 23, 20, 24]);
    assert_eq!(numbers(store.red_cells(id, None, true).unwrap()), [21, 22, 23, 20]);
    assert_eq!(numbers(store.red_cells(id, Some(RedClass::Target), true).unwrap()), [21, 20]);
    assert_eq!(store.crop(id, 22).unwrap(), Some(crate::common::stored::jpeg(22)));
    // No white cell is among them, and none of them among the white ones of the same code.
    give(&store, id, &[20], Some(RedClass::Unk), "rita", 70);
    assert_eq!(numbers(store.cells(id, None, Some(CellClass::Unk)).unwrap()), [0_i64; 0]);
    assert_eq!(numbers(store.cells(id, Some(Kind::Wbc), None).unwrap()).len(), 4);
    whole(&store);
}

#[test]
fn a_red_cell_whose_size_is_no_number_is_kept_as_one_that_was_not_named() {
    let (_folder, store) = store();
    let id = store.begin(&start("A-1")).unwrap();
    let mut odd = red_cell(1, RedClass::Target, f64::NAN);
    let mut sound = red_cell(2, RedClass::Target, f64::INFINITY);
    odd.red.as_mut().unwrap().diameter_um = f64::NAN;
    sound.red.as_mut().unwrap().pallor = Some(f64::NAN);
    // What was said of it before goes, too.
    let before = CellChange::Put { cell: red_cell(1, RedClass::Burr, 0.9), crop: None };
    let changes = [before, CellChange::Put { cell: odd, crop: None }, CellChange::Put { cell: sound, crop: None }];
    store.finish(id, &changes, &result("A-1"), &settings()).unwrap();
    assert_eq!(store.cell(id, 1).unwrap().unwrap().red, None);
    let kept = store.cell(id, 2).unwrap().unwrap().red.unwrap();
    assert_eq!((kept.probability, kept.pallor, kept.ranked), (0.0, None, vec![]));
    whole(&store);
}

#[test]
fn a_person_gives_red_cells_another_class_and_takes_it_back_and_the_trail_tells() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    let before = store.session(id).unwrap().unwrap();
    let changed = give(&store, id, &[20, 21], Some(RedClass::Stomatocyte), "rita", 70);
    let person = changed[0].red.as_ref().unwrap().by_person.as_ref().unwrap();
    assert_eq!((person.class, person.by.as_str(), person.at), (RedClass::Stomatocyte, "rita", at(70)));
    assert!(changed.iter().all(|cell| cell.by_person.is_none()), "what was said of white cells is another thing");
    let detail = store.session(id).unwrap().unwrap();
    assert_eq!((detail.red_reclassified, detail.reclassified), (2, 0));
    assert_eq!(detail.looked_at, before.looked_at, "white cells only");
    // Confirmed by another person, restored by the first one, and undone.
    give(&store, id, &[22], Some(RedClass::Schistocyte), "ada", 71);
    give(&store, id, &[20], None, "rita", 72);
    assert_eq!((in_force(&store, id, 20), in_force(&store, id, 21)), (RedClass::Target, RedClass::Stomatocyte));
    store.undo(id, "rita", at(73)).unwrap();
    assert_eq!(in_force(&store, id, 20), RedClass::Stomatocyte);
    let undone = store.undo(id, "rita", at(74)).unwrap();
    assert_eq!(numbers(undone), [20, 21], "one step is undone as one");
    assert_eq!(store.session(id).unwrap().unwrap().red_reclassified, 0);
    let trail = store.audit(Some(id), None, 100).unwrap();
    let line = trail.iter().find(|line| line.action == "reclassify" && line.by == "rita").unwrap();
    assert_eq!(line.detail["kind"], "RBC");
    let first = trail.iter().filter(|line| line.action == "reclassify").map(|line| line.detail["to"].clone());
    assert!(first.into_iter().any(|to| to == "STOMATOCYTE"));
    whole(&store);
    store.sign(id, "rita", at(90), "").unwrap();
    assert!(store.reclassify_red(id, &[20], Some(RedClass::Burr), "rita", at(91), |_| false).is_err(), "signed");
    whole(&store);
}

#[test]
fn the_reviewed_result_counts_red_cells_by_the_classes_of_people_and_the_others_by_the_programs() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    let counted = store.session(id).unwrap().unwrap();
    assert_eq!(counted.reviewed_result, counted.counted_result);
    let count = |class| {
        let result = store.session(id).unwrap().unwrap().reviewed_result.unwrap();
        result.red_cells.unwrap().line(class).map_or(0, |line| line.share.count)
    };
    assert_eq!((count(RedClass::Target), count(RedClass::Normal), count(RedClass::Burr)), (2, 1, 0));
    // One without a picture, and one that is not graded, which counts for no share.
    give(&store, id, &[21, 23, 24], Some(RedClass::Burr), "rita", 70);
    assert_eq!((count(RedClass::Target), count(RedClass::Normal), count(RedClass::Burr)), (1, 0, 2));
    let changed = store.session(id).unwrap().unwrap();
    assert_ne!(changed.fingerprint, counted.fingerprint, "nobody signs what he has not seen");
    assert_eq!(changed.counted_result, counted.counted_result);
    let before = counted.counted_result.unwrap().red_cells.unwrap();
    let after = changed.reviewed_result.unwrap();
    assert_eq!(after.counted, 4, "white cells are as they were");
    let after = after.red_cells.unwrap();
    assert_eq!((after.graded, after.not_graded), (before.graded, before.not_graded));
    assert_eq!(after.size, before.size);
    // A review of white cells leaves it as it is, and what was signed stays.
    store.reclassify(id, 1, Some(CellClass::Eos), "rita", at(71)).unwrap();
    assert_eq!(count(RedClass::Burr), 2);
    store.sign(id, "rita", at(90), "").unwrap();
    assert_eq!(count(RedClass::Burr), 2);
    let listed = &store.sessions(&SessionQuery::default()).unwrap()[0];
    assert_eq!(listed.counted, 4);
    whole(&store);
    let second = store.amend(id, "look again", "rita", at(95)).unwrap();
    store.undo(second, "rita", at(96)).unwrap();
    give(&store, second, &[21, 23, 24], None, "rita", 97);
    let restored = store.session(second).unwrap().unwrap().reviewed_result.unwrap().red_cells.unwrap();
    assert_eq!(restored, before);
}

#[test]
fn a_review_of_red_cells_raises_and_takes_back_their_flag_and_no_other() {
    let (_folder, store) = store();
    let id = store.begin(&start("A-1")).unwrap();
    let put = |number| {
        let class = if number < 106 { RedClass::Teardrop } else { RedClass::Normal };
        CellChange::Put { cell: red_cell(number, class, 0.9), crop: None }
    };
    let changes: Vec<CellChange> = six_cells().into_iter().chain((100..220).map(put)).collect();
    let report = |changes: &[CellChange]| red_morphology(changes).map(|report| report.judged(&settings().red_cells));
    let flags = vec![Flag::FewCells];
    let counted = Snapshot { red_cells: report(&changes), flags, ..result("A-1") };
    assert!(counted.red_cells.as_ref().unwrap().evidence.iter().any(|one| one.class == RedClass::Teardrop));
    let counted = Snapshot { flags: vec![Flag::RedCellMorphology, Flag::FewCells], ..counted };
    store.finish(id, &changes, &counted, &settings()).unwrap();
    let reviewed = || store.session(id).unwrap().unwrap().reviewed_result.unwrap();
    give(&store, id, &[100, 101], Some(RedClass::Normal), "rita", 70);
    assert_eq!(reviewed().flags, [Flag::FewCells], "4 of 120 are below the limit");
    assert_eq!(store.sessions(&SessionQuery::default()).unwrap()[0].flags, [Flag::FewCells]);
    store.reclassify(id, 1, Some(CellClass::Eos), "rita", at(71)).unwrap();
    assert!(!reviewed().flags.contains(&Flag::RedCellMorphology), "nor by a review of white cells");
    give(&store, id, &[100], Some(RedClass::Teardrop), "rita", 72);
    give(&store, id, &[119], Some(RedClass::Teardrop), "rita", 73);
    assert!(reviewed().flags.contains(&Flag::RedCellMorphology));
    whole(&store);
}

#[test]
fn classes_of_one_kind_are_refused_for_cells_of_the_other_and_nothing_is_done_by_half() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    let red = |cells: &[i64], class| store.reclassify_red(id, cells, class, "rita", at(70), |_| false).unwrap_err();
    for (refused, words) in [
        (store.reclassify(id, 20, Some(CellClass::Unk), "rita", at(70)).unwrap_err(), "cell 20 is a red cell"),
        (red(&[20, 1], Some(RedClass::Burr)), "cell 1 is no red cell"),
        (red(&[1], None), "cell 1 is no red cell"),
        (red(&[20, 5], Some(RedClass::Burr)), "red cell 5 was not named"),
        (red(&[20, 99], Some(RedClass::Burr)), "has no cell 99"),
    ] {
        assert!(refused.to_string().contains(words), "{refused}");
    }
    assert_eq!(store.session(id).unwrap().unwrap().red_reclassified, 0);
    assert!(store.audit(Some(id), None, 100).unwrap().iter().all(|line| line.action != "reclassify"));
}

#[test]
fn a_step_that_was_too_quick_counts_as_no_look_until_it_is_said_again() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    let quick = || store.reclassify_red(id, &[20], Some(RedClass::Target), "rita", at(70), |_| true).unwrap();
    let by = |cells: Vec<CellRecord>| cells.into_iter().next().unwrap().red.unwrap().by_person.unwrap();
    assert!(by(quick()).quickly);
    assert!(!by(give(&store, id, &[20], Some(RedClass::Target), "rita", 71)).quickly);
    assert!(!by(quick()).quickly, "whoever looked keeps it");
    whole(&store);
}

#[test]
fn what_people_say_of_red_cells_is_no_check_of_the_camera() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    let check = || store.camera_check(&settings().taken_with.unwrap()).unwrap();
    let (cells, agree) = (check().cells, check().agree);
    give(&store, id, &[20], Some(RedClass::Target), "rita", 70);
    give(&store, id, &[21], Some(RedClass::Burr), "rita", 71);
    assert_eq!((check().cells, check().agree), (cells, agree));
    store.reclassify(id, 1, Some(CellClass::Ngs), "rita", at(72)).unwrap();
    assert_eq!((check().cells, check().agree), (cells + 1, agree + 1));
    assert!(
        store
            .looked_at_with(&settings().taken_with.unwrap())
            .unwrap()
            .iter()
            .all(|(_, class)| *class == CellClass::Ngs)
    );
}

#[test]
fn an_amendment_keeps_what_red_cells_look_like_and_what_people_said() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    give(&store, id, &[20], Some(RedClass::Burr), "rita", 70);
    store.sign(id, "rita", at(90), "").unwrap();
    let second = store.amend(id, "look again", "otto", at(100)).unwrap();
    assert_eq!(store.cell(second, 20).unwrap(), store.cell(id, 20).unwrap());
    give(&store, second, &[22], Some(RedClass::Burr), "otto", 101);
    assert_eq!((in_force(&store, second, 22), in_force(&store, id, 22)), (RedClass::Burr, RedClass::Schistocyte));
    whole(&store);
}

/// Edits of red cells, each of which changes what they were named or what people said.
const EDITS: [&str; 9] = [
    "UPDATE cell SET graded = 0 WHERE number = 20",
    "UPDATE cell SET graded = 1 WHERE number = 23",
    "UPDATE cell SET diameter_um = 9.5 WHERE number = 20",
    "UPDATE cell SET pallor = NULL WHERE number = 20",
    "UPDATE cell SET pallor = 0.5 WHERE number = 23",
    "UPDATE cell SET class = 'BURR' WHERE number = 22",
    "UPDATE cell SET class = NULL, graded = NULL, diameter_um = NULL, pallor = NULL WHERE number = 20",
    // Cells that were not named, and white ones, hold nothing of it.
    "UPDATE cell SET graded = 1 WHERE number = 5",
    "UPDATE cell SET pallor = 0.5 WHERE number = 1",
];

#[test]
fn an_edit_of_a_red_cell_is_found_in_a_session_that_ended() {
    for sql in EDITS.into_iter().chain(["UPDATE cell SET person_class = 'TARGET' WHERE number = 21"]) {
        let (folder, store) = store();
        let id = session(&store, "A-1");
        give(&store, id, &[21], Some(RedClass::Burr), "rita", 70);
        whole(&store);
        Connection::open(folder.path().join(FILE)).unwrap().execute_batch(sql).unwrap();
        let AuditVerdict::Broken { why, .. } = store.verify_audit().unwrap() else { panic!("{sql}: whole") };
        assert!(why.contains("cell"), "{sql}: {why}");
        if let Some((_, number)) = sql.split_once("number = ").filter(|_| !sql.contains("person_class")) {
            assert!(why.contains(&format!("cell {number} was changed")), "{sql}: {why}");
        }
    }
}

#[test]
fn an_edit_of_a_red_cell_is_found_while_it_is_counted_and_after_a_power_cut() {
    for sql in EDITS {
        let (folder, store) = store();
        let id = store.begin(&start("A-1")).unwrap();
        store.change_cells(id, &red_cells()).unwrap();
        // A cell seen better, and one that counts no more.
        let better = CellChange::Put { cell: red_cell(24, RedClass::Ovalocyte, 0.6), crop: None };
        store.change_cells(id, &[better, CellChange::Withdrawn(24)]).unwrap();
        whole(&store);
        Connection::open(folder.path().join(FILE)).unwrap().execute_batch(sql).unwrap();
        let AuditVerdict::Broken { why, .. } = store.verify_audit().unwrap() else { panic!("{sql}: whole") };
        assert!(why.contains("while it was counted"), "{sql}: {why}");
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Broken { .. }), "{sql}: after the next start");
    }
    let (folder, store) = store();
    let id = store.begin(&start("A-1")).unwrap();
    store.change_cells(id, &red_cells()).unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    whole(&store);
    assert_eq!(store.red_cells(id, None, false).unwrap().len(), 5, "kept over the power cut");
}

fn seen(id: u32, class: RedClass, graded: bool) -> CountedCell {
    let red =
        RedOpinion { class, probability: 0.8, ranked: vec![(class, 0.8)], graded, diameter_um: 7.0, pallor: Some(0.3) };
    let picture = Some(Arc::new(RgbImage::new(8, 8)));
    CountedCell { id: CellId(id), kind: Kind::Rbc, opinion: None, at: OnSlide::default(), red: Some(red), picture }
}

#[test]
fn every_named_red_cell_is_recorded_and_the_pictures_of_the_first_graded_ones_of_each_class() {
    let (_folder, store) = store();
    let recorder = Recorder::start(store.clone(), Troubles::default(), Drops::default()).unwrap();
    for _ in 0..2 {
        recorder.begin(start("A-1"));
        recorder.counted(&(0..10).map(|id| seen(id, RedClass::Target, false)).collect::<Vec<_>>(), &[]);
        recorder.counted(&(100..180).map(|id| seen(id, RedClass::Target, true)).collect::<Vec<_>>(), &[]);
        recorder.counted(&(200..280).map(|id| seen(id, RedClass::Normal, true)).collect::<Vec<_>>(), &[]);
        recorder.counted(&[seen(300, RedClass::Burr, true)], &[]);
        recorder.finish(Vec::new(), result("A-1"), settings()).unwrap();
        let id = recorder.session().unwrap();
        let all = store.red_cells(id, None, false).unwrap();
        assert_eq!(all.len(), 171);
        let pictured = |class| numbers(store.red_cells(id, Some(class), true).unwrap());
        assert_eq!(pictured(RedClass::Target), (100..160).collect::<Vec<_>>());
        assert_eq!(pictured(RedClass::Normal), (200..230).collect::<Vec<_>>());
        assert_eq!(pictured(RedClass::Burr), [300]);
    }
}
