//! Encryption of a backup with age: to public keys, so that no secret lies on the station.

use std::io::{self, Read, Write};
use std::path::Path;

use age::secrecy::zeroize::Zeroize as _;
use age::{DecryptError, Decryptor, Encryptor, x25519};

use super::BackupError;
use crate::system::file;

/// What an age file begins with.
const AGE: &[u8] = b"age-encryption.org/";

/// Public keys that a backup is encrypted to; none for a backup in the clear.
#[derive(Clone, Debug, Default)]
pub struct Recipients(Vec<x25519::Recipient>);

impl Recipients {
    /// Parses public keys of age, `age1…`.
    ///
    /// # Errors
    /// If one is none.
    pub fn parse(texts: &[String]) -> Result<Self, BackupError> {
        let parsed = texts.iter().map(|text| {
            let wrong = |what: &str| BackupError::Refused(format!("--recipient: {what}"));
            if text.trim().to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
                // The key itself is not repeated: what is printed is logged.
                return Err(wrong(
                    "this is a secret key, which opens backups and belongs on no command line; give the public one, age1…",
                ));
            }
            text.trim().parse().map_err(|_| {
                wrong(&format!("`{text}` is no public key of age; `age-keygen` prints one, which begins with age1"))
            })
        });
        Ok(Self(parsed.collect::<Result<_, _>>()?))
    }

    /// Whether a backup is to be encrypted.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Lets `write` write to `into`, encrypted if there are keys.
    pub(super) fn through<W: Write>(
        &self,
        into: W,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<W> {
        let mut into = into;
        if !self.any() {
            write(&mut into)?;
            return Ok(into);
        }
        let recipients = self.0.iter().map(|recipient| recipient as &dyn age::Recipient);
        let mut sealed = Encryptor::with_recipients(recipients).map_err(io::Error::other)?.wrap_output(into)?;
        write(&mut sealed)?;
        sealed.finish()
    }
}

/// Secret keys that open a backup.
#[derive(Default)]
pub struct Identities(Vec<x25519::Identity>);

// The keys themselves are never printed.
impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} identities", self.0.len())
    }
}

impl Identities {
    /// Reads a file of secret keys as `age-keygen` writes it.
    ///
    /// # Errors
    /// If it cannot be read, or holds no key.
    pub fn read(path: &Path) -> Result<Self, BackupError> {
        let mut text = file::read_to_string(path)
            .map_err(|problem| BackupError::Refused(format!("--identity {}: {problem}", path.display())))?;
        let keys = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Result<Vec<x25519::Identity>, _> = keys.map(str::parse).collect();
        text.zeroize();
        match keys {
            Ok(keys) if !keys.is_empty() => Ok(Self(keys)),
            _ => Err(BackupError::Refused(format!(
                "--identity {}: it holds no secret key of age; `age-keygen` writes such a file, with a line AGE-SECRET-KEY-1…",
                path.display()
            ))),
        }
    }
}

/// The archive within a file: the file itself, or what it holds encrypted.
pub(in crate::store) fn opened<'a>(
    mut file: impl Read + 'a,
    path: &Path,
    identities: &Identities,
) -> Result<Box<dyn Read + 'a>, BackupError> {
    let mut start = Vec::new();
    let damaged = |problem: String| BackupError::Damaged { path: path.to_owned(), problem };
    (&mut file).take(AGE.len() as u64).read_to_end(&mut start).map_err(super::of_disk(path))?;
    let is_sealed = start == AGE;
    let whole = io::Cursor::new(start).chain(file);
    if !is_sealed {
        return Ok(Box::new(whole));
    }
    if identities.0.is_empty() {
        let words = format!("{} is encrypted: give the file with its secret key by --identity FILE", path.display());
        return Err(BackupError::Refused(words));
    }
    let keys = identities.0.iter().map(|key| key as &dyn age::Identity);
    match Decryptor::new(whole).and_then(|sealed| sealed.decrypt(keys)) {
        Ok(open) => Ok(Box::new(open)),
        Err(DecryptError::NoMatchingKeys) => Err(BackupError::Refused(format!(
            "{} is encrypted to another key than the one in --identity",
            path.display()
        ))),
        Err(problem) => Err(damaged(problem.to_string())),
    }
}
