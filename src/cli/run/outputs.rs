//! Starts the outputs: serial line, display, buttons, keys and metrics, each on its own thread.

use std::thread::JoinHandle;

use crate::cli::failure::{Blame, Failure};
use crate::config::{Config, DisplayKind, SerialPort};
use crate::outputs::hardware::{self, keys};
use crate::outputs::serial::port::Port;
use crate::outputs::serial::sent::SentMark;
use crate::outputs::{display, metrics, serial};
use crate::station::trouble::Part;
use crate::station::wiring::{Ports, Station};
use crate::system::stop::Stop;
use crate::system::threads::thread;

/// Connects serial line, display, buttons, keys and metrics to a station and starts them. `outputs_stop` ends them.
pub(super) fn start_outputs(
    config: &Config,
    station: &mut Station,
    sent: SentMark,
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
        monitor.queues.outbox("serial", sent.unsent(store.clone()));
    }
    start("serial", {
        let serial = serial::Serial {
            config: config.serial.clone(),
            station: config.station.name.clone(),
            newest: station.sink(),
            results: store,
            sent,
            commands: commands.clone(),
            stop: outputs_stop.clone(),
        };
        let trouble = troubles.reporter(Part::Serial);
        Box::new(move || {
            let traffic = serial::run(serial, port, trouble);
            log::debug!("serial: {traffic:?}");
        })
    })?;
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
