//! The secret by which a collector reads `/metrics` over the network, and nothing else. A user's role or a token of the
//! page would let whoever takes it from the collector start counts and read results.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::store::token_hash;
use crate::system::file;

/// Lengths of the secret, characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 20..=256;

/// Why the file with the secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("the file that [metrics] token names, {}, cannot be read: {problem}", path.display())]
    Unreadable { path: PathBuf, problem: io::Error },
    #[error(
        "{}, which [metrics] token names, must hold one word of {} to {} letters, digits and signs; make one by `openssl rand -hex 32`",
        path.display(), LENGTHS.start(), LENGTHS.end()
    )]
    Unfit { path: PathBuf },
}

/// The secret's hash; the secret itself is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeToken(String);

impl ScrapeToken {
    /// Reads the secret from a file.
    ///
    /// # Errors
    /// If it cannot be read, or holds anything but one word that is long enough.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let mut text = String::new();
        let most = *LENGTHS.end() as u64 + 2;
        let read = file::open(path).and_then(|file| file.take(most).read_to_string(&mut text));
        read.map_err(|problem| TokenError::Unreadable { path: path.to_owned(), problem })?;
        let secret = text.trim();
        if !LENGTHS.contains(&secret.len()) || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Unfit { path: path.to_owned() });
        }
        Ok(Self(token_hash(secret)))
    }

    /// Whether this is the hash of the secret.
    #[must_use]
    pub(crate) fn has_hash(&self, hash: &str) -> bool {
        // Of hashes, so that the time taken tells nothing of the secret.
        self.0 == hash
    }
}
