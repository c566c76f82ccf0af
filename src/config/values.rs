//! Values with a grammar of their own. Each is parsed only here, whether it comes from the file, a variable or a flag.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::flag::Flag;

/// Where serial lines go: `none`, `pty` or the absolute path of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SerialPort {
    /// Nowhere.
    None,
    /// To a fresh pseudo-terminal.
    Pty,
    /// To a device such as `/dev/ttyUSB0`.
    Device(PathBuf),
}

/// The text is not a serial port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no port; a port is \"pty\", \"none\" or the path of a device")]
pub struct NotAPort;

impl FromStr for SerialPort {
    type Err = NotAPort;

    fn from_str(text: &str) -> Result<Self, NotAPort> {
        match text {
            "none" => Ok(Self::None),
            "pty" => Ok(Self::Pty),
            path if path.starts_with('/') && !path.ends_with('/') && !path.contains('\0') => {
                Ok(Self::Device(path.into()))
            }
            _ => Err(NotAPort),
        }
    }
}

impl fmt::Display for SerialPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Pty => f.write_str("pty"),
            Self::Device(path) => path.display().fmt(f),
        }
    }
}

/// Some of the flags: their names with commas between them, or `none`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FlagList(pub Vec<Flag>);

/// A word in the text is no flag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("names {0:?}, which is no flag; flags are {names}, or write \"none\"", names = names())]
pub struct NoFlag(String);

fn names() -> String {
    Flag::ALL.iter().map(|flag| flag.code()).collect::<Vec<_>>().join(", ")
}

impl FromStr for FlagList {
    type Err = NoFlag;

    fn from_str(text: &str) -> Result<Self, NoFlag> {
        if text.trim() == "none" {
            return Ok(Self::default());
        }
        let flag = |word: &str| {
            let found = Flag::ALL.iter().find(|flag| flag.code() == word.trim());
            found.copied().ok_or_else(|| NoFlag(word.trim().to_owned()))
        };
        text.split(',').map(flag).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for FlagList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("none"),
            flags => f.write_str(&flags.iter().map(|flag| flag.code()).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// Which results go to a receiver unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sends {
    /// Final ones alone.
    Signed,
    /// Preliminary ones when counted, and final ones when signed.
    All,
}

/// Where a server listens: `none`, or an IP address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ListenAddress {
    /// No server.
    None,
    /// Listen on this address; with port 0 the system chooses the port.
    At(SocketAddr),
}

/// The text is not a listen address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no address; it is \"none\" or an IP address and a port, \"0.0.0.0:8321\" for every network")]
pub struct NotAnAddress;

impl FromStr for ListenAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        match text {
            "none" => Ok(Self::None),
            address => address.parse().map(Self::At).map_err(|_| NotAnAddress),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::At(address) => address.fmt(f),
        }
    }
}

/// A host to connect to: `none`, or a name or IP address with a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostAddress {
    /// No host.
    None,
    /// This host.
    At {
        /// Name or IP address; one of IPv6 without its brackets.
        host: String,
        port: u16,
    },
}

/// The text is not a host with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no host; it is \"none\" or a name or IP address with a port, \"lis.hospital.example:2575\"")]
pub struct NotAHost;

impl FromStr for HostAddress {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        if text == "none" {
            return Ok(Self::None);
        }
        let (host, port) = text.rsplit_once(':').ok_or(NotAHost)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or(NotAHost)?;
        let host = if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            address.parse::<std::net::Ipv6Addr>().map_err(|_| NotAHost)?.to_string()
        } else {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if host.is_empty() || host.len() > 253 || !host.bytes().all(letter) {
                return Err(NotAHost);
            }
            host.to_owned()
        };
        Ok(Self::At { host, port })
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::At { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::At { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// Serializes these values as text.
macro_rules! as_text {
    ($($type:ty: $error:ty),+) => {$(
        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )+};
}

as_text!(SerialPort: NotAPort, ListenAddress: NotAnAddress, HostAddress: NotAHost, FlagList: NoFlag);
