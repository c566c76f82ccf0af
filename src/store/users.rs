//! Access: users with passwords, and tokens for programs.

use std::str::FromStr;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::audit::{hexadecimal, note, vouch};
use super::first_use::USED;
use super::password_rules::{LONGEST_PASSWORD, check_new_password};
use super::passwords::{hash, is_right, random};
use super::records::{Role, User};
use super::{Store, StoreError, StoreProblem, digest, refused};

/// A hash that matches no password: checking an unknown name then takes as long as checking a known one.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash(&BASE64_URL_SAFE_NO_PAD.encode(random().ok()?)).ok());

/// Stamp of a user's logins. It changes with the password and when the user is disabled, which ends all logins with
/// the old one. It reveals nothing about the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp([u8; 32]);

impl Stamp {
    /// From the stored password hash, and how often the user was disabled.
    pub(crate) fn of(password: &str, shut_out: Option<&str>) -> Self {
        Self(Sha256::digest(json!([password, shut_out]).to_string()).into())
    }
}

impl Store {
    /// Adds a user.
    ///
    /// # Errors
    /// A refusal if the name is taken or invalid, or the password is too weak; else if it cannot be written.
    pub fn add_user(&self, name: &str, role: Role, password: &str, by: &str, at: Timestamp) -> Result<(), StoreError> {
        check_name(name).map_err(StoreError::Refused)?;
        let hash = checked_hash(name, password)?;
        self.write_witnessed(|transaction| {
            let added = transaction.execute(
                "INSERT INTO user (name, role, password) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![name, role.word(), hash],
            )?;
            if added == 0 {
                return refused(format!("there is a user {name} already"));
            }
            let detail = json!({"user": name, "role": role});
            note_user(transaction, by, at, "add user", name, &detail)
        })
    }

    /// Changes the given fields of a user.
    ///
    /// # Errors
    /// A refusal if there is no such user, or the password is too weak; else if it cannot be written.
    pub fn set_user(
        &self,
        name: &str,
        role: Option<Role>,
        enabled: Option<bool>,
        password: Option<&str>,
        by: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let hash = password.map(|password| checked_hash(name, password)).transpose()?;
        self.write_witnessed(|transaction| {
            let changed = transaction.execute(
                "UPDATE user SET role = coalesce(?2, role), enabled = coalesce(?3, enabled), \
                 password = coalesce(?4, password) WHERE name = ?1",
                params![name, role.map(Role::word), enabled, hash],
            )?;
            if changed == 0 {
                return refused(format!("there is no user {name}"));
            }
            if enabled == Some(false) {
                // Earlier logins stay ended, even if the user is enabled again before one of them is used.
                transaction.execute(
                    "INSERT INTO meta (name, value) VALUES ('shut out ' || ?1, 1) \
                     ON CONFLICT DO UPDATE SET value = value + 1",
                    [name],
                )?;
            }
            let detail = json!({"user": name, "role": role, "enabled": enabled, "password": hash.is_some()});
            note_user(transaction, by, at, "change user", name, &detail)
        })
    }

    /// All users, by name.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn users(&self) -> Result<Vec<User>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare("SELECT name, role, enabled FROM user ORDER BY name")?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.map(|row| user(row?)).collect()
        })
    }

    /// Current data of a user.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        Ok(self.account(name)?.map(|(user, _)| user))
    }

    /// Current data of a user, and the stamp of their logins.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn account(&self, name: &str) -> Result<Option<(User, Stamp)>, StoreError> {
        Ok(self.read(|transaction| known(transaction, name))?.map(|known| (known.user, known.stamp)))
    }

    /// The user with this name and password, if enabled. Takes as long for unknown names.
    ///
    /// # Errors
    /// If users cannot be read.
    pub fn check_password(&self, name: &str, password: &str) -> Result<Option<User>, StoreError> {
        Ok(self.log_in(name, password)?.map(|(user, _)| user))
    }

    /// Same, with the stamp for the login, read together with the password hash.
    ///
    /// # Errors
    /// If users cannot be read.
    pub fn log_in(&self, name: &str, password: &str) -> Result<Option<(User, Stamp)>, StoreError> {
        Ok(self.checked(name, password)?.map(|known| (known.user, known.stamp)))
    }

    /// Changes a user's own password; returns the new stamp for logins, or `None` if the old password is wrong.
    ///
    /// # Errors
    /// A refusal if the new password is too weak; else if it cannot be written.
    pub(crate) fn change_password(
        &self,
        name: &str,
        old: &str,
        new: &str,
        at: Timestamp,
    ) -> Result<Option<Stamp>, StoreError> {
        check_new_password(name, new).map_err(StoreError::Refused)?;
        let Some(before) = self.checked(name, old)? else { return Ok(None) };
        let hash = hash(new).map_err(StoreError::Refused)?;
        self.write_witnessed(|transaction| {
            // Does not override an administrator who disabled the user or set another password meanwhile.
            let changed = transaction.execute(
                "UPDATE user SET password = ?2 WHERE name = ?1 AND password = ?3 AND enabled",
                params![name, hash, before.hash],
            )?;
            if changed == 0 {
                return Ok(None);
            }
            let detail = json!({"user": name, "password": true});
            note_user(transaction, name, at, "change user", name, &detail)?;
            Ok(known(transaction, name)?.map(|known| known.stamp))
        })
    }

    fn checked(&self, name: &str, password: &str) -> Result<Option<StoredUser>, StoreError> {
        let found = self.read(|transaction| known(transaction, name))?;
        let hash = found.as_ref().map(|known| known.hash.as_str()).or(NOBODY.as_deref()).unwrap_or_default();
        let right = password.len() <= LONGEST_PASSWORD && is_right(password, hash);
        Ok(found.filter(|known| right && known.user.enabled))
    }

    /// Makes a token for a program and returns its secret, which is not stored and cannot be shown again.
    ///
    /// # Errors
    /// A refusal if the name is taken or invalid; else if it cannot be written.
    pub fn add_token(&self, name: &str, role: Role, by: &str, at: Timestamp) -> Result<String, StoreError> {
        check_name(name).map_err(StoreError::Refused)?;
        let secret = random().map_err(|problem| StoreError::Refused(format!("no random numbers: {problem}")))?;
        let secret = BASE64_URL_SAFE_NO_PAD.encode(secret);
        self.write_witnessed(|transaction| {
            let added = transaction.execute(
                "INSERT INTO token (name, role, sha256) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
                params![name, role.word(), token_hash(&secret)],
            )?;
            if added == 0 {
                return refused(format!("there is a token {name} already"));
            }
            let rows = json!({"token": digest::of_token(transaction, name)?});
            vouch(transaction, by, at, "add token", None, &json!({"token": name, "role": role}), Some(&rows))?;
            Ok(())
        })?;
        Ok(secret)
    }

    /// Owner of a token, by its secret.
    ///
    /// # Errors
    /// If tokens cannot be read.
    pub fn token(&self, secret: &str) -> Result<Option<User>, StoreError> {
        self.token_by_hash(&token_hash(secret))
    }

    /// Same by the secret's hash, for repeated checks without keeping the secret.
    ///
    /// # Errors
    /// If tokens cannot be read.
    pub(crate) fn token_by_hash(&self, hash: &str) -> Result<Option<User>, StoreError> {
        // Compares hashes, so timing reveals nothing about the secret.
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
    /// If they cannot be read.
    pub fn tokens(&self) -> Result<Vec<User>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare("SELECT name, role, 1 FROM token ORDER BY name")?;
            let rows = select.query_map([], columns)?;
            rows.map(|row| user(row?)).collect()
        })
    }

    /// Revokes a token; returns whether it existed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn remove_token(&self, name: &str, by: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.write_witnessed(|transaction| {
            // A secret that comes back is new.
            let used = format!("DELETE FROM meta WHERE name = (SELECT '{USED}' || sha256 FROM token WHERE name = ?1)");
            transaction.execute(&used, [name])?;
            let removed = transaction.execute("DELETE FROM token WHERE name = ?1", [name])? > 0;
            if removed {
                note(transaction, by, at, "remove token", None, &json!({"token": name}))?;
            }
            Ok(removed)
        })
    }
}

impl Role {
    /// Name in the file, on the page and on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Reviewer => "reviewer",
            Self::Admin => "admin",
        }
    }
}

/// Not the name of a role.
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

/// Adds a line about a user, with the hash of what is stored of them.
fn note_user(
    transaction: &Transaction<'_>,
    by: &str,
    at: Timestamp,
    action: &str,
    name: &str,
    detail: &Value,
) -> Result<(), StoreProblem> {
    let rows = json!({"user": digest::of_user(transaction, name)?});
    vouch(transaction, by, at, action, None, detail, Some(&rows))?;
    Ok(())
}

type Columns = (String, String, bool);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn user((name, role, enabled): Columns) -> Result<User, StoreProblem> {
    let role = role.parse().map_err(|problem: UnknownRole| StoreProblem::Content(problem.to_string()))?;
    Ok(User { name, role, enabled })
}

/// Stored data of a user.
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

/// Stored form of a token's secret.
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

fn checked_hash(name: &str, password: &str) -> Result<String, StoreError> {
    check_new_password(name, password).map_err(StoreError::Refused)?;
    hash(password).map_err(StoreError::Refused)
}
