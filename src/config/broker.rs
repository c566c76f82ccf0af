//! Where the MQTT broker is: parsed only here, whether it comes from the file, a variable or a flag.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `none`, or the address of an MQTT broker: `mqtt://HOST:PORT`, or `mqtts://HOST:PORT` for TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Broker {
    /// No broker.
    None,
    /// This one.
    At(BrokerAddress),
}

/// Host and port of a broker, and whether the connection is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Whether the connection is TLS.
    pub tls: bool,
    /// Name or IP address, without brackets.
    pub host: String,
    /// TCP port; 1883, or 8883 with TLS, unless another one is written.
    pub port: u16,
}

/// The text is not the address of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no broker; it is \"none\", \"mqtt://HOST:PORT\", or \"mqtts://HOST:PORT\" for TLS; user and password are settings \
     of their own"
)]
pub struct NotABroker;

impl BrokerAddress {
    const fn usual_port(tls: bool) -> u16 {
        if tls { 8883 } else { 1883 }
    }

    /// Whether the broker runs on this machine, so that what is sent to it leaves by no cable.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl FromStr for Broker {
    type Err = NotABroker;

    fn from_str(text: &str) -> Result<Self, NotABroker> {
        if text == "none" {
            return Ok(Self::None);
        }
        let (scheme, rest) = text.split_once("://").ok_or(NotABroker)?;
        let tls = match scheme {
            "mqtt" => false,
            "mqtts" => true,
            _ => return Err(NotABroker),
        };
        // Only IPv6 addresses have colons of their own; they stand in brackets.
        let (host, port) = if let Some(rest) = rest.strip_prefix('[') {
            let (host, port) = rest.split_once(']').ok_or(NotABroker)?;
            host.parse::<Ipv6Addr>().map_err(|_| NotABroker)?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(NotABroker)?) })
        } else {
            rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)))
        };
        let named = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || host.len() > 253 || !host.chars().all(named) {
            return Err(NotABroker);
        }
        let port = match port {
            None => BrokerAddress::usual_port(tls),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port > 0).ok_or(NotABroker)?
            }
            Some(_) => return Err(NotABroker),
        };
        Ok(Self::At(BrokerAddress { tls, host: host.to_owned(), port }))
    }
}

/// What was meant by the address of a broker written in another way: without a scheme, with that of another program, or
/// with a path behind it.
pub(super) fn meant(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let (scheme, rest) = lower.split_once("://").unwrap_or(("", &lower));
    let rest = rest.split(['/', '?']).next().unwrap_or_default();
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    match scheme {
        _ if lower == "none" || lower == "off" => "none".to_owned(),
        "mqtts" | "ssl" | "tls" | "https" | "wss" => format!("mqtts://{rest}"),
        "" if rest.ends_with(":8883") => format!("mqtts://{rest}"),
        _ => format!("mqtt://{rest}"),
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::At(address) => address.fmt(f),
        }
    }
}

impl TryFrom<String> for Broker {
    type Error = NotABroker;

    fn try_from(text: String) -> Result<Self, NotABroker> {
        text.parse()
    }
}

impl From<Broker> for String {
    fn from(broker: Broker) -> Self {
        broker.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_its_usual_port_and_written_as_it_is_read() {
        for (text, shown) in [
            ("none", "none"),
            ("mqtt://localhost", "mqtt://localhost:1883"),
            ("mqtts://broker.lab.example", "mqtts://broker.lab.example:8883"),
            ("mqtt://10.0.0.4:2883", "mqtt://10.0.0.4:2883"),
            ("mqtts://[fe80::1]:9000", "mqtts://[fe80::1]:9000"),
            ("mqtt://[::1]", "mqtt://[::1]:1883"),
        ] {
            let broker: Broker = text.parse().unwrap();
            assert_eq!(broker.to_string(), shown);
            assert_eq!(shown.parse(), Ok(broker));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "localhost",
            "mqtt://",
            "mqtt://:1883",
            "http://a",
            "mqtt://a:0",
            "mqtt://a:70000",
            "mqtt://a:+5",
            "mqtt://user:secret@a",
            "mqtt://a/topic",
            "mqtt://[a]",
            "mqtt://[::1",
            "mqtt://[::1]1883",
            "mqtt://a b",
            "mqtt://a:1:2",
        ] {
            assert_eq!(text.parse::<Broker>(), Err(NotABroker), "{text:?}");
        }
    }

    #[test]
    fn what_was_meant_is_a_broker() {
        for (text, right) in [
            ("localhost:1883", "mqtt://localhost:1883"),
            ("tcp://Broker:1883/", "mqtt://broker:1883"),
            ("ssl://broker", "mqtts://broker"),
            ("broker:8883", "mqtts://broker:8883"),
            ("mqtt://rita:secret@broker", "mqtt://broker"),
        ] {
            assert_eq!(meant(text), right);
            assert!(right.parse::<Broker>().is_ok());
        }
    }

    #[test]
    fn only_a_loopback_address_is_this_machine() {
        let is_here = |text: &str| matches!(text.parse(), Ok(Broker::At(address)) if address.is_here());
        assert!(["mqtt://localhost", "mqtt://127.0.0.2", "mqtt://[::1]"].iter().all(|text| is_here(text)));
        assert!(!["mqtt://10.0.0.1", "mqtt://localhost.example"].iter().any(|text| is_here(text)));
    }
}
