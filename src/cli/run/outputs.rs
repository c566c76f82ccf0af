//! Starts the outputs: serial line, laboratory systems, display, buttons, keys and metrics, each on its own thread.

use std::thread::JoinHandle;

use crate::cli::failure::{Blame, Failure};
use crate::config::{Config, DisplayKind, SerialPort};
use crate::outputs::astm::message::Sender;
use crate::outputs::astm::wire::Opener;
use crate::outputs::astm::{self, Astm};
use crate::outputs::delivery::Outbox;
use crate::outputs::hardware::{self, keys};
use crate::outputs::serial::port::Port;
use crate::outputs::{display, metrics, serial};
use crate::station::trouble::Part;
use crate::station::wiring::{Ports, Station};
use crate::station::worklist::Worklist;
use crate::system::stop::Stop;
use crate::system::threads::thread;

/// Where results go, each way with what its receiver lacks.
pub(super) struct Results {
    pub(super) outbox: Outbox,
    /// The serial line, if it is there already.
    pub(super) port: Option<Port>,
    pub(super) laboratories: Vec<(Opener, Outbox)>,
}

/// Connects serial line, display, buttons, keys and metrics to a station and starts them. `outputs_stop` ends them.
pub(super) fn start_outputs(
    config: &Config,
    station: &mut Station,
    Results { outbox, port, laboratories }: Results,
    outputs_stop: &Stop,
) -> Result<Vec<JoinHandle<()>>, Failure> {
    let Ports { commands, store, in_force, troubles, monitor, stop, .. } = station.ports().clone();
    let mut threads = Vec::new();
    let mut start = |name, body: Box<dyn FnOnce() + Send>| -> Result<(), Failure> {
        threads.push(thread(name, body).blame_run()?);
        Ok(())
    };
    if config.serial.port != SerialPort::None {
        monitor.queues.outbox("serial", outbox.unsent());
    }
    start("serial", {
        let serial = serial::Serial {
            config: config.serial.clone(),
            station: config.station.name.clone(),
            newest: station.sink(),
            results: store.clone(),
            outbox,
            commands: commands.clone(),
            stop: outputs_stop.clone(),
        };
        let trouble = troubles.reporter(Part::Serial);
        Box::new(move || {
            let traffic = serial::run(serial, port, trouble);
            log::debug!("serial: {traffic:?}");
        })
    })?;
    for (opener, outbox) in laboratories {
        monitor.queues.outbox(outbox.receiver(), outbox.unsent());
        let part = if opener.route().is_serial() { Part::AstmSerial } else { Part::AstmTcp };
        let astm = Astm {
            config: config.astm.clone(),
            sender: Sender {
                station: config.station.name.clone(),
                receiver: config.astm.receiver.clone(),
                charset: config.astm.charset,
                codes: config.codes.clone(),
            },
            opener,
            outbox,
            store: store.clone(),
            worklist: Worklist::new(store.clone(), in_force.clone()),
            stop: outputs_stop.clone(),
        };
        let trouble = troubles.reporter(part);
        start(
            "astm",
            Box::new(move || {
                astm::run(astm, trouble);
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
