//! Whatever stands in a file of reference ranges: it is read or refused, and what is read has a source and marks no value
//! within it.

#![no_main]

use leukoscope::outputs::report::ranges::Ranges;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(ranges) = Ranges::parse(text) else { return };
    for range in ranges.all() {
        assert!(!range.source.trim().is_empty());
        assert_eq!(range.mark(range.low), None);
        assert_eq!(ranges.find(range.of, range.unit, Some(&range.group)), Some(range));
    }
});
