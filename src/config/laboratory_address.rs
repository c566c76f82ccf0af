//! Where a laboratory system is reached over the network.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::values::HostAddress;

/// What precedes an address at which the station waits to be called.
const LISTEN: &str = "listen:";

/// How the station and a laboratory system find each other over TCP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LaboratoryAddress {
    /// Not at all.
    None,
    /// The station calls `HOST:PORT`.
    Call(String),
    /// The laboratory system calls the station here.
    Listen(SocketAddr),
}

/// The text is no address of a laboratory system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no address of a laboratory system; it is \"none\", \"host:port\" to call it, or \"listen:0.0.0.0:15200\" to be called"
)]
pub struct NoLaboratoryAddress;

impl FromStr for LaboratoryAddress {
    type Err = NoLaboratoryAddress;

    fn from_str(text: &str) -> Result<Self, NoLaboratoryAddress> {
        if text == "none" {
            return Ok(Self::None);
        }
        if let Some(address) = text.strip_prefix(LISTEN) {
            return address.parse().map(Self::Listen).map_err(|_| NoLaboratoryAddress);
        }
        match text.parse() {
            Ok(HostAddress::At { .. }) => Ok(Self::Call(text.to_owned())),
            _ => Err(NoLaboratoryAddress),
        }
    }
}

impl fmt::Display for LaboratoryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Call(address) => f.write_str(address),
            Self::Listen(address) => write!(f, "{LISTEN}{address}"),
        }
    }
}

impl TryFrom<String> for LaboratoryAddress {
    type Error = NoLaboratoryAddress;

    fn try_from(text: String) -> Result<Self, NoLaboratoryAddress> {
        text.parse()
    }
}

impl From<LaboratoryAddress> for String {
    fn from(address: LaboratoryAddress) -> Self {
        address.to_string()
    }
}
