//! Laboratory systems on real wires: a pseudo-terminal pair and TCP, hosts that are busy, deaf, or pulled out.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use leukoscope::config::{AstmConfig, CodesConfig, LaboratoryAddress, Sends, SerialPort};
use leukoscope::outputs::astm::message::Sender;
use leukoscope::outputs::astm::wire::{Opener, Route};
use leukoscope::outputs::astm::{Astm, run};
use leukoscope::outputs::delivery::Outbox;
use leukoscope::station::in_force::InForce;
use leukoscope::station::worklist::Worklist;
use leukoscope::store::Store;
use leukoscope::system::stop::Stop;

use crate::astm_bench::{ACK, ENQ, Host, NAK, Station, call, sample, terminal};
use crate::common::stored::{at, kept, settings};
use crate::serial_bench::{PATIENCE, done, wait_until};

#[test]
fn a_host_that_calls_gets_signed_results_once_and_in_order_also_after_it_was_cut_off() {
    let station = Station::listening(Sends::Signed);
    kept(&station.store, &done("unsigned"));
    for name in ["A-1", "A-2"] {
        station.sign(name);
    }
    let mut host = call(&station);
    assert_eq!(sample(&host.message()), ("A-1", "F"));
    // The cable is pulled in the middle of the second one.
    assert_eq!(host.byte(), ENQ);
    host.say(&[ACK]);
    host.frame();
    drop(host);
    let mut host = call(&station);
    assert_eq!(sample(&host.message()), ("A-2", "F"));
    station.sign("A-3");
    assert_eq!(sample(&host.message()), ("A-3", "F"));
    wait_until("the mark", || {
        fs::read_to_string(station.folder.path().join("astm-tcp.sent")).unwrap().starts_with("0 ")
    });
    let (_, traffic) = station.end();
    assert_eq!(traffic.results, 3);
}

#[test]
fn a_preliminary_result_is_marked_so_and_its_final_one_follows() {
    let station = Station::listening(Sends::All);
    let mut host = call(&station);
    let number = kept(&station.store, &done("A-1"));
    assert_eq!(sample(&host.message()), ("A-1", "P"));
    let session = station.store.find(number).unwrap().unwrap().session;
    station.store.sign(session, "rita", at(90), "").unwrap();
    assert_eq!(sample(&host.message()), ("A-1", "F"));
    station.end();
}

#[test]
fn a_restart_in_the_middle_of_a_message_sends_it_again_and_no_other() {
    let station = Station::listening(Sends::Signed);
    for name in ["A-1", "A-2"] {
        station.sign(name);
    }
    let mut host = call(&station);
    host.message();
    assert_eq!(host.byte(), ENQ);
    host.say(&[ACK]);
    host.frame();
    let (folder, traffic) = station.end();
    assert_eq!(traffic.results, 1);
    let tcp = LaboratoryAddress::Listen("127.0.0.1:0".parse().unwrap());
    let station = Station::start(folder, AstmConfig { tcp, ..AstmConfig::default() });
    let mut host = call(&station);
    assert_eq!(sample(&host.message()), ("A-2", "F"));
    let (_, traffic) = station.end();
    assert_eq!(traffic.results, 1);
}

#[test]
fn a_host_that_is_busy_is_called_again_and_the_person_is_told_if_it_stays_so() {
    let station = Station::listening(Sends::Signed);
    station.sign("A-1");
    let mut host = call(&station);
    let began = Instant::now();
    assert_eq!(host.byte(), ENQ);
    host.say(&[NAK]);
    assert_eq!(host.byte(), ENQ);
    assert!(began.elapsed() > Duration::from_secs(9), "it waits for 10 s: {:?}", began.elapsed());
    host.say(&[NAK]);
    let told = || station.troubles.lock().unwrap().last().cloned().flatten().unwrap_or_default();
    wait_until("the trouble", || told().contains("the host is busy; results wait"));
    assert_eq!(host.byte(), ENQ);
    host.say(&[ACK]);
    assert_eq!(sample(&host.rest_of_message()), ("A-1", "F"));
    wait_until("the end of the trouble", || station.troubles.lock().unwrap().last() == Some(&None));
    station.end();
}

#[test]
fn both_ends_call_at_once_and_the_station_calls_again() {
    let station = Station::listening(Sends::Signed);
    let mut host = call(&station);
    station.sign("A-1");
    assert_eq!(host.byte(), ENQ);
    host.say(&[ENQ]);
    assert_eq!(host.byte(), ENQ, "the instrument goes first, after a second");
    host.say(&[ACK]);
    assert_eq!(sample(&host.rest_of_message()), ("A-1", "F"));
    station.end();
}

#[test]
fn orders_fill_the_worklist_and_what_cannot_be_counted_is_answered() {
    let station = Station::listening(Sends::Signed);
    let mut host = call(&station);
    host.tell("H|\\^&\rP|1\rO|1|B-1|77||S\rO|2|B-2\rL|1|N\r");
    let listed = || station.store.worklist(jiff::Timestamp::now()).unwrap();
    wait_until("the worklist", || listed().len() == 2);
    let first = listed().remove(0).order;
    assert_eq!((first.sample.as_str(), first.order_id.as_deref(), first.urgent), ("B-1", Some("77"), true));
    host.tell("H|\\^&\rO|1|B-1|77||||||||C\rL|1|N\r");
    wait_until("the cancellation", || listed().len() == 1);
    // 65 letters are no sample id.
    host.tell(&format!("H|\\^&\rO|1|{}\rL|1|N\r", "x".repeat(65)));
    let answer = host.message();
    assert_eq!(sample(&answer), ("x".repeat(65).as_str(), "X"));
    assert!(answer.iter().any(|record| record.starts_with("C|1|I|a sample id has 1 to 64 characters")), "{answer:?}");
    // Half a message, and noise, change nothing.
    host.tell("H|\\^&\rO|1|B-9\r");
    host.tell("garbage");
    host.say(b"\x00\xff\x02\x02garbage\r\n\x06\x15");
    host.tell("H|\\^&\rO|1|B-3\rL|1|N\r");
    wait_until("the next order", || listed().len() == 2);
    let (_, traffic) = station.end();
    assert_eq!((traffic.orders, traffic.refused), (4, 3));
}

#[test]
fn a_query_is_answered_with_the_result_or_with_no_record_of_it() {
    let station = Station::listening(Sends::Signed);
    station.sign("A-1");
    kept(&station.store, &done("unsigned"));
    let mut host = call(&station);
    host.message();
    host.tell("H|\\^&\rQ|1|^A-1\\^unsigned\\^none||ALL\rL|1\r");
    let answer = host.message();
    assert_eq!(sample(&answer), ("A-1", "Q"));
    assert_eq!(answer.last().unwrap(), "L|1|F");
    for unknown in ["unsigned", "none"] {
        let answer = host.message();
        assert_eq!(sample(&answer), (unknown, "Z"));
        assert_eq!(answer.last().unwrap(), "L|1|I");
    }
    station.end();
}

#[test]
fn a_silent_caller_gives_its_place_to_another_and_a_busy_one_keeps_it() {
    let station = Station::listening(Sends::Signed);
    let mut first = call(&station);
    first.tell("H|\\^&\rO|1|B-1\rL|1|N\r");
    let second = call(&station);
    thread::sleep(Duration::from_millis(300));
    first.tell("H|\\^&\rO|1|B-2\rL|1|N\r");
    drop(first);
    let mut second = second;
    second.tell("H|\\^&\rO|1|B-3\rL|1|N\r");
    wait_until("all three", || station.store.worklist(jiff::Timestamp::now()).unwrap().len() == 3);
    station.end();
}

#[test]
fn the_station_calls_a_host_that_is_not_there_yet_and_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let tcp = LaboratoryAddress::Call(address.to_string());
    let station = Station::start(tempfile::tempdir().unwrap(), AstmConfig { tcp, ..AstmConfig::default() });
    station.sign("A-1");
    wait_until("the trouble", || {
        station.troubles.lock().unwrap().iter().flatten().any(|words| words.contains("is it on"))
    });
    let listener = TcpListener::bind(address).unwrap();
    let (wire, _) = listener.accept().unwrap();
    wire.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(sample(&Host { wire }.message()), ("A-1", "F"));
    station.end();
}

#[test]
fn over_a_serial_cable_that_is_pulled_and_plugged_in_again_nothing_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("ttyUSB1");
    let (mut host, master) = terminal(&link);
    let port = SerialPort::Device(link.clone());
    let station = Station::start(tempfile::tempdir().unwrap(), AstmConfig { port, ..AstmConfig::default() });
    station.sign("A-1");
    assert_eq!(sample(&host.message()), ("A-1", "F"));
    station.sign("A-2");
    assert_eq!(host.byte(), ENQ);
    host.say(&[ACK]);
    host.frame();
    drop((host, master));
    fs::remove_file(&link).unwrap();
    wait_until("the trouble", || station.troubles.lock().unwrap().iter().flatten().count() > 0);
    let (mut host, _master) = terminal(&link);
    assert_eq!(sample(&host.message()), ("A-2", "F"));
    let (_, traffic) = station.end();
    assert_eq!(traffic.results, 2);
}

#[test]
fn two_hosts_each_get_every_result_and_one_that_is_deaf_holds_up_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("ttyUSB1");
    let (_deaf, _master) = terminal(&link);
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    let listen = LaboratoryAddress::Listen("127.0.0.1:0".parse().unwrap());
    let routes = Route::of(&SerialPort::Device(link), 9600, &listen);
    assert_eq!(routes.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["astm-serial", "astm-tcp"]);
    let stop = Stop::new();
    let mut address = None;
    let threads: Vec<_> = routes
        .into_iter()
        .map(|(name, route)| {
            let opener = Opener::new(route).unwrap();
            address = address.or(opener.listens_at());
            let config = AstmConfig::default();
            let sender =
                Sender { station: "b".into(), receiver: None, charset: config.charset, codes: CodesConfig::default() };
            let outbox = Outbox::open(state.path(), name, config.send, &store).unwrap();
            let worklist = Worklist::new(store.clone(), InForce::new(settings(), None));
            let astm = Astm { config, sender, opener, outbox, store: store.clone(), worklist, stop: stop.clone() };
            thread::spawn(move || run(astm, |_| {}))
        })
        .collect();
    let wire = TcpStream::connect(address.unwrap()).unwrap();
    wire.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut host = Host { wire };
    for name in ["A-1", "A-2", "A-3"] {
        let number = kept(&store, &done(name));
        store.sign(store.find(number).unwrap().unwrap().session, "rita", at(90), "").unwrap();
        assert_eq!(sample(&host.message()), (name, "F"));
    }
    stop.request();
    let traffic: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap().results).collect();
    assert_eq!(traffic, [0, 3]);
}

#[test]
fn pictures_go_with_a_result_where_they_are_asked_for_least_certain_first() {
    let tcp = LaboratoryAddress::Listen("127.0.0.1:0".parse().unwrap());
    let config = AstmConfig { tcp, send: Sends::All, pictures: 2, ..AstmConfig::default() };
    let station = Station::start(tempfile::tempdir().unwrap(), config);
    crate::common::stored::session(&station.store, "A-1");
    let message = call(&station).message();
    let pictures: Vec<&str> = message.iter().map(String::as_str).filter(|record| record.starts_with('M')).collect();
    // JPEG begins with FF D8, which is /9 in base64.
    assert_eq!(pictures.len(), 2, "{message:?}");
    assert!(
        pictures[0].starts_with("M|1|JPEG^2^NGS|/9") && pictures[1].starts_with("M|2|JPEG^3^NGS|/9"),
        "{pictures:?}"
    );
    station.end();
}
