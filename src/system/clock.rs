//! What can be said of the clock without asking anybody.

use std::fs;
use std::time::{Duration, SystemTime};

/// 2026-01-01T00:00:00Z, seconds since 1970: a clock before this is wrong, because the program is younger.
pub const EARLIEST: i64 = 1_767_225_600;

/// File that systemd-timesyncd touches whenever it has set the clock by a time server (`systemd-timesyncd(8)`).
const SET: &str = "/run/systemd/timesync/synchronized";

/// How long the clock counts as set: the service asks a server every 34 min at most.
const HOLDS: Duration = Duration::from_hours(24);

/// Whether a time service has set the clock within the last day. The kernel's own flag would say the same for every
/// service, but reading it takes unsafe code.
#[must_use]
pub fn synchronised() -> bool {
    let set = fs::metadata(SET).and_then(|found| found.modified());
    set.is_ok_and(|set| recently(set, SystemTime::now()))
}

/// Whether `set` lies within the day before `now`. A clock that was moved by hand afterwards is not believed.
fn recently(set: SystemTime, now: SystemTime) -> bool {
    now.duration_since(set).is_ok_and(|since| since < HOLDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_counts_as_set_for_a_day_and_not_where_it_was_moved_since() {
        let set = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        assert!(recently(set, set + Duration::from_hours(23)));
        assert!(!recently(set, set + Duration::from_hours(25)));
        assert!(!recently(set, set + Duration::from_hours(87_600)));
        assert!(!recently(set, set - Duration::from_hours(1)));
    }
}
