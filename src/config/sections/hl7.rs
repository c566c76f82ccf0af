//! `[hl7]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::keys::Accepts::{File, Flag, Host, Listen, OneOf, Text, Whole};
use crate::config::keys::{key, optional};
use crate::config::values::{HostAddress, ListenAddress, Sends};

section! {
    /// HL7 v2.5.1 over MLLP, for a laboratory system: results out, orders in. docs/interfaces.md shows the messages.
    "hl7", Hl7Config {
        /// Host and port that get the results, such as "lis.hospital.example:2575". "none": results are not sent.
        host: HostAddress = HostAddress::None => key(Host).example(r#""lis.hospital.example:2575""#);
        /// Which results go out: "signed" (final ones alone) or "all" (preliminary ones when counted, too).
        send: Sends = Sends::Signed => key(OneOf(&["signed", "all"]));
        /// Address and port on which orders are taken, such as "0.0.0.0:2576". "none": none are taken.
        listen: ListenAddress = ListenAddress::None => key(Listen).example(r#""0.0.0.0:2576""#);
        /// Field of an order that holds the sample id: "SPM-2", "SAC-3", "OBR-2", "OBR-3" or "ORC-2".
        sample_field: SampleField = SampleField::Spm2 => key(OneOf(&["SPM-2", "SAC-3", "OBR-2", "OBR-3", "ORC-2"]));
        /// TLS, towards the host and for orders.
        tls: bool = false => key(Flag);
        /// Certificate of the authority that signed the host's (PEM). Unset: the authorities of the system.
        ca: Option<PathBuf> = None => optional(File).example(r#""/etc/leukoscope/lis-ca.pem""#);
        /// The station's certificate (PEM): for orders by TLS, and for a host that asks for one.
        certificate: Option<PathBuf> = None => optional(File).example(r#""/etc/leukoscope/hl7.pem""#);
        /// Its private key (PEM, without a password).
        key: Option<PathBuf> = None => optional(File).example(r#""/etc/leukoscope/hl7-key.pem""#);
        /// Name of this application (MSH-3).
        sending_application: String = "leukoscope".into() => key(Text(180));
        /// Name of this laboratory (MSH-4).
        sending_facility: Option<String> = None => optional(Text(180)).example(r#""LAB""#);
        /// Name of the host's application (MSH-5).
        receiving_application: Option<String> = None => optional(Text(180)).example(r#""LIS""#);
        /// Name of the host's facility (MSH-6).
        receiving_facility: Option<String> = None => optional(Text(180)).example(r#""HOSPITAL""#);
        /// Letters of what is sent (MSH-18): "UNICODE UTF-8" or "8859/1" (letters that it lacks become question marks).
        charset: Charset = Charset::Utf8 => key(OneOf(&["UNICODE UTF-8", "8859/1"]));
        /// Whether an empty PID segment is sent, for hosts that want one. No patient is ever named.
        empty_pid: bool = false => key(Flag);
        /// How long to wait for the host's answer, 1 to 300.
        timeout_seconds: u32 = 30 => key(Whole(1, 300)).unit("seconds");
    }
}

/// The field of an order with the sample id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SampleField {
    #[serde(rename = "SPM-2")]
    Spm2,
    #[serde(rename = "SAC-3")]
    Sac3,
    #[serde(rename = "OBR-2")]
    Obr2,
    #[serde(rename = "OBR-3")]
    Obr3,
    #[serde(rename = "ORC-2")]
    Orc2,
}

impl SampleField {
    /// Segment and number of the field.
    #[must_use]
    pub const fn place(self) -> (&'static str, usize) {
        match self {
            Self::Spm2 => ("SPM", 2),
            Self::Sac3 => ("SAC", 3),
            Self::Obr2 => ("OBR", 2),
            Self::Obr3 => ("OBR", 3),
            Self::Orc2 => ("ORC", 2),
        }
    }
}

/// Character set of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Charset {
    #[serde(rename = "UNICODE UTF-8")]
    Utf8,
    #[serde(rename = "8859/1")]
    Latin1,
}

impl Charset {
    /// Its name in MSH-18.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UNICODE UTF-8",
            Self::Latin1 => "8859/1",
        }
    }
}
