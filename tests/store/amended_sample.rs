//! Amendments that correct a sample id, and those that nobody goes on with.

use crate::common::stored::{at, session, start};
use jiff::{Timestamp, ToSpan as _};
use leukoscope::config::StoreConfig;
use leukoscope::domain::class::CellClass;
use leukoscope::store::records::{Order, SessionId, SessionStart};
use leukoscope::store::{AuditVerdict, Notice, Store};
use leukoscope::system::stop::Stop;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn signed(store: &Store, sample: &str) -> SessionId {
    let id = session(store, sample);
    store.sign(id, "rita", at(90), "seen").unwrap();
    id
}

fn whole(store: &Store) {
    let verdict = store.verify_audit().unwrap();
    assert!(matches!(verdict, AuditVerdict::Whole { .. }), "{verdict:?}");
}

fn waiting(store: &Store) -> Vec<String> {
    store.worklist(at(300)).unwrap().into_iter().map(|entry| entry.order.sample).collect()
}

#[test]
fn a_wrong_sample_id_is_corrected_and_everything_follows_the_new_one() {
    let (_folder, store) = store();
    for sample in ["A-1", "A-2"] {
        let order = Order { sample: sample.into(), host: "hl7".into(), order_id: Some("7".into()), urgent: false };
        store.order(&order, at(-5)).unwrap();
    }
    let id = signed(&store, "A-1");
    assert_eq!(waiting(&store), ["A-2"]);
    let made = store.amend_with_sample(id, "two tubes were swapped", Some("A-2"), "rita", at(100)).unwrap();
    assert_eq!(waiting(&store), ["A-2"], "until it is signed the count is that of A-1");
    let detail = store.session(made).unwrap().unwrap();
    let result = detail.reviewed_result.unwrap();
    assert_eq!((detail.summary.sample.as_str(), result.sample.as_str()), ("A-2", "A-2"));
    assert_eq!(result.amends.unwrap().sample.as_deref(), Some("A-1"));
    let old = store.session(id).unwrap().unwrap();
    assert_eq!((old.summary.sample.as_str(), old.reviewed_result.unwrap().sample.as_str()), ("A-1", "A-1"));

    store.sign(made, "otto", at(110), "").unwrap();
    assert_eq!(waiting(&store), ["A-1"], "A-1 was never counted");
    assert_eq!(
        (store.signed_before("A-1").unwrap(), store.signed_before("A-2").unwrap().unwrap().session),
        (None, made)
    );
    assert_eq!(store.order_of(made, "hl7").unwrap().unwrap().order.sample, "A-2");
    assert_eq!(store.latest_result("A-2", true).unwrap().unwrap().session, made);
    assert_eq!(
        store.latest_result("A-1", true).unwrap().unwrap().replaced_by,
        Some(2),
        "who asks for A-1 learns of it"
    );
    let later = store.begin(&SessionStart { started: at(500), ..start("A-2") }).unwrap();
    store.finish(later, &[], &crate::common::stored::result("A-2"), &crate::common::stored::settings()).unwrap();
    assert_eq!(store.session(later).unwrap().unwrap().delta.unwrap().session, made, "the delta check");
    let told = store.audit(Some(id), None, 1).unwrap().remove(0);
    assert_eq!(
        (told.action.as_str(), &told.detail["was"], &told.detail["sample"]),
        ("amend", &"A-1".into(), &"A-2".into())
    );
    whole(&store);
}

#[test]
fn a_corrected_id_that_has_a_result_names_it_and_the_same_id_is_no_correction() {
    let (_folder, store) = store();
    let (wrong, other) = (signed(&store, "A-1"), signed(&store, "A-2"));
    let made = store.amend_with_sample(wrong, "why", Some("A-2"), "rita", at(100)).unwrap();
    let result = store.session(made).unwrap().unwrap().reviewed_result.unwrap();
    assert_eq!(result.earlier.unwrap().session, other);
    store.withdraw_amendment(made, "it was right", "rita", at(101)).unwrap();
    let made = store.amend_with_sample(wrong, "why", Some("A-1"), "rita", at(102)).unwrap();
    assert_eq!(store.session(made).unwrap().unwrap().reviewed_result.unwrap().amends.unwrap().sample, None);
    whole(&store);
}

#[test]
fn an_amendment_that_nobody_goes_on_with_is_withdrawn_after_thirty_days_and_keeps_no_cells() {
    let (folder, store) = store();
    let now: Timestamp = "2029-11-01T12:00:00Z".parse().unwrap();
    let days = |days: i64| now.checked_sub((24 * days).hours()).unwrap();
    let (left, touched, half) = (signed(&store, "A-1"), signed(&store, "A-2"), signed(&store, "A-3"));
    let amend = |id, ago| store.amend(id, "why", "rita", days(ago)).unwrap();
    let (gone, kept) = (amend(left, 31), amend(touched, 31));
    store.reclassify(kept, 1, Some(CellClass::Bas), "rita", days(2)).unwrap();
    let waits = amend(half, 40);
    store
        .note("rita", days(35), "first sign", Some(waits), &serde_json::json!({"comment": "", "classes": {}}))
        .unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    let rules = StoreConfig { cells_days: 1, ..StoreConfig::default() };
    assert_eq!(store.due(&rules, Some(now)).unwrap().amendments, 1, "it is announced");
    let doubted = store.retain(&rules, Notice { age: None, size: true }, now, &Stop::new()).unwrap();
    assert_eq!(doubted.amendments, 0, "a wrong clock withdraws nothing");
    let done = store.retain(&rules, Notice { age: Some(now), size: false }, now, &Stop::new()).unwrap();
    assert_eq!((done.amendments, done.cells), (1, 1), "{done:?}");
    assert_eq!((store.session(gone).unwrap(), store.cells(left, None, None).unwrap().len()), (None, 0));
    assert!(store.session(kept).unwrap().is_some() && store.session(waits).unwrap().is_some());
    let line = store.audit(Some(left), None, 10).unwrap().into_iter().find(|line| line.action == "withdraw amendment");
    let line = line.unwrap();
    assert_eq!((line.by.as_str(), &line.detail["reason"]), ("device", &"nobody went on with it for 30 days".into()));
    assert_eq!(store.due(&rules, Some(now)).unwrap().amendments, 0);
    whole(&store);
}
