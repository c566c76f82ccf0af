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

use crate::outputs::delivery::tls::TlsFileError;

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
