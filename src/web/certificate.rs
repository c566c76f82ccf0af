//! The certificate that the page is served under: the station's own, made at the first start, or one that was given.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use crate::config::WebConfig;
use crate::file;

/// Certificate and key of the station's own in one file, so that the two always fit.
const OWN: &str = "web.pem";

/// The certificate alone, for whoever wants to trust it on another machine.
const OWN_PUBLIC: &str = "web-certificate.pem";

/// Why there is no certificate to serve under.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("{}: {problem}; {remedy}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        problem: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// A file does not hold what it should.
    #[error("{}: there is no {what} in it; it must be PEM text, with a line -----BEGIN {begin}-----", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What is missed.
        what: &'static str,
        /// How it begins in PEM.
        begin: &'static str,
    },
    /// Certificate and key cannot be used together, or not at all.
    #[error("{}: {problem}; see that certificate and key belong together", file.display())]
    Unusable {
        /// The file with the certificate.
        file: PathBuf,
        /// What TLS said.
        problem: rustls::Error,
    },
    /// The station's own could not be made.
    #[error("a certificate could not be made: {0}; give one by [web] certificate and key")]
    Making(#[from] rcgen::Error),
}

/// What the server speaks TLS with.
#[derive(Debug)]
pub(super) struct Certificate {
    /// For rustls: HTTP/1.1 over TLS 1.2 or 1.3.
    pub(super) config: Arc<ServerConfig>,
    /// SHA-256 of the certificate, as browsers show it.
    pub(super) fingerprint: String,
}

/// The certificate that was configured, else the station's own out of `state`, made there if there is none yet.
pub(super) fn certificate(
    web: &WebConfig,
    state: &Path,
    address: SocketAddr,
    now: Timestamp,
) -> Result<Certificate, CertificateError> {
    if !web.certificate.as_os_str().is_empty() {
        return read(&web.certificate, &web.key);
    }
    let own = state.join(OWN);
    match fs::exists(&own) {
        Ok(true) => {}
        Ok(false) => {
            let pem = make(address, now)?;
            keep(&own, &pem).map_err(|problem| CertificateError::File {
                file: own.clone(),
                problem,
                remedy: "the certificate is kept there; let this user write to the folder, or make room on the disk",
            })?;
            log::info!("{}: a certificate was made for the page; it is valid for ten years", own.display());
        }
        Err(problem) => return Err(unreadable(&own, problem)),
    }
    let certificate = read(&own, &own)?;
    publish(&own, &state.join(OWN_PUBLIC));
    Ok(certificate)
}

/// Key and certificate, PEM.
fn make(address: SocketAddr, now: Timestamp) -> Result<String, rcgen::Error> {
    let mut names = vec!["localhost".to_owned()];
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    // What is no name on the network would make the certificate unusable for the others, too.
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if !host.is_empty() && host != "localhost" && is_name(&host) {
        if !host.contains('.') {
            names.push(format!("{host}.local"));
        }
        names.push(host.clone());
    }
    let mut addresses = vec![IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    addresses.extend(Some(address.ip()).filter(|ip| !ip.is_unspecified()));
    addresses.extend(outward("192.0.2.1:9", "0.0.0.0:0"));
    addresses.extend(outward("[2001:db8::1]:9", "[::]:0"));
    addresses.sort_unstable();
    addresses.dedup();
    names.extend(addresses.iter().map(ToString::to_string));

    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    let common = if host.is_empty() { "leukoscope".to_owned() } else { format!("leukoscope on {host}") };
    params.distinguished_name.push(DnType::CommonName, common.chars().take(64).collect::<String>());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // A board without a battery begins its first day in 1970.
    let today = now.to_zoned(TimeZone::UTC).date();
    let year = i32::from(today.year()).max(2026);
    // The 28th is in every month; a month earlier, for boards whose clock is behind.
    let (month, before) = if today.month() == 1 { (12, year - 1) } else { (today.month() as u8 - 1, year) };
    params.not_before = date_time_ymd(before, month, 1);
    params.not_after = date_time_ymd(year + 10, today.month() as u8, 28);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
}

/// The address by which this machine would reach another one; nothing is sent.
fn outward(there: &str, here: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind(here).ok()?;
    socket.connect(there).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

/// Writes beside the file and renames over it once it is on the disk: for this user only.
fn keep(path: &Path, pem: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Temporary files are made with mode 0600.
    let mut file = tempfile::Builder::new().prefix(".leukoscope-").tempfile_in(folder)?;
    file.write_all(pem.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Keeps the certificate without its key where everybody may read it. The page works without.
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
    let bytes = fs::read(certificate).map_err(|problem| unreadable(certificate, problem))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect();
    let Some(first) = chain.first() else {
        let (what, begin) = ("certificate", "CERTIFICATE");
        return Err(CertificateError::Content { file: certificate.to_owned(), what, begin });
    };
    let digest: [u8; 32] = Sha256::digest(first).into();
    let fingerprint = digest.map(|byte| format!("{byte:02X}")).join(":");
    let bytes = fs::read(key).map_err(|problem| unreadable(key, problem))?;
    let secret = PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| CertificateError::Content {
        file: key.to_owned(),
        what: "private key without a password",
        begin: "PRIVATE KEY",
    })?;
    let unusable = |problem| CertificateError::Unusable { file: certificate.to_owned(), problem };
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Certificate { config: Arc::new(config), fingerprint })
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
    use std::os::unix::fs::PermissionsExt as _;

    fn own(state: &Path) -> Result<Certificate, CertificateError> {
        let (address, now) = ("0.0.0.0:0".parse().unwrap(), "2026-11-24T05:00:00Z".parse().unwrap());
        certificate(&WebConfig::default(), state, address, now)
    }

    fn given(state: &Path, certificate_pem: &str, key_pem: &str) -> String {
        let (certificate, key) = (state.join("c.pem"), state.join("k.pem"));
        fs::write(&certificate, certificate_pem).unwrap();
        fs::write(&key, key_pem).unwrap();
        let web = WebConfig { certificate, key, ..WebConfig::default() };
        super::certificate(&web, state, "0.0.0.0:0".parse().unwrap(), Timestamp::UNIX_EPOCH).unwrap_err().to_string()
    }

    #[test]
    fn the_stations_own_certificate_is_made_once_and_its_key_is_for_nobody_else() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("new");
        let (first, second) = (own(&folder).unwrap(), own(&folder).unwrap());
        assert_eq!(first.fingerprint, second.fingerprint);
        assert_eq!(first.fingerprint.len(), 32 * 3 - 1);
        let mode = fs::metadata(folder.join(OWN)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let public = fs::read_to_string(folder.join(OWN_PUBLIC)).unwrap();
        assert!(public.starts_with("-----BEGIN CERTIFICATE") && !public.contains("PRIVATE"));
        let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn what_is_wrong_with_given_files_is_said_with_the_file() {
        let state = tempfile::tempdir().unwrap();
        let address = "0.0.0.0:0".parse().unwrap();
        let pem = |_| make(address, Timestamp::UNIX_EPOCH).unwrap();
        let (one, other) = (pem(1), pem(2));
        assert!(given(state.path(), "no pem", &one).contains("c.pem: there is no certificate in it"));
        assert!(given(state.path(), &one, "no pem").contains("k.pem: there is no private key"));
        let said = given(state.path(), &one, &other);
        assert!(said.contains("c.pem") && said.contains("belong together"), "{said}");
        let web = WebConfig { certificate: "/no/c.pem".into(), key: "/no/k.pem".into(), ..WebConfig::default() };
        let said = certificate(&web, state.path(), address, Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        assert!(said.starts_with("/no/c.pem: ") && said.contains("name a file that is there"), "{said}");
    }
}
