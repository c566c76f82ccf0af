//! Starts the outputs: serial line, MQTT, display, buttons, keys and metrics, each on its own thread.

use std::path::Path;
use std::thread::JoinHandle;

use crate::cli::failure::{Blame, Failure};
use crate::config::{Broker, Config, DisplayKind, Sends, SerialPort};
use crate::outputs::delivery::Outbox;
use crate::outputs::hardware::{self, keys};
use crate::outputs::serial::port::Port;
use crate::outputs::{display, metrics, mqtt, serial};
use crate::station::trouble::Part;
use crate::station::wiring::{Ports, Station};
use crate::store::Store;
use crate::system::stop::Stop;
use crate::system::threads::thread;

/// What each receiver of results lacks.
pub(super) struct Outboxes {
    serial: Outbox,
    /// Only with a broker: one that is configured later gets the results from then on, not the whole past.
    mqtt: Option<Outbox>,
}

impl Outboxes {
    /// Opens those of the configured receivers.
    ///
    /// # Errors
    /// If the disk fails.
    pub(super) fn open(config: &Config, state: &Path, store: &Store) -> Result<Self, Failure> {
        let open = |receiver, sends| Outbox::open(state, receiver, sends, store).blame_input();
        let mqtt = (config.mqtt.broker != Broker::None).then(|| open("mqtt", Sends::Signed)).transpose()?;
        Ok(Self { serial: open("serial", Sends::All)?, mqtt })
    }
}

/// Connects serial line, MQTT, display, buttons, keys and metrics to a station and starts them. `outputs_stop` ends them.
pub(super) fn start_outputs(
    config: &Config,
    station: &mut Station,
    outboxes: Outboxes,
    port: Option<Port>,
    outputs_stop: &Stop,
) -> Result<Vec<JoinHandle<()>>, Failure> {
    let Ports { commands, store, troubles, monitor, stop, .. } = station.ports().clone();
    let mut threads = Vec::new();
    let mut start = |name, body: Box<dyn FnOnce() + Send>| -> Result<(), Failure> {
        threads.push(thread(name, body).blame_run()?);
        Ok(())
    };
    if config.serial.port != SerialPort::None {
        monitor.queues.outbox("serial", outboxes.serial.unsent());
    }
    start("serial", {
        let serial = serial::Serial {
            config: config.serial.clone(),
            station: config.station.name.clone(),
            newest: station.sink(),
            results: store,
            outbox: outboxes.serial,
            commands: commands.clone(),
            stop: outputs_stop.clone(),
        };
        let trouble = troubles.reporter(Part::Serial);
        Box::new(move || {
            let traffic = serial::run(serial, port, trouble);
            log::debug!("serial: {traffic:?}");
        })
    })?;
    if let Some(outbox) = outboxes.mqtt {
        monitor.queues.outbox("mqtt", outbox.unsent());
        let mqtt = mqtt::Mqtt {
            config: config.mqtt.clone(),
            station: config.station.name.clone(),
            newest: station.sink(),
            outbox,
            commands: commands.clone(),
            drops: monitor.drops.clone(),
            stop: outputs_stop.clone(),
        };
        let trouble = troubles.reporter(Part::Mqtt);
        start(
            "mqtt",
            Box::new(move || {
                let traffic = mqtt::run(mqtt, trouble);
                log::debug!("mqtt: {traffic:?}");
            }),
        )?;
    }
    start("display", {
        let (display, newest, ends) = (config.display.clone(), station.sink(), outputs_stop.clone());
        let trouble = troubles.reporter(Part::Display);
        Box::new(move || display::run(&display, &newest, &ends, &trouble))
    })?;
    start("controls", {
        let (controls, newest, ends) = (config.controls.clone(), station.sink(), outputs_stop.clone());
        let (commands, trouble) = (commands.clone(), troubles.reporter(Part::Controls));
        Box::new(move || hardware::run(&controls, &newest, &commands, &ends, &trouble))
    })?;
    start("metrics", {
        let (metrics, ends) = (config.metrics.clone(), outputs_stop.clone());
        let trouble = troubles.reporter(Part::Metrics);
        Box::new(move || metrics::run(&metrics, &monitor, &ends, &trouble))
    })?;
    if config.display.kind == DisplayKind::Terminal {
        start("keys", Box::new(move || keys::run(&commands, &stop)))?;
    }
    Ok(threads)
}
