//! Password hashes: Argon2id with 19 MiB, two passes and one lane, the minimum recommended by OWASP's password storage
//! cheat sheet (2024), which a board with 512 MB can afford beside counting.
//!
//! The 19 MiB are taken once and kept. Allocated for every password, they would stay in the allocator's arena of each
//! thread that ever checked one.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Memory of the password that is being hashed; one at a time.
static MEMORY: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// Most blocks of 1 KiB that a stored hash may ask for.
const MOST_BLOCKS: usize = 256 << 10;

/// The stored form of a new password.
///
/// # Errors
/// If there is no memory or there are no random numbers.
pub(super) fn hash(password: &str) -> Result<String, String> {
    let failed = |problem: &dyn Display| format!("the password cannot be hashed: {problem}");
    let argon2 = Argon2::default();
    let salt: [u8; 32] = random().map_err(|problem| failed(&problem))?;
    // 16 bytes, as the RFC recommends (9106, section 3.1).
    let salt = Salt::new(&salt[..16]).map_err(|problem| failed(&problem))?;
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    fill(&argon2, password, &salt, &mut out).map_err(|problem| failed(&problem))?;
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(argon2.params()).map_err(|problem| failed(&problem))?,
        salt: Some(salt),
        hash: Some(Output::new(&out).map_err(|problem| failed(&problem))?),
    };
    Ok(hash.to_string())
}

/// Whether a password belongs to a stored hash. Takes as long for a wrong one.
pub(super) fn is_right(password: &str, hash: &str) -> bool {
    let right = || {
        let hash = PasswordHash::new(hash).ok()?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = hash.version.map_or(Some(Version::default()), |version| Version::try_from(version).ok())?;
        let params = Params::try_from(&hash).ok()?;
        let (salt, expected) = (hash.salt?, hash.hash?);
        let mut buffer = [0; Output::MAX_LENGTH];
        let out = buffer.get_mut(..expected.len())?;
        fill(&Argon2::new(algorithm, version, params), password, &salt, out).ok()?;
        // Outputs are compared in constant time.
        Some(Output::new(out).ok()? == expected)
    };
    right().unwrap_or(false)
}

fn fill(argon2: &Argon2<'_>, password: &str, salt: &[u8], out: &mut [u8]) -> argon2::Result<()> {
    // After a panic the content does not matter: it is overwritten.
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    let blocks = argon2.params().block_count();
    if blocks > MOST_BLOCKS {
        return Err(argon2::Error::OutOfMemory);
    }
    if memory.len() < blocks {
        let more = blocks - memory.len();
        memory.try_reserve_exact(more).map_err(|_| argon2::Error::OutOfMemory)?;
        memory.resize(blocks, Block::default());
    }
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, memory.as_mut_slice())
}

/// Random bytes for secrets.
pub(super) fn random() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_of_an_earlier_version_still_fits_its_password() {
        // By the crate's own `hash_password`, as stores before this module have it.
        use argon2::password_hash::PasswordHasher as _;
        let earlier = Argon2::default().hash_password(b"correct horse battery").unwrap().to_string();
        assert!(is_right("correct horse battery", &earlier));
        assert!(!is_right("correct horse batterx", &earlier));
        assert!(earlier.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{earlier}");
    }

    #[test]
    fn a_new_hash_is_one_that_the_crate_accepts_and_has_its_own_salt() {
        use argon2::password_hash::PasswordVerifier as _;
        let hashes = [hash("correct horse battery").unwrap(), hash("correct horse battery").unwrap()];
        assert_ne!(hashes[0], hashes[1]);
        for hash in hashes {
            assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
            let parsed = PasswordHash::new(&hash).unwrap();
            assert!(Argon2::default().verify_password(b"correct horse battery", &parsed).is_ok());
            assert!(is_right("correct horse battery", &hash) && !is_right("", &hash));
        }
    }

    #[test]
    fn no_password_fits_what_is_no_hash() {
        for hash in ["", "$argon2id$", "plain", "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"] {
            assert!(!is_right("plain", hash), "{hash}");
        }
    }
}
