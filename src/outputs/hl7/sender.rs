//! Sends results to the host and reads its acknowledgements. Blocking; a thread of its own.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::message::{Message, encoded};
use super::mllp::{Frames, framed};
use super::observation::{control_id, render};
use super::{HOST, Hl7Error};
use crate::config::{CodesConfig, Hl7Config, HostAddress};
use crate::outputs::delivery::courier::Verdict;
use crate::outputs::delivery::notes::About;
use crate::outputs::delivery::tls::{self, Wire};
use crate::store::{Store, StoredResult};
use crate::system::printable::printable;
use crate::system::stop::Stop;

/// How long one address of the host may take to connect.
const CONNECT: Duration = Duration::from_secs(3);

/// Longest wait for bytes before the stop signal is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Faults in the bytes of a host after which a connection is given up: whoever sends them does not answer.
const MOST_FAULTS: u32 = 10;

/// Longest words of the host that are repeated, characters.
const LONGEST_WORDS: usize = 200;

/// Sends results one at a time over a connection that stays open between them.
pub struct Sender {
    config: Hl7Config,
    codes: CodesConfig,
    store: Store,
    stop: Stop,
    client: Option<Arc<ClientConfig>>,
    open: Option<Open>,
}

struct Open {
    wire: Box<dyn Wire>,
    frames: Frames,
}

impl Sender {
    /// A sender that connects when there is something to send.
    ///
    /// # Errors
    /// If a file for TLS cannot be used.
    pub fn new(config: Hl7Config, codes: CodesConfig, store: Store, stop: Stop) -> Result<Self, Hl7Error> {
        let client = config.tls.then(|| {
            let own = config.certificate.as_deref().zip(config.key.as_deref());
            tls::client(config.ca.as_deref(), own)
        });
        Ok(Self { client: client.transpose()?, config, codes, store, stop, open: None })
    }

    /// Sends a result and waits for the answer.
    pub fn send(&mut self, result: &StoredResult) -> Verdict {
        let message = match self.message(result) {
            Ok(message) => message,
            Err(problem) => return Verdict::Unreachable(problem),
        };
        let id = control_id(result);
        // A connection from before may have been closed meanwhile, which shows only now: one more try on a new one.
        let reused = self.open.is_some();
        match self.exchange(&message, &id) {
            Err(_) if reused && !self.stop.requested() => {
                self.exchange(&message, &id).unwrap_or_else(Verdict::Unreachable)
            }
            answer => answer.unwrap_or_else(Verdict::Unreachable),
        }
    }

    fn message(&self, result: &StoredResult) -> Result<Vec<u8>, String> {
        let about = About::of(result, &self.store, HOST).map_err(|problem| problem.to_string())?;
        let text = render(result, &about, &self.config, &self.codes, Timestamp::now());
        Ok(framed(&encoded(&text, self.config.charset)))
    }

    /// One message and its answer. An error closes the connection.
    fn exchange(&mut self, message: &[u8], id: &str) -> Result<Verdict, String> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.connect()?,
        };
        let host = &self.config.host;
        let lost = |problem: io::Error| format!("the connection to {host} was lost: {problem}");
        open.wire.write_all(message).and_then(|()| open.wire.flush()).map_err(lost)?;
        let until = Instant::now() + Duration::from_secs(self.config.timeout_seconds.into());
        let mut buffer = [0; 4096];
        let mut faults = 0;
        loop {
            let read = match open.wire.read(&mut buffer) {
                Ok(0) => return Err(format!("{host} closed the connection without an answer")),
                Ok(read) => read,
                Err(problem) if is_wait(&problem) => 0,
                Err(problem) => return Err(lost(problem)),
            };
            for frame in open.frames.push(&buffer[..read]) {
                let verdict = match frame {
                    Ok(answer) => judged(&answer, id),
                    Err(problem) => Err(problem.to_string()),
                };
                match verdict {
                    Ok(verdict) => {
                        self.open = Some(open);
                        return Ok(verdict);
                    }
                    Err(problem) => {
                        log::warn!("hl7: {host} sent what answers nothing: {problem}");
                        faults += 1;
                        if faults >= MOST_FAULTS {
                            return Err(format!("{host} sends what answers nothing: {problem}"));
                        }
                    }
                }
            }
            if self.stop.requested() {
                return Err("the program is ending".to_owned());
            }
            if Instant::now() >= until {
                return Err(format!("{host} gave no answer within {} s", self.config.timeout_seconds));
            }
        }
    }

    fn connect(&self) -> Result<Open, String> {
        let HostAddress::At { host, port } = &self.config.host else { return Err("no host is configured".to_owned()) };
        let unreachable =
            |problem: &dyn std::fmt::Display| format!("HL7 host {} cannot be reached: {problem}", self.config.host);
        let addresses = (host.as_str(), *port).to_socket_addrs().map_err(|problem| unreachable(&problem))?;
        let mut last: Option<io::Error> = None;
        for address in addresses {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    let wire = self.wire(stream, host).map_err(|problem| unreachable(&problem))?;
                    log::info!("hl7: connected to {}", self.config.host);
                    return Ok(Open { wire, frames: Frames::default() });
                }
                Err(problem) => last = Some(problem),
            }
        }
        Err(last.map_or_else(|| unreachable(&"its name has no address"), |problem| unreachable(&problem)))
    }

    fn wire(&self, stream: TcpStream, host: &str) -> Result<Box<dyn Wire>, String> {
        let text = |problem: io::Error| problem.to_string();
        stream.set_nodelay(true).map_err(text)?;
        stream.set_write_timeout(Some(CONNECT)).map_err(text)?;
        let Some(client) = &self.client else {
            stream.set_read_timeout(Some(TICK)).map_err(text)?;
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|problem| problem.to_string())?;
        let mut connection = ClientConnection::new(Arc::clone(client), name).map_err(|problem| problem.to_string())?;
        // The handshake in one go, so that a later wait never cuts it short.
        stream.set_read_timeout(Some(CONNECT)).map_err(text)?;
        let mut stream = stream;
        connection.complete_io(&mut stream).map_err(text)?;
        stream.set_read_timeout(Some(TICK)).map_err(text)?;
        Ok(Box::new(StreamOwned::new(connection, stream)))
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Whether nothing came in time, which is no loss.
pub(super) fn is_wait(problem: &io::Error) -> bool {
    matches!(problem.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// What an answer says about the message of this number.
///
/// # Errors
/// If it says nothing about it, in words.
pub fn judged(answer: &[u8], id: &str) -> Result<Verdict, String> {
    let message = Message::read(answer).map_err(|problem| problem.to_string())?;
    let Some(msa) = message.segment("MSA") else {
        return Err("a message without MSA".to_owned());
    };
    let named = msa.component(2, 1);
    if named != id {
        return Err(format!("an answer to message {}, not to {id}", printable(&shortened(&named))));
    }
    let code = msa.component(1, 1);
    match code.as_str() {
        "AA" | "CA" => Ok(Verdict::Taken),
        "AE" | "AR" | "CE" | "CR" => {
            let err = message.segment("ERR");
            let words = [
                msa.component(3, 1),
                err.map(|err| err.component(8, 1)).unwrap_or_default(),
                err.map(|err| err.component(3, 2)).unwrap_or_default(),
            ];
            let words = words.into_iter().find(|words| !words.is_empty()).unwrap_or_default();
            Ok(Verdict::Refused(printable(&format!("{code} {}", shortened(&words))).trim_end().to_owned()))
        }
        other => Err(format!("MSA-1 is {}, which means nothing", printable(&shortened(other)))),
    }
}

fn shortened(words: &str) -> String {
    words.chars().take(LONGEST_WORDS).collect()
}
