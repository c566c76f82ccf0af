//! Takes connections of hosts that order. At most [`MOST_CONNECTIONS`] at once, each with limits of its own, so that a
//! host that sends garbage, nothing or without end costs that much and no more.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Hl7Error;
use super::message::encoded;
use super::mllp::{Frames, framed};
use super::order::answer;
use super::sender::is_wait;
use crate::config::{Hl7Config, ListenAddress};
use crate::outputs::delivery::tls::{self, Wire};
use crate::station::worklist::Worklist;
use crate::system::stop::Stop;
use crate::system::threads::{join, thread};

/// Hosts connected at once.
pub const MOST_CONNECTIONS: usize = 4;

/// Faults after which a connection is closed: whoever sends them is no host of ours.
const MOST_FAULTS: u32 = 10;

/// Longest wait before the stop signal is looked at.
const TICK: Duration = Duration::from_millis(100);

/// How long a host may take for a handshake, or to take an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Limits of a connection; shorter ones are for tests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a message that has begun.
    pub message: Duration,
    /// Without any message.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message: Duration::from_secs(30), idle: Duration::from_mins(15) }
    }
}

/// Listens for hosts, with what is needed to serve them.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    server: Option<Arc<ServerConfig>>,
    config: Hl7Config,
    limits: Limits,
}

impl Listener {
    /// Begins to listen; `None` if no address is configured.
    ///
    /// # Errors
    /// If the address or a file for TLS cannot be used.
    pub fn open(config: &Hl7Config) -> Result<Option<Self>, Hl7Error> {
        let ListenAddress::At(address) = config.listen else { return Ok(None) };
        let files = config.certificate.as_deref().zip(config.key.as_deref()).filter(|_| config.tls);
        let server = files.map(|(certificate, key)| tls::server(certificate, key)).transpose()?;
        let failed = |problem| Hl7Error::Listen { address, problem };
        let socket = TcpListener::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Some(Self { socket, address, server, config: config.clone(), limits: Limits::default() }))
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Where it listens, with the port that the system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves hosts until the stop signal. `trouble` gets what keeps orders from coming in, as text for a person.
    pub fn run(self, worklist: &Worklist, stop: &Stop, trouble: impl Fn(Option<String>)) {
        let serving = Arc::new(AtomicUsize::new(0));
        let mut threads: Vec<std::thread::JoinHandle<()>> = Vec::new();
        while !stop.requested() {
            match self.socket.accept() {
                Ok((stream, peer)) => {
                    let (ended, still): (Vec<_>, Vec<_>) =
                        threads.into_iter().partition(std::thread::JoinHandle::is_finished);
                    ended.into_iter().for_each(join);
                    threads = still;
                    if serving.load(Ordering::Acquire) >= MOST_CONNECTIONS {
                        log::warn!("hl7: {peer} is turned away, {MOST_CONNECTIONS} hosts are connected");
                        continue;
                    }
                    let guard = Serving::new(&serving);
                    let service = Service {
                        peer,
                        worklist: worklist.clone(),
                        config: self.config.clone(),
                        limits: self.limits,
                        stop: stop.clone(),
                    };
                    let server = self.server.clone();
                    let begun = thread("hl7-host", move || {
                        let _guard = guard;
                        service.serve(stream, server);
                    });
                    match begun {
                        Ok(thread) => {
                            threads.push(thread);
                            trouble(None);
                        }
                        Err(problem) => trouble(Some(format!("orders by HL7 cannot be taken: {problem}"))),
                    }
                }
                Err(problem) if is_wait(&problem) => {
                    let _ = stop.wait(TICK);
                }
                Err(problem) => {
                    // One that was lost before it was accepted, or no more files; the next may work.
                    log::debug!("hl7: {problem}");
                    let _ = stop.wait(TICK);
                }
            }
        }
        threads.into_iter().for_each(join);
    }
}

/// Counts a connection for as long as it is served.
struct Serving(Arc<AtomicUsize>);

impl Serving {
    fn new(serving: &Arc<AtomicUsize>) -> Self {
        serving.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(serving))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One connection.
struct Service {
    peer: SocketAddr,
    worklist: Worklist,
    config: Hl7Config,
    limits: Limits,
    stop: Stop,
}

impl Service {
    fn serve(&self, stream: TcpStream, server: Option<Arc<ServerConfig>>) {
        log::info!("hl7: {} is connected", self.peer);
        let done = wire(stream, server).map_err(|problem| problem.to_string()).and_then(|wire| self.talk(wire));
        match done {
            Ok(()) => log::info!("hl7: {} left", self.peer),
            Err(problem) => log::warn!("hl7: {}: {problem}; the connection is closed", self.peer),
        }
    }

    fn talk(&self, mut wire: Box<dyn Wire>) -> Result<(), String> {
        let mut frames = Frames::default();
        let mut buffer = vec![0; 8192];
        let mut faults = 0;
        let mut quiet_since = Instant::now();
        let mut began: Option<Instant> = None;
        while !self.stop.requested() {
            let read = match wire.read(&mut buffer) {
                Ok(0) if frames.unfinished() => return Err("it left in the middle of a message".to_owned()),
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(problem) if is_wait(&problem) => 0,
                Err(problem) => return Err(problem.to_string()),
            };
            for frame in frames.push(&buffer[..read]) {
                quiet_since = Instant::now();
                if frame.is_ok() {
                    began = None;
                }
                let fault = match frame {
                    Ok(message) => {
                        let answer = answer(&message, &self.worklist, &self.config, Timestamp::now());
                        let bytes = framed(&encoded(&answer.text, self.config.charset));
                        wire.write_all(&bytes).and_then(|()| wire.flush()).map_err(|problem| problem.to_string())?;
                        answer.problem.map(|problem| format!("answered {}: {problem}", answer.acknowledgement))
                    }
                    Err(problem) => Some(problem.to_string()),
                };
                if let Some(fault) = fault {
                    log::warn!("hl7: {}: {fault}", self.peer);
                    faults += 1;
                    if faults >= MOST_FAULTS {
                        return Err(format!("{faults} faults"));
                    }
                }
            }
            if frames.unfinished() {
                if began.get_or_insert_with(Instant::now).elapsed() >= self.limits.message {
                    return Err(format!("no message ended within {} s", self.limits.message.as_secs()));
                }
            } else {
                began = None;
                if quiet_since.elapsed() >= self.limits.idle {
                    return Err(format!("no message for {} s", self.limits.idle.as_secs()));
                }
            }
        }
        Ok(())
    }
}

fn wire(stream: TcpStream, server: Option<Arc<ServerConfig>>) -> io::Result<Box<dyn Wire>> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let Some(server) = server else {
        stream.set_read_timeout(Some(TICK))?;
        return Ok(Box::new(stream));
    };
    let mut stream = stream;
    let mut connection = ServerConnection::new(server).map_err(io::Error::other)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    connection.complete_io(&mut stream)?;
    stream.set_read_timeout(Some(TICK))?;
    Ok(Box::new(StreamOwned::new(connection, stream)))
}
