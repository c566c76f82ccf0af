//! Two reviewers, where flags ask for them: final only after the second signature, and they differ cell by cell.

use crate::common::stored::{at, result, settings, six_cells, start};
use leukoscope::counting::session::snapshot::{Difference, Snapshot};
use leukoscope::domain::class::CellClass;
use leukoscope::domain::flag::Flag;
use leukoscope::store::records::{SessionDetail, SessionId, Status};
use leukoscope::store::{AuditVerdict, ReviewError, Store, StoreError};

/// A store that asks for two reviewers of blasts, and an unsigned result with that flag.
fn flagged() -> (tempfile::TempDir, Store, SessionId) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.ask_two_for(&[Flag::Blasts]);
    let id = count(&store, vec![Flag::Blasts]);
    (folder, store, id)
}

fn count(store: &Store, flags: Vec<Flag>) -> SessionId {
    let id = store.begin(&start("A-1")).unwrap();
    store.finish(id, &six_cells(), &Snapshot { flags, ..result("A-1") }, &settings()).unwrap();
    id
}

fn shown(store: &Store, id: SessionId) -> SessionDetail {
    store.session(id).unwrap().unwrap()
}

/// Whether the result waits for a second reviewer after this signature.
fn signs_first(store: &Store, id: SessionId, by: &str, second: i64) {
    let refused = store.sign(id, by, at(second), "first look").unwrap_err().to_string();
    assert!(refused.contains("another person must sign, too"), "{refused}");
}

fn differences(detail: &SessionDetail) -> Vec<Difference> {
    detail.reviewed_result.clone().unwrap().first_reviewer.unwrap().differs
}

fn differs(cell: i64, first: CellClass, second: CellClass, program: CellClass) -> Difference {
    Difference { cell, first, second, program, first_own: None, second_own: None }
}

#[test]
fn a_flagged_result_is_final_only_after_another_person_signed_it() {
    let (_folder, store, id) = flagged();
    assert!(shown(&store, id).needs_second);
    let before = shown(&store, id).fingerprint;
    signs_first(&store, id, "rita", 90);
    let waiting = shown(&store, id);
    assert_eq!((waiting.summary.status, waiting.summary.awaits_second.as_deref()), (Status::Preliminary, Some("rita")));
    assert_ne!(waiting.fingerprint, before, "who looked at it before learns of the first signature");
    assert_eq!((store.latest_result("A-1", true).unwrap(), store.last_signed()), (None, 0), "nothing leaves as final");
    let stored = store.find(1).unwrap().unwrap();
    assert_eq!((stored.signature, stored.snapshot.first_reviewer.unwrap().by.as_str()), (None, "rita"));

    let again = store.sign(id, "rita", at(95), "once more").unwrap_err();
    assert!(matches!(again, StoreError::Review(ReviewError::SecondNeeded(_))), "{again}");
    let late = store.reclassify(id, 1, Some(CellClass::Bas), "rita", at(96)).unwrap_err();
    assert!(matches!(late, StoreError::Review(ReviewError::SecondNeeded(_))), "{late}");
    assert!(store.undo(id, "rita", at(97)).is_err());

    store.sign(id, "otto", at(100), "").unwrap();
    let signed = shown(&store, id);
    assert_eq!((signed.summary.status, signed.summary.awaits_second.clone()), (Status::Final, None));
    let first = signed.reviewed_result.unwrap().first_reviewer.unwrap();
    assert_eq!((first.by.as_str(), first.comment.as_str(), first.differs.len()), ("rita", "first look", 0));
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }));
}

#[test]
fn the_two_differ_cell_by_cell_and_the_second_says_why() {
    let (_folder, store, id) = flagged();
    store.reclassify(id, 2, Some(CellClass::Ngb), "rita", at(80)).unwrap();
    signs_first(&store, id, "rita", 90);
    assert_eq!(differences(&shown(&store, id)), []);
    store.reclassify(id, 2, Some(CellClass::Mon), "otto", at(100)).unwrap();
    store.reclassify(id, 4, Some(CellClass::Lya), "otto", at(101)).unwrap();
    // Confirmed as it was.
    store.reclassify(id, 1, Some(CellClass::Ngs), "otto", at(102)).unwrap();
    let expected = [
        differs(2, CellClass::Ngb, CellClass::Mon, CellClass::Ngs),
        differs(4, CellClass::Lyt, CellClass::Lya, CellClass::Lyt),
    ];
    assert_eq!(differences(&shown(&store, id)), expected);
    let silent = store.sign(id, "otto", at(110), " ").unwrap_err();
    assert!(matches!(silent, StoreError::Review(ReviewError::Differ(_, 2))), "{silent}");
    store.sign(id, "otto", at(111), "cell 2 has a folded nucleus, cell 4 blue cytoplasm").unwrap();
    assert_eq!(differences(&shown(&store, id)), expected, "signed with the result");
}

#[test]
fn a_result_that_is_handed_back_is_open_again_and_needs_both_signatures_anew() {
    let (_folder, store, id) = flagged();
    assert!(store.hand_back(id, "otto", at(80), "early").unwrap_err().to_string().contains("waits for no second"));
    signs_first(&store, id, "rita", 90);
    for (by, comment, words) in [("rita", "mine", "you signed"), ("otto", " ", "write why")] {
        assert!(store.hand_back(id, by, at(95), comment).unwrap_err().to_string().contains(words), "{by}");
    }
    store.reclassify(id, 4, Some(CellClass::Lya), "otto", at(100)).unwrap();
    store.hand_back(id, "otto", at(105), "look at cell 4").unwrap();
    let back = shown(&store, id);
    assert_eq!((back.summary.awaits_second.as_deref(), back.needs_second), (None, true));
    let first = back.reviewed_result.unwrap().first_reviewer.unwrap();
    assert_eq!((first.differs.len(), first.handed_back.unwrap().comment.as_str()), (1, "look at cell 4"));
    // Rita may change cells again; whoever signs now is first.
    store.reclassify(id, 3, Some(CellClass::Eos), "rita", at(110)).unwrap();
    signs_first(&store, id, "otto", 120);
    store.sign(id, "rita", at(130), "").unwrap();
    assert_eq!(shown(&store, id).summary.status, Status::Final);
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }));
}

#[test]
fn nobody_reviews_a_flag_away_alone_and_other_results_need_one_signature() {
    let (_folder, store, id) = flagged();
    // With another class the program's flag would be gone.
    store.reclassify(id, 1, Some(CellClass::Bas), "rita", at(80)).unwrap();
    assert!(!shown(&store, id).reviewed_result.unwrap().flags.contains(&Flag::Blasts));
    signs_first(&store, id, "rita", 90);
    let plain = count(&store, vec![Flag::LeftShift]);
    assert!(!shown(&store, plain).needs_second);
    store.sign(plain, "rita", at(95), "").unwrap();
    // A blast that a person named asks, too.
    let named = count(&store, Vec::new());
    store.reclassify(named, 1, Some(CellClass::Bla), "rita", at(100)).unwrap();
    assert!(shown(&store, named).needs_second);
    signs_first(&store, named, "rita", 110);
}

#[test]
fn an_amended_result_needs_two_signatures_again() {
    let (_folder, store, id) = flagged();
    signs_first(&store, id, "rita", 90);
    store.sign(id, "otto", at(100), "").unwrap();
    let made = store.amend(id, "why", "rita", at(110)).unwrap();
    assert_eq!(shown(&store, made).reviewed_result.unwrap().first_reviewer, None);
    signs_first(&store, made, "otto", 120);
    assert!(!shown(&store, id).summary.is_replaced());
    store.sign(made, "rita", at(130), "").unwrap();
    assert!(shown(&store, id).summary.is_replaced());
}
