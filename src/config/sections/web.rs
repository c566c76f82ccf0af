//! `[web]`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::keys::Accepts::{Folder, Language, Listen, Whole};
use crate::config::keys::key;
use crate::config::values::ListenAddress;

section! {
    /// The page for browsers, and the interface for programs (docs/web-api.md).
    "web", WebConfig {
        /// Address and port, or "none". At 127.0.0.1 only this device reaches the page, and counting and viewing need no login.
        /// At any other address, such as "0.0.0.0:8321" (every network), it speaks TLS only and asks for a login:
        /// `leukoscope user add` makes the first one.
        listen: ListenAddress = ListenAddress::At(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 8321)) => key(Listen);
        /// Certificate chain and private key, PEM, for other addresses than the loopback one. Empty: the station makes its own at
        /// the first start and keeps it beside the results; browsers then ask once whether to trust it.
        certificate: Option<PathBuf> = None => key(Folder).example(r#""/etc/leukoscope/certificate.pem""#);
        key: Option<PathBuf> = None => key(Folder).example(r#""/etc/leukoscope/key.pem""#);
        /// Minutes without a request after which a login ends, 1 to 480.
        idle_minutes: u32 = 15 => key(Whole(1, 480)).unit("minutes");
        /// Language of the page when the browser asks for none of those available: "en", another of the page's, or one of your own.
        language: String = "en".into() => key(Language);
        /// Folder of your own translations, LANGUAGE.json each; they take precedence over the program's. Empty: none.
        catalogues: Option<PathBuf> = None => key(Folder).example(r#""/etc/leukoscope/languages""#);
        /// Folder of your own reference pictures, CLASS/*.png or .jpg with the codes of the classes, such as NGS; the page shows up
        /// to 8 of a class beside an enlarged cell. Empty: none.
        reference_cells: Option<PathBuf> = None => key(Folder).example(r#""/etc/leukoscope/reference-cells""#);
    }
}
