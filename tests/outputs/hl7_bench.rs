//! A simulated laboratory system: takes messages over MLLP and answers each as it was told to.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use leukoscope::config::Sends;
use leukoscope::config::{CodesConfig, Hl7Config};
use leukoscope::outputs::delivery::courier::{Courier, Pauses};
use leukoscope::outputs::hl7::message::{Message, control_id};
use leukoscope::outputs::hl7::mllp::{Frames, framed};
use leukoscope::outputs::hl7::sender::Sender;
use leukoscope::store::Store;
use leukoscope::system::stop::Stop;

pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the host does with a message.
#[derive(Clone, Copy, Debug)]
pub enum Does {
    /// Answers with this code of MSA-1.
    Says(&'static str),
    /// Sends what is no message.
    Garbage,
    Nothing,
    /// Begins a thousand messages and ends none.
    Flood,
    /// Closes the connection without an answer.
    Closes,
    /// Sends half an answer and closes.
    HalfAnAnswer,
    /// Accepts another message, then this one.
    OtherFirst,
}

/// The host: after what it was told to do it accepts everything.
pub struct Host {
    pub address: SocketAddr,
    pub messages: Arc<Mutex<Vec<String>>>,
    does: Arc<Mutex<VecDeque<Does>>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    pub fn start(does: &[Does]) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::on(socket, does)
    }

    pub fn on(socket: TcpListener, does: &[Does]) -> Self {
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let messages: Arc<Mutex<Vec<String>>> = Arc::default();
        let does = Arc::new(Mutex::new(does.iter().copied().collect::<VecDeque<_>>()));
        let stop = Stop::new();
        let thread = std::thread::spawn({
            let (messages, does, stop) = (Arc::clone(&messages), Arc::clone(&does), stop.clone());
            move || {
                while !stop.requested() {
                    if let Ok((stream, _)) = socket.accept() {
                        serve(stream, &messages, &does, &stop);
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        });
        Self { address, messages, does, stop, thread: Some(thread) }
    }

    /// Changes what it does with the next messages.
    pub fn now_does(&self, does: &[Does]) {
        *self.does.lock().unwrap() = does.iter().copied().collect();
    }

    pub fn received(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    pub fn wait_for(&self, count: usize) -> Vec<String> {
        wait_until(|| self.received().len() >= count);
        self.received()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn serve(mut stream: TcpStream, messages: &Mutex<Vec<String>>, does: &Mutex<VecDeque<Does>>, stop: &Stop) {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut frames = Frames::default();
    let mut buffer = [0; 4096];
    while !stop.requested() {
        let read = match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => read,
            Err(_) => continue,
        };
        for message in frames.push(&buffer[..read]) {
            let message = message.unwrap();
            let id = control_id(&message).unwrap();
            messages.lock().unwrap().push(String::from_utf8(message).unwrap());
            let does = does.lock().unwrap().pop_front().unwrap_or(Does::Says("AA"));
            let bytes = match does {
                Does::Says(code) => acknowledgement(code, &id),
                Does::Garbage => b"HTTP/1.1 400 Bad Request\r\n\r\n\x0bno message\x1c\r".to_vec(),
                Does::Flood => vec![0x0b; 1000],
                Does::Nothing => continue,
                Does::Closes => return,
                Does::HalfAnAnswer => {
                    let answer = acknowledgement("AA", &id);
                    let _ = stream.write_all(&answer[..answer.len() / 2]);
                    return;
                }
                Does::OtherFirst => [acknowledgement("AE", "OTHER"), acknowledgement("AA", &id)].concat(),
            };
            let _ = stream.write_all(&bytes);
        }
    }
}

fn acknowledgement(code: &str, id: &str) -> Vec<u8> {
    let words = if code == "AA" { "" } else { "unknown order" };
    framed(format!("MSH|^~\\&|LIS||leukoscope||20260301||ACK^R01^ACK|1|P|2.5.1\rMSA|{code}|{id}|{words}\r").as_bytes())
}

/// A station that sends to a host.
pub struct StationSending {
    pub folder: tempfile::TempDir,
    pub store: Store,
    pub troubles: Arc<Mutex<Vec<Option<String>>>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl StationSending {
    pub fn start(host: SocketAddr, sends: Sends) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), config(host), sends)
    }

    pub fn start_in(folder: tempfile::TempDir, config: Hl7Config, sends: Sends) -> Self {
        let store = Store::open(folder.path()).unwrap();
        let pauses = Pauses {
            first: Duration::from_millis(20),
            longest: Duration::from_millis(40),
            aside: Duration::from_millis(300),
        };
        let courier = Courier::open(folder.path(), "hl7", sends, &store).unwrap().with_pauses(pauses);
        let stop = Stop::new();
        let mut sender = Sender::new(config, CodesConfig::default(), store.clone(), stop.clone()).unwrap();
        let troubles: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
        let thread = std::thread::spawn({
            let (stop, heard) = (stop.clone(), Arc::clone(&troubles));
            move || courier.run(&stop, |result| sender.send(result), |words| heard.lock().unwrap().push(words))
        });
        Self { folder, store, troubles, stop, thread: Some(thread) }
    }

    /// Ends the station; its folder stays.
    pub fn end(mut self) -> tempfile::TempDir {
        self.stop.request();
        self.thread.take().unwrap().join().unwrap();
        self.folder
    }

    /// Waits until the person at the device is told of a trouble with these words.
    pub fn wait_for_trouble(&self, words: &str) {
        let told = |trouble: &Option<String>| trouble.as_deref().is_some_and(|told| told.contains(words));
        wait_until(|| self.troubles.lock().unwrap().iter().any(told));
    }

    /// Waits until the last word about troubles is that there is none.
    pub fn wait_for_no_trouble(&self) {
        wait_until(|| self.troubles.lock().unwrap().last() == Some(&None));
    }
}

pub fn config(host: SocketAddr) -> Hl7Config {
    Hl7Config { host: host.to_string().parse().unwrap(), timeout_seconds: 1, ..Hl7Config::default() }
}

pub fn wait_until(mut done: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < until, "it did not happen within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A component of the first segment of this name.
pub fn part(message: &str, segment: &str, field: usize, component: usize) -> String {
    let message = Message::read(message.as_bytes()).unwrap();
    message.segment(segment).map(|segment| segment.component(field, component)).unwrap_or_default()
}

/// Components of every segment of this name.
pub fn parts(message: &str, segment: &str, field: usize, component: usize) -> Vec<String> {
    let message = Message::read(message.as_bytes()).unwrap();
    let of_name = message.segments().filter(|line| line.name() == segment);
    of_name.map(|line| line.component(field, component)).collect()
}
