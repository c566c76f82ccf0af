//! Where pictures come from: simulated and replayed counts carry that word for ever, and are signed for training only.

use crate::common::stored::{at, result, settings, six_cells, start};
use leukoscope::counting::session::snapshot::{CameraCheck, Snapshot};
use leukoscope::domain::source::{Mark, Source};
use leukoscope::store::records::{SessionId, SessionStart, Settings};
use leukoscope::store::{AuditVerdict, FILE, Store};
use rusqlite::Connection;

fn from(source: Source) -> Settings {
    Settings { source: Some(source), ..settings() }
}

/// A session that begins and ends with these settings.
fn counted(store: &Store, began: &Settings, ended: &Settings) -> SessionId {
    let id = store.begin(&SessionStart { settings: began.clone(), ..start("A-1") }).unwrap();
    let counted = Snapshot { source: ended.source, training: ended.training, ..result("A-1") };
    store.finish(id, &six_cells(), &counted, ended).unwrap();
    id
}

fn marks(store: &Store, id: SessionId) -> Vec<Mark> {
    store.session(id).unwrap().unwrap().summary.marks
}

#[test]
fn what_was_not_counted_under_a_microscope_is_signed_on_a_station_for_training_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let [real, replayed, simulated] = [Source::Camera, Source::Replayed, Source::Simulated]
        .map(|source| counted(&store, &from(source), &from(source)));
    for (id, word) in [(replayed, "replayed"), (simulated, "simulated")] {
        let refused = store.sign(id, "rita", at(90), "").unwrap_err();
        assert!(refused.is_refusal() && refused.to_string().contains(word), "{refused}");
        assert!(refused.to_string().contains("training = true"), "{refused}");
    }
    store.sign(real, "rita", at(90), "").unwrap();
    store.of_training_station(true);
    store.sign(simulated, "rita", at(91), "").unwrap();
    store.of_training_station(false);
    let told = store.session(simulated).unwrap().unwrap();
    assert_eq!(
        told.summary.marks,
        [Mark::Training, Mark::Simulated],
        "as it was signed, whatever the station is later"
    );
    let line = store.audit(Some(simulated), None, 1).unwrap().remove(0);
    assert_eq!(line.detail["marks"], serde_json::json!(["training", "simulated"]));
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }));
}

#[test]
fn a_camera_of_which_nobody_has_seen_a_cell_is_unchecked_and_its_first_sample_can_be_signed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let blind = counted(&store, &from(Source::Camera), &from(Source::Camera));
    assert_eq!(marks(&store, blind), [Mark::Unchecked]);
    store.sign(blind, "rita", at(80), "seen by nobody").unwrap();
    assert_eq!(marks(&store, blind), [Mark::Unchecked], "the word stays with what was signed");
    let seen = counted(&store, &from(Source::Camera), &from(Source::Camera));
    let class =
        store.cells(seen, None, None).unwrap().iter().find_map(|cell| Some((cell.number, cell.class?))).unwrap();
    store.reclassify(seen, class.0, Some(class.1), "rita", at(85)).unwrap();
    assert_eq!(marks(&store, seen), [], "looking at its cells is the check");
    store.sign(seen, "rita", at(90), "").unwrap();
    assert_eq!(marks(&store, blind), [Mark::Unchecked], "and changes nothing that was signed before");
}

#[test]
fn a_session_that_goes_on_with_another_camera_keeps_its_word() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let training = Settings { training: true, ..from(Source::Simulated) };
    let id = counted(&store, &training, &from(Source::Camera));
    assert_eq!(marks(&store, id), [Mark::Training, Mark::Simulated]);
    let other = counted(&store, &from(Source::Camera), &from(Source::Replayed));
    assert_eq!(marks(&store, other), [Mark::Replayed]);
    assert!(store.sign(other, "rita", at(90), "").is_err());
}

#[test]
fn a_session_of_before_is_marked_by_the_camera_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for (camera, mark) in [
        ("simulated", Some(Mark::Simulated)),
        ("replay:/slides/*.png", Some(Mark::Replayed)),
        ("pan:scan.toml", Some(Mark::Replayed)),
        ("v4l:/dev/video0", None),
        ("a camera of which nothing is known", None),
    ] {
        let old = Settings { source: None, camera: camera.to_owned(), taken_with: None, ..settings() };
        let id = store.begin(&SessionStart { settings: old.clone(), ..start(camera) }).unwrap();
        store.finish(id, &six_cells(), &Snapshot { source: None, ..result(camera) }, &old).unwrap();
        assert_eq!(marks(&store, id), mark.into_iter().collect::<Vec<_>>(), "{camera}");
        assert_eq!(store.sign(id, "rita", at(90), "").is_err(), mark.is_some(), "{camera}");
    }
}

#[test]
fn taking_the_word_away_behind_the_programs_back_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = counted(&store, &from(Source::Simulated), &from(Source::Simulated));
    drop(store);
    let file = Connection::open(folder.path().join(FILE)).unwrap();
    let sql = "UPDATE session SET settings = json_set(settings, '$.source', 'camera') WHERE id = ?1";
    assert_eq!(file.execute(sql, [id]).unwrap(), 1);
    drop(file);
    let AuditVerdict::Broken { why, .. } = Store::open(folder.path()).unwrap().verify_audit().unwrap() else {
        panic!("a simulated session became a real one")
    };
    assert!(why.contains("settings"), "{why}");
}

#[test]
fn the_check_that_a_result_carries_says_unchecked_only_where_nobody_looked() {
    let with = |cells| Snapshot {
        camera_check: Some(CameraCheck::new("usb".into(), "100x".into(), cells, cells)),
        ..result("A")
    };
    assert_eq!((with(0).marks(), with(1).marks(), result("A").marks()), (vec![Mark::Unchecked], vec![], vec![]));
    let drawn = Snapshot { source: Some(Source::Simulated), ..with(0) };
    assert_eq!(drawn.marks(), [Mark::Simulated], "one word says it");
}
