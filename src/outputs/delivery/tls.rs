//! TLS towards receivers: which authorities are believed, and the station's own certificate where a host asks for it.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::system::file;

/// Where Debian and its relatives keep the authorities that everybody believes.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A file for TLS that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    #[error("{}: {problem}; name a file that this user can read", file.display())]
    Unreadable { file: PathBuf, problem: io::Error },
    #[error("{}: there is no {what} in it; it must be PEM text", file.display())]
    Empty { file: PathBuf, what: &'static str },
    #[error("{}: {problem}; see that certificate and key belong together", file.display())]
    Unusable { file: PathBuf, problem: rustls::Error },
}

/// Bytes both ways, in the clear or through TLS.
pub trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

/// The cryptography of the page, for every connection.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The authorities to believe: those of the file, else the system's.
///
/// # Errors
/// If the file cannot be read or holds no certificate.
pub fn roots(ca: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    certificates(ca.unwrap_or(Path::new(SYSTEM_ROOTS)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let bytes = read(path)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect();
    if found.is_empty() {
        return Err(TlsFileError::Empty { file: path.to_owned(), what: "certificate" });
    }
    Ok(found)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    let what = "private key without a password";
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| TlsFileError::Empty { file: path.to_owned(), what })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFileError> {
    file::read(path).map_err(|problem| TlsFileError::Unreadable { file: path.to_owned(), problem })
}

/// For connections to a host. `own` is the station's certificate with its key, for a host that asks for one.
///
/// # Errors
/// If a file cannot be used.
pub fn client(ca: Option<&Path>, own: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, TlsFileError> {
    let mut store = RootCertStore::empty();
    // One damaged certificate among the system's is no reason to believe none.
    store.add_parsable_certificates(roots(ca)?);
    let unusable = |file: &Path, problem| TlsFileError::Unusable { file: file.to_owned(), problem };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|problem| unusable(Path::new(SYSTEM_ROOTS), problem))?
        .with_root_certificates(store);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((chain, secret)) => builder
            .with_client_auth_cert(certificates(chain)?, key(secret)?)
            .map_err(|problem| unusable(chain, problem))?,
    };
    Ok(Arc::new(config))
}

/// For hosts that connect to the station.
///
/// # Errors
/// If a file cannot be used.
pub fn server(chain: &Path, secret: &Path) -> Result<Arc<ServerConfig>, TlsFileError> {
    let unusable = |problem| TlsFileError::Unusable { file: chain.to_owned(), problem };
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(certificates(chain)?, key(secret)?)
        .map_err(unusable)?;
    Ok(Arc::new(config))
}
