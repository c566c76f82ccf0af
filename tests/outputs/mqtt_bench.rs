//! A real Mosquitto, programs that listen to it, and a running MQTT sink.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use leukoscope::config::{MqttConfig, Sends};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::outputs::delivery::Outbox;
use leukoscope::outputs::mqtt::{Mqtt, Traffic, run};
use leukoscope::station::drops::{Dropped, Drops};
use leukoscope::station::requests::{Asked, Commands};
use leukoscope::store::Store;
use leukoscope::system::latest::Latest;
use leukoscope::system::stop::Stop;
use rumqttc::{Client, ClientError, Event, MqttOptions, Packet, QoS};
use serde_json::Value;

use crate::serial_bench::{PATIENCE, done};

/// A broker that can be killed and started again with what it kept on disk.
pub(super) struct Mosquitto {
    folder: tempfile::TempDir,
    pub(super) port: u16,
    child: Child,
}

fn program() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&paths).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder: PathBuf| folder.join("mosquitto")).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("NOT TESTED with a real broker: there is no mosquitto (apt-get install mosquitto)");
    }
    found
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Mosquitto {
    /// Starts a broker that lets everybody in; `None` if there is no Mosquitto.
    pub(super) fn start() -> Option<Self> {
        Self::start_with(|_| "allow_anonymous true\n".to_owned())
    }

    /// The same with lines of its configuration, which may name files in its folder.
    pub(super) fn start_with(lines: impl FnOnce(&Path) -> String) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let lines = lines(folder.path());
        // Each change goes to disk at once, so that the broker loses nothing that it has acknowledged.
        let config = format!(
            "user root\nlistener {port} 127.0.0.1\npersistence true\npersistence_location {}/\nautosave_on_changes true\n\
             autosave_interval 1\nmax_queued_messages 0\nlog_dest none\n{lines}",
            folder.path().display()
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        let child = spawn(&program, folder.path(), port);
        Some(Self { folder, port, child })
    }

    /// Ends it without a warning.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(super) fn start_again(&mut self) {
        self.child = spawn(&program().unwrap(), self.folder.path(), self.port);
    }

    /// Stops it from running, without closing its connections.
    pub(super) fn freeze(&self) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::STOP).unwrap();
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &Path, folder: &Path, port: u16) -> Child {
    let child = Command::new(program)
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "mosquitto does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) text: String,
    pub(super) retained: bool,
}

impl Message {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|problem| panic!("{problem}: {}", self.text))
    }
}

/// A program at the other end. Its session outlives its connections and the broker.
pub(super) struct Listener {
    client: Client,
    pub(super) heard: Receiver<Message>,
}

impl Listener {
    /// Listens to everything below `topic`; returns once the broker has agreed.
    pub(super) fn start(port: u16, name: &str, topic: &str) -> Self {
        Self::start_as(port, name, topic, None)
    }

    pub(super) fn start_as(port: u16, name: &str, topic: &str, login: Option<(&str, &str)>) -> Self {
        let mut options = MqttOptions::new(name, ("127.0.0.1", port));
        options.set_clean_start(false).set_session_expiry_interval(Some(3600)).set_keep_alive(10);
        options.set_max_packet_size(Some(1 << 20));
        if let Some((user, password)) = login {
            options.set_credentials(user, password.to_owned());
        }
        let (client, mut connection) = Client::builder(options).capacity(64).build();
        let (sender, heard) = unbounded();
        let (agreed, answered) = unbounded();
        std::thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let message = Message {
                            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                            text: String::from_utf8_lossy(&publish.payload).into_owned(),
                            retained: publish.retain,
                        };
                        if sender.send(message).is_err() {
                            return;
                        }
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(agreed.send(())),
                    Ok(_) => {}
                    Err(_) => std::thread::sleep(Duration::from_millis(50)),
                }
            }
        });
        client.subscribe(topic, QoS::AtLeastOnce).unwrap();
        answered.recv_timeout(PATIENCE).expect("the broker agrees to the subscription");
        Self { client, heard }
    }

    pub(super) fn say(&self, topic: &str, payload: impl Into<Vec<u8>>, retain: bool) {
        let said: Result<(), ClientError> = self.client.publish(topic, QoS::AtLeastOnce, retain, payload.into());
        said.unwrap();
    }

    /// The next message on this topic, and others passed over.
    pub(super) fn next(&self, topic: &str) -> Message {
        self.next_where(topic, |_| true)
    }

    pub(super) fn next_where(&self, topic: &str, fits: impl Fn(&Message) -> bool) -> Message {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let message = self.heard.recv_timeout(left).unwrap_or_else(|_| panic!("nothing that fits came on {topic}"));
            if message.topic == topic && fits(&message) {
                return message;
            }
        }
    }

    /// Waits for as many different results; returns the numbers of their signatures in the order of arrival.
    pub(super) fn results(&self, topic: &str, different: usize) -> Vec<u64> {
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        while seen.len() < different {
            let result = self.next(topic).json();
            assert_eq!(result["type"], "final");
            let number = result["result"].as_u64().unwrap();
            order.push(number);
            seen.insert(number);
        }
        order
    }
}

/// A running sink with its inputs.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) newest: Latest<Arc<Snapshot>>,
    pub(super) store: Store,
    pub(super) commands: Receiver<Asked>,
    pub(super) troubles: Arc<Mutex<Vec<Option<String>>>>,
    pub(super) drops: Drops,
    stop: Stop,
    thread: JoinHandle<Traffic>,
}

/// A connection to this port of this machine, as fast as a test wants it.
pub(super) fn config(port: u16) -> MqttConfig {
    MqttConfig {
        broker: format!("mqtt://127.0.0.1:{port}").parse().unwrap(),
        interval_seconds: 0.1,
        ..MqttConfig::default()
    }
}

impl Bench {
    pub(super) fn start(config: MqttConfig) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), config)
    }

    pub(super) fn start_in(folder: tempfile::TempDir, config: MqttConfig) -> Self {
        let store = Store::open(folder.path()).unwrap();
        let outbox = Outbox::open(folder.path(), "mqtt", Sends::Signed, &store).unwrap();
        let (newest, stop, drops) = (Latest::default(), Stop::new(), Drops::default());
        let (sender, commands) = Commands::new(Drops::default());
        let mqtt = Mqtt {
            config,
            station: "bench".into(),
            newest: newest.clone(),
            outbox,
            commands: sender,
            drops: drops.clone(),
            stop: stop.clone(),
        };
        let troubles: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
        let heard = Arc::clone(&troubles);
        let thread = std::thread::spawn(move || run(mqtt, move |words| heard.lock().unwrap().push(words)));
        Self { folder, newest, store, commands, troubles, drops, stop, thread }
    }

    /// Stores a result and signs it.
    pub(super) fn sign(&self, sample: &str) {
        crate::common::stored::kept(&self.store, &done(sample));
        let session = i64::try_from(self.store.last()).unwrap();
        self.store.sign(session, "rita", crate::common::stored::at(90), "seen").unwrap();
    }

    /// Waits for a trouble that says this.
    pub(super) fn trouble(&self, says: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.troubles.lock().unwrap().iter().flatten().find(|words| words.contains(says)).cloned();
            if let Some(words) = found {
                return words;
            }
            assert!(Instant::now() < until, "no trouble says {says:?}: {:?}", self.troubles.lock().unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.drops.of(Dropped::MqttUpdate)
    }

    /// Marks of the outbox as they stand on disk.
    pub(super) fn mark(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("mqtt.sent")).unwrap()
    }

    /// Ends the sink; it must not take longer than the program may take in all.
    pub(super) fn end(self) -> (tempfile::TempDir, Traffic) {
        let began = Instant::now();
        self.stop.request();
        let traffic = self.thread.join().unwrap();
        assert!(began.elapsed() < Duration::from_millis(2500), "the end took {:?}", began.elapsed());
        (self.folder, traffic)
    }
}
