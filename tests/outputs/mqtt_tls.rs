//! MQTT over TLS, with certificates of a laboratory's own.

use std::path::{Path, PathBuf};

use leukoscope::config::MqttConfig;
use leukoscope::outputs::mqtt::check;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::mqtt_bench::{Bench, Listener, Mosquitto, config, free_port};

/// An authority's own files in a folder.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "Laboratory");
        let issuer = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Certificate and key for a name.
    fn certify(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let path = |end: &str| self.folder.path().join(format!("{name}{end}"));
        std::fs::write(path(".pem"), certificate.pem()).unwrap();
        std::fs::write(path("-key.pem"), key.serialize_pem()).unwrap();
        (path(".pem"), path("-key.pem"))
    }
}

/// A broker with a plain listener for the test, and one that only stations with a certificate may use.
fn broker(authority: &Authority) -> Option<(Mosquitto, u16)> {
    let (certificate, key) = authority.certify("localhost");
    let port = free_port();
    let broker = Mosquitto::start_with(|_| {
        format!(
            "allow_anonymous true\nlistener {port} 127.0.0.1\nallow_anonymous true\ncafile {}\ncertfile {}\nkeyfile {}\n\
             require_certificate true\n",
            authority.ca().display(),
            certificate.display(),
            key.display()
        )
    })?;
    Some((broker, port))
}

fn over_tls(port: u16, ca: &Path, pair: Option<(PathBuf, PathBuf)>) -> MqttConfig {
    let (certificate, key) = pair.unzip();
    let broker = format!("mqtts://localhost:{port}").parse().unwrap();
    MqttConfig { broker, ca: Some(ca.to_owned()), certificate, key, ..config(port) }
}

#[test]
fn a_station_with_a_certificate_is_let_in_and_others_are_told_why_not() {
    let authority = Authority::new();
    let Some((plain, port)) = broker(&authority) else { return };
    let listener = Listener::start(plain.port, "lab", "leukoscope/bench/#");
    let known = over_tls(port, &authority.ca(), Some(authority.certify("bench")));
    check(&known).unwrap();
    let bench = Bench::start(known);
    bench.sign("A-1");
    assert_eq!(listener.next("leukoscope/bench/result").json()["sample"], "A-1");
    bench.end();

    let bench = Bench::start(over_tls(port, &authority.ca(), None));
    bench.trouble("see [mqtt] certificate and key");
    bench.end();

    let other = Authority::new();
    let bench = Bench::start(over_tls(port, &other.ca(), Some(authority.certify("bench"))));
    let words = bench.trouble("certificate that is not trusted");
    assert!(words.contains("[mqtt] ca"), "{words}");
    bench.end();

    // A port without TLS.
    let bench = Bench::start(over_tls(plain.port, &authority.ca(), None));
    bench.trouble("the broker mqtts://localhost:");
    bench.end();
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_the_file() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (certificate, _) = authority.certify("bench");
    let (_, foreign) = other.certify("bench");
    let said = |config: MqttConfig| {
        let problem = check(&config).unwrap_err();
        (problem.key(), problem.to_string())
    };
    let (key, words) = said(over_tls(1, Path::new("/no/ca.pem"), None));
    assert_eq!(key, "ca");
    assert!(words.starts_with("/no/ca.pem: ") && words.ends_with("name a file that is there"), "{words}");
    let (key, words) = said(over_tls(1, &foreign, None));
    assert_eq!(key, "ca");
    assert!(words.contains("there is no certificate in it"), "{words}");
    let (key, words) = said(over_tls(1, &authority.ca(), Some((certificate.clone(), foreign))));
    assert_eq!(key, "certificate");
    assert!(words.contains("belong together"), "{words}");
    let (key, words) = said(over_tls(1, &authority.ca(), Some((certificate.clone(), certificate))));
    assert_eq!(key, "key");
    assert!(words.contains("no private key"), "{words}");
    let empty = authority.folder.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    let (key, words) = said(MqttConfig { password_file: Some(empty), ..config(1) });
    assert_eq!(key, "password_file");
    assert!(words.contains("the password alone"), "{words}");
}
