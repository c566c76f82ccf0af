//! Content of the station's own certificate, and whether it is still good.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::provider;

/// Seconds per day.
const DAY: i64 = 24 * 60 * 60;

/// Validity in days. Apple's browsers refuse certificates valid for more than 825.
pub(super) const VALID: i64 = 820;

/// How many of these days lie before the day it is made, in case the board's clock is ahead then.
const BEFORE: i64 = 30;

/// Days before expiry at which it is renewed.
const IN_TIME: i64 = 30;

/// The earliest plausible date: a board without a battery starts in 1970.
pub(super) use crate::system::clock::EARLIEST;

/// Why a browser that trusts the station's own certificate would refuse it now; `None` if it would not, or if that
/// cannot be decided.
pub(super) fn outdated<'a>(
    certificate: &CertificateDer<'static>,
    names: impl Iterator<Item = &'a String>,
    now: i64,
) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).ok()?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().ok()?;
    let look = |name: &str, seconds: i64| {
        let name = ServerName::try_from(name).ok()?;
        let then = UnixTime::since_unix_epoch(Duration::from_secs(seconds.unsigned_abs()));
        match verifier.verify_server_cert(certificate, &[], &name, &[], then) {
            Err(rustls::Error::InvalidCertificate(problem)) => Some(Err(problem)),
            verdict => verdict.ok().map(|_| Ok(())),
        }
    };
    for name in names {
        use rustls::CertificateError as Problem;
        match look(name, now + IN_TIME * DAY) {
            Some(Err(Problem::Expired | Problem::ExpiredContext { .. })) => {
                return Some("the one before ends or has ended".to_owned());
            }
            Some(Err(Problem::NotValidForName | Problem::NotValidForNameContext { .. })) => {
                return Some(format!("the one before does not name {name}"));
            }
            // Either the board's clock is behind, as it is after each start without a battery until the network sets
            // it, or it was ahead when the certificate was made. A new certificate at each start would be worse.
            Some(Err(Problem::NotValidYet | Problem::NotValidYetContext { .. })) => {
                log::warn!(
                    "the page's certificate is not valid yet by this board's clock; set the clock, see docs/web-api.md"
                );
                return None;
            }
            _ => {}
        }
        if look(name, now + (IN_TIME + VALID) * DAY) == Some(Ok(())) {
            return Some("the one before is valid for longer than some browsers take".to_owned());
        }
    }
    None
}

/// Names and addresses under which the station can be reached.
pub(super) fn names(listening: IpAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let host = host();
    // A name that is not valid on the network would make the whole certificate unusable.
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if !host.is_empty() && host != "localhost" && is_name(&host) {
        if !host.contains('.') {
            names.push(format!("{host}.local"));
        }
        names.push(host);
    }
    let mut addresses = vec![IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    addresses.extend(Some(listening).filter(|ip| !ip.is_unspecified()));
    addresses.extend(outward("192.0.2.1:9", "0.0.0.0:0"));
    addresses.extend(outward("[2001:db8::1]:9", "[::]:0"));
    addresses.sort_unstable();
    addresses.dedup();
    names.extend(addresses.iter().map(ToString::to_string));
    names
}

/// Whether a name is permanent. An address that changes each day, or that holds only until the network assigns
/// another, is no reason for a new certificate.
pub(super) fn lasts(name: &str, listening: IpAddr) -> bool {
    match name.parse::<IpAddr>() {
        Ok(address) if address == listening => true,
        Ok(IpAddr::V4(address)) => !address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback(),
        Err(_) => true,
    }
}

/// Host name of this machine.
fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// Makes key and certificate (PEM) for these names, valid for `days`.
pub(super) fn make(names: Vec<String>, now: i64, days: i64) -> Result<String, rcgen::Error> {
    let host = host();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    let common = if host.is_empty() { "leukoscope".to_owned() } else { format!("leukoscope on {host}") };
    params.distinguished_name.push(DnType::CommonName, common.chars().take(64).collect::<String>());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let midnight = |seconds: i64| {
        let date = Timestamp::from_second(seconds).unwrap_or_default().to_zoned(TimeZone::UTC).date();
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    let begins = now - BEFORE * DAY;
    params.not_before = midnight(begins);
    params.not_after = midnight(begins + days * DAY);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
}

/// The local address this machine would use to reach `there`; nothing is sent.
fn outward(there: &str, here: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind(here).ok()?;
    socket.connect(there).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}
