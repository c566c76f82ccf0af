//! Orders of counts, until they are counted, cancelled or forgotten.

use jiff::SignedDuration;
use leukoscope::store::Store;
use leukoscope::store::records::{Order, OrderTaken};

use crate::common::stored::{at, start};

fn order(sample: &str, host: &str, id: Option<&str>, urgent: bool) -> Order {
    Order { sample: sample.to_owned(), host: host.to_owned(), order_id: id.map(str::to_owned), urgent }
}

fn samples(store: &Store, second: i64) -> Vec<String> {
    store.worklist(at(second)).unwrap().into_iter().map(|entry| entry.order.sample).collect()
}

#[test]
fn urgent_samples_come_first_and_a_counted_one_leaves_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for (sample, urgent) in [("A-1", false), ("A-2", true), ("A-3", false)] {
        assert_eq!(store.order(&order(sample, "astm", Some("7"), urgent), at(-10)).unwrap(), OrderTaken::New);
    }
    assert_eq!(samples(&store, 0), ["A-2", "A-1", "A-3"]);
    let session = store.begin(&start("A-2")).unwrap();
    assert_eq!(samples(&store, 1), ["A-1", "A-3"]);
    assert_eq!(store.order_of(session, "astm").unwrap().unwrap().order.order_id.as_deref(), Some("7"));
    assert_eq!(store.order_of(session, "hl7").unwrap(), None, "another host has no order for it");
    // Ordered anew, it is counted anew.
    store.order(&order("A-2", "astm", Some("8"), false), at(5)).unwrap();
    assert_eq!(samples(&store, 6), ["A-1", "A-3", "A-2"]);
}

#[test]
fn the_same_order_twice_is_one_and_a_cancelled_one_can_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let first = order("A-1", "hl7", None, false);
    assert_eq!(store.order(&first, at(0)).unwrap(), OrderTaken::New);
    assert_eq!(store.order(&first, at(1)).unwrap(), OrderTaken::Known);
    assert_eq!(store.order(&Order { urgent: true, ..first.clone() }, at(2)).unwrap(), OrderTaken::Changed);
    assert_eq!(store.cancel_order("astm", "A-1", None, at(3)).unwrap(), 0, "only its own host cancels it");
    assert_eq!(store.cancel_order("hl7", "A-1", None, at(3)).unwrap(), 1);
    assert_eq!(store.cancel_order("hl7", "A-1", None, at(3)).unwrap(), 0);
    assert_eq!(samples(&store, 4), [""; 0]);
    assert_eq!(store.order(&first, at(5)).unwrap(), OrderTaken::Changed);
    let number = store.worklist(at(5)).unwrap()[0].number;
    assert!(store.cancel_entry(number, "rita", at(6)).unwrap());
    assert!(!store.cancel_entry(number, "rita", at(6)).unwrap());
    let trail = store.audit(None, None, 10).unwrap();
    let said: Vec<_> = trail.iter().rev().map(|line| (line.by.as_str(), line.action.as_str())).collect();
    let of_host = |action| ("hl7", action);
    let expected =
        [of_host("order"), of_host("order"), of_host("cancel order"), of_host("order"), ("rita", "cancel order")];
    assert_eq!(said, expected);
}

#[test]
fn a_host_that_orders_without_end_is_refused_and_old_orders_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for number in 0..1000 {
        store.order(&order(&format!("A-{number}"), "astm", None, false), at(0)).unwrap();
    }
    let refused = store.order(&order("A-1000", "astm", None, false), at(0)).unwrap_err().to_string();
    assert!(refused.contains("the worklist holds 1000 samples; count or cancel some"), "{refused}");
    let later = at(0) + SignedDuration::from_hours(31 * 24);
    assert_eq!(store.worklist(later).unwrap(), []);
    assert_eq!(store.order(&order("A-1000", "astm", None, false), later).unwrap(), OrderTaken::New);
}
