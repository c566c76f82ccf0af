//! Red counts entered for a sample.

use super::tests::{at, found, named, session};
use super::*;
use crate::domain::class::Kind;

#[test]
fn a_red_count_is_that_of_the_sample_being_counted_and_never_of_the_next() {
    let red = |count| RedCount::new(count).unwrap();
    let mut session = session(1000).with_first_red_count(Some(red(4.0)));
    let red_cell = found(0, Kind::Rbc);
    assert!(!session.set_red_count(red(9.0)), "no sample runs");
    session.begin(None, at(0));
    session.add(&vec![red_cell; 2000], false);
    session.add(&[named(), named(), named()], false);
    let estimate = |session: &Session| session.snapshot(at(1)).statistics.per_red_cell.unwrap().estimates;
    assert!((estimate(&session).unwrap().white.value - 6000.0).abs() < 1e-6);
    assert!(session.set_red_count(red(5.0)));
    assert!((estimate(&session).unwrap().white.value - 7500.0).abs() < 1e-6);
    session.finish(Ending::Stopped);
    assert!(!session.set_red_count(red(3.0)));
    assert!((estimate(&session).unwrap().white.value - 7500.0).abs() < 1e-6, "a result stands");
    session.begin(None, at(2));
    session.add(&vec![found(0, Kind::Rbc); 2000], false);
    assert_eq!(session.snapshot(at(3)).statistics.per_red_cell.unwrap().estimates, None);
}
