//! How the station proves who it is, and whom it believes to be the broker: password and certificates, read from their
//! files each time it connects, so that renewed ones serve without a restart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::{Broker, MqttConfig};
use crate::system::file;

/// No password is longer.
const LONGEST_PASSWORD: usize = 1024;

/// What is wrong with a file of `[mqtt]`.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A file cannot be read.
    #[error("{}: {problem}; {remedy}", file.display())]
    Unreadable {
        key: &'static str,
        file: PathBuf,
        /// The system's error.
        problem: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// A file lacks what it should contain.
    #[error("{}: {what}", file.display())]
    Content {
        key: &'static str,
        file: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// The certificate is not usable, or its key does not match.
    #[error("{}: {problem}; see that certificate and key belong together", file.display())]
    Unusable {
        file: PathBuf,
        /// Error from the TLS library.
        problem: rustls::Error,
    },
    /// This machine trusts nobody.
    #[error(
        "there are no trusted certificates on this machine; name the broker's in [mqtt] ca, or install ca-certificates"
    )]
    NobodyTrusted,
    /// The TLS library cannot serve.
    #[error("TLS: {0}")]
    Tls(rustls::Error),
}

impl AccessError {
    /// The setting to look at.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Unreadable { key, .. } | Self::Content { key, .. } => key,
            Self::Unusable { .. } => "certificate",
            Self::NobodyTrusted | Self::Tls(_) => "ca",
        }
    }
}

/// Password and certificates.
pub(super) struct Access {
    pub(super) password: Option<String>,
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl Access {
    /// Reads what the configuration names.
    ///
    /// # Errors
    /// If a file cannot be read or does not contain what it should.
    pub(super) fn read(config: &MqttConfig) -> Result<Self, AccessError> {
        let password = config.password_file.as_deref().map(password).transpose()?;
        let tls = match &config.broker {
            Broker::At(address) if address.tls => Some(tls(config)?),
            _ => None,
        };
        Ok(Self { password, tls })
    }
}

fn password(file: &Path) -> Result<String, AccessError> {
    let bytes = read("password_file", file)?;
    let wrong = |what| AccessError::Content { key: "password_file", file: file.to_owned(), what };
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is no text; it must hold the password alone"))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.len() > LONGEST_PASSWORD || password.contains('\n') {
        return Err(wrong("must hold the password alone, on one line"));
    }
    Ok(password.to_owned())
}

fn tls(config: &MqttConfig) -> Result<Arc<ClientConfig>, AccessError> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &config.ca {
        roots.add_parsable_certificates(certificates("ca", file)?);
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err(match &config.ca {
            Some(file) => AccessError::Content {
                key: "ca",
                file: file.clone(),
                what: "there is no certificate in it that can sign others",
            },
            None => AccessError::NobodyTrusted,
        });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(AccessError::Tls)?
        .with_root_certificates(roots);
    let (Some(certificate), Some(key)) = (&config.certificate, &config.key) else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let chain = certificates("certificate", certificate)?;
    let secret = PrivateKeyDer::from_pem_slice(&read("key", key)?).map_err(|_| AccessError::Content {
        key: "key",
        file: key.clone(),
        what: "there is no private key without a password in it; it must be PEM text",
    })?;
    let unusable = |problem| AccessError::Unusable { file: certificate.clone(), problem };
    builder.with_client_auth_cert(chain, secret).map(Arc::new).map_err(unusable)
}

fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, AccessError> {
    let bytes = read(key, file)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect();
    if found.is_empty() {
        let what = "there is no certificate in it; it must be PEM text, with a line -----BEGIN CERTIFICATE-----";
        return Err(AccessError::Content { key, file: file.to_owned(), what });
    }
    Ok(found)
}

fn read(key: &'static str, file: &Path) -> Result<Vec<u8>, AccessError> {
    file::read(file).map_err(|problem| {
        let remedy = match problem.kind() {
            io::ErrorKind::NotFound => "name a file that is there",
            io::ErrorKind::PermissionDenied => "let the user that the program runs as read it, and nobody else",
            _ => "see [mqtt]",
        };
        AccessError::Unreadable { key, file: file.to_owned(), problem, remedy }
    })
}
