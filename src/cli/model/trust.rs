//! Who may send networks to this station: the public keys that its owner trusts, and the signature of a file.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use minisign_verify::{Error, PublicKey, Signature};

use crate::system::file;

/// Ending of the file with the signature, beside the file that it is of.
pub const SIGNATURE: &str = ".minisig";

/// Largest file that is read: the networks take some megabytes.
pub const LARGEST: u64 = 128 << 20;

/// Why a file is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// No key is named.
    #[error(
        "no key is trusted yet, so nothing can be installed: put the public key of whoever trains your networks (minisign.pub, \
         as `minisign -G` writes it) in a file that only the administrator can change, such as /etc/leukoscope/model-keys.pub, \
         and name that in `[models] trusted_keys`"
    )]
    NoKeys,
    /// The file of the keys is wrong.
    #[error("[models] trusted_keys, {}: {problem}", path.display())]
    Keys { path: PathBuf, problem: String },
    /// The file or its signature cannot be read.
    #[error("{}: {problem}", path.display())]
    Unreadable { path: PathBuf, problem: String },
    /// The signature is not one of a trusted key over this file.
    #[error("{}: {why}; nothing was changed", path.display())]
    Untrusted { path: PathBuf, why: String },
}

/// Keys that are trusted.
#[derive(Clone, Debug)]
pub struct Trusted(Vec<PublicKey>);

impl Trusted {
    /// Reads a file of minisign's public keys: one or several, each as `minisign -G` writes it, or its second line alone.
    ///
    /// # Errors
    /// If there is none, or a line is no key.
    pub fn read(path: Option<&Path>) -> Result<Self, TrustError> {
        let Some(path) = path else { return Err(TrustError::NoKeys) };
        let wrong = |problem: String| TrustError::Keys { path: path.to_owned(), problem };
        let text = file::read_to_string(path).map_err(|problem| wrong(problem.to_string()))?;
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') || line.starts_with("untrusted comment:") {
                continue;
            }
            let key = PublicKey::from_base64(line).map_err(|_| {
                wrong(format!("line {number} is no public key of minisign, such as the second line of minisign.pub"))
            })?;
            keys.push(key);
        }
        if keys.is_empty() { Err(wrong("it holds no key".into())) } else { Ok(Self(keys)) }
    }

    /// Whether a trusted key made the signature in the file beside `path` over these bytes of it.
    ///
    /// # Errors
    /// If not, or the signature cannot be read.
    pub fn check(&self, path: &Path, bytes: &[u8]) -> Result<(), TrustError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(SIGNATURE);
        let beside = PathBuf::from(beside);
        let words = limited(&beside, 64 << 10).map_err(|problem| match problem.kind() {
            io::ErrorKind::NotFound => {
                untrusted(path, format!("it is not signed: {} is missing; ask for both files", beside.display()))
            }
            _ => TrustError::Unreadable { path: beside.clone(), problem: problem.to_string() },
        })?;
        let signature = String::from_utf8(words).ok().and_then(|words| Signature::decode(&words).ok());
        let Some(signature) = signature else {
            return Err(untrusted(&beside, "this is no signature of minisign".into()));
        };
        let mut why = String::from("no trusted key made its signature");
        for key in &self.0 {
            match key.verify(bytes, &signature, false) {
                Ok(()) => return Ok(()),
                Err(Error::UnexpectedKeyId) => {}
                Err(Error::UnsupportedLegacyMode) => {
                    why = "it is signed in a form that minisign no longer makes; sign it again".into();
                }
                Err(_) => why = "it is not the file that was signed: it was changed or damaged on the way".into(),
            }
        }
        Err(untrusted(path, why))
    }
}

fn untrusted(path: &Path, why: String) -> TrustError {
    TrustError::Untrusted { path: path.to_owned(), why }
}

/// Reads a file of at most [`LARGEST`] bytes.
///
/// # Errors
/// If it is larger, or cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, TrustError> {
    limited(path, LARGEST)
        .map_err(|problem| TrustError::Unreadable { path: path.to_owned(), problem: problem.to_string() })
}

fn limited(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("this is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!(
            "it has more than {} megabytes, and is no bundle of networks",
            most >> 20
        )));
    }
    Ok(bytes)
}
