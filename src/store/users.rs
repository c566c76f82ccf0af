//! Who may do what: users with passwords, and tokens for programs.

use std::str::FromStr;
use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::audit::{hexadecimal, note};
use super::records::{Role, User};
use super::{Store, StoreError, StoreProblem, refused};

/// Characters of a password, at least.
pub const SHORTEST_PASSWORD: usize = 10;

/// Bytes of a password, at most: more is no safer, and has to be hashed.
const LONGEST_PASSWORD: usize = 1024;

/// A hash that no password has: checking an unknown name takes as long as checking a known one.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash(&BASE64_URL_SAFE_NO_PAD.encode(random().ok()?)).ok());

/// What a login is made by: another one once the user has another password or was shut out. Tells nothing of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp([u8; 32]);

impl Stamp {
    /// Of the kept hash of a password, and how often the user was shut out.
    pub(crate) fn of(password: &str, shut_out: Option<&str>) -> Self {
        Self(Sha256::digest(json!([password, shut_out]).to_string()).into())
    }
}

impl Store {
    /// Adds a user.
    ///
    /// # Errors
    /// A refusal where the name is taken or is no name, or the password too short; else when it cannot be written.
    pub fn add_user(&self, name: &str, role: Role, password: &str, by: &str, at: Timestamp) -> Result<(), StoreError> {
        check_name(name).map_err(StoreError::Refused)?;
        let hash = checked_hash(password)?;
        self.write(|transaction| {
            let added = transaction.execute(
                "INSERT INTO user (name, role, password) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![name, role.word(), hash],
            )?;
            if added == 0 {
                return refused(format!("there is a user {name} already"));
            }
            note(transaction, by, at, "add user", None, &json!({"user": name, "role": role}))?;
            Ok(())
        })
    }

    /// Changes what is given of a user.
    ///
    /// # Errors
    /// A refusal where there is no such user, or the password is too short; else when it cannot be written.
    pub fn set_user(
        &self,
        name: &str,
        role: Option<Role>,
        enabled: Option<bool>,
        password: Option<&str>,
        by: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let hash = password.map(checked_hash).transpose()?;
        self.write(|transaction| {
            let changed = transaction.execute(
                "UPDATE user SET role = coalesce(?2, role), enabled = coalesce(?3, enabled), \
                 password = coalesce(?4, password) WHERE name = ?1",
                params![name, role.map(Role::word), enabled, hash],
            )?;
            if changed == 0 {
                return refused(format!("there is no user {name}"));
            }
            if enabled == Some(false) {
                // Logins from before stay ended, also where the user may log in again before anybody asks under them.
                transaction.execute(
                    "INSERT INTO meta (name, value) VALUES ('shut out ' || ?1, 1) \
                     ON CONFLICT DO UPDATE SET value = value + 1",
                    [name],
                )?;
            }
            let detail = json!({"user": name, "role": role, "enabled": enabled, "password": hash.is_some()});
            note(transaction, by, at, "change user", None, &detail)?;
            Ok(())
        })
    }

    /// All users, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn users(&self) -> Result<Vec<User>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare("SELECT name, role, enabled FROM user ORDER BY name")?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.map(|row| user(row?)).collect()
        })
    }

    /// One user as it stands now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        Ok(self.account(name)?.map(|(user, _)| user))
    }

    /// One user as it stands now, and what its logins are made by.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn account(&self, name: &str) -> Result<Option<(User, Stamp)>, StoreError> {
        Ok(self.read(|transaction| known(transaction, name))?.map(|known| (known.user, known.stamp)))
    }

    /// The user of this name and password, if there is one who may log in. Takes as long for names that there are not.
    ///
    /// # Errors
    /// When users cannot be read.
    pub fn check_password(&self, name: &str, password: &str) -> Result<Option<User>, StoreError> {
        Ok(self.log_in(name, password)?.map(|(user, _)| user))
    }

    /// The same, with what the login is made by: as it stood when the password was looked at.
    ///
    /// # Errors
    /// When users cannot be read.
    pub fn log_in(&self, name: &str, password: &str) -> Result<Option<(User, Stamp)>, StoreError> {
        Ok(self.checked(name, password)?.map(|known| (known.user, known.stamp)))
    }

    /// A user takes another password; gives what its logins are made by from now on, none where the old one is wrong.
    ///
    /// # Errors
    /// A refusal where the new password is too short; else when it cannot be written.
    pub fn change_password(
        &self,
        name: &str,
        old: &str,
        new: &str,
        at: Timestamp,
    ) -> Result<Option<Stamp>, StoreError> {
        check_length(new)?;
        let Some(before) = self.checked(name, old)? else { return Ok(None) };
        let hash = hash(new).map_err(StoreError::Refused)?;
        self.write(|transaction| {
            // Whoever was shut out or given another password meanwhile stays so.
            let changed = transaction.execute(
                "UPDATE user SET password = ?2 WHERE name = ?1 AND password = ?3 AND enabled",
                params![name, hash, before.hash],
            )?;
            if changed == 0 {
                return Ok(None);
            }
            note(transaction, name, at, "change user", None, &json!({"user": name, "password": true}))?;
            Ok(known(transaction, name)?.map(|known| known.stamp))
        })
    }

    fn checked(&self, name: &str, password: &str) -> Result<Option<StoredUser>, StoreError> {
        let found = self.read(|transaction| known(transaction, name))?;
        let hash = found.as_ref().map(|known| known.hash.as_str()).or(NOBODY.as_deref()).unwrap_or_default();
        let right = password.len() <= LONGEST_PASSWORD
            && PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        Ok(found.filter(|known| right && known.user.enabled))
    }

    /// Makes a token for a program and gives its secret, which is not kept and cannot be shown again.
    ///
    /// # Errors
    /// A refusal where the name is taken or is no name; else when it cannot be written.
    pub fn add_token(&self, name: &str, role: Role, by: &str, at: Timestamp) -> Result<String, StoreError> {
        check_name(name).map_err(StoreError::Refused)?;
        let secret = random().map_err(|problem| StoreError::Refused(format!("no random numbers: {problem}")))?;
        let secret = BASE64_URL_SAFE_NO_PAD.encode(secret);
        self.write(|transaction| {
            let added = transaction.execute(
                "INSERT INTO token (name, role, sha256) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
                params![name, role.word(), token_hash(&secret)],
            )?;
            if added == 0 {
                return refused(format!("there is a token {name} already"));
            }
            note(transaction, by, at, "add token", None, &json!({"token": name, "role": role}))?;
            Ok(())
        })?;
        Ok(secret)
    }

    /// Who a token's secret stands for.
    ///
    /// # Errors
    /// When tokens cannot be read.
    pub fn token(&self, secret: &str) -> Result<Option<User>, StoreError> {
        self.token_by_hash(&token_hash(secret))
    }

    /// The same by the secret's hash, for whoever asks again and does not keep the secret.
    ///
    /// # Errors
    /// When tokens cannot be read.
    pub(crate) fn token_by_hash(&self, hash: &str) -> Result<Option<User>, StoreError> {
        // What a comparison would tell by its time is of no use.
        self.read(|transaction| {
            let row = transaction
                .query_row("SELECT name, role, 1 FROM token WHERE sha256 = ?1", [hash], columns)
                .optional()?;
            row.map(user).transpose()
        })
    }

    /// All tokens, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tokens(&self) -> Result<Vec<User>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare("SELECT name, role, 1 FROM token ORDER BY name")?;
            let rows = select.query_map([], columns)?;
            rows.map(|row| user(row?)).collect()
        })
    }

    /// Takes a token back; whether there was one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn remove_token(&self, name: &str, by: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.write(|transaction| {
            let removed = transaction.execute("DELETE FROM token WHERE name = ?1", [name])? > 0;
            if removed {
                note(transaction, by, at, "remove token", None, &json!({"token": name}))?;
            }
            Ok(removed)
        })
    }
}

impl Role {
    /// The word for it in the file, on the page and on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Reviewer => "reviewer",
            Self::Admin => "admin",
        }
    }
}

/// A word that names no role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role; write operator, reviewer or admin")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let known = [Self::Operator, Self::Reviewer, Self::Admin].into_iter().find(|known| known.word() == word);
        known.ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

type Columns = (String, String, bool);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn user((name, role, enabled): Columns) -> Result<User, StoreProblem> {
    let role = role.parse().map_err(|problem: UnknownRole| StoreProblem::Content(problem.to_string()))?;
    Ok(User { name, role, enabled })
}

/// What is kept of a user.
struct StoredUser {
    user: User,
    hash: String,
    stamp: Stamp,
}

fn known(connection: &Connection, name: &str) -> Result<Option<StoredUser>, StoreProblem> {
    let mut select = connection.prepare_cached(
        "SELECT name, role, enabled, password, (SELECT value FROM meta WHERE meta.name = 'shut out ' || user.name) \
         FROM user WHERE name = ?1",
    )?;
    let row = select
        .query_row([name], |row| Ok((columns(row)?, row.get::<_, String>(3)?, row.get::<_, Option<String>>(4)?)))
        .optional()?;
    let Some((columns, hash, shut_out)) = row else { return Ok(None) };
    let stamp = Stamp::of(&hash, shut_out.as_deref());
    Ok(Some(StoredUser { user: user(columns)?, hash, stamp }))
}

/// What is kept of a token's secret.
pub(crate) fn token_hash(secret: &str) -> String {
    hexadecimal(&Sha256::digest(secret))
}

fn check_name(name: &str) -> Result<(), String> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
    let reserved = ["device", "console"].contains(&name);
    if (1..=32).contains(&name.len()) && name.chars().all(good) && !reserved {
        return Ok(());
    }
    Err("a name has 1 to 32 letters a-z, digits, dots, hyphens and underscores, and is not `device` or `console`"
        .to_owned())
}

fn checked_hash(password: &str) -> Result<String, StoreError> {
    check_length(password)?;
    hash(password).map_err(StoreError::Refused)
}

fn check_length(password: &str) -> Result<(), StoreError> {
    if password.chars().count() < SHORTEST_PASSWORD {
        let words =
            format!("a password has at least {SHORTEST_PASSWORD} characters; three or four words are a good one");
        return Err(StoreError::Refused(words));
    }
    if password.len() > LONGEST_PASSWORD {
        return Err(StoreError::Refused(format!("a password has at most {LONGEST_PASSWORD} bytes")));
    }
    Ok(())
}

/// Argon2id with 19 MiB, two passes and one lane: the least that OWASP's password storage cheat sheet (2024) recommends,
/// which a board with 512 MB bears beside the counting.
fn hash(password: &str) -> Result<String, String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|problem| format!("the password cannot be hashed: {problem}"))
}

fn random() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
