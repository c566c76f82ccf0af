//! Serial line: sends updates and results and receives requests, over a serial port or a pseudo-terminal.
//!
//! `docs/serial-protocol.md` describes the lines. [`mod@line`] renders them and [`incoming`] parses requests, both
//! without any port; [`port`] moves bytes; [`run`] is the thread that joins them.
//!
//! The thread never waits for a reader, so it cannot stall anything. If the port is full, an update is dropped and its
//! number skipped; a result waits. A result counts as sent once its bytes have left (on a pseudo-terminal: once they
//! were read). Only then does the mark on disk move, so that after a pulled cable or a restart the result goes out
//! again. On a newly opened port a line end goes first, so that half a line from before is never glued to a new one.

pub mod incoming;
pub mod line;
pub mod port;

mod columns;
mod parts;
mod queue;
mod red_cells;
mod version;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use self::incoming::{Incoming, IncomingError, Request};
use self::line::SerialMessage;
use self::port::{Port, PortError};
use self::queue::LineQueue;
use crate::config::{SerialConfig, SerialPort};
use crate::counting::session::snapshot::Snapshot;
use crate::outputs::delivery::{Difference, Finals, Outbox};
use crate::station::requests::{Asked, Commands, NotPassedOn};
use crate::store::Store;
use crate::system::backoff::Backoff;
use crate::system::latest::Latest;
use crate::system::stop::Stop;

/// Longest wait for the port; new states and results are checked as often.
const TICK: Duration = Duration::from_millis(50);

/// First pause before the port is opened again.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest such pause, and the pause before a result that the store could not read is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// After the stop signal, how long a port may take no bytes before the rest is abandoned.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// After the stop signal, how long results may still go out in all: the program ends within 5 s, and what did not go
/// out is sent after the next start.
const LONGEST_GOODBYE: Duration = Duration::from_secs(3);

/// Pause before writing to a full port again.
const FULL_PORT_PAUSE: Duration = Duration::from_millis(5);

/// Shortest interval between error lines: noise on the wire must not crowd out results.
const ERROR_PACE: Duration = Duration::from_secs(1);

/// Name of the host in the audit trail.
const BY: &str = "device:serial";

/// Settings and connections of the serial thread.
#[derive(Debug)]
pub struct Serial {
    /// Port, baud rate, line format and update interval.
    pub config: SerialConfig,
    pub station: String,
    /// The newest state of the session.
    pub newest: Latest<Arc<Snapshot>>,
    /// Stores the results.
    pub results: Store,
    /// The results that the host lacks.
    pub outbox: Outbox,
    /// Takes the host's commands.
    pub commands: Commands,
    /// Stop signal for the thread.
    pub stop: Stop,
}

/// Traffic counters of the port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Lines written whole.
    pub lines: u64,
    /// Updates and answers dropped because the port or the queue was full.
    pub dropped: u64,
    /// Results sent unasked: when counted, and when signed.
    pub results: u64,
    /// Lines from the host that were not valid requests.
    pub refused: u64,
    /// Times the port was lost.
    pub lost: u64,
}

/// Opens the port when the program starts. Returns `None` if no port is configured (`none`), or if the device is not
/// plugged in yet: [`run`] waits for it.
///
/// # Errors
/// If waiting cannot help: a file, a port in use, no permission.
pub fn open_at_start(config: &SerialConfig) -> Result<Option<Port>, PortError> {
    if config.port == SerialPort::None {
        return Ok(None);
    }
    match Port::open(config) {
        Ok(port) => Ok(Some(port)),
        Err(problem) if problem.may_pass() => {
            log::warn!("{problem}; waiting for it");
            Ok(None)
        }
        Err(problem) => Err(problem),
    }
}

/// Checks that the port can be used now or later: gives the errors of [`open_at_start`] and leaves nothing open.
///
/// # Errors
/// If waiting cannot help: a file, a port in use, no permission.
pub fn check_port(config: &SerialConfig) -> Result<(), PortError> {
    open_at_start(config).map(drop)
}

/// Serves the port until the stop signal and reopens it whenever it is lost. `port` comes from [`open_at_start`].
/// `trouble` gets the current problem as text for a person, and `None` when it works again.
///
/// After the stop, unsent results still go out as long as the port takes bytes. The thread gives up after half a second
/// without progress, and after 3 s in all.
pub fn run(serial: Serial, port: Option<Port>, mut trouble: impl FnMut(Option<String>)) -> Traffic {
    if serial.config.port == SerialPort::None {
        return Traffic::default();
    }
    let stop = serial.stop.clone();
    let mut link = Link::new(serial);
    let mut port = port;
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut last_problem = String::new();
    while !stop.requested() {
        let opened = match port.take() {
            Some(port) => Ok(port),
            None => Port::open(&link.serial.config),
        };
        match opened {
            Ok(mut open) => {
                log::info!("serial on {}", open.path().display());
                last_problem.clear();
                trouble(None);
                let since = Instant::now();
                let problem = link.serve(&mut open);
                if stop.requested() {
                    break;
                }
                // A port that keeps coming and going must not be reopened just as fast.
                if since.elapsed() > LONGEST_PAUSE {
                    backoff.reset();
                }
                link.traffic.lost += 1;
                let problem = problem.err().map_or_else(|| "closed".to_owned(), |problem| problem.to_string());
                let words = format!("serial port {} went away: {problem}", open.path().display());
                log::warn!("{words}; opening it again");
                trouble(Some(words));
            }
            Err(problem) => {
                let problem = problem.to_string();
                if problem != last_problem {
                    log::warn!("{problem}; trying again until it works");
                    trouble(Some(problem.clone()));
                    last_problem = problem;
                }
            }
        }
        if stop.wait(backoff.pause()) {
            break;
        }
    }
    let traffic = link.traffic;
    log::info!(
        "serial: {} lines written, {} dropped, {} results sent, {} lines refused, port lost {} times",
        traffic.lines,
        traffic.dropped,
        traffic.results,
        traffic.refused,
        traffic.lost
    );
    traffic
}

/// Tracks the time between the stop signal and closing the port.
struct Goodbye {
    began: Instant,
    progress: (u64, u64, u64),
    since: Instant,
}

impl Goodbye {
    fn new(now: Instant) -> Self {
        Self { began: now, progress: Default::default(), since: now }
    }

    fn is_over(&mut self, progress: (u64, u64, u64), now: Instant) -> bool {
        if progress != self.progress {
            (self.progress, self.since) = (progress, now);
        }
        now >= self.since + LAST_WORDS || now >= self.began + LONGEST_GOODBYE
    }
}

/// State that outlives one opening of the port.
struct Link {
    serial: Serial,
    queue: LineQueue,
    incoming: Incoming,
    traffic: Traffic,
    state: Option<Arc<Snapshot>>,
    /// State of the last update line, or of the final one.
    sent: Option<Arc<Snapshot>>,
    finals: Finals,
    /// Earliest time of the next update.
    next_update: Instant,
    next_error: Instant,
    /// Earliest time to read a result again after the store failed.
    next_result: Instant,
    dropping: bool,
}

impl Link {
    fn new(serial: Serial) -> Self {
        let now = Instant::now();
        let queue = LineQueue::new(serial.station.clone(), &serial.config);
        Self {
            serial,
            queue,
            incoming: Incoming::default(),
            traffic: Traffic::default(),
            state: None,
            sent: None,
            finals: Finals::default(),
            next_update: now,
            next_error: now,
            next_result: now,
            dropping: false,
        }
    }

    /// Serves one opening of the port: returns an error when the port is lost, and `Ok` after a stop.
    fn serve(&mut self, port: &mut Port) -> std::io::Result<()> {
        self.incoming.clear();
        let newest = self.serial.results.last();
        self.queue.connected(self.serial.config.port != SerialPort::Pty, newest, Timestamp::now());
        // A newly opened port gets the current state again.
        self.sent = None;
        let mut goodbye: Option<Goodbye> = None;
        let mut buffer = [0; 1024];
        loop {
            let now = Instant::now();
            if self.serial.stop.requested() {
                let idle = self.queue.is_idle() && self.serial.outbox.due().is_none();
                let left = port.on_the_wire()?;
                if idle && left == 0 {
                    return Ok(());
                }
                let progress = (self.traffic.lines, self.traffic.results, left);
                if goodbye.get_or_insert(Goodbye::new(now)).is_over(progress, now) {
                    // Closing the port would block on these bytes for as long as the kernel likes. A result among them
                    // is sent again after the next start.
                    port.discard()?;
                    return Ok(());
                }
            }
            let read = port.read(&mut buffer)?;
            for request in self.incoming.push(&buffer[..read]) {
                self.answer(request, now);
            }
            self.state = self.serial.newest.take(Duration::ZERO).or(self.state.take());
            self.settle(port.waiting()?);
            self.queue_result(now);
            self.queue_update(port.waiting()?, now);
            self.traffic.lines += self.queue.write(port)?;
            if read < buffer.len() {
                port.wait(self.queue.wants_to_write(), TICK)?;
            }
            if self.queue.wants_to_write() && port.waiting()? > 0 {
                // A full port may poll as writable and still take nothing; without this pause the loop would spin.
                std::thread::sleep(FULL_PORT_PAUSE);
            }
        }
    }

    /// Moves the mark when a result has left.
    fn settle(&mut self, waiting: u64) {
        let Some(due) = self.queue.result_left(waiting) else { return };
        self.traffic.results += 1;
        if let Err(problem) = self.serial.outbox.delivered(due) {
            log::warn!("{problem}; a result may be sent again after a restart");
        }
    }

    /// Queues the next result the host does not have; one at a time, so that each is marked as it leaves.
    fn queue_result(&mut self, now: Instant) {
        if !self.queue.may_take_result() || now < self.next_result {
            return;
        }
        match self.serial.outbox.next() {
            Ok(Some((due, result))) => {
                self.queue.push_result(&result, due, Timestamp::now());
                if result.signature.is_some() {
                    self.told_final(result.snapshot);
                }
            }
            Ok(None) => {}
            Err(problem) => {
                log::error!("a result cannot be sent: {problem}");
                self.next_result = now + LONGEST_PAUSE;
            }
        }
    }

    /// A final line tells the state of its session as well: no update follows that says the same, or the figures from before
    /// the review.
    fn told_final(&mut self, result: Snapshot) {
        self.finals.tell(result);
        if let (Some(state), Some(shown)) = (&self.state, self.shown())
            && !Arc::ptr_eq(state, &shown)
        {
            self.sent = Some(shown);
        }
    }

    /// The state; of a session with a final line, with the figures of that line.
    fn shown(&self) -> Option<Arc<Snapshot>> {
        self.state.as_ref().map(|state| self.finals.applied_to(state))
    }

    /// Queues an update if the state changed and its time has come; drops it if the previous line has not left yet.
    fn queue_update(&mut self, waiting: u64, now: Instant) {
        let Some(state) = self.shown() else { return };
        let change = Difference::between(self.sent.as_deref(), &state);
        if change == Difference::None
            || (change == Difference::Small && now < self.next_update)
            || !self.queue.greeted()
        {
            return;
        }
        if self.queue.has_bytes() || waiting > 0 {
            if now >= self.next_update {
                self.next_update = now + self.interval();
                self.queue.skip();
                self.traffic.dropped += 1;
                if !std::mem::replace(&mut self.dropping, true) {
                    log::debug!("serial: nobody reads, or too slowly; updates are dropped, results wait");
                }
            }
            return;
        }
        self.dropping = false;
        self.next_update = now + self.interval();
        self.queue.push(SerialMessage::Update(&state), Timestamp::now());
        self.sent = Some(state);
    }

    fn interval(&self) -> Duration {
        // The config check limits it to 0.1..=3600; an unchecked config must not panic here.
        Duration::try_from_secs_f64(self.serial.config.interval_seconds).unwrap_or(Duration::from_secs(1))
    }

    fn answer(&mut self, request: Result<Request, IncomingError>, now: Instant) {
        let problem = match request {
            Ok(Request::Session(command)) => match self.serial.commands.ask(Asked::by(BY, command)) {
                Ok(()) => return,
                Err(NotPassedOn::Busy) => "busy; send the request again".to_owned(),
                Err(NotPassedOn::Ending) => "the program is ending".to_owned(),
                Err(refused) => {
                    self.traffic.refused += 1;
                    refused.to_string()
                }
            },
            Ok(Request::Status) => match self.shown() {
                Some(state) => return self.push_answer(SerialMessage::Status(&state)),
                None => "there is no state yet; ask again".to_owned(),
            },
            Ok(Request::Resend(sequence)) => match self.serial.results.find(sequence) {
                Ok(Some(result)) => return self.push_answer(SerialMessage::Result(&result)),
                Ok(None) => format!("there is no result {sequence}; the newest is {}", self.serial.results.last()),
                Err(problem) => problem.to_string(),
            },
            Err(problem) => {
                self.traffic.refused += 1;
                problem.to_string()
            }
        };
        log::debug!("serial host: {problem}");
        if now >= self.next_error {
            self.next_error = now + ERROR_PACE;
            self.push_answer(SerialMessage::Error(&problem));
        }
    }

    fn push_answer(&mut self, message: SerialMessage<'_>) {
        if !self.queue.push(message, Timestamp::now()) {
            self.traffic.dropped += 1;
        }
    }
}
