//! Logins, logouts and wrong passwords in the audit trail: one line a minute for each user and address, with a count,
//! so that nobody fills the disk by trying. The caller passes the time in.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;

use super::app::App;
use super::network::host;
use crate::store::StoreError;

/// Time between two lines about the same.
const PACE: Duration = Duration::from_mins(1);

/// Users and addresses of failed tries told apart within that time. Whoever comes on top counts as one, from no address.
const AT_ONCE: usize = 16;

/// What happened, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Event {
    /// The action of the line.
    action: &'static str,
    /// The user. Names that nobody has are left out: people type passwords there.
    user: Option<String>,
    from: Option<IpAddr>,
}

impl Event {
    pub(super) fn new(action: &'static str, user: Option<String>, from: IpAddr) -> Self {
        Self { action, user, from: Some(host(from)) }
    }

    /// Whether the user is known by a password.
    fn is_login(&self) -> bool {
        matches!(self.action, "login" | "logout")
    }
}

/// When each event had its last line, and how often it happened since.
#[derive(Debug, Default)]
pub(super) struct Repeats(HashMap<Event, (Instant, u32)>);

impl Repeats {
    /// Counts an event; returns it, with how often it happened, if it is time for a line.
    fn take(&mut self, mut event: Event, now: Instant) -> Option<(Event, u32)> {
        // A login always keeps its user; whoever made it has the password.
        if !event.is_login() && self.0.len() >= AT_ONCE && !self.0.contains_key(&event) {
            (event.user, event.from) = (None, None);
        }
        match self.0.entry(event) {
            Entry::Vacant(place) => {
                let event = place.key().clone();
                place.insert((now, 0));
                Some((event, 1))
            }
            Entry::Occupied(mut place) => {
                let (last, times) = place.get_mut();
                *times = times.saturating_add(1);
                if now.duration_since(*last) < PACE {
                    return None;
                }
                let line = *times;
                (*last, *times) = (now, 0);
                Some((place.key().clone(), line))
            }
        }
    }

    /// Events that were counted without a line and wait for a minute, or with `all` for any time.
    fn due(&mut self, now: Instant, all: bool) -> Vec<(Event, u32)> {
        let mut due = Vec::new();
        self.0.retain(|event, (last, times)| {
            if !all && now.duration_since(*last) < PACE {
                return true;
            }
            if *times == 0 {
                return false;
            }
            due.push((event.clone(), *times));
            (*last, *times) = (now, 0);
            true
        });
        due
    }
}

impl App {
    /// Counts an event, and writes its line if it is time for one.
    pub(super) fn note_repeat(&self, event: Event) -> Result<(), StoreError> {
        let line = self.repeats().take(event, Instant::now());
        line.map_or(Ok(()), |(event, times)| self.note_event(&event, times))
    }

    /// Same for a try to log in under this name.
    pub(super) fn note_try(&self, action: &'static str, name: &str, from: IpAddr) -> Result<(), StoreError> {
        let known = self.store.user(name)?.map(|user| user.name);
        self.note_repeat(Event::new(action, known, from))
    }

    /// Writes the lines of what was counted without one: of the last minute, or with `all` everything.
    pub(super) fn note_repeats(&self, all: bool) {
        let due = self.repeats().due(Instant::now(), all);
        for (event, times) in due {
            if let Err(problem) = self.note_event(&event, times) {
                log::error!("page: {problem}");
            }
        }
    }

    fn note_event(&self, event: &Event, times: u32) -> Result<(), StoreError> {
        let Event { action, user, from } = event;
        // Whoever did not log in is nobody yet.
        let by = user.as_deref().filter(|_| event.is_login()).unwrap_or("device");
        let detail = json!({"user": user, "from": from, "times": times});
        self.store.note(by, Timestamp::now(), action, None, &detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(user: &str, last: u8) -> Event {
        Event::new("wrong password", Some(user.to_owned()), [192, 0, 2, last].into())
    }

    #[test]
    fn the_same_makes_one_line_a_minute_that_says_how_often() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(repeats.take(wrong("ada", 1), at(0)), Some((wrong("ada", 1), 1)), "the first at once");
        for second in 1..=5 {
            assert_eq!(repeats.take(wrong("ada", 1), at(second)), None);
        }
        assert!(repeats.take(wrong("ada", 2), at(6)).is_some() && repeats.take(wrong("bea", 1), at(6)).is_some());
        assert_eq!(repeats.take(wrong("ada", 1), at(60)), Some((wrong("ada", 1), 6)));
        repeats.take(wrong("ada", 1), at(61));
        assert_eq!(repeats.due(at(70), false), []);
        assert_eq!(repeats.due(at(121), false), [(wrong("ada", 1), 1)], "also if nothing follows");
        assert_eq!(repeats.due(at(200), false), []);
        assert!(repeats.0.is_empty());
        repeats.take(wrong("ada", 1), at(300));
        repeats.take(wrong("ada", 1), at(301));
        assert_eq!(repeats.due(at(302), true), [(wrong("ada", 1), 1)]);
    }

    #[test]
    fn many_addresses_make_few_lines() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        let lines = (0..10_000_u32).filter(|n| {
            let from = std::net::Ipv6Addr::from(0xfe80_u128 << 112 | u128::from(*n));
            let event = Event::new("wrong password", None, from.into());
            repeats.take(event, start + Duration::from_millis(u64::from(*n) * 6)).is_some()
        });
        assert_eq!(lines.count(), AT_ONCE + 1);
    }
}
