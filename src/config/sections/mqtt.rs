//! `[mqtt]`.

use std::path::PathBuf;

use crate::config::broker::Broker;
use crate::config::keys::Accepts::{BrokerAt, Flag, Folder, Number, Text};
use crate::config::keys::{key, optional};

section! {
    /// An MQTT broker (MQTT 5) that hears of this station: availability, live counts, flags and signed results
    /// (docs/interfaces.md). Without a connection live counts are dropped; signed results wait and are never dropped.
    "mqtt", MqttConfig {
        /// "none", "mqtt://HOST:PORT", or "mqtts://HOST:PORT" for TLS, which sample ids and passwords need on any network.
        broker: Broker = Broker::None => key(BrokerAt).example(r#""mqtts://broker.example:8883""#);
        /// User at the broker, and a file with the password alone. Empty: none.
        user: Option<String> = None => optional(Text(128)).example(r#""ward-3""#);
        password_file: Option<PathBuf> = None => key(Folder).example(r#""/etc/leukoscope/mqtt-password""#);
        /// Certificates, PEM, of those who may sign the broker's. Empty: whom this machine trusts.
        ca: Option<PathBuf> = None => key(Folder).example(r#""/etc/leukoscope/broker-ca.pem""#);
        /// Certificate chain and private key, PEM, by which the broker knows this station. Empty: none.
        certificate: Option<PathBuf> = None => key(Folder).example(r#""/etc/leukoscope/station.pem""#);
        key: Option<PathBuf> = None => key(Folder).example(r#""/etc/leukoscope/station-key.pem""#);
        /// First part of every topic; the station's name follows.
        topic: String = "leukoscope".into() => key(Text(64));
        /// Seconds between two live updates while something changes, 0.1 to 3600. Results go out at once.
        interval_seconds: f64 = 2.0 => key(Number(0.1, 3600.0)).unit("seconds");
        /// Whether whoever may publish to the broker's topic TOPIC/STATION/command can begin and end counts.
        commands: bool = false => key(Flag);
        /// Whether Home Assistant finds the station by itself (topics below homeassistant/).
        discovery: bool = false => key(Flag);
    }
}
