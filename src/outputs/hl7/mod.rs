//! HL7 v2.5.1 over MLLP: results go to a host as ORU^R01, orders come as ORM^O01 or OML^O21.
//!
//! [`mllp`] frames bytes, [`message`] reads and escapes text, [`observation`] renders a result, [`order`] reads and
//! answers an order, all without I/O. [`sender`] and [`listener`] are the two threads. `docs/interfaces.md` shows the
//! messages.

pub mod listener;
pub mod message;
pub mod mllp;
pub mod observation;
pub mod order;
pub mod sender;

use std::net::SocketAddr;

use crate::config::{Hl7Config, HostAddress, ListenAddress};
use crate::outputs::delivery::tls::{self, TlsFileError};

/// Name of the host in the worklist and the audit trail.
pub const HOST: &str = "hl7";

/// Why HL7 cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Hl7Error {
    #[error("[hl7] {0}")]
    Tls(#[from] TlsFileError),
    #[error("[hl7] listen = \"{address}\": {problem}; another program may listen there, or this user may not")]
    Listen { address: SocketAddr, problem: std::io::Error },
}

/// Checks the files for TLS, without connecting to anybody.
///
/// # Errors
/// If one that is needed cannot be used.
pub fn check(config: &Hl7Config) -> Result<(), Hl7Error> {
    let own = config.certificate.as_deref().zip(config.key.as_deref()).filter(|_| config.tls);
    if config.tls && config.host != HostAddress::None {
        tls::client(config.ca.as_deref(), own)?;
    }
    if let (ListenAddress::At(_), Some((certificate, key))) = (config.listen, own) {
        tls::server(certificate, key)?;
    }
    Ok(())
}
