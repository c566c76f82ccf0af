//! The wire to a laboratory system: a serial port, or a TCP connection that the station opens or waits for. Reading and
//! writing never block.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::config::{LaboratoryAddress, SerialPort};
use crate::outputs::serial::port::{Port, PortError};

/// How long a laboratory system may take to accept a connection: the program ends within 5 s.
const CONNECT: Duration = Duration::from_secs(2);

/// Where the wire leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Serial {
        port: SerialPort,
        /// Bits a second.
        baud: u32,
    },
    Call(String),
    Listen(SocketAddr),
}

impl Route {
    /// The routes of a configuration that lead somewhere, each with the name of its outbox.
    #[must_use]
    pub fn of(port: &SerialPort, baud: u32, tcp: &LaboratoryAddress) -> Vec<(&'static str, Self)> {
        let serial = (*port != SerialPort::None).then(|| Self::Serial { port: port.clone(), baud });
        let tcp = match tcp {
            LaboratoryAddress::None => None,
            LaboratoryAddress::Call(address) => Some(Self::Call(address.clone())),
            LaboratoryAddress::Listen(address) => Some(Self::Listen(*address)),
        };
        [serial.map(|route| ("astm-serial", route)), tcp.map(|route| ("astm-tcp", route))]
            .into_iter()
            .flatten()
            .collect()
    }
}

impl Route {
    /// Whether it is a serial port.
    #[must_use]
    pub fn is_serial(&self) -> bool {
        matches!(self, Self::Serial { .. })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial { port, .. } => port.fmt(f),
            Self::Call(address) => f.write_str(address),
            Self::Listen(address) => address.fmt(f),
        }
    }
}

/// Why there is no wire.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("laboratory system {address}: {problem}; is it on, and `tcp` in [astm] its address?")]
    Call { address: String, problem: io::Error },
    #[error("{address}: {problem}; set `tcp` in [astm] to an address of this station and a port that is free")]
    Listen { address: SocketAddr, problem: io::Error },
}

impl WireError {
    /// Whether waiting can help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Port(problem) => problem.may_pass(),
            Self::Call { .. } => true,
            Self::Listen { .. } => false,
        }
    }
}

/// Opens the wires of one route.
#[derive(Debug)]
pub struct Opener {
    route: Route,
    listener: Option<TcpListener>,
}

impl Opener {
    /// Makes ready to open wires: an address to be called at is taken now.
    ///
    /// # Errors
    /// If that address cannot be had, or the port is none that can be used later.
    pub fn new(route: Route) -> Result<Self, WireError> {
        let listener = match &route {
            Route::Listen(address) => {
                let failed = |problem| WireError::Listen { address: *address, problem };
                let listener = TcpListener::bind(address).map_err(failed)?;
                listener.set_nonblocking(true).map_err(failed)?;
                Some(listener)
            }
            Route::Serial { port, baud } => match Port::open_at(port, *baud) {
                Err(problem) if !problem.may_pass() => return Err(problem.into()),
                _ => None,
            },
            Route::Call(_) => None,
        };
        Ok(Self { route, listener })
    }

    #[must_use]
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// The address that it is called at, with the port that the system chose.
    #[must_use]
    pub fn listens_at(&self) -> Option<SocketAddr> {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Opens a wire; none while nobody calls.
    ///
    /// # Errors
    /// If the port or the laboratory system is not there.
    pub fn open(&self) -> Result<Option<Wire>, WireError> {
        match (&self.route, &self.listener) {
            (Route::Serial { port, baud }, _) => {
                let port = Port::open_at(port, *baud)?;
                let name = port.path().display().to_string();
                Ok(Some(Wire { end: End::Serial(port), name }))
            }
            (Route::Call(address), _) => {
                let failed = |problem| WireError::Call { address: address.clone(), problem };
                call(address).map(|stream| Some(Wire { end: End::Tcp(stream), name: address.clone() })).map_err(failed)
            }
            (Route::Listen(_), None) => Ok(None),
            (Route::Listen(address), Some(listener)) => match listener.accept() {
                Ok((stream, peer)) => {
                    let ready = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
                    ready.map_err(|problem| WireError::Listen { address: *address, problem })?;
                    Ok(Some(Wire { end: End::Tcp(stream), name: peer.to_string() }))
                }
                // A caller that hung up at once is no problem of ours.
                Err(_) => Ok(None),
            },
        }
    }
}

fn call(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name leads to no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(problem) => last = problem,
        }
    }
    Err(last)
}

/// An open wire.
#[derive(Debug)]
pub struct Wire {
    end: End,
    name: String,
}

#[derive(Debug)]
enum End {
    Serial(Port),
    Tcp(TcpStream),
}

impl Wire {
    /// The port or the other end's address.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a connection, which a new one can replace.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        matches!(self.end, End::Tcp(_))
    }

    /// Reads the bytes that have arrived; 0 if there are none.
    ///
    /// # Errors
    /// If the other end is gone.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.end {
            End::Serial(port) => port.read(buffer),
            End::Tcp(stream) => match stream.read(buffer) {
                Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the laboratory system hung up")),
                Err(problem) if passes(&problem) => Ok(0),
                other => other,
            },
        }
    }

    /// Writes as much as the wire takes now; 0 if it is full.
    ///
    /// # Errors
    /// If the other end is gone.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.end {
            End::Serial(port) => port.write(bytes),
            End::Tcp(stream) => match stream.write(bytes) {
                Err(problem) if passes(&problem) => Ok(0),
                other => other,
            },
        }
    }

    /// Waits up to `time` until bytes arrive or, with `to_write`, until it takes bytes.
    ///
    /// # Errors
    /// If the port is gone.
    pub fn wait(&self, to_write: bool, time: Duration) -> io::Result<()> {
        match &self.end {
            End::Serial(port) => port.wait(to_write, time),
            End::Tcp(stream) => {
                let events = if to_write { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
                let mut polled = [PollFd::from_borrowed_fd(stream.as_fd(), events)];
                let time = Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
                match rustix::event::poll(&mut polled, Some(&time)) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
                    Err(problem) => Err(problem.into()),
                }
            }
        }
    }
}

fn passes(problem: &io::Error) -> bool {
    matches!(problem.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
