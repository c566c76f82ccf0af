use super::*;
use crate::counting::track::OnSlide;
use crate::domain::class::{CellClass, Group, Kind};
use crate::domain::flag::Flag;
use crate::domain::prevalence_mode::PrevalenceMode;

pub(super) fn found(id: u32, kind: Kind) -> CountedCell {
    CountedCell { id: CellId(id), kind, opinion: None, at: OnSlide::default(), red: None, picture: None }
}

pub(super) fn white(probabilities: &[(CellClass, f64)]) -> CountedCell {
    CountedCell { opinion: Some(Prediction::of(probabilities.to_vec(), 0.6)), ..found(0, Kind::Wbc) }
}

pub(super) fn named() -> CountedCell {
    white(&[(CellClass::Ngs, 1.0)])
}

fn unnamed() -> CountedCell {
    white(&[(CellClass::Ngs, 0.5), (CellClass::Ngb, 0.5)])
}

pub(super) fn session(target: u32) -> Session {
    let limits = SessionConfig { target, autostart: false, ..SessionConfig::default() };
    Session::new(limits, Flags::default(), PriorShift::off())
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn nothing_is_counted_before_start() {
    let mut session = session(2);
    assert!(!session.add(&[named(), named()], false));
    assert_eq!(session.snapshot(at(0)).kinds.wbc, 0);
}

#[test]
fn the_target_ends_the_count_and_unnamed_cells_do_not_bring_it_nearer() {
    let mut session = session(2);
    session.begin(None, at(0));
    assert!(!session.add(&[named(), unnamed(), unnamed()], false));
    assert!(session.add(&[named(), named()], false));
    let result = session.snapshot(at(9));
    assert_eq!((result.phase, result.ending), (Phase::Done, Some(Ending::TargetReached)));
    assert_eq!((result.counted, result.kinds.wbc), (3, 5));
    assert!(!session.add(&[named()], false), "a result does not change any more");
    assert_eq!(session.snapshot(at(10)).counted, 3);
}

#[test]
fn a_stopped_count_says_that_it_is_short() {
    let mut session = session(100);
    session.begin(None, at(0));
    session.add(&[named()], true);
    assert!(session.finish(Ending::Stopped));
    let flags = session.snapshot(at(1)).flags;
    assert!(flags.contains(&Flag::FewCells) && flags.contains(&Flag::PossibleOverlap));
}

#[test]
fn the_next_sample_begins_from_zero_under_its_own_name() {
    let mut session = session(100);
    session.begin(None, at(0));
    session.add(&[named()], false);
    assert!(session.finish(Ending::Stopped));
    assert_eq!(session.snapshot(at(1)).counted, 1);
    session.begin(Some("B7".into()), at(1));
    let next = session.snapshot(at(1));
    assert_eq!((next.sample.as_str(), next.counted), ("B7", 0));
}

#[test]
fn a_count_by_precision_goes_on_until_the_share_is_known_or_the_most_is_counted() {
    let limits = SessionConfig {
        target: 100,
        precision_of: Some(Group::Blasts),
        precision_points: 2.0,
        at_most: 400,
        ..SessionConfig::default()
    };
    let mut session = Session::new(limits, Flags::default(), PriorShift::off());
    session.begin(None, at(0));
    assert!(!session.add(&vec![named(); 100], false), "none of 100 may still be 3 %");
    assert_eq!(session.snapshot(at(1)).target, 400);
    // 1 - 0.015^(1/n) <= 0.02 from n = 208 on.
    assert!(!session.add(&vec![named(); 107], false));
    assert!(session.add(&[named()], false));
    let result = session.snapshot(at(2));
    let precision = result.statistics.precision.unwrap();
    assert!(precision.reached && precision.figure.width() <= 2.0);
    assert_eq!((result.target, result.ending), (100, Some(Ending::TargetReached)));
    assert!(!result.flags.contains(&Flag::FewCells));

    session.begin(None, at(4));
    let blast = white(&[(CellClass::Myo, 1.0)]);
    let mut mixed = vec![named(); 360];
    mixed.extend(vec![blast; 40]);
    assert!(session.add(&mixed, false), "10 % blasts are never known to 2 points with 400 cells");
    let result = session.snapshot(at(5));
    assert!(!result.statistics.precision.unwrap().reached);
    assert!(result.flags.contains(&Flag::FewCells));
}

#[test]
fn a_cell_seen_better_changes_its_name_and_one_that_was_none_goes() {
    let of = |id: u32, class| CountedCell { id: CellId(id), ..white(&[(class, 1.0)]) };
    let mut session = session(100);
    session.begin(None, at(0));
    let red = found(9, Kind::Rbc);
    session.add(&[of(1, CellClass::Ngs), red, of(2, CellClass::Lyt), of(3, CellClass::Mon)], false);
    let better = Prediction::of(vec![(CellClass::Eos, 1.0)], 0.6);
    session.revise(&[
        Revision::Withdrawn { id: CellId(1), kind: Kind::Wbc },
        Revision::Named { id: CellId(3), opinion: better.clone(), picture: None },
        Revision::Withdrawn { id: CellId(9), kind: Kind::Rbc },
        Revision::Named { id: CellId(77), opinion: better.clone(), picture: None },
    ]);
    let now = session.snapshot(at(1));
    assert_eq!(now.classes_uncorrected, [(CellClass::Lyt, 1), (CellClass::Eos, 1)].into());
    assert_eq!(
        now.classes.iter().map(|line| (line.class, line.count)).collect::<std::collections::BTreeMap<_, _>>(),
        now.classes_uncorrected
    );
    assert_eq!((now.kinds.wbc, now.kinds.rbc, now.counted), (2, 0, 2));
    session.finish(Ending::Stopped);
    session.revise(&[Revision::Named { id: CellId(2), opinion: better, picture: None }]);
    assert_eq!(session.snapshot(at(3)).classes_uncorrected[&CellClass::Lyt], 1, "a result does not change");
}

#[test]
fn doubtful_cells_are_named_once_the_sample_shows_what_it_is_made_of() {
    let classes = [CellClass::Ngs, CellClass::Myb];
    let correction = PriorShift::new(Some(PrevalenceMode::Sample), &classes, Some(&[0.5, 0.5]), 0.6);
    let limits = SessionConfig { target: 1000, autostart: false, ..SessionConfig::default() };
    let mut session = Session::new(limits, Flags::default(), correction);
    session.begin(None, at(0));
    let doubtful = white(&[(CellClass::Myb, 0.55), (CellClass::Ngs, 0.45)]);
    session.add(&vec![white(&[(CellClass::Ngs, 0.98), (CellClass::Myb, 0.02)]); 60], false);
    session.add(&vec![doubtful; 3], false);
    session.finish(Ending::Stopped);
    let result = session.snapshot(at(1));
    assert_eq!(result.classes.iter().map(|line| (line.class, line.count)).collect::<Vec<_>>(), [(CellClass::Ngs, 63)]);
    assert_eq!(result.classes_uncorrected, [(CellClass::Ngs, 60), (CellClass::Unk, 3)].into());
    let prevalence = result.prevalence.unwrap();
    assert_eq!((prevalence.form, prevalence.cells), (PrevalenceMode::Sample, 63));
    assert!(prevalence.percent[&CellClass::Ngs] > 95.0);
    assert_eq!((result.kinds.wbc, result.counted), (63, 63));
}
