//! One connection to the broker.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::v5::Filter;
use rumqttc::{
    AsyncClient, Packet, PubAckReason, Publish, PublishNoticeError, PublishResult, QoS, RetainForwardRule,
    SubscribeReasonCode,
};
use tokio::sync::mpsc::Receiver;

use super::access::Access;
use super::message::{Done, Messages, carry_out, requests};
use super::network::{self, Heard, in_time};
use super::topics::Topics;
use super::{Mqtt, TICK, Traffic, discovery, of_broker, words};
use crate::config::BrokerAddress;
use crate::counting::session::snapshot::Snapshot;
use crate::domain::flag::Flag;
use crate::outputs::delivery::{Difference, Due, Finals};
use crate::station::drops::Dropped;

/// Longest time for an acknowledgement of a result before the connection is taken for dead.
const ACK_PATIENCE: Duration = Duration::from_secs(20);

/// A connection that lasts less is a short one; longer than the longest pause between two.
const SHORT: Duration = Duration::from_secs(15);

/// Pause before a result that could not be read, or was not taken, is tried again.
const RESULT_PAUSE: Duration = Duration::from_secs(5);

/// Shortest interval between two messages about refused commands.
const ERROR_PACE: Duration = Duration::from_secs(1);

/// After the stop signal, how long the last words may take in all.
const GOODBYE: Duration = Duration::from_millis(1500);

/// How a connection ended.
pub(super) enum Ended {
    /// The stop signal came.
    Stopped,
    /// In words that follow the broker's name.
    Lost(String),
}

type Acknowledgement = Pin<Box<dyn Future<Output = Result<PublishResult, PublishNoticeError>>>>;

/// A result on its way.
struct Sent {
    due: Due,
    acknowledgement: Acknowledgement,
    since: Instant,
}

/// State that outlives one connection.
pub(super) struct Link {
    pub(super) mqtt: Mqtt,
    pub(super) traffic: Traffic,
    topics: Topics,
    messages: Messages,
    trouble: Box<dyn FnMut(Option<String>)>,
    /// The trouble reported last.
    reported: Option<String>,
    state: Option<Arc<Snapshot>>,
    /// State of the last update, and sample and flags published last.
    sent: Option<Arc<Snapshot>>,
    flags: Option<(String, Vec<Flag>)>,
    finals: Finals,
    /// Earliest time of the next update.
    next_update: Instant,
    /// Earliest time of the next message about a refused command.
    next_error: Instant,
    /// Earliest time of the next result.
    next_result: Instant,
    /// Connections in a row that were lost soon after they began.
    short: u32,
    /// Results wait because nobody has subscribed.
    unheard: bool,
}

impl Link {
    pub(super) fn new(mqtt: Mqtt, trouble: Box<dyn FnMut(Option<String>)>) -> Self {
        let now = Instant::now();
        Self {
            traffic: Traffic::default(),
            topics: Topics::new(&mqtt.config.topic, &mqtt.station),
            messages: Messages::new(mqtt.station.clone()),
            trouble,
            reported: None,
            state: None,
            sent: None,
            flags: None,
            finals: Finals::default(),
            next_update: now,
            next_error: now,
            next_result: now,
            short: 0,
            unheard: false,
            mqtt,
        }
    }

    /// Reports a problem, or its end; each is logged once.
    pub(super) fn report(&mut self, words: Option<String>) {
        if words == self.reported {
            return;
        }
        match &words {
            Some(words) => log::warn!("{words}; trying again until it works"),
            None => log::info!("mqtt: works again"),
        }
        (self.trouble)(words.clone());
        self.reported = words;
    }

    /// Makes a connection and serves it until it is lost or the stop signal comes.
    pub(super) async fn serve(&mut self, address: &BrokerAddress, access: Access) -> Ended {
        let options = network::options(&self.topics, address, self.mqtt.config.user.as_deref(), access);
        let (client, mut heard, _network) = network::open(options);
        let mut connected: Option<Instant> = None;
        let mut sent: Option<Sent> = None;
        loop {
            if self.mqtt.stop.requested() {
                if connected.is_some() {
                    self.goodbye(&client, heard, sent).await;
                }
                return Ended::Stopped;
            }
            tokio::select! {
                biased;
                acknowledged = acknowledgement(&mut sent) => {
                    if let Some(Sent { due, .. }) = sent.take() {
                        self.settle(due, acknowledged, address);
                    }
                }
                packet = heard.recv() => match packet {
                    Some(Ok(Packet::ConnAck(_))) => {
                        connected = Some(Instant::now());
                        log::info!("mqtt: connected to {address}");
                        self.connected(&client);
                    }
                    Some(Ok(Packet::Publish(publish))) => {
                        if publish.topic != self.topics.command() || !self.mqtt.config.commands {
                            return Ended::Lost("sends messages that nobody asked for".to_owned());
                        }
                        self.commanded(&client, &publish);
                    }
                    Some(Ok(Packet::SubAck(answer))) if answer.return_codes.iter().any(|code| !is_granted(*code)) => {
                        log::warn!("{}", of_broker(address, "lets this station take no commands"));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(problem)) => {
                        let words = words::of_connection(&problem);
                        return Ended::Lost(self.lost(connected, &words));
                    }
                    None => return Ended::Lost("was lost by a bug of the MQTT library".to_owned()),
                },
                () = tokio::time::sleep(TICK) => {}
            }
            self.state = self.mqtt.newest.take(Duration::ZERO).or(self.state.take());
            if connected.is_none() {
                self.drop_update();
                continue;
            }
            self.publish_state(&client);
            if sent.is_none() {
                sent = self.publish_result(&client);
            } else if sent.as_ref().is_some_and(|sent| sent.since.elapsed() > ACK_PATIENCE) {
                return Ended::Lost("acknowledges no results".to_owned());
            }
        }
    }

    /// Words for a connection lost `since` it began, if it did.
    fn lost(&mut self, since: Option<Instant>, words: &str) -> String {
        let Some(since) = since else { return words.to_owned() };
        self.short = if since.elapsed() < SHORT { self.short + 1 } else { 0 };
        if self.short > 1 { words::of_short_ones(words) } else { words.to_owned() }
    }

    /// What a broker hears first. It may have forgotten everything.
    fn connected(&mut self, client: &AsyncClient) {
        self.traffic.connections += 1;
        self.report(None);
        (self.sent, self.flags) = (None, None);
        self.next_result = Instant::now();
        retain(client, self.topics.availability(), "online".to_owned());
        let config = &self.mqtt.config;
        if config.discovery {
            for (topic, payload) in discovery::entities(&self.topics, &self.mqtt.station, config.commands) {
                retain(client, topic, payload);
            }
        }
        if config.commands {
            // A command that a broker kept would begin a count at each connection.
            let filter = Filter {
                retain_forward_rule: RetainForwardRule::Never,
                preserve_retain: true,
                ..Filter::new(self.topics.command(), QoS::AtMostOnce)
            };
            if let Err(problem) = client.try_subscribe_many([filter]) {
                log::warn!("mqtt: commands cannot be taken: {problem}");
            }
        }
    }

    /// Publishes the state if it changed and its time has come, and the flags if they changed.
    fn publish_state(&mut self, client: &AsyncClient) {
        let Some(state) = self.state.as_ref().map(|state| self.finals.applied_to(state)) else { return };
        let now = Instant::now();
        let change = Difference::between(self.sent.as_deref(), &state);
        if change == Difference::None || (change == Difference::Small && now < self.next_update) {
            return;
        }
        let flagged = (state.sample.clone(), state.flags.clone());
        if self.flags.as_ref() != Some(&flagged) && retain(client, self.topics.flags(), self.messages.flags(&state)) {
            self.flags = Some(flagged);
        }
        let payload = self.messages.state(&state);
        // Only the newest state counts, so a lost one needs no second try.
        if client.try_publish(self.topics.state(), QoS::AtMostOnce, true, payload).is_ok() {
            self.traffic.updates += 1;
            self.next_update = now + self.interval();
            self.sent = Some(state);
        } else if now >= self.next_update {
            self.next_update = now + self.interval();
            self.count_drop();
        }
    }

    /// Gives up an update for which there is no connection.
    pub(super) fn drop_update(&mut self) {
        self.state = self.mqtt.newest.take(Duration::ZERO).or(self.state.take());
        let now = Instant::now();
        if let Some(state) = &self.state
            && now >= self.next_update
            && Difference::between(self.sent.as_deref(), state) != Difference::None
        {
            self.next_update = now + self.interval();
            // The next connection begins with the newest state in any case.
            self.sent = Some(Arc::clone(state));
            self.messages.skip();
            self.count_drop();
        }
    }

    fn count_drop(&mut self) {
        self.traffic.dropped += 1;
        self.mqtt.drops.note(Dropped::MqttUpdate);
    }

    fn interval(&self) -> Duration {
        // The config check limits it to 0.1..=3600; an unchecked config must not panic here.
        Duration::try_from_secs_f64(self.mqtt.config.interval_seconds).unwrap_or(Duration::from_secs(1))
    }

    /// Sends the next signed result that the broker lacks.
    fn publish_result(&mut self, client: &AsyncClient) -> Option<Sent> {
        let now = Instant::now();
        if now < self.next_result {
            return None;
        }
        let (due, result) = match self.mqtt.outbox.next() {
            Ok(next) => next?,
            Err(problem) => {
                log::error!("a result cannot be sent: {problem}");
                self.next_result = now + RESULT_PAUSE;
                return None;
            }
        };
        let payload = self.messages.result(&result);
        // A full queue has room again at one of the next ticks.
        let notice = client.try_publish_tracked(self.topics.result(), QoS::AtLeastOnce, false, payload).ok()?;
        if result.signature.is_some() {
            self.finals.tell(result.snapshot);
        }
        Some(Sent { due, acknowledgement: Box::pin(notice.wait_async()), since: now })
    }

    /// Moves the mark past a result that was taken; one that was not stays due.
    fn settle(&mut self, due: Due, acknowledged: Result<PublishResult, PublishNoticeError>, address: &BrokerAddress) {
        let later = Instant::now() + RESULT_PAUSE;
        match acknowledged {
            Ok(PublishResult::Qos1(answer)) if answer.reason == PubAckReason::Success => {
                self.traffic.results += 1;
                self.unheard = false;
                self.report(None);
                if let Err(problem) = self.mqtt.outbox.delivered(due) {
                    log::warn!("{problem}; a result may be sent again after a restart");
                }
            }
            Ok(PublishResult::Qos1(answer)) if answer.reason == PubAckReason::NoMatchingSubscribers => {
                self.next_result = later;
                if !std::mem::replace(&mut self.unheard, true) {
                    log::warn!(
                        "mqtt: nobody has subscribed to {}; results wait until somebody has",
                        self.topics.result()
                    );
                }
            }
            Ok(PublishResult::Qos1(answer)) => {
                self.next_result = later;
                self.report(Some(of_broker(address, &words::of_result(answer.reason, &self.topics.result()))));
            }
            // The connection is lost, and with it the acknowledgement: the result goes out again over the next one.
            Ok(_) | Err(_) => self.next_result = later,
        }
    }

    fn commanded(&mut self, client: &AsyncClient, publish: &Publish) {
        if publish.retain {
            self.traffic.refused += 1;
            return self
                .refuse(client, "a retained command is not carried out; publish commands without retaining them");
        }
        for request in requests(&publish.payload) {
            match carry_out(request, &self.mqtt.commands) {
                Ok(Done::Asked) => self.traffic.commands += 1,
                Ok(Done::ShowState) => self.sent = None,
                Err(problem) => {
                    self.traffic.refused += 1;
                    self.refuse(client, &problem);
                }
            }
        }
    }

    fn refuse(&mut self, client: &AsyncClient, problem: &str) {
        let now = Instant::now();
        if now < self.next_error {
            return;
        }
        self.next_error = now + ERROR_PACE;
        log::warn!("mqtt: a command was refused: {problem}");
        let payload = self.messages.error(problem);
        if client.try_publish(self.topics.error(), QoS::AtMostOnce, false, payload).is_err() {
            self.traffic.dropped += 1;
        }
    }

    /// Publishes the last state and that the station is offline. Without an answer in time the connection is cut, and the
    /// broker publishes the last will.
    async fn goodbye(&mut self, client: &AsyncClient, mut heard: Receiver<Heard>, sent: Option<Sent>) {
        let until = tokio::time::Instant::now() + GOODBYE;
        self.state = self.mqtt.newest.take(Duration::ZERO).or(self.state.take());
        self.next_update = Instant::now();
        self.publish_state(client);
        if let Some(Sent { due, acknowledgement, .. }) = sent
            && let Some(acknowledged) = in_time(acknowledgement, &mut heard, until).await
            && matches!(&acknowledged, Ok(PublishResult::Qos1(answer)) if answer.reason == PubAckReason::Success)
        {
            self.traffic.results += 1;
            if let Err(problem) = self.mqtt.outbox.delivered(due) {
                log::warn!("{problem}; a result may be sent again after a restart");
            }
        }
        let offline = client.try_publish_tracked(self.topics.availability(), QoS::AtLeastOnce, true, "offline");
        if let Ok(notice) = offline
            && in_time(notice.wait_async(), &mut heard, until).await.is_some()
            && client.try_disconnect().is_ok()
        {
            // Ends once the disconnection is on the wire.
            in_time(pending::<()>(), &mut heard, until).await;
        }
    }
}

/// Publishes a message that the broker keeps; returns whether there was room in the queue.
fn retain(client: &AsyncClient, topic: String, payload: String) -> bool {
    client.try_publish(topic, QoS::AtLeastOnce, true, payload).is_ok()
}

fn is_granted(code: SubscribeReasonCode) -> bool {
    matches!(code, SubscribeReasonCode::Success(_))
}

/// The answer to the result on its way; never, if there is none.
async fn acknowledgement(sent: &mut Option<Sent>) -> Result<PublishResult, PublishNoticeError> {
    match sent {
        Some(sent) => sent.acknowledgement.as_mut().await,
        None => pending().await,
    }
}
