//! Counts entered for a sample.

use super::tests::{at, found, named, session};
use super::*;
use crate::counting::statistics::absolute::WhiteCount;
use crate::domain::class::Kind;

#[test]
fn a_red_count_is_that_of_the_sample_being_counted_and_never_of_the_next() {
    let red = |count| RedCount::new(count).unwrap();
    let mut session = session(1000).with_first_red_count(Some(red(4.0)));
    let red_cell = found(0, Kind::Rbc);
    assert!(!session.enter(&Entered::Red(red(9.0)), "ada", at(0)), "no sample runs");
    session.begin(None, at(0));
    session.add(&vec![red_cell; 2000], false);
    session.add(&[named(), named(), named()], false);
    let estimate = |session: &Session| session.snapshot(at(1)).statistics.per_red_cell.unwrap().estimates;
    assert!((estimate(&session).unwrap().white.value - 6000.0).abs() < 1e-6);
    assert!(session.enter(&Entered::Red(red(5.0)), "ada", at(1)));
    assert!((estimate(&session).unwrap().white.value - 7500.0).abs() < 1e-6);
    session.finish(Ending::Stopped);
    assert!(!session.enter(&Entered::Red(red(3.0)), "ada", at(1)));
    assert!((estimate(&session).unwrap().white.value - 7500.0).abs() < 1e-6, "a result stands");
    session.begin(None, at(2));
    session.add(&vec![found(0, Kind::Rbc); 2000], false);
    assert_eq!(session.snapshot(at(3)).statistics.per_red_cell.unwrap().estimates, None);
}

#[test]
fn a_white_count_turns_shares_into_counts_and_says_who_entered_it() {
    let mut session = session(1000);
    session.begin(None, at(0));
    session.add(&[named(), named()], false);
    for (count, by) in [(9.0, "ada"), (6.5, "rita")] {
        assert!(session.enter(&Entered::White(WhiteCount::new(count).unwrap()), by, at(3)));
    }
    let statistics = session.snapshot(at(4)).statistics;
    assert_eq!(
        statistics.entered.iter().map(|entry| entry.by.as_str()).collect::<Vec<_>>(),
        ["rita"],
        "the later one holds"
    );
    let neutrophils = statistics.absolute.unwrap().classes[&crate::domain::class::CellClass::Ngs];
    assert!((neutrophils.value - 6500.0).abs() < 1e-6 && neutrophils.low < 6500.0);
    session.begin(None, at(5));
    session.add(&[named()], false);
    assert_eq!(session.snapshot(at(6)).statistics.absolute, None, "the next sample has none");
}
