//! The connections to laboratory systems: opened with everything else that can be wrong at the start, each on a thread of
//! its own.

use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;

use crate::cli::failure::{Blame, Failure};
use crate::config::{Config, HostAddress};
use crate::outputs::astm::wire::{Opener, Route};
use crate::outputs::astm::{self, Astm, message};
use crate::outputs::delivery::Outbox;
use crate::outputs::delivery::courier::Courier;
use crate::outputs::fhir;
use crate::outputs::hl7;
use crate::outputs::hl7::listener::Listener;
use crate::outputs::hl7::sender::Sender;
use crate::station::trouble::Part;
use crate::station::wiring::Ports;
use crate::station::worklist::Worklist;
use crate::store::Store;
use crate::system::stop::Stop;
use crate::system::threads::thread;

/// What is configured, opened and not started.
pub(super) struct Connections {
    /// Ways to ASTM hosts, each with its own outbox.
    astm: Vec<(Opener, Outbox)>,
    hl7: Option<Courier>,
    orders: Option<Listener>,
    fhir: Option<(Courier, fhir::Receiver)>,
}

impl Connections {
    /// Opens what is configured.
    ///
    /// # Errors
    /// With exit code 2 if a file or an address cannot be used.
    pub(super) fn open(config: &Config, state: &Path, store: &Store) -> Result<Self, Failure> {
        let astm = &config.astm;
        let routes = Route::of(&astm.port, astm.baud, &astm.tcp).into_iter();
        let astm = routes.map(|(name, route)| {
            let outbox = Outbox::open(state, name, astm.send, store).blame_input()?;
            Ok((Opener::new(route).blame_input()?, outbox))
        });
        let astm = astm.collect::<Result<_, Failure>>()?;
        let courier = |name, sends| Courier::open(state, name, sends, store).blame_input();
        hl7::check(&config.hl7).blame_input()?;
        let hl7 = match config.hl7.host {
            HostAddress::None => None,
            HostAddress::At { .. } => Some(courier("hl7", config.hl7.send)?),
        };
        let orders = Listener::open(&config.hl7).blame_input()?;
        let fhir = match fhir::Receiver::open(&config.fhir).blame_input()? {
            None => None,
            Some(receiver) => Some((courier("fhir", config.fhir.send)?, receiver)),
        };
        Ok(Self { astm, hl7, orders, fhir })
    }

    /// Where ASTM hosts may call.
    pub(super) fn called_at(&self) -> Vec<SocketAddr> {
        self.astm.iter().filter_map(|(opener, _)| opener.listens_at()).collect()
    }

    /// Where orders are taken.
    pub(super) fn orders_at(&self) -> Option<SocketAddr> {
        self.orders.as_ref().map(Listener::address)
    }

    /// Starts their threads; `stop` ends them.
    pub(super) fn start(self, config: &Config, ports: &Ports, stop: &Stop) -> Result<Vec<JoinHandle<()>>, Failure> {
        let mut threads = Vec::new();
        for (opener, outbox) in self.astm {
            ports.monitor.queues.outbox(outbox.receiver(), outbox.unsent());
            let part = if opener.route().is_serial() { Part::AstmSerial } else { Part::AstmTcp };
            let astm = Astm {
                config: config.astm.clone(),
                sender: message::Sender {
                    station: config.station.name.clone(),
                    receiver: config.astm.receiver.clone(),
                    charset: config.astm.charset,
                    codes: config.codes.clone(),
                },
                opener,
                outbox,
                store: ports.store.clone(),
                worklist: Worklist::new(ports.store.clone(), ports.in_force.clone()),
                stop: stop.clone(),
            };
            let trouble = ports.troubles.reporter(part);
            let body = move || {
                astm::run(astm, trouble);
            };
            threads.push(thread("astm", body).blame_run()?);
        }
        if let Some(courier) = self.hl7 {
            ports.monitor.queues.outbox("hl7", courier.unsent());
            let (hl7, codes, store) = (config.hl7.clone(), config.codes.clone(), ports.store.clone());
            let mut sender = Sender::new(hl7, codes, store, stop.clone()).blame_input()?;
            let (stop, trouble) = (stop.clone(), ports.troubles.reporter(Part::Hl7));
            let body = move || courier.run(&stop, |result| sender.send(result), trouble);
            threads.push(thread("hl7", body).blame_run()?);
        }
        if let Some(listener) = self.orders {
            let worklist = Worklist::new(ports.store.clone(), ports.in_force.clone());
            let (stop, trouble) = (stop.clone(), ports.troubles.reporter(Part::Orders));
            threads.push(thread("hl7-orders", move || listener.run(&worklist, &stop, trouble)).blame_run()?);
        }
        if let Some((courier, receiver)) = self.fhir {
            ports.monitor.queues.outbox("fhir", courier.unsent());
            let (codes, store) = (config.codes.clone(), ports.store.clone());
            let (stop, trouble) = (stop.clone(), ports.troubles.reporter(Part::Fhir));
            let body = move || courier.run(&stop, |result| receiver.send(result, &store, &codes, &stop), trouble);
            threads.push(thread("fhir", body).blame_run()?);
        }
        Ok(threads)
    }
}
