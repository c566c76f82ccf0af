//! Critical values: an alarm is open until a person has said who was told of it.

use crate::common::stored::{at, cell, put, result, settings, start};
use leukoscope::config::{CriticalConfig, StoreConfig};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::critical::{CriticalOf, CriticalValue};
use leukoscope::store::records::{SessionId, SessionStart, Settings};
use leukoscope::store::told::{Alarm, Told};
use leukoscope::store::{AuditVerdict, Notice, Store};
use leukoscope::system::stop::Stop;

/// Where any blast is critical.
fn any_blast() -> Settings {
    Settings { critical: CriticalConfig { blast_cells: Some(1), ..CriticalConfig::default() }, ..settings() }
}

/// A result with three neutrophils and one cell of this class, where any blast is critical.
fn counted(store: &Store, sample: &str, class: CellClass) -> SessionId {
    let id = store.begin(&SessionStart { settings: any_blast(), ..start(sample) }).unwrap();
    let white = |number, class| put(cell(number, Kind::Wbc, Some(class), 0.99), Some(&[1]));
    let cells: Vec<_> = (1..=3).map(|number| white(number, CellClass::Ngs)).chain([white(4, class)]).collect();
    let critical = if class == CellClass::Bla { vec![one_blast()] } else { Vec::new() };
    store.finish(id, &cells, &Snapshot { critical, ..result(sample) }, &any_blast()).unwrap();
    id
}

fn one_blast() -> CriticalValue {
    CriticalValue { of: CriticalOf::BlastCells, value: 1.0, limit: 1.0 }
}

fn told(told: &str, read_back: bool, note: &str) -> Told {
    Told { told: told.into(), told_by: None, told_at: None, read_back, note: note.into() }
}

fn open(store: &Store) -> Vec<String> {
    store.open_alarms().unwrap().into_iter().map(|alarm| alarm.sample).collect()
}

fn alarm(store: &Store, id: SessionId) -> Option<Alarm> {
    store.session(id).unwrap().unwrap().summary.alarm
}

fn actions(store: &Store, id: SessionId) -> Vec<String> {
    store.audit(Some(id), None, 100).unwrap().into_iter().rev().map(|line| line.action).collect()
}

#[test]
fn an_alarm_stands_until_somebody_has_said_who_was_told_and_a_signature_does_not_close_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let calm = counted(&store, "A-1", CellClass::Lyt);
    let id = counted(&store, "A-2", CellClass::Bla);
    assert_eq!((open(&store), alarm(&store, calm), alarm(&store, id)), (vec!["A-2".into()], None, Some(Alarm::Open)));
    store.sign(id, "rita", at(90), "").unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!((open(&store), alarm(&store, id)), (vec!["A-2".into()], Some(Alarm::Open)), "signed, started again");

    let said = store.acknowledge(id, "otto", at(300), &told(" Ward 3, Kim ", true, "")).unwrap();
    assert_eq!((said.told.as_str(), said.told_by.as_str(), said.told_at), ("Ward 3, Kim", "otto", at(300)));
    let detail = store.session(id).unwrap().unwrap();
    assert_eq!((open(&store).len(), detail.summary.alarm), (0, Some(Alarm::Acknowledged)));
    assert_eq!(detail.acknowledged, [said]);
    assert_eq!(actions(&store, id), ["begin", "result", "critical", "sign", "acknowledge"]);
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }));
}

#[test]
fn what_is_said_is_complete_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let calm = counted(&store, "A-1", CellClass::Lyt);
    let id = counted(&store, "A-2", CellClass::Bla);
    let late = Told { told_at: Some(at(9000)), ..told("Kim", true, "") };
    let early = Told { told_at: Some(at(-9000)), ..told("Kim", true, "") };
    for (session, said, why) in [
        (calm, told("Kim", true, ""), "meets no critical value"),
        (99, told("Kim", true, ""), "no session 99"),
        (id, told("", false, " "), "say who was told, or in the note why nobody is"),
        (id, told("", true, "known"), "say who read the value back"),
        (id, told("Kim", false, ""), "ask whoever was told to read the value back"),
        (id, told(&"x".repeat(201), true, ""), "who was told is longer than 200 characters"),
        (id, told("Kim", true, &"x".repeat(2001)), "the note is longer than 2000 characters"),
        (id, told("K\u{1b}im", true, ""), "which reports cannot print"),
        (id, late, "lies in the future"),
        (id, early, "lies before the end of the count"),
    ] {
        let refused = store.acknowledge(session, "otto", at(300), &said).unwrap_err();
        assert!(refused.is_refusal() && refused.to_string().contains(why), "{refused} instead of {why}");
    }
    assert_eq!((open(&store).len(), actions(&store, id).len()), (1, 3), "nothing of it was written");
    store.acknowledge(id, "otto", at(300), &told("", false, "known leukaemia, told last week")).unwrap();
    assert_eq!(alarm(&store, id), Some(Alarm::Acknowledged), "nobody has to be told where a person says why");
}

#[test]
fn a_review_raises_an_alarm_takes_it_back_and_opens_it_again_for_what_nobody_spoke_of() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = counted(&store, "A-1", CellClass::Lyt);
    let name = |number, class, second| store.reclassify(id, number, Some(class), "rita", at(second)).unwrap();
    name(4, CellClass::Myo, 70);
    assert_eq!(open(&store), ["A-1"], "a person named a blast");
    name(4, CellClass::Lyt, 71);
    assert_eq!((open(&store).len(), alarm(&store, id)), (0, None));
    store.undo(id, "rita", at(72)).unwrap();
    assert_eq!(open(&store), ["A-1"], "undone");
    store.acknowledge(id, "otto", at(80), &told("Kim", true, "")).unwrap();
    name(3, CellClass::Bla, 90);
    assert_eq!(open(&store).len(), 0, "more of what was told already");
    let told_of = ["begin", "result", "reclassify", "critical", "reclassify", "critical no more", "undo", "critical"];
    assert_eq!(actions(&store, id)[..8], told_of);
}

#[test]
fn a_result_with_an_open_alarm_outlives_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = counted(&store, "A-1", CellClass::Bla);
    let calm = counted(&store, "A-2", CellClass::Lyt);
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    let later = at(400 * 24 * 3600);
    let rules = StoreConfig { crops_days: 1, cells_days: 1, results_days: 1, megabytes: 0, ..StoreConfig::default() };
    let all = Notice { age: Some(later), size: true };
    store.retain(&rules, all, later, &Stop::new()).unwrap();
    assert_eq!((open(&store), store.session(calm).unwrap()), (vec!["A-1".into()], None));
    store.acknowledge(id, "otto", later, &told("", false, "found too late")).unwrap();
    store.retain(&rules, all, later, &Stop::new()).unwrap();
    assert_eq!(store.session(id).unwrap(), None, "then it goes as any other");
}

#[test]
fn what_was_told_holds_for_an_amendment_with_the_same_values_and_a_worse_one_opens_an_alarm_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = counted(&store, "A-1", CellClass::Bla);
    store.sign(id, "rita", at(90), "").unwrap();
    let said = store.acknowledge(id, "otto", at(100), &told("Kim", true, "")).unwrap();
    let made = store.amend(id, "cell 1 is a band", "rita", at(110)).unwrap();
    assert_eq!((open(&store).len(), alarm(&store, made)), (0, Some(Alarm::Acknowledged)));
    let carried = store.session(made).unwrap().unwrap().acknowledged;
    assert_eq!(carried.len(), 1);
    assert_eq!((carried[0].of_session, carried[0].told.as_str(), carried[0].at), (Some(id), "Kim", said.at));
    assert_eq!(actions(&store, made), ["begin", "result", "critical told before"]);

    let name = |cell, class, second| store.reclassify(made, cell, Some(class), "rita", at(second)).unwrap();
    name(1, CellClass::Ngb, 120);
    assert_eq!(open(&store).len(), 0, "no blast more");
    name(2, CellClass::Bla, 121);
    assert_eq!((open(&store), alarm(&store, made)), (vec!["A-1".into()], Some(Alarm::Open)), "two blasts are worse");
    store.undo(made, "rita", at(122)).unwrap();
    assert_eq!((open(&store).len(), alarm(&store, made)), (0, Some(Alarm::Acknowledged)));
    name(2, CellClass::Bla, 123);
    store.acknowledge(made, "otto", at(130), &told("Kim", true, "")).unwrap();
    assert_eq!(open(&store).len(), 0);
    store.sign(made, "rita", at(140), "").unwrap();
    let third = store.amend(made, "why", "rita", at(150)).unwrap();
    assert_eq!(alarm(&store, third), Some(Alarm::Acknowledged), "of two versions before");
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }), "{:?}", store.verify_audit().unwrap());
}

#[test]
fn what_nobody_was_told_of_stays_open_in_an_amendment_until_it_is_said_of_either_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = counted(&store, "A-1", CellClass::Bla);
    store.sign(id, "rita", at(90), "").unwrap();
    let made = store.amend(id, "why", "rita", at(110)).unwrap();
    assert_eq!((open(&store).len(), alarm(&store, made)), (2, Some(Alarm::Open)));
    store.acknowledge(id, "otto", at(120), &told("Kim", true, "")).unwrap();
    assert_eq!((open(&store).len(), alarm(&store, made)), (0, Some(Alarm::Acknowledged)));
    assert_eq!(actions(&store, made), ["begin", "result", "critical", "critical told before"]);
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }));
}
