//! Limits how often passwords may be tried. The caller passes the time in, and memory is bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::network::host;

/// Failures are forgotten after this time.
const WINDOW: Duration = Duration::from_mins(15);

/// Failures allowed in that time: for one name from one address, for one address under any names, and for one name
/// from anywhere. The last is high, because it lets a stranger lock a user out.
const OF_BOTH: usize = 5;
const OF_ADDRESS: usize = 20;
const OF_NAME: usize = 60;

/// Names and addresses remembered, at most.
const REMEMBERED: usize = 4096;

/// What failures are counted by. Names are hashed, since a client can send anything as a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Both([u8; 32], IpAddr),
    Address(IpAddr),
    Name([u8; 32]),
}

impl Whose {
    const fn limit(self) -> usize {
        match self {
            Self::Both(..) => OF_BOTH,
            Self::Address(_) => OF_ADDRESS,
            Self::Name(_) => OF_NAME,
        }
    }
}

/// Tries of the last quarter of an hour.
#[derive(Debug, Default)]
pub(super) struct Throttle(HashMap<Whose, Tries>);

#[derive(Debug, Default)]
struct Tries {
    /// Times of the wrong passwords.
    failures: Vec<Instant>,
    /// Passwords being checked.
    pending: usize,
}

/// An attempt let through, until it is settled.
#[derive(Debug)]
pub(super) struct Attempt([Whose; 3]);

/// Why an attempt is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too many passwords were wrong; the time until the next try.
    Throttled(Duration),
    /// As many are being checked as may still be wrong; the next may be tried once some of them were right.
    Pending,
}

impl Throttle {
    /// Lets an attempt through if it would stay within the limits even if it and all others being checked are wrong.
    pub(super) fn attempt(&mut self, name: &str, address: IpAddr, now: Instant) -> Result<Attempt, Refused> {
        let hash: [u8; 32] = Sha256::digest(name).into();
        let address = host(address);
        let whose = [Whose::Both(hash, address), Whose::Address(address), Whose::Name(hash)];
        let mut pending = false;
        for one in whose {
            let Some(Tries { failures, pending: checked }) = self.0.get_mut(&one) else { continue };
            failures.retain(|at| now.duration_since(*at) < WINDOW);
            if failures.len() >= one.limit() {
                // There is a first one, since the limits are above 0.
                let first = failures.first().copied().unwrap_or(now);
                return Err(Refused::Throttled(WINDOW.saturating_sub(now.duration_since(first))));
            }
            pending |= failures.len() + *checked >= one.limit();
        }
        if pending {
            return Err(Refused::Pending);
        }
        self.make_room(now);
        for one in whose {
            self.0.entry(one).or_default().pending += 1;
        }
        Ok(Attempt(whose))
    }

    /// The password was right: forgets earlier failures of this name from this address.
    pub(super) fn succeeded(&mut self, attempt: &Attempt) {
        if let Some(tries) = self.0.get_mut(&attempt.0[0]) {
            tries.failures.clear();
        }
        self.not_tried(attempt);
    }

    /// The password was wrong.
    pub(super) fn failed(&mut self, attempt: &Attempt, now: Instant) {
        for one in attempt.0 {
            let tries = self.0.entry(one).or_default();
            tries.pending = tries.pending.saturating_sub(1);
            tries.failures.push(now);
        }
    }

    /// The password was not checked.
    pub(super) fn not_tried(&mut self, attempt: &Attempt) {
        for one in attempt.0 {
            let Some(tries) = self.0.get_mut(&one) else { continue };
            tries.pending = tries.pending.saturating_sub(1);
            if tries.pending == 0 && tries.failures.is_empty() {
                self.0.remove(&one);
            }
        }
    }

    fn make_room(&mut self, now: Instant) {
        if self.0.len() + 3 <= REMEMBERED {
            return;
        }
        self.0.retain(|_, tries| {
            tries.pending > 0 || tries.failures.last().is_some_and(|at| now.duration_since(*at) < WINDOW)
        });
        // Those near a limit are remembered longest.
        while self.0.len() + 3 > REMEMBERED {
            let weight = |tries: &Tries| (tries.pending + tries.failures.len(), tries.failures.last().copied());
            let least = self.0.iter().min_by_key(|(_, tries)| weight(tries)).map(|(whose, _)| *whose);
            let Some(least) = least else { return };
            self.0.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    /// A try with a wrong password.
    fn wrong(throttle: &mut Throttle, name: &str, address: IpAddr, now: Instant) -> Result<(), Refused> {
        let attempt = throttle.attempt(name, address, now)?;
        throttle.failed(&attempt, now);
        Ok(())
    }

    #[test]
    fn right_passwords_at_once_wait_for_one_another_and_none_counts_as_wrong() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let checked: Vec<_> = (0..OF_BOTH).map(|_| throttle.attempt("ada", HERE, now).unwrap()).collect();
        assert_eq!(throttle.attempt("ada", HERE, now).unwrap_err(), Refused::Pending);
        assert!(throttle.attempt("bea", HERE, now).is_ok());
        throttle.succeeded(&checked[0]);
        assert!(throttle.attempt("ada", HERE, now).is_ok());
        for attempt in &checked[1..] {
            throttle.failed(attempt, now);
        }
        assert_eq!(throttle.attempt("ada", HERE, now).unwrap_err(), Refused::Pending, "one is still being checked");
    }

    #[test]
    fn the_sixth_try_of_a_name_from_one_address_waits_until_the_first_is_a_quarter_of_an_hour_ago() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        for minute in 0..5 {
            wrong(&mut throttle, "ada", HERE, start + Duration::from_secs(minute * 60)).unwrap();
        }
        let wait = throttle.attempt("ada", HERE, start + Duration::from_mins(5)).unwrap_err();
        assert_eq!(wait, Refused::Throttled(Duration::from_mins(10)));
        assert!(throttle.attempt("bea", HERE, start + Duration::from_mins(5)).is_ok());
        assert!(throttle.attempt("ada", [192, 0, 2, 2].into(), start + Duration::from_mins(5)).is_ok());
        assert!(throttle.attempt("ada", HERE, start + Duration::from_secs(901)).is_ok());
    }

    #[test]
    fn a_right_password_forgives_the_name_but_not_the_address() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for round in 0..4 {
            for number in 0..4 {
                wrong(&mut throttle, &format!("{round}-{number}"), HERE, now).unwrap();
            }
            let right = throttle.attempt("ada", HERE, now).unwrap();
            throttle.succeeded(&right);
        }
        for number in 0..4 {
            wrong(&mut throttle, &format!("more-{number}"), HERE, now).unwrap();
        }
        assert!(throttle.attempt("ada", HERE, now).is_err(), "20 failures came from here");
        assert!(throttle.attempt("ada", [192, 0, 2, 9].into(), now).is_ok());
    }

    #[test]
    fn a_name_has_a_limit_however_many_addresses_try_it() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let tries =
            (0..=255).filter(|last| wrong(&mut throttle, "ada", [198, 51, 100, *last].into(), now).is_ok()).count();
        assert_eq!(tries, OF_NAME);
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let tries = (0..100_u16)
            .filter(|last| wrong(&mut throttle, "ada", [0x2001, 0xdb8, 0, 0, 0, 0, 0, *last].into(), now).is_ok());
        assert_eq!(tries.count(), OF_BOTH);
    }

    #[test]
    fn a_flood_of_names_takes_bounded_memory_and_does_not_free_who_is_held_up() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        while wrong(&mut throttle, "ada", HERE, now).is_ok() {}
        for high in 0..40 {
            for low in 0..=255 {
                let _ = wrong(&mut throttle, &format!("{high}.{low}"), [10, 0, high, low].into(), now);
            }
        }
        assert!(throttle.0.len() <= REMEMBERED);
        assert!(throttle.attempt("ada", HERE, now).is_err());
    }
}
