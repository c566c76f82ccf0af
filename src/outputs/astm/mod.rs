//! Laboratory systems that speak ASTM: results go out of the outbox, orders come in for the worklist, queries are answered.
//!
//! [`frame`], [`link`], [`record`] and [`message`] know the standards and no device; [`wire`] moves bytes; [`run`] is the
//! thread that joins them, one for each wire. `docs/interfaces.md` shows what is sent.

pub mod frame;
pub mod link;
pub mod message;
pub mod record;
pub mod wire;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use self::link::{Happened, Link, Obstacle};
use self::message::{Asked, Picture, Sender};
use self::wire::{Opener, Wire};
use crate::config::{AstmConfig, Sends};
use crate::domain::class::Kind;
use crate::outputs::delivery::{Due, Outbox};
use crate::station::worklist::{NotOrdered, Worklist};
use crate::store::{Store, StoreError, StoredResult};
use crate::system::backoff::Backoff;
use crate::system::stop::Stop;

/// Longest wait for bytes; new results are looked for as often.
const TICK: Duration = Duration::from_millis(50);
/// Pauses before a wire is opened again.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// After the stop signal, how long a message may still take.
const GOODBYE: Duration = Duration::from_secs(3);
/// How long a caller may be silent until another one takes its place.
const SILENCE: Duration = Duration::from_secs(30);
/// Answers that wait at once; a host that asks faster than it listens loses the rest.
const MOST_ANSWERS: usize = 16;
/// Bytes that wait to be written at most: a frame at a time is on its way.
const MOST_WAITING: usize = 1 << 17;

/// Name of the host in the audit trail.
const BY: &str = "device:astm";

/// Settings and connections of one wire's thread.
#[derive(Debug)]
pub struct Astm {
    pub config: AstmConfig,
    pub sender: Sender,
    pub opener: Opener,
    /// The results that this host lacks.
    pub outbox: Outbox,
    pub store: Store,
    pub worklist: Worklist,
    pub stop: Stop,
}

/// What went over a wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Results that the host has acknowledged.
    pub results: u64,
    /// Orders and cancellations taken.
    pub orders: u64,
    /// Queries answered.
    pub queries: u64,
    /// Messages of the host that were not understood, and orders that were not taken.
    pub refused: u64,
    /// Times a message did not get through.
    pub failed: u64,
}

/// Serves the wire until the stop signal, and opens it whenever it is lost. `trouble` gets the current problem as text for a
/// person, and `None` when it works again.
pub fn run(astm: Astm, mut trouble: impl FnMut(Option<String>)) -> Traffic {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut last_problem = String::new();
    let mut line = Line::new(astm);
    let stop = line.astm.stop.clone();
    while !stop.requested() {
        match line.astm.opener.open() {
            Ok(Some(mut wire)) => {
                log::info!("ASTM with {}", wire.name());
                last_problem.clear();
                trouble(None);
                let since = Instant::now();
                let ended = line.serve(&mut wire, &mut trouble);
                if since.elapsed() > LONGEST_PAUSE {
                    backoff.reset();
                }
                if let Err(problem) = ended {
                    log::warn!("ASTM with {}: {problem}; results wait", wire.name());
                    // A caller comes and goes; a host that we call, and a cable, should be there.
                    if line.astm.opener.listens_at().is_none() {
                        trouble(Some(format!("laboratory system {} is gone: {problem}", wire.name())));
                    }
                }
            }
            Ok(None) => backoff.reset(),
            Err(problem) => {
                let problem = problem.to_string();
                if problem != last_problem {
                    log::warn!("{problem}; trying again until it works, results wait");
                    trouble(Some(problem.clone()));
                    last_problem = problem;
                }
            }
        }
        if stop.wait(backoff.pause()) {
            break;
        }
    }
    log::info!("ASTM: {:?}", line.traffic);
    line.traffic
}

/// What is being sent.
#[derive(Debug)]
enum Current {
    Result(Due),
    Answer,
}

/// State that outlives one opening of the wire.
struct Line {
    astm: Astm,
    traffic: Traffic,
    /// Messages that answer queries and orders.
    answers: VecDeque<Vec<Vec<u8>>>,
    current: Option<Current>,
    /// Results that failed since the last one that got through.
    failures: u32,
    /// Earliest time to read a result again after the store failed.
    not_before: Option<Instant>,
}

impl Line {
    fn new(astm: Astm) -> Self {
        Self {
            astm,
            traffic: Traffic::default(),
            answers: VecDeque::new(),
            current: None,
            failures: 0,
            not_before: None,
        }
    }

    /// Serves one opening of the wire: an error when it is lost, `Ok` after a stop or when another caller comes.
    fn serve(&mut self, wire: &mut Wire, trouble: &mut impl FnMut(Option<String>)) -> io::Result<()> {
        let mut link = Link::default();
        let mut heard = Instant::now();
        let mut ends: Option<Instant> = None;
        let mut buffer = [0; 4096];
        self.current = None;
        loop {
            let now = Instant::now();
            if self.astm.stop.requested() {
                let until = *ends.get_or_insert(now + GOODBYE);
                if now >= until || (link.is_idle() && (self.astm.outbox.due().is_none() || !link.is_free(now))) {
                    return Ok(());
                }
            }
            let read = wire.read(&mut buffer)?;
            if read > 0 {
                heard = now;
            }
            for happened in link.take(&buffer[..read], now).into_iter().chain(link.tick(now)) {
                let silent = happened == Happened::NotDelivered(Obstacle::NoAnswer);
                self.settle(happened, wire.name(), trouble);
                // A connection that nobody answers on may be dead; a cable has to be waited for.
                if silent && wire.is_tcp() {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, Obstacle::NoAnswer));
                }
            }
            if wire.is_tcp() && link.is_idle() && now.duration_since(heard) >= SILENCE && self.another_calls(wire) {
                heard = now;
            }
            if link.is_free(now) && link.output().is_empty() {
                self.begin(&mut link, now);
            }
            let output = link.output();
            if output.len() > MOST_WAITING {
                return Err(io::Error::other("it takes no bytes"));
            }
            let written = wire.write(output)?;
            output.drain(..written);
            let full = !output.is_empty();
            if read < buffer.len() {
                wire.wait(full, TICK)?;
            }
        }
    }

    /// Gives the place of a silent caller to another one, if one waits.
    fn another_calls(&self, wire: &mut Wire) -> bool {
        if self.astm.opener.listens_at().is_none() {
            return false;
        }
        let Ok(Some(other)) = self.astm.opener.open() else { return false };
        log::info!("ASTM with {} in place of {}, which was silent", other.name(), wire.name());
        *wire = other;
        true
    }

    /// Sends the next message: answers first, then results.
    fn begin(&mut self, link: &mut Link, now: Instant) {
        if let Some(answer) = self.answers.pop_front() {
            self.current = Some(Current::Answer);
            link.send(&answer, now);
            return;
        }
        if self.not_before.is_some_and(|time| now < time) {
            return;
        }
        let next = match self.astm.outbox.next() {
            Ok(Some((due, result))) => self.message(&result, false).map(|message| Some((due, message))),
            Ok(None) => Ok(None),
            Err(problem) => Err(problem),
        };
        match next {
            Ok(Some((due, message))) => {
                self.current = Some(Current::Result(due));
                link.send(&message, now);
            }
            Ok(None) => {}
            Err(problem) => {
                log::error!("a result cannot be sent: {problem}");
                self.not_before = Some(now + LONGEST_PAUSE);
            }
        }
    }

    fn message(&self, result: &StoredResult, asked: bool) -> Result<Vec<Vec<u8>>, StoreError> {
        let pictures = self.pictures(result)?;
        let detail = self.astm.store.session(result.session)?;
        Ok(self.astm.sender.result(result, detail.as_ref(), asked, &pictures, Timestamp::now()))
    }

    /// Pictures of the result's white cells, least certain first, as many as are wanted and kept.
    fn pictures(&self, result: &StoredResult) -> Result<Vec<Picture>, StoreError> {
        let wanted = self.astm.config.pictures as usize;
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let mut pictures = Vec::new();
        for cell in self.astm.store.cells(result.session, Some(Kind::Wbc), None)? {
            if pictures.len() == wanted {
                break;
            }
            if let (Some(class), Some(jpeg)) =
                (cell.class_in_force(), self.astm.store.crop(result.session, cell.number)?)
            {
                let jpeg = STANDARD.encode(jpeg);
                pictures.push(Picture { number: cell.number, class: class.code(), jpeg });
            }
        }
        Ok(pictures)
    }

    fn settle(&mut self, happened: Happened, with: &str, trouble: &mut impl FnMut(Option<String>)) {
        match happened {
            Happened::Delivered => {
                if let Some(Current::Result(due)) = self.current.take() {
                    self.traffic.results += 1;
                    if let Err(problem) = self.astm.outbox.delivered(due) {
                        log::warn!("{problem}; a result may be sent again after a restart");
                    }
                }
                if std::mem::take(&mut self.failures) > 0 {
                    trouble(None);
                }
            }
            Happened::NotDelivered(why) => {
                self.traffic.failed += 1;
                // An answer that nobody takes is not asked for any more.
                let current = self.current.take();
                if why == Obstacle::Contention {
                    return;
                }
                self.failures = self.failures.saturating_add(1);
                if self.failures == 1 {
                    log::warn!(
                        "ASTM with {with}: {why}; {}",
                        match current {
                            Some(Current::Answer) => "the answer is dropped",
                            _ => "the result is sent again",
                        }
                    );
                }
                // Busy once is usual.
                if self.failures > 1 || why != Obstacle::Busy {
                    trouble(Some(format!("laboratory system {with}: {why}; results wait")));
                }
            }
            Happened::Received(bytes) => self.answer(&bytes, with),
            Happened::Discarded(why) => {
                self.traffic.refused += 1;
                log::warn!("ASTM from {with}: {why}; it is discarded");
            }
        }
    }

    fn answer(&mut self, bytes: &[u8], with: &str) {
        let asked = match message::read(bytes, self.astm.config.charset) {
            Ok(asked) => asked,
            Err(problem) => {
                self.traffic.refused += 1;
                log::warn!("ASTM from {with}: {} bytes are no message: {problem}", bytes.len());
                return;
            }
        };
        for asked in asked {
            if let Err(problem) = self.follow(asked) {
                log::error!("ASTM from {with}: {problem}");
            }
        }
    }

    fn follow(&mut self, asked: Asked) -> Result<(), StoreError> {
        match asked {
            Asked::Order { sample, order_id, urgent } => {
                match self.astm.worklist.order(BY, &sample, order_id.as_deref(), urgent) {
                    Ok(_) => self.traffic.orders += 1,
                    Err(NotOrdered::Store(problem)) if !matches!(problem, StoreError::Refused(_)) => {
                        return Err(problem);
                    }
                    Err(problem) => {
                        self.traffic.refused += 1;
                        let why = problem.to_string();
                        log::warn!("ASTM: the order of sample {sample:?} is not taken: {why}");
                        self.push(self.astm.sender.refused_order(&sample, &why, Timestamp::now()));
                    }
                }
            }
            Asked::Cancel { sample, order_id } => {
                self.astm.worklist.cancel(BY, &sample, order_id.as_deref())?;
                self.traffic.orders += 1;
            }
            Asked::Query { sample } => {
                let signed_only = self.astm.config.send == Sends::Signed;
                let answer = match self.astm.store.latest_result(&sample, signed_only)? {
                    Some(result) => self.message(&result, true)?,
                    None => self.astm.sender.unknown_sample(&sample, Timestamp::now()),
                };
                self.traffic.queries += 1;
                self.push(answer);
            }
        }
        Ok(())
    }

    fn push(&mut self, answer: Vec<Vec<u8>>) {
        if self.answers.len() < MOST_ANSWERS {
            self.answers.push_back(answer);
        } else {
            log::warn!("ASTM: the host asks faster than it listens; an answer is dropped");
        }
    }
}
