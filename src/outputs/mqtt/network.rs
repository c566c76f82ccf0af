//! The network side of one connection: a task moves bytes and passes on what the broker sends.

use std::future::Future;
use std::pin::pin;

use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Packet, QoS, TlsConfiguration, Transport,
};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::access::Access;
use super::topics::Topics;
use crate::config::BrokerAddress;

/// Most messages queued for the network at once; what finds no room is dropped, except results, which wait.
const MOST_WAITING: usize = 32;

/// Most messages sent and not acknowledged at once.
const MOST_UNDER_WAY: u16 = 16;

/// Largest packet that the broker may send, bytes; commands are far shorter.
const LARGEST_PACKET: u32 = 8192;

/// Seconds of silence after which the station asks whether the broker is there. The broker takes a silent station for
/// lost after one and a half times as long, and publishes its last will.
const KEEP_ALIVE: u16 = 10;

/// What the network task hears.
pub(super) type Heard = Result<Packet, ConnectionError>;

/// How the station presents itself to the broker.
pub(super) fn options(topics: &Topics, address: &BrokerAddress, user: Option<&str>, access: Access) -> MqttOptions {
    let mut options = MqttOptions::new(topics.client(), (address.host.as_str(), address.port));
    options.set_keep_alive(KEEP_ALIVE).set_clean_start(true).set_max_packet_size(Some(LARGEST_PACKET));
    options.set_outgoing_inflight_upper_limit(MOST_UNDER_WAY);
    options.set_last_will(LastWill::new(topics.availability(), "offline", QoS::AtLeastOnce, true, None));
    match (user, access.password) {
        (Some(user), Some(password)) => drop(options.set_credentials(user, password)),
        (Some(user), None) => drop(options.set_username(user)),
        _ => {}
    }
    if let Some(tls) = access.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
    }
    options
}

/// Opens a connection: the client takes what is to be sent, the receiver gives what the broker sends. Dropping the network
/// cuts it.
pub(super) fn open(options: MqttOptions) -> (AsyncClient, Receiver<Heard>, Network) {
    let (client, events) = AsyncClient::builder(options).capacity(MOST_WAITING).build();
    let (sender, heard) = channel(MOST_WAITING);
    (client, heard, Network(tokio::spawn(listen(events, sender))))
}

/// What `work` gives, unless the connection ends or `until` comes first.
pub(super) async fn in_time<T>(
    work: impl Future<Output = T>,
    heard: &mut Receiver<Heard>,
    until: Instant,
) -> Option<T> {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            packet = heard.recv() => if !matches!(packet, Some(Ok(_))) { return None },
            () = sleep_until(until) => return None,
        }
    }
}

/// The task that moves bytes, ended with its connection.
#[derive(Debug)]
pub(super) struct Network(JoinHandle<()>);

impl Drop for Network {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Moves bytes and passes on what the broker sends. A slow reader of `heard` slows the broker down.
async fn listen(mut events: EventLoop, heard: Sender<Heard>) {
    loop {
        let packet = match events.poll().await {
            Ok(Event::Incoming(packet)) => Ok(packet),
            Ok(_) => continue,
            Err(problem) => Err(problem),
        };
        let ends = packet.is_err();
        if heard.send(packet).await.is_err() || ends {
            return;
        }
    }
}
