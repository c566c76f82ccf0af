//! What shows a count and takes requests: serial lines, display, buttons, keys and metrics, each on a thread of its own.

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::Sender;

use super::thread;
use crate::cli::failure::Failure;
use crate::config::{Config, DisplayKind};
use crate::counting::session::snapshot::{Command, Snapshot};
use crate::outputs::hardware::{self, keys};
use crate::outputs::serial::port::Port;
use crate::outputs::serial::sent::SentMark;
use crate::outputs::{display, metrics, serial};
use crate::station::trouble::{Part, Troubles};
use crate::store::Store;
use crate::system::latest::Latest;
use crate::system::stop::Stop;

/// What every sink is connected to.
pub(super) struct SinkPorts {
    pub(super) commands: Sender<Command>,
    /// Ends the program.
    pub(super) stop: Stop,
    /// Ends the sinks: later, so that the last result still gets out.
    pub(super) sinks_stop: Stop,
    pub(super) troubles: Troubles,
}

/// Starts serial lines, display, buttons and keys, each on a thread of its own.
pub(super) fn start_sinks(
    config: &Config,
    newest: &[Latest<Arc<Snapshot>>; 4],
    store: &Store,
    sent: SentMark,
    port: Option<Port>,
    ends: &SinkPorts,
) -> Result<Vec<JoinHandle<()>>, Failure> {
    let SinkPorts { commands, stop, sinks_stop, troubles } = ends;
    let [for_display, for_serial, for_controls, for_metrics] = newest.clone();
    let mut sinks = vec![thread("serial", {
        let serial = serial::Serial {
            config: config.serial.clone(),
            station: config.station.name.clone(),
            newest: for_serial,
            results: store.clone(),
            sent,
            commands: commands.clone(),
            stop: sinks_stop.clone(),
        };
        let trouble = troubles.teller(Part::Serial);
        move || {
            let traffic = serial::run(serial, port, trouble);
            log::debug!("serial: {traffic:?}");
        }
    })?];
    sinks.push(thread("display", {
        let (display, stop, trouble) = (config.display.clone(), sinks_stop.clone(), troubles.teller(Part::Display));
        move || display::run(&display, &for_display, &stop, &trouble)
    })?);
    sinks.push(thread("controls", {
        let (controls, stop, trouble) = (config.controls.clone(), sinks_stop.clone(), troubles.teller(Part::Controls));
        let commands = commands.clone();
        move || hardware::run(&controls, &for_controls, &commands, &stop, &trouble)
    })?);
    sinks.push(thread("metrics", {
        let (metrics, stop, trouble) = (config.metrics.clone(), sinks_stop.clone(), troubles.teller(Part::Metrics));
        move || metrics::run(&metrics, &for_metrics, &stop, &trouble)
    })?);
    if config.display.kind == DisplayKind::Terminal {
        let (commands, stop) = (commands.clone(), stop.clone());
        sinks.push(thread("keys", move || keys::run(&commands, &stop))?);
    }
    Ok(sinks)
}
