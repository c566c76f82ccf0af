//! The two readings of a sample: corrected to its composition, and by the network alone.

use super::tests::{at, named, white};
use super::*;
use crate::config::CriticalConfig;
use crate::counting::statistics::Statistics;
use crate::domain::class::CellClass::{Myb, Ngs};
use crate::domain::class::{CellClass, Group};
use crate::domain::flag::{Flag, Share};
use crate::domain::prevalence_mode::PrevalenceMode;

#[test]
fn a_left_shift_that_the_composition_explains_away_is_flagged_and_told_live_and_in_the_result() {
    let correction = PriorShift::new(Some(PrevalenceMode::Sample), &[Ngs, Myb], Some(&[0.5, 0.5]), 0.6);
    let limits = SessionConfig { target: 1000, autostart: false, ..SessionConfig::default() };
    let mut session = Session::new(limits, Flags::default(), correction);
    session.begin(None, at(0));
    session.add(&vec![white(&[(Ngs, 0.98), (Myb, 0.02)]); 60], false);
    session.add(&vec![white(&[(Myb, 0.7), (Ngs, 0.3)]); 6], false);
    let live = session.snapshot(at(1));
    session.finish(Ending::Stopped);
    for state in [live, session.snapshot(at(2))] {
        assert_eq!(state.classes.iter().map(|line| (line.class, line.count)).collect::<Vec<_>>(), [(Ngs, 66)]);
        assert!(state.flags.contains(&Flag::LeftShift), "{:?}", state.flags);
        let evidence = state.statistics.evidence.first().unwrap();
        assert_eq!((evidence.of, evidence.network_alone), (Share::ImmatureGranulocytes, true));
        let told: Vec<_> = state.statistics.network_alone.iter().map(|line| (line.class, line.count)).collect();
        assert_eq!(told, [(Myb, 6), (Ngs, 60)]);
    }
}

#[test]
fn readings_that_agree_are_told_once() {
    let mut session = super::tests::session(1000);
    session.begin(None, at(0));
    session.add(&vec![white(&[(Ngs, 0.98), (Myb, 0.02)]); 60], false);
    assert_eq!(session.snapshot(at(1)).statistics.network_alone, []);
}

#[test]
fn a_result_has_simultaneous_intervals_and_the_groups() {
    let mut session = super::tests::session(2);
    session.begin(None, at(0));
    assert_eq!(session.snapshot(at(0)).statistics, Statistics::default());
    session.add(&[named(), named()], false);
    let statistics = session.snapshot(at(1)).statistics;
    assert!(statistics.groups.contains_key(&Group::Neutrophils));
    assert!(statistics.simultaneous.unwrap().percent[&CellClass::Ngs].low < 16.0);
    assert_eq!(statistics.corrected, None, "without a matrix nothing is said");
}

#[test]
fn a_critical_value_is_told_once_the_count_has_ended() {
    let mut session = super::tests::session(3);
    session.alarm_at(&CriticalConfig { blast_cells: Some(1), ..CriticalConfig::default() });
    session.begin(None, at(0));
    session.add(&[named(), white(&[(CellClass::Myo, 1.0)])], false);
    assert_eq!(session.snapshot(at(1)).critical, []);
    session.add(&[named()], false);
    let told: Vec<String> = session.snapshot(at(2)).critical.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["1 blast (limit 1)"]);
}
