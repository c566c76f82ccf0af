//! Orders over HL7: what a host orders stands in the worklist, and what it should not send gets the answer that the standard
//! has for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use leukoscope::config::{Hl7Config, SampleConfig, SampleField};
use leukoscope::domain::check_digit::CheckDigit;
use leukoscope::outputs::hl7::listener::{Limits, Listener, MOST_CONNECTIONS};
use leukoscope::outputs::hl7::mllp::{Frames, framed};
use leukoscope::station::in_force::InForce;
use leukoscope::station::worklist::Worklist;
use leukoscope::store::Store;
use leukoscope::system::stop::Stop;

use crate::common::stored;
use crate::hl7_bench::{PATIENCE, part, parts};

struct Station {
    worklist: Worklist,
    in_force: InForce,
    address: SocketAddr,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Station {
    fn start(config: Hl7Config) -> Self {
        let limits = Limits { message: Duration::from_millis(400), idle: Duration::from_secs(2) };
        Self::with(config, limits)
    }

    fn with(config: Hl7Config, limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let in_force = InForce::new(stored::settings(), None);
        let worklist = Worklist::new(store, in_force.clone());
        let config = Hl7Config { listen: "127.0.0.1:0".parse().unwrap(), ..config };
        let listener = Listener::open(&config).unwrap().unwrap().with_limits(limits);
        let (address, stop) = (listener.address(), Stop::new());
        let thread = std::thread::spawn({
            let (worklist, stop) = (worklist.clone(), stop.clone());
            move || listener.run(&worklist, &stop, |_| ())
        });
        Self { worklist, in_force, address, stop, thread: Some(thread), _folder: folder }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn asks(&self, message: &str) -> String {
        asks(&mut self.connect(), message.as_bytes())
    }

    fn samples(&self) -> Vec<(String, Option<String>, bool)> {
        let open = self.worklist.open().unwrap();
        open.into_iter().map(|entry| (entry.order.sample, entry.order.order_id, entry.order.urgent)).collect()
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.stop.request();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn asks(stream: &mut TcpStream, message: &[u8]) -> String {
    stream.write_all(&framed(message)).unwrap();
    answer(stream).expect("an answer")
}

/// The next answer; `None` if the station closes the connection.
fn answer(stream: &mut TcpStream) -> Option<String> {
    let mut frames = Frames::default();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        if let Some(message) = frames.push(&buffer[..read]).pop() {
            return Some(String::from_utf8(message.unwrap()).unwrap());
        }
    }
}

fn header(kind: &str) -> String {
    format!("MSH|^~\\&|LIS|LAB|leukoscope||20260301100000||{kind}|M-1|P|2.5.1\r")
}

fn oml(control: &str, sample: &str, priority: &str) -> String {
    let header = header("OML^O21^OML_O21");
    format!(
        "{header}PID|1||P-1||Doe^Jane\rORC|{control}|ORD-7\rTQ1|1||||||||{priority}\r\
         OBR|1|ORD-7||69738-3^Differential^LN\rSPM|1|{sample}||BLD\r"
    )
}

#[test]
fn an_order_whose_id_breaks_the_rules_is_refused_in_the_answer() {
    let station = Station::start(Hl7Config::default());
    let rules = SampleConfig { refuse_names: true, check_digit: CheckDigit::Luhn, ..SampleConfig::default() };
    station.in_force.set_rules(rules);
    for (id, why) in [("Doe Jane", "person's name"), ("79927398731", "check character")] {
        let answer = station.asks(&oml("NW", id, "R"));
        assert_eq!((part(&answer, "MSA", 1, 1), part(&answer, "ERR", 3, 1)), ("AE".into(), "102".into()));
        assert!(answer.contains(why), "{answer}");
    }
    assert_eq!(station.samples(), []);
    assert_eq!(part(&station.asks(&oml("NW", "79927398713", "R")), "MSA", 1, 1), "AA");
}

#[test]
fn an_order_stands_in_the_worklist_until_it_is_cancelled() {
    let station = Station::start(Hl7Config::default());
    let answer = station.asks(&oml("NW", "A-17", "S"));
    assert_eq!((part(&answer, "MSA", 1, 1), part(&answer, "MSA", 2, 1)), ("AA".into(), "M-1".into()));
    assert_eq!((part(&answer, "MSH", 9, 1), part(&answer, "MSH", 9, 2)), ("ACK".into(), "O21".into()));
    let urgent = ("A-17".to_owned(), Some("ORD-7".to_owned()), true);
    assert_eq!(station.samples(), std::slice::from_ref(&urgent));
    // The same again changes nothing, and XO the urgency.
    station.asks(&oml("NW", "A-17", "S"));
    assert_eq!(station.samples(), [urgent]);
    station.asks(&oml("XO", "A-17", "R"));
    assert_eq!(station.samples(), [("A-17".to_owned(), Some("ORD-7".to_owned()), false)]);
    assert_eq!(part(&station.asks(&oml("CA", "A-17", "R")), "MSA", 1, 1), "AA");
    assert!(station.samples().is_empty());
    let answer = station.asks(&oml("CA", "A-17", "R"));
    assert_eq!((part(&answer, "MSA", 1, 1), part(&answer, "ERR", 3, 1)), ("AE".into(), "204".into()));
    assert!(part(&answer, "ERR", 8, 1).contains("no open order of sample A-17"));
}

#[test]
fn an_older_order_message_names_the_sample_in_the_field_that_the_site_chose() {
    let station = Station::start(Hl7Config { sample_field: SampleField::Obr3, ..Hl7Config::default() });
    let message = format!(
        "{}PID|1||P-1\rORC|NW|ORD-1\rOBR|1|ORD-1|A-1^LIS|DIFF^^L|||||||||||||||||||||||^^^^^S\r\
         ORC|NW|ORD-2\rOBR|2|ORD-2|A-2|DIFF^^L\r",
        header("ORM^O01")
    );
    let answer = station.asks(&message);
    assert_eq!((part(&answer, "MSA", 1, 1), part(&answer, "MSH", 9, 2)), ("AA".into(), "O01".into()));
    let expected = [("A-1".to_owned(), Some("ORD-1".to_owned()), true), ("A-2".into(), Some("ORD-2".into()), false)];
    assert_eq!(station.samples(), expected);
}

#[test]
fn what_is_no_order_for_this_station_gets_the_answer_of_the_standard() {
    let station = Station::start(Hl7Config::default());
    let with = |kind: &str, rest: &str| format!("{}{rest}", header(kind));
    for (message, code, error, words) in [
        (with("ADT^A01", "PID|1\r"), "AR", "200", "message type ADT"),
        (with("QBP^Q11", "QPD|Q11|1|A-1\r"), "AR", "200", "message type QBP"),
        (with("ORM^O02", "ORC|NW\r"), "AR", "201", "event O02"),
        (header("ORM^O01").replace("|P|", "|T|") + "ORC|NW\r", "AR", "202", "processing id T"),
        (header("ORM^O01").replace("2.5.1", "3.0") + "ORC|NW\r", "AR", "203", "version 3.0"),
        (with("ORM^O01", "PID|1\r"), "AE", "101", "no ORC"),
        (with("ORM^O01", "ORC|NW|7\rOBR|1|7\r"), "AE", "101", "no sample id in SPM-2"),
        (oml("RF", "A-1", "R"), "AE", "103", "order control RF"),
        (oml("NW", "\\X4101\\", "R"), "AE", "102", "sample id"),
        (oml("NW", &"x".repeat(200), "R"), "AE", "102", "sample id"),
        ("PID|1||no header\r".to_owned(), "AR", "101", "does not begin with MSH"),
        (header("ORM^O01").replace("2.5.1", "2.5.1||||||GB 18030-2000") + "ORC|NW|ä\r", "AR", "103", "GB 18030-2000"),
    ] {
        let answer = station.asks(&message);
        let told = (part(&answer, "MSA", 1, 1), part(&answer, "ERR", 3, 1));
        assert_eq!(told, (code.to_owned(), error.to_owned()), "{message}\n{answer}");
        assert!(part(&answer, "ERR", 8, 1).contains(words), "{answer}");
    }
    assert!(station.samples().is_empty());
    // One wrong order among good ones: those are taken, and the answer names the wrong one.
    let message =
        format!("{}ORC|NW|1\rSPM|1|A-1\rORC|ZZ|2\rSPM|2|A-2\rORC|NW|3\rSPM|3|A-3\r", header("OML^O21^OML_O21"));
    let answer = station.asks(&message);
    assert_eq!((part(&answer, "MSA", 1, 1), parts(&answer, "ERR", 2, 2)), ("AE".into(), vec!["2".to_owned()]));
    assert_eq!(station.samples().len(), 2);
}

#[test]
fn letters_of_other_sets_are_read_where_the_message_names_them() {
    let station = Station::start(Hl7Config::default());
    let message = oml("NW", "A-é", "R").replace("|P|2.5.1", "|P|2.5.1||||||8859/1");
    let latin: Vec<u8> = message.chars().map(|letter| u8::try_from(letter).unwrap()).collect();
    assert_eq!(part(&asks(&mut station.connect(), &latin), "MSA", 1, 1), "AA");
    assert_eq!(station.samples()[0].0, "A-é");
    let unnamed: Vec<u8> = oml("NW", "A-é", "R").chars().map(|letter| u8::try_from(letter).unwrap()).collect();
    assert_eq!(part(&asks(&mut station.connect(), &unnamed), "MSA", 1, 1), "AR");
}

#[test]
fn a_message_without_end_or_with_gigabytes_costs_its_connection_and_nothing_else() {
    let station = Station::start(Hl7Config::default());
    // It begins a message and says no more.
    let mut slow = station.connect();
    slow.write_all(b"\x0bMSH|^~\\&|").unwrap();
    let began = Instant::now();
    assert_eq!(answer(&mut slow), None);
    assert!(began.elapsed() < Duration::from_secs(5));
    // It dribbles: the limit is for the whole message.
    let mut dribble = station.connect();
    dribble.write_all(b"\x0bMSH").unwrap();
    let closed = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        dribble.write_all(b"x").is_err()
    });
    assert!(closed);
    // 64 MiB without an end: passed over, and the connection ends in time.
    let mut flood = station.connect();
    flood.write_all(b"\x0b").unwrap();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        if flood.write_all(&block).is_err() {
            break;
        }
    }
    assert_eq!(part(&station.asks(&oml("NW", "A-1", "R")), "MSA", 1, 1), "AA");
}

#[test]
fn a_host_of_another_language_is_sent_away_and_others_are_served() {
    let station = Station::start(Hl7Config::default());
    let mut stream = station.connect();
    for _ in 0..20 {
        if stream.write_all(b"GET / HTTP/1.1\r\n\r\n\x0b\x1c\r").is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut told = 0;
    while let Some(message) = answer(&mut stream) {
        assert_eq!(part(&message, "MSA", 1, 1), "AR");
        told += 1;
    }
    assert!((1..=10).contains(&told), "{told} answers before it is closed");
    // Only so many at once.
    let idle: Vec<TcpStream> = (0..MOST_CONNECTIONS).map(|_| station.connect()).collect();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(answer(&mut station.connect()), None, "one more is turned away");
    drop(idle);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(part(&station.asks(&oml("NW", "A-1", "R")), "MSA", 1, 1), "AA");
}

/// A certificate for `localhost` with its key, as files.
fn certificate(folder: &std::path::Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("c.pem"), folder.join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}

#[test]
fn orders_and_results_go_through_tls_and_a_stranger_gets_neither() {
    let files = tempfile::tempdir().unwrap();
    let (chain, key) = certificate(files.path());
    let config = Hl7Config { tls: true, certificate: Some(chain.clone()), key: Some(key), ..Hl7Config::default() };
    let station = Station::with(config, Limits::default());
    let client = leukoscope::outputs::delivery::tls::client(Some(&chain), None).unwrap();
    let connect = |client: &Arc<rustls::ClientConfig>| {
        let name = "localhost".try_into().unwrap();
        let connection = rustls::ClientConnection::new(Arc::clone(client), name).unwrap();
        rustls::StreamOwned::new(connection, station.connect())
    };
    let mut stream = connect(&client);
    stream.write_all(&framed(oml("NW", "A-1", "R").as_bytes())).unwrap();
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer).unwrap();
    assert!(String::from_utf8_lossy(&buffer[..read]).contains("MSA|AA|M-1"));
    // In the clear.
    let mut clear = station.connect();
    clear.write_all(&framed(oml("NW", "A-2", "R").as_bytes())).unwrap();
    let mut rest = Vec::new();
    let _ = clear.read_to_end(&mut rest);
    assert!(!rest.contains(&0x0b), "no answer in the clear");
    assert_eq!(station.samples().len(), 1);

    // Results: towards a host whose certificate is known, and not towards another.
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let counted = stored::session(&store, "A-1");
    store.sign(counted, "rita", stored::at(90), "").unwrap();
    let result = store.result_of(counted).unwrap().unwrap();
    for (ca, expected) in [(Some(chain.clone()), "sent what"), (Some(certificate(folder.path()).0), "certificate")] {
        let host = format!("localhost:{}", station.address.port()).parse().unwrap();
        let config = Hl7Config { host, tls: true, ca, timeout_seconds: 2, ..Hl7Config::default() };
        let codes = leukoscope::config::CodesConfig::default();
        let mut sender =
            leukoscope::outputs::hl7::sender::Sender::new(config, codes, store.clone(), Stop::new()).unwrap();
        // The station's own listener stands in for a host: it answers that results are not taken.
        match sender.send(&result) {
            leukoscope::outputs::delivery::courier::Verdict::Refused(words) => {
                assert!(expected == "sent what" && words.starts_with("AR"), "{words}");
            }
            verdict => {
                assert!(expected == "certificate" && format!("{verdict:?}").contains("ertificate"), "{verdict:?}");
            }
        }
    }
}
