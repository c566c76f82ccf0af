//! Logins: random cookies, of which only the hash is kept, in memory. The caller passes the time in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::store::Stamp;

/// A login ends after this time, even if in use.
const LONGEST: Duration = Duration::from_hours(12);

/// Logins at once; one more ends the one unused for longest.
const AT_ONCE: usize = 256;

/// Hash of a login's cookie.
pub(super) type LoginId = [u8; 32];

#[derive(Debug)]
pub(super) struct Logins {
    idle: Duration,
    open: HashMap<LoginId, LoginSession>,
}

#[derive(Debug)]
struct LoginSession {
    user: String,
    stamp: Stamp,
    begun: Instant,
    used: Instant,
}

impl Logins {
    /// No logins yet; each ends after `idle` without use.
    pub(super) fn new(idle: Duration) -> Self {
        Self { idle, open: HashMap::new() }
    }

    /// Begins a login and returns the cookie's value: 32 random bytes in base64url. It holds while the user has this
    /// stamp.
    pub(super) fn begin(&mut self, user: &str, stamp: Stamp, now: Instant) -> Result<String, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        let cookie = URL_SAFE_NO_PAD.encode(secret);
        let idle = self.idle;
        self.open.retain(|_, login| login.holds(idle, now));
        if self.open.len() >= AT_ONCE {
            let least = self.open.iter().min_by_key(|(_, login)| login.used).map(|(id, _)| *id);
            least.map(|id| self.open.remove(&id));
        }
        self.open.insert(id(&cookie), LoginSession { user: user.to_owned(), stamp, begun: now, used: now });
        Ok(cookie)
    }

    /// Whose login a cookie is. `used` marks an action by a person; requests the page makes on its own do not keep a
    /// login alive.
    pub(super) fn find(&mut self, cookie: &str, now: Instant, used: bool) -> Option<(LoginId, String)> {
        let id = id(cookie);
        self.user(&id, now, used).map(|user| (id, user))
    }

    /// Whose login this is, while it holds.
    pub(super) fn user(&mut self, id: &LoginId, now: Instant, used: bool) -> Option<String> {
        let login = self.open.get_mut(id)?;
        if !login.holds(self.idle, now) {
            self.open.remove(id);
            return None;
        }
        if used {
            login.used = now;
        }
        Some(login.user.clone())
    }

    /// Ends a login.
    pub(super) fn end(&mut self, id: &LoginId) {
        self.open.remove(id);
    }

    /// Whether a login was made under this stamp.
    pub(super) fn bears(&self, id: &LoginId, stamp: Stamp) -> bool {
        self.open.get(id).is_some_and(|login| login.stamp == stamp)
    }

    /// Keeps a login valid under a new stamp.
    pub(super) fn goes_on(&mut self, id: &LoginId, stamp: Stamp) {
        if let Some(login) = self.open.get_mut(id) {
            login.stamp = stamp;
        }
    }
}

impl LoginSession {
    fn holds(&self, idle: Duration, now: Instant) -> bool {
        now.duration_since(self.used) < idle && now.duration_since(self.begun) < LONGEST
    }
}

/// The table is keyed by hash, so the time a look-up takes tells nothing about the secret.
fn id(cookie: &str) -> LoginId {
    Sha256::digest(cookie).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn stamp() -> Stamp {
        Stamp::of("$argon2id$", None)
    }

    #[test]
    fn a_login_ends_after_idleness_and_looking_on_does_not_hold_it() {
        let (mut logins, start) = (Logins::new(15 * MINUTE), Instant::now());
        let cookie = logins.begin("ada", stamp(), start).unwrap();
        assert!(logins.find(&cookie, start + 14 * MINUTE, true).is_some());
        assert!(logins.find(&cookie, start + 28 * MINUTE, false).is_some());
        assert!(logins.find(&cookie, start + 29 * MINUTE, true).is_none());
        assert!(logins.open.is_empty());
    }

    #[test]
    fn a_login_ends_after_half_a_day_however_busy_it_is() {
        let (mut logins, start) = (Logins::new(15 * MINUTE), Instant::now());
        let cookie = logins.begin("ada", stamp(), start).unwrap();
        let lasted = (1..1000).take_while(|m| logins.find(&cookie, start + *m * MINUTE, true).is_some()).count();
        assert_eq!(lasted, 12 * 60 - 1);
    }

    #[test]
    fn a_cookie_has_32_random_bytes_and_is_not_kept_itself() {
        let (mut logins, now) = (Logins::new(MINUTE), Instant::now());
        let cookies: Vec<_> = (0..20).map(|_| logins.begin("ada", stamp(), now).unwrap()).collect();
        for (at, cookie) in cookies.iter().enumerate() {
            assert_eq!(URL_SAFE_NO_PAD.decode(cookie).unwrap().len(), 32);
            assert!(!cookies[..at].contains(cookie));
            assert!(!format!("{logins:?}").contains(cookie.as_str()));
        }
        assert!(logins.find("forged", now, true).is_none());
    }

    #[test]
    fn logins_are_bounded_and_the_least_used_goes() {
        let (mut logins, now) = (Logins::new(MINUTE), Instant::now());
        let first = logins.begin("ada", stamp(), now).unwrap();
        let second = logins.begin("bea", stamp(), now).unwrap();
        let later = now + Duration::from_secs(1);
        logins.find(&first, later, true);
        for _ in 0..AT_ONCE - 1 {
            logins.begin("eve", stamp(), later).unwrap();
        }
        assert_eq!(logins.open.len(), AT_ONCE);
        assert!(logins.find(&first, later, true).is_some());
        assert!(logins.find(&second, later, true).is_none());
    }

    #[test]
    fn a_login_bears_the_stamp_it_was_made_by_or_goes_on_under() {
        let (mut logins, now) = (Logins::new(MINUTE), Instant::now());
        let cookie = logins.begin("ada", stamp(), now).unwrap();
        let (id, _) = logins.find(&cookie, now, true).unwrap();
        assert!(logins.bears(&id, stamp()));
        let others = [Stamp::of("$argon2id$other", None), Stamp::of("$argon2id$", Some("1"))];
        assert!(others.iter().all(|other| !logins.bears(&id, *other)));
        logins.goes_on(&id, others[1]);
        assert!(logins.bears(&id, others[1]) && !logins.bears(&id, stamp()));
    }
}
