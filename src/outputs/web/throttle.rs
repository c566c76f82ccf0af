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

/// Times of the failures in the last quarter of an hour.
#[derive(Debug, Default)]
pub(super) struct Throttle(HashMap<Whose, Vec<Instant>>);

/// An attempt let through. It counts as a failure until taken back, so that many at once gain nothing.
#[derive(Debug)]
pub(super) struct Attempt {
    whose: [Whose; 3],
    at: Instant,
}

impl Throttle {
    /// Lets an attempt through, or says how long to wait.
    pub(super) fn attempt(&mut self, name: &str, address: IpAddr, now: Instant) -> Result<Attempt, Duration> {
        let hash: [u8; 32] = Sha256::digest(name).into();
        let address = host(address);
        let whose = [Whose::Both(hash, address), Whose::Address(address), Whose::Name(hash)];
        for one in whose {
            let Some(failures) = self.0.get_mut(&one) else { continue };
            failures.retain(|at| now.duration_since(*at) < WINDOW);
            if failures.len() >= one.limit() {
                // There is a first one, since the limits are above 0.
                let first = failures.first().copied().unwrap_or(now);
                return Err(WINDOW.saturating_sub(now.duration_since(first)));
            }
        }
        self.make_room(now);
        for one in whose {
            self.0.entry(one).or_default().push(now);
        }
        Ok(Attempt { whose, at: now })
    }

    /// The password was right: takes this attempt back and forgets earlier failures of this name from this address.
    pub(super) fn succeeded(&mut self, attempt: &Attempt) {
        for one in attempt.whose {
            if matches!(one, Whose::Both(..)) {
                self.0.remove(&one);
            } else {
                self.take_back(one, attempt.at);
            }
        }
    }

    /// The password was not checked: takes this attempt back.
    pub(super) fn not_tried(&mut self, attempt: &Attempt) {
        for one in attempt.whose {
            self.take_back(one, attempt.at);
        }
    }

    fn take_back(&mut self, one: Whose, at: Instant) {
        let Some(failures) = self.0.get_mut(&one) else { return };
        if let Some(place) = failures.iter().position(|failure| *failure == at) {
            failures.remove(place);
        }
        if failures.is_empty() {
            self.0.remove(&one);
        }
    }

    fn make_room(&mut self, now: Instant) {
        if self.0.len() + 3 <= REMEMBERED {
            return;
        }
        self.0.retain(|_, failures| failures.last().is_some_and(|at| now.duration_since(*at) < WINDOW));
        // Those near a limit are remembered longest.
        while self.0.len() + 3 > REMEMBERED {
            let least = self.0.iter().min_by_key(|(_, failures)| (failures.len(), failures.last().copied()));
            let Some(least) = least.map(|(whose, _)| *whose) else { return };
            self.0.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn the_sixth_try_of_a_name_from_one_address_waits_until_the_first_is_a_quarter_of_an_hour_ago() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        for minute in 0..5 {
            throttle.attempt("ada", HERE, start + Duration::from_secs(minute * 60)).unwrap();
        }
        let wait = throttle.attempt("ada", HERE, start + Duration::from_mins(5)).unwrap_err();
        assert_eq!(wait, Duration::from_mins(10));
        assert!(throttle.attempt("bea", HERE, start + Duration::from_mins(5)).is_ok());
        assert!(throttle.attempt("ada", [192, 0, 2, 2].into(), start + Duration::from_mins(5)).is_ok());
        assert!(throttle.attempt("ada", HERE, start + Duration::from_secs(901)).is_ok());
    }

    #[test]
    fn a_right_password_forgives_the_name_but_not_the_address() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for round in 0..4 {
            for wrong in 0..4 {
                throttle.attempt(&format!("{round}-{wrong}"), HERE, now).unwrap();
            }
            let right = throttle.attempt("ada", HERE, now).unwrap();
            throttle.succeeded(&right);
        }
        for wrong in 0..4 {
            throttle.attempt(&format!("more-{wrong}"), HERE, now).unwrap();
        }
        assert!(throttle.attempt("ada", HERE, now).is_err(), "20 failures came from here");
        assert!(throttle.attempt("ada", [192, 0, 2, 9].into(), now).is_ok());
    }

    #[test]
    fn a_name_has_a_limit_however_many_addresses_try_it() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let tries = (0..=255).filter(|last| throttle.attempt("ada", [198, 51, 100, *last].into(), now).is_ok()).count();
        assert_eq!(tries, OF_NAME);
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let tries = (0..100_u16)
            .filter(|last| throttle.attempt("ada", [0x2001, 0xdb8, 0, 0, 0, 0, 0, *last].into(), now).is_ok());
        assert_eq!(tries.count(), OF_BOTH);
    }

    #[test]
    fn a_flood_of_names_takes_bounded_memory_and_does_not_free_who_is_held_up() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        while throttle.attempt("ada", HERE, now).is_ok() {}
        for high in 0..40 {
            for low in 0..=255 {
                let _ = throttle.attempt(&format!("{high}.{low}"), [10, 0, high, low].into(), now);
            }
        }
        assert!(throttle.0.len() <= REMEMBERED);
        assert!(throttle.attempt("ada", HERE, now).is_err());
    }
}
