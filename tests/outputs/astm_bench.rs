//! A station with a wire to a laboratory system, and that system's end of it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use leukoscope::config::{AstmConfig, CodesConfig, LaboratoryAddress, Sends};
use leukoscope::outputs::astm::message::Sender;
use leukoscope::outputs::astm::wire::{Opener, Route};
use leukoscope::outputs::astm::{Astm, Traffic, run};
use leukoscope::outputs::delivery::Outbox;
use leukoscope::station::in_force::InForce;
use leukoscope::station::worklist::Worklist;
use leukoscope::store::Store;
use leukoscope::system::stop::Stop;
use tempfile::TempDir;

use crate::common::stored::{at, kept, settings};
use crate::serial_bench::done;

const STX: u8 = 2;
const ETX: u8 = 3;
pub const EOT: u8 = 4;
pub const ENQ: u8 = 5;
pub const ACK: u8 = 6;
pub const NAK: u8 = 21;

pub type Troubles = Arc<Mutex<Vec<Option<String>>>>;

/// A station with one wire to a laboratory system.
pub struct Station {
    pub folder: TempDir,
    pub store: Store,
    pub stop: Stop,
    pub troubles: Troubles,
    pub at: Option<SocketAddr>,
    pub thread: JoinHandle<Traffic>,
}

impl Station {
    pub fn start(folder: TempDir, config: AstmConfig) -> Self {
        let store = Store::open(folder.path()).unwrap();
        let stop = Stop::new();
        let (name, route) = Route::of(&config.port, config.baud, &config.tcp).remove(0);
        let opener = Opener::new(route).unwrap();
        let (at, troubles) = (opener.listens_at(), Troubles::default());
        let astm = Astm {
            sender: Sender {
                station: "bench".into(),
                receiver: None,
                charset: config.charset,
                codes: CodesConfig::default(),
            },
            outbox: Outbox::open(folder.path(), name, config.send, &store).unwrap(),
            config,
            opener,
            store: store.clone(),
            worklist: Worklist::new(store.clone(), InForce::new(settings(), None)),
            stop: stop.clone(),
        };
        let told = Arc::clone(&troubles);
        let thread = thread::spawn(move || run(astm, move |words| told.lock().unwrap().push(words)));
        Self { folder, store, stop, troubles, at, thread }
    }

    pub fn listening(send: Sends) -> Self {
        let tcp = LaboratoryAddress::Listen("127.0.0.1:0".parse().unwrap());
        Self::start(tempfile::tempdir().unwrap(), AstmConfig { tcp, send, ..AstmConfig::default() })
    }

    pub fn end(self) -> (TempDir, Traffic) {
        self.stop.request();
        (self.folder, self.thread.join().unwrap())
    }

    pub fn sign(&self, sample: &str) {
        let number = kept(&self.store, &done(sample));
        let session = self.store.find(number).unwrap().unwrap().session;
        self.store.sign(session, "rita", at(90), "").unwrap();
    }
}

/// A laboratory system's end of any wire, written from the standard without the station's own code.
pub struct Host<W> {
    pub wire: W,
}

impl<W: std::io::Read + std::io::Write> Host<W> {
    pub fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.wire.read_exact(&mut byte).expect("the station says something");
        byte[0]
    }

    pub fn say(&mut self, bytes: &[u8]) {
        self.wire.write_all(bytes).unwrap();
    }

    /// One frame: its number, its text, whether it ends a record.
    pub fn frame(&mut self) -> (u8, Vec<u8>, bool) {
        assert_eq!(self.byte(), STX);
        let mut body = Vec::new();
        while !matches!(body.last(), Some(&ETX | &0x17)) {
            body.push(self.byte());
        }
        let sum = body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        let stated = String::from_utf8(vec![self.byte(), self.byte()]).unwrap();
        assert_eq!(stated, format!("{sum:02X}"));
        assert_eq!((self.byte(), self.byte()), (13, 10));
        (body[0] - b'0', body[1..body.len() - 1].to_vec(), body.last() == Some(&ETX))
    }

    /// A whole message, acknowledged: its records.
    pub fn message(&mut self) -> Vec<String> {
        assert_eq!(self.byte(), ENQ);
        self.say(&[ACK]);
        self.rest_of_message()
    }

    pub fn rest_of_message(&mut self) -> Vec<String> {
        let (mut text, mut expected) = (Vec::new(), 1);
        loop {
            let (number, part, _) = self.frame();
            assert_eq!(number, expected % 8);
            expected += 1;
            text.extend(part);
            self.say(&[ACK]);
            if text.ends_with(b"\r") && text.split(|byte| *byte == b'\r').rev().nth(1).unwrap().starts_with(b"L|") {
                break;
            }
        }
        assert_eq!(self.byte(), EOT);
        let text: String = text.into_iter().map(char::from).collect();
        text.split_terminator('\r').map(str::to_owned).collect()
    }

    /// Sends records as a host does.
    pub fn tell(&mut self, records: &str) {
        self.say(&[ENQ]);
        assert_eq!(self.byte(), ACK);
        let mut body = format!("1{records}").into_bytes();
        body.push(ETX);
        let sum = body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        self.say(&[STX]);
        self.say(&body);
        self.say(format!("{sum:02X}\r\n").as_bytes());
        assert_eq!(self.byte(), ACK);
        self.say(&[EOT]);
    }
}

pub fn call(station: &Station) -> Host<TcpStream> {
    let wire = TcpStream::connect(station.at.unwrap()).unwrap();
    wire.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Host { wire }
}

pub fn sample(message: &[String]) -> (&str, &str) {
    let order: Vec<&str> = message.iter().find(|record| record.starts_with('O')).unwrap().split('|').collect();
    (order[2], order[25])
}

/// The terminal of a laboratory system: the other end of a pseudo-terminal pair, at a path like that of a serial port.
pub fn terminal(link: &Path) -> (Host<fs::File>, std::os::fd::OwnedFd) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let mut settings = tcgetattr(&master).unwrap();
    settings.make_raw();
    tcsetattr(&master, OptionalActions::Now, &settings).unwrap();
    let _ = fs::remove_file(link);
    std::os::unix::fs::symlink(path, link).unwrap();
    (Host { wire: fs::File::from(master.try_clone().unwrap()) }, master)
}
