//! The port: a serial device, or a pseudo-terminal that stands in for one. Reading and writing never block.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use serialport::{SerialPort as _, TTYPort};

use crate::config::{SerialConfig, SerialPort};
use crate::system::holder;

/// Why a port cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// No such device: not plugged in, or a wrong path. It may still appear.
    #[error(
        "serial port {} is not there; plug it in, or set `port` to one that `leukoscope devices` lists",
        .0.display()
    )]
    Missing(PathBuf),
    /// The path is not a serial port.
    #[error("{} is {what}, not a serial port; set `port` to a device such as /dev/ttyUSB0", path.display())]
    NotAPort {
        path: PathBuf,
        /// What is there instead.
        what: &'static str,
    },
    /// Another program is using it.
    #[error("serial port {} is in use{by}; end that program, or use another port", path.display())]
    InUse {
        path: PathBuf,
        /// ` by NAME (process N)`, if known.
        by: String,
    },
    /// No permission to open it.
    #[error("serial port {}: no permission; add the user to the group that owns it (usually dialout)", .0.display())]
    NoPermission(PathBuf),
    /// Any other failure.
    #[error("serial port {}: {problem}; check cable and adaptor", path.display())]
    Failed {
        path: PathBuf,
        /// The system's error message.
        problem: String,
    },
}

impl PortError {
    /// Whether waiting can help, because the device may be plugged in later.
    #[must_use]
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Missing(_))
    }
}

#[derive(Debug)]
pub struct Port {
    io: File,
    kind: Opened,
    path: PathBuf,
}

#[derive(Debug)]
enum Opened {
    /// Holds the settings and the exclusive lock; bytes go through `Port::io`, which does not block.
    Device(TTYPort),
    /// The reader's end, held open so that writes do not fail while nobody reads.
    PseudoTerminal(File),
}

impl Port {
    /// Opens the configured port: a new pseudo-terminal for `pty`, else the device. Fails for `none`.
    ///
    /// # Errors
    /// If it does not exist, is not a serial port, is in use, or cannot be opened.
    pub fn open(config: &SerialConfig) -> Result<Self, PortError> {
        Self::open_at(&config.port, config.baud)
    }

    /// The same for a port at this many bits a second.
    ///
    /// # Errors
    /// As [`Port::open`].
    pub(crate) fn open_at(port: &SerialPort, baud: u32) -> Result<Self, PortError> {
        match port {
            SerialPort::None => Err(PortError::Missing("none".into())),
            SerialPort::Pty => Self::open_pseudo_terminal(),
            SerialPort::Device(path) => Self::open_device(path.clone(), baud),
        }
    }

    /// Path of the port: the one the reader opens for a pseudo-terminal, else the device.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_pseudo_terminal() -> Result<Self, PortError> {
        let failed = |problem: io::Error| PortError::Failed { path: "/dev/ptmx".into(), problem: problem.to_string() };
        let open = || -> io::Result<Self> {
            let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
            let master: OwnedFd = openpt(flags)?;
            rustix::io::ioctl_fionbio(&master, true)?;
            grantpt(&master)?;
            unlockpt(&master)?;
            let path = PathBuf::from(ptsname(&master, Vec::new())?.to_string_lossy().into_owned());
            let reader_end = open_without_blocking(&path)?;
            // Raw mode: no echo, so that the host's bytes do not come back as output, and no translation of bytes.
            let mut settings = tcgetattr(&reader_end)?;
            settings.make_raw();
            tcsetattr(&reader_end, OptionalActions::Now, &settings)?;
            Ok(Self { io: File::from(master), kind: Opened::PseudoTerminal(reader_end), path })
        };
        open().map_err(failed)
    }

    fn open_device(path: PathBuf, baud: u32) -> Result<Self, PortError> {
        if let Some(problem) = is_none(&path) {
            return Err(problem);
        }
        fs::metadata(&path).map_err(|problem| refusal(&path, &problem))?;
        // Open the non-blocking end first: the second open claims the port exclusively, and no further open succeeds.
        let io = open_without_blocking(&path).map_err(|problem| refusal(&path, &problem))?;
        if !rustix::termios::isatty(&io) {
            return Err(PortError::NotAPort { path, what: "another kind of device" });
        }
        let device =
            TTYPort::open(&serialport::new(path.to_string_lossy(), baud)).map_err(|error| match error.kind() {
                serialport::ErrorKind::NoDevice => in_use(&path),
                serialport::ErrorKind::Io(kind) => refusal(&path, &io::Error::from(kind)),
                _ => PortError::Failed { path: path.clone(), problem: error.to_string() },
            })?;
        Ok(Self { io, kind: Opened::Device(device), path })
    }

    /// Reads the bytes that have arrived; returns 0 if there are none.
    ///
    /// # Errors
    /// If the port is gone.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.io.read(buffer) {
            // A terminal reports end of file when its other side is gone.
            Ok(0) if !buffer.is_empty() => Err(io::ErrorKind::BrokenPipe.into()),
            Err(problem) if passes(&problem) => Ok(0),
            other => other,
        }
    }

    /// Writes as much as the port takes now; returns 0 if it is full.
    ///
    /// # Errors
    /// If the port is gone.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.io.write(bytes) {
            Err(problem) if passes(&problem) => Ok(0),
            other => other,
        }
    }

    /// Bytes written that have not left: not on the wire yet, or, on a pseudo-terminal, not read yet.
    ///
    /// # Errors
    /// If the port is gone.
    pub fn waiting(&self) -> io::Result<u64> {
        match &self.kind {
            Opened::Device(device) => Ok(u64::from(device.bytes_to_write()?)),
            Opened::PseudoTerminal(reader_end) => {
                // The kernel passes bytes to the reader's end with a delay. Polling that end forces it, so that bytes
                // in transit are not taken for bytes already read.
                let mut polled = [PollFd::from_borrowed_fd(reader_end.as_fd(), PollFlags::IN)];
                rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
                Ok(rustix::io::ioctl_fionread(reader_end)?)
            }
        }
    }

    /// Bytes written that are not on the wire yet; always 0 on a pseudo-terminal, which loses nothing when it closes.
    ///
    /// # Errors
    /// If the port is gone.
    pub(crate) fn on_the_wire(&self) -> io::Result<u64> {
        match &self.kind {
            Opened::Device(device) => Ok(u64::from(device.bytes_to_write()?)),
            Opened::PseudoTerminal(_) => Ok(0),
        }
    }

    /// Discards bytes written that are not on the wire yet.
    ///
    /// # Errors
    /// If the port is gone.
    pub(crate) fn discard(&self) -> io::Result<()> {
        match &self.kind {
            Opened::Device(_) => Ok(rustix::termios::tcflush(&self.io, rustix::termios::QueueSelector::OFlush)?),
            Opened::PseudoTerminal(_) => Ok(()),
        }
    }

    /// Waits up to `time` until bytes arrive or, with `to_write`, until the port takes bytes.
    ///
    /// # Errors
    /// If the port is gone.
    pub fn wait(&self, to_write: bool, time: Duration) -> io::Result<()> {
        let events = if to_write { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut polled = [PollFd::from_borrowed_fd(self.io.as_fd(), events)];
        // Waits of some milliseconds always fit.
        let time = Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
        match rustix::event::poll(&mut polled, Some(&time)) {
            Ok(_) if polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(problem) => Err(problem.into()),
        }
    }
}

/// Why what is at this path is no serial port, as far as can be known without opening it; `None` also where nothing is.
pub(crate) fn is_none(path: &Path) -> Option<PortError> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(problem) => {
            // Nothing that is plugged in later can appear there.
            let what = match problem.kind() {
                io::ErrorKind::NotADirectory => "below a file",
                io::ErrorKind::InvalidFilename => "no name that a file can have",
                _ if problem.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => "a circle of links",
                _ => return None,
            };
            return Some(PortError::NotAPort { path: path.to_owned(), what });
        }
    };
    let kind = found.file_type();
    let what = if kind.is_dir() {
        "a folder"
    } else if !kind.is_char_device() {
        "a file"
    } else {
        let (major, minor) = (rustix::fs::major(found.rdev()), rustix::fs::minor(found.rdev()));
        // The kernel lists every device with its subsystem, except pseudo-terminals.
        let subsystem = fs::canonicalize(format!("/sys/dev/char/{major}:{minor}/subsystem")).ok()?;
        if subsystem.file_name().is_none_or(|name| name == "tty") {
            return None;
        }
        "another kind of device"
    };
    Some(PortError::NotAPort { path: path.to_owned(), what })
}

fn passes(problem: &io::Error) -> bool {
    matches!(problem.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn open_without_blocking(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).write(true).custom_flags(flags.bits().cast_signed()).open(path)
}

fn refusal(path: &Path, problem: &io::Error) -> PortError {
    let path = path.to_owned();
    match problem.kind() {
        io::ErrorKind::NotFound => PortError::Missing(path),
        io::ErrorKind::PermissionDenied => PortError::NoPermission(path),
        io::ErrorKind::ResourceBusy => in_use(&path),
        // ENXIO and ENODEV: the device node exists but the hardware does not. They have no `ErrorKind`.
        _ if matches!(problem.raw_os_error(), Some(6 | 19)) => PortError::Missing(path),
        _ => PortError::Failed { path, problem: problem.to_string() },
    }
}

fn in_use(path: &Path) -> PortError {
    let device = fs::metadata(path).map(|found| found.rdev()).unwrap_or_default();
    let holder = holder::with_open(|found| found.file_type().is_char_device() && found.rdev() == device);
    let by = holder.map(|holder| format!(" by {holder}")).unwrap_or_default();
    PortError::InUse { path: path.to_owned(), by }
}
