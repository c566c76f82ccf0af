//! `[web]`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The page and the interface for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// Address and port, such as `127.0.0.1:8321`; `none`: no page.
    pub listen: String,
    /// Certificate chain, PEM, for any address but the loopback one; empty: the station's own.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Minutes without a request after which a login ends, 1..=480.
    pub idle_minutes: u32,
    /// Language of the page where the browser asks for none that there is.
    pub language: String,
    /// Folder of catalogues `LANGUAGE.json` that come before the program's own; empty: none.
    pub catalogues: PathBuf,
}

impl WebConfig {
    /// Where to listen; none where there is to be no page.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8321".into(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            idle_minutes: 15,
            language: "en".into(),
            catalogues: PathBuf::new(),
        }
    }
}
