//! TLS certificate of the page: the station's own, which it makes and renews itself, or a configured one.

mod own;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use self::own::{EARLIEST, VALID, lasts, make, names, outdated};
use crate::config::WebConfig;
use crate::system::file;

/// The station's own certificate and key, in one file so that they always match.
const OWN: &str = "web.pem";

/// The certificate alone, for people who want to trust it on another machine.
const OWN_PUBLIC: &str = "web-certificate.pem";

/// Why there is no usable certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("{}: {problem}; {remedy}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Error from the system.
        problem: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// A file lacks what it should contain.
    #[error("{}: there is no {what} in it; it must be PEM text, with a line -----BEGIN {begin}-----", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What is missing.
        what: &'static str,
        /// First line of the missing item in PEM.
        begin: &'static str,
    },
    /// The certificate is not usable, or its key does not match.
    #[error("{}: {problem}; see that certificate and key belong together", file.display())]
    Unusable {
        /// The certificate file.
        file: PathBuf,
        /// Error from the TLS library.
        problem: rustls::Error,
    },
    /// The station's own certificate could not be made.
    #[error("a certificate could not be made: {0}; give one by [web] certificate and key")]
    Making(#[from] rcgen::Error),
}

/// What the server needs for TLS.
#[derive(Debug)]
pub(super) struct Certificate {
    /// For rustls: HTTP/1.1 over TLS 1.2 or 1.3.
    pub(super) config: Arc<ServerConfig>,
    /// SHA-256 of the certificate, formatted as browsers show it.
    pub(super) fingerprint: String,
    der: CertificateDer<'static>,
}

/// The configured certificate, else the station's own from `state`. That is made if there is none, if it expires
/// soon, or if it lacks a name or address that the station has now.
pub(super) fn certificate(
    web: &WebConfig,
    state: &Path,
    address: SocketAddr,
    now: Timestamp,
) -> Result<Certificate, CertificateError> {
    if let (Some(certificate), Some(key)) = (&web.certificate, &web.key) {
        return read(certificate, key);
    }
    let own = state.join(OWN);
    let names = names(address.ip());
    let now = now.as_second().max(EARLIEST);
    let there = fs::exists(&own).map_err(|problem| unreadable(&own, problem))?;
    let old = if there { Some(read(&own, &own)?) } else { None };
    let why = old.as_ref().map_or(Some("there was none".to_owned()), |old| {
        outdated(&old.der, names.iter().filter(|name| lasts(name, address.ip())), now)
    });
    let certificate = match (why, old) {
        (None, Some(old)) => old,
        (why, old) => {
            let why = why.unwrap_or_default();
            match (renew(&own, names, now), old) {
                (Ok(new), _) => {
                    let fingerprint = &new.fingerprint;
                    log::warn!(
                        "{}: the page has a new certificate ({why}); its SHA-256 is {fingerprint}",
                        own.display()
                    );
                    new
                }
                // An old certificate is better than no access to results.
                (Err(problem), Some(old)) => {
                    log::warn!("{problem}; the page goes on with the old one ({why})");
                    old
                }
                (Err(problem), None) => return Err(problem),
            }
        }
    };
    publish(&own, &state.join(OWN_PUBLIC));
    Ok(certificate)
}

/// Reads the configured certificate and key, if there are any.
pub(super) fn check(web: &WebConfig) -> Result<(), CertificateError> {
    match (&web.certificate, &web.key) {
        (Some(certificate), Some(key)) => read(certificate, key).map(drop),
        _ => Ok(()),
    }
}

/// Makes and stores a certificate of the station's own.
fn renew(own: &Path, names: Vec<String>, now: i64) -> Result<Certificate, CertificateError> {
    let pem = make(names, now, VALID)?;
    keep(own, &pem).map_err(|problem| CertificateError::File {
        file: own.to_owned(),
        problem,
        remedy: "the certificate is kept there; let this user write to the folder, or make room on the disk",
    })?;
    read(own, own)
}

/// Writes a file readable by this user only, and its folder.
fn keep(path: &Path, pem: &str) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    file::keep_private(path, pem.as_bytes())
}

/// Stores the certificate, without its key, where everybody may read it. The page works without it.
fn publish(own: &Path, public: &Path) {
    let Ok(pem) = fs::read_to_string(own) else { return };
    let Some(start) = pem.find("-----BEGIN CERTIFICATE-----") else { return };
    let certificate = &pem[start..];
    if fs::read_to_string(public).is_ok_and(|there| there == certificate) {
        return;
    }
    if let Err(problem) = file::replace(public, certificate.as_bytes()) {
        log::warn!("{}: {problem}", public.display());
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Certificate, CertificateError> {
    let bytes = file::read(certificate).map_err(|problem| unreadable(certificate, problem))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect();
    let Some(first) = chain.first() else {
        let (what, begin) = ("certificate", "CERTIFICATE");
        return Err(CertificateError::Content { file: certificate.to_owned(), what, begin });
    };
    let der = first.clone();
    let digest: [u8; 32] = Sha256::digest(&der).into();
    let fingerprint = digest.map(|byte| format!("{byte:02X}")).join(":");
    let bytes = file::read(key).map_err(|problem| unreadable(key, problem))?;
    let secret = PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| CertificateError::Content {
        file: key.to_owned(),
        what: "private key without a password",
        begin: "PRIVATE KEY",
    })?;
    let unusable = |problem| CertificateError::Unusable { file: certificate.to_owned(), problem };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Certificate { config: Arc::new(config), fingerprint, der })
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn unreadable(file: &Path, problem: io::Error) -> CertificateError {
    let remedy = match problem.kind() {
        io::ErrorKind::NotFound => "name a file that is there, or leave [web] certificate and key empty",
        io::ErrorKind::PermissionDenied => "let the user that the program runs as read it, and nobody else",
        _ => "see [web] certificate and key",
    };
    CertificateError::File { file: file.to_owned(), problem, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::os::unix::fs::PermissionsExt as _;

    const FIRST: &str = "2026-11-24T05:00:00Z";

    fn at(folder: &Path, listen: &str, time: &str) -> String {
        let (address, now) = (listen.parse().unwrap(), time.parse().unwrap());
        certificate(&WebConfig::default(), folder, address, now).unwrap().fingerprint
    }

    fn given(state: &Path, certificate_pem: &str, key_pem: &str) -> String {
        let (certificate, key) = (state.join("c.pem"), state.join("k.pem"));
        fs::write(&certificate, certificate_pem).unwrap();
        fs::write(&key, key_pem).unwrap();
        let web = WebConfig { certificate: Some(certificate), key: Some(key), ..WebConfig::default() };
        super::certificate(&web, state, "0.0.0.0:0".parse().unwrap(), Timestamp::UNIX_EPOCH).unwrap_err().to_string()
    }

    #[test]
    fn the_stations_own_certificate_is_made_once_and_its_key_is_for_nobody_else() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("new");
        let first = at(&folder, "0.0.0.0:0", FIRST);
        assert_eq!(first, at(&folder, "0.0.0.0:0", FIRST));
        assert_eq!(first.len(), 32 * 3 - 1);
        let mode = fs::metadata(folder.join(OWN)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let public = fs::read_to_string(folder.join(OWN_PUBLIC)).unwrap();
        assert!(public.starts_with("-----BEGIN CERTIFICATE") && !public.contains("PRIVATE"));
        let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn the_stations_own_is_made_anew_before_it_ends_and_not_where_the_clock_is_behind() {
        let state = tempfile::tempdir().unwrap();
        let first = at(state.path(), "0.0.0.0:0", FIRST);
        for same in ["2028-11-01T00:00:00Z", "1970-01-01T00:00:10Z", "2026-11-01T00:00:00Z"] {
            assert_eq!(at(state.path(), "0.0.0.0:0", same), first, "{same}");
        }
        // It expires on 2029-01-22.
        let second = at(state.path(), "0.0.0.0:0", "2028-12-28T00:00:00Z");
        assert_ne!(second, first);
        let public = fs::read_to_string(state.path().join(OWN_PUBLIC)).unwrap();
        assert!(fs::read_to_string(state.path().join(OWN)).unwrap().ends_with(&public), "the new one is published");
        assert_ne!(at(state.path(), "0.0.0.0:0", "2032-01-01T00:00:00Z"), second, "long after its end, too");
    }

    #[test]
    fn the_stations_own_is_made_anew_where_it_lacks_an_address() {
        let state = tempfile::tempdir().unwrap();
        let first = at(state.path(), "0.0.0.0:0", FIRST);
        let second = at(state.path(), "192.0.2.77:0", FIRST);
        assert_ne!(first, second);
        assert_eq!(at(state.path(), "0.0.0.0:0", FIRST), second, "more addresses than needed do no harm");
    }

    #[test]
    fn a_certificate_of_ten_years_as_earlier_versions_made_is_replaced() {
        let state = tempfile::tempdir().unwrap();
        let made = FIRST.parse::<Timestamp>().unwrap().as_second();
        let unspecified = Ipv4Addr::UNSPECIFIED.into();
        keep(&state.path().join(OWN), &make(names(unspecified), made, 3650).unwrap()).unwrap();
        let old = read(&state.path().join(OWN), &state.path().join(OWN)).unwrap().fingerprint;
        assert_ne!(at(state.path(), "0.0.0.0:0", FIRST), old);
    }

    #[test]
    fn a_board_that_believes_in_1970_makes_a_certificate_that_holds_in_2026() {
        let state = tempfile::tempdir().unwrap();
        let first = at(state.path(), "0.0.0.0:0", "1970-01-01T00:00:10Z");
        assert_eq!(at(state.path(), "0.0.0.0:0", "2026-06-01T00:00:00Z"), first);
    }

    #[test]
    fn what_is_wrong_with_given_files_is_said_with_the_file() {
        let state = tempfile::tempdir().unwrap();
        let address = "0.0.0.0:0".parse().unwrap();
        let pem = || make(vec!["localhost".to_owned()], EARLIEST, VALID).unwrap();
        let (one, other) = (pem(), pem());
        assert!(given(state.path(), "no pem", &one).contains("c.pem: there is no certificate in it"));
        assert!(given(state.path(), &one, "no pem").contains("k.pem: there is no private key"));
        let said = given(state.path(), &one, &other);
        assert!(said.contains("c.pem") && said.contains("belong together"), "{said}");
        let web =
            WebConfig { certificate: Some("/no/c.pem".into()), key: Some("/no/k.pem".into()), ..WebConfig::default() };
        let said = certificate(&web, state.path(), address, Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        assert!(said.starts_with("/no/c.pem: ") && said.contains("name a file that is there"), "{said}");
    }
}
