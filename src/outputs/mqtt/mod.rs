//! MQTT: tells a broker of this station's availability, state, flags and signed results, and takes commands if allowed.
//!
//! `docs/interfaces.md` describes topics and messages for the receiving end. [`topics`] and `message` make them without
//! any network, `discovery` makes those of Home Assistant, `access` reads password and certificates, `network` moves
//! bytes, `link` serves one connection, and [`run`] is the thread that keeps one open.
//!
//! A result counts as delivered once the broker has acknowledged it and says that somebody has subscribed; one is under
//! way at a time. Everything else may be lost: of live updates only the newest counts. Each connection is a new client
//! with an empty queue, so nothing grows while the broker is away.

pub mod topics;

mod access;
mod discovery;
mod link;
mod message;
mod network;
mod words;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::access::Access;
pub use self::access::AccessError;
use self::link::{Ended, Link};
use crate::config::{Broker, BrokerAddress, MqttConfig};
use crate::counting::session::snapshot::Snapshot;
use crate::outputs::delivery::Outbox;
use crate::station::drops::Drops;
use crate::station::requests::Commands;
use crate::system::backoff::Backoff;
use crate::system::latest::Latest;
use crate::system::stop::Stop;

/// First pause before another try to connect, and the longest one. Each is shortened by chance, so that the stations of
/// a laboratory do not all come back in one moment.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// How often new states and results are looked for.
const TICK: Duration = Duration::from_millis(100);

/// Settings and connections of the MQTT thread.
#[derive(Debug)]
pub struct Mqtt {
    pub config: MqttConfig,
    pub station: String,
    /// The newest state of the session.
    pub newest: Latest<Arc<Snapshot>>,
    /// The results that the broker lacks.
    pub outbox: Outbox,
    /// Takes commands, if they are allowed.
    pub commands: Commands,
    /// Counts dropped updates.
    pub drops: Drops,
    /// Stop signal for the thread.
    pub stop: Stop,
}

/// Traffic counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections that the broker accepted.
    pub connections: u64,
    /// Results acknowledged.
    pub results: u64,
    /// Live updates passed on to the network.
    pub updates: u64,
    /// Live updates dropped because the broker was away or slow.
    pub dropped: u64,
    /// Commands carried out.
    pub commands: u64,
    /// Commands refused or ignored.
    pub refused: u64,
}

/// Checks that password and certificates can be read.
///
/// # Errors
/// If one cannot, or is not what it should be.
pub fn check(config: &MqttConfig) -> Result<(), AccessError> {
    if config.broker == Broker::None { Ok(()) } else { Access::read(config).map(drop) }
}

/// What passes over the network in clear text, if anything does; nothing if the broker is on this machine.
#[must_use]
pub fn in_clear(config: &MqttConfig) -> Option<String> {
    let Broker::At(address) = &config.broker else { return None };
    if address.tls || address.is_here() {
        return None;
    }
    let password = if config.password_file.is_some() { "the password and " } else { "" };
    Some(format!("{address} is not encrypted: {password}sample ids with their results can be read on the network"))
}

/// Keeps a connection to the broker until the stop signal. `trouble` gets the current problem as text for a person, and
/// `None` when it works again.
///
/// After the stop the broker is told that the station is offline; the thread ends within 2 s whatever hangs.
pub fn run(mqtt: Mqtt, trouble: impl FnMut(Option<String>) + 'static) -> Traffic {
    let Broker::At(address) = mqtt.config.broker.clone() else { return Traffic::default() };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(problem) => return never_began(&problem, trouble),
    };
    if let Some(words) = in_clear(&mqtt.config) {
        log::warn!("{words}; see [mqtt] broker");
    }
    let stop = mqtt.stop.clone();
    let mut link = Link::new(mqtt, Box::new(trouble));
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    while !stop.requested() {
        let began = Instant::now();
        let problem = match Access::read(&link.mqtt.config) {
            Ok(access) => match runtime.block_on(link.serve(&address, access)) {
                Ended::Stopped => break,
                Ended::Lost(problem) => of_broker(&address, &problem),
            },
            Err(problem) => problem.to_string(),
        };
        link.report(Some(problem));
        // A broker that keeps coming and going must not be called just as fast.
        if began.elapsed() > PAUSES.1 {
            backoff.reset();
        }
        let until = Instant::now() + backoff.pause().mul_f64(0.5 + fastrand::f64() / 2.0);
        while Instant::now() < until && !stop.wait(TICK) {
            link.drop_update();
        }
    }
    // Looking up a name cannot be cut short; nothing waits for it.
    runtime.shutdown_background();
    let traffic = link.traffic;
    log::info!(
        "mqtt: {} connections, {} results acknowledged, {} updates sent, {} dropped, {} commands, {} refused",
        traffic.connections,
        traffic.results,
        traffic.updates,
        traffic.dropped,
        traffic.commands,
        traffic.refused
    );
    traffic
}

/// A problem with the broker that names it.
fn of_broker(address: &BrokerAddress, problem: &str) -> String {
    format!("the broker {address} {problem}")
}

fn never_began(problem: &io::Error, mut trouble: impl FnMut(Option<String>)) -> Traffic {
    let words = format!("MQTT cannot begin: {problem}");
    log::error!("{words}");
    trouble(Some(words));
    Traffic::default()
}
