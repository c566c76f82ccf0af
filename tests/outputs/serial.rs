//! The serial sink over real pseudo-terminals: what a host reads, what it may send, and recovery from a pulled cable.

use std::sync::Arc;
use std::time::Duration;

use leukoscope::config::{LineFormat, Sends, SerialConfig};
use leukoscope::counting::session::snapshot::{Command, Snapshot};
use leukoscope::domain::class::CellClass;
use leukoscope::outputs::delivery::Outbox;
use leukoscope::outputs::serial::port::PortError;
use leukoscope::outputs::serial::{check_port, open_at_start};
use leukoscope::station::queues::Unsent;
use leukoscope::station::requests::MOST_COMMANDS;
use leukoscope::store::Store;

use crate::serial_bench::{Bench, Cable, Host, PATIENCE, done, snapshot, wait_until};

#[test]
fn a_host_reads_hello_then_updates_then_the_result_as_json() {
    let bench = Bench::start("pty", LineFormat::Json);
    let mut host = Host::open(&bench.path);
    let hello = host.json();
    assert_eq!((&hello["type"], &hello["sequence"], &hello["result"]), (&"hello".into(), &1.into(), &0.into()));
    bench.newest.put(Arc::new(snapshot("A-1", 5)));
    let update = host.json();
    assert_eq!(update["type"], "update");
    assert_eq!(update["time"], "2026-03-01T10:00:00Z");
    assert_eq!((&update["station"], &update["sample"]), (&"bench".into(), &"A-1".into()));
    assert_eq!((&update["counted"], &update["WBC"], &update["RBC"]), (&5.into(), &5.into(), &900.into()));
    assert_eq!(update["classes"], serde_json::json!({"NGS": 5}));
    assert_eq!(update["percent"], serde_json::json!({"NGS": [60.0, 49.7, 69.7]}));
    crate::common::stored::kept(&bench.results, &done("A-1"));
    let result = host.json_of("preliminary");
    assert_eq!((&result["result"], &result["ending"]), (&1.into(), &"target-reached".into()));
    let (folder, traffic) = bench.end();
    assert_eq!((traffic.results, traffic.lost), (1, 0));
    assert_eq!(std::fs::read_to_string(folder.path().join("serial.sent")).unwrap(), "1 0\n");
}

#[test]
fn a_host_reads_a_header_and_lines_of_as_many_fields_as_csv() {
    let bench = Bench::start("pty", LineFormat::Csv);
    let mut host = Host::open(&bench.path);
    let header = host.line();
    assert!(
        header.starts_with("type,sequence,result,time,station,sample,phase,ending,started,target,counted,WBC,RBC,PLT")
    );
    assert!(header.ends_with(
        "corrected_UNK,corrected_low_UNK,corrected_high_UNK,verdict,focus,refused,signed_by,signed_at,comment,store,\
         looked_at,looked_at_of,earlier_result,network_alone,count_BLA,percent_BLA,low_BLA,high_BLA,corrected_BLA,\
         corrected_low_BLA,corrected_high_BLA,camera_agree,camera_cells,camera_percent,camera_low,camera_high,\
         camera_checked,profile,profile_sha256,marks,critical,seen_quickly,unseen,count_ART,percent_ART,low_ART,high_ART,count_LBL,\
         percent_LBL,low_LBL,high_LBL,count_LYR,percent_LYR,low_LYR,high_LYR,count_PLC,percent_PLC,low_PLC,high_PLC,\
         count_TWO,percent_TWO,low_TWO,high_TWO,version,replaces,reason,replaced_by"
    ));
    let hello = host.line();
    assert!(hello.starts_with("hello,1,0,"), "{hello}");
    assert_eq!(hello.matches(',').count(), header.matches(',').count());
    bench.newest.put(Arc::new(snapshot("a, \"b\"", 5)));
    let update = host.line();
    assert!(
        update.starts_with("update,2,,2026-03-01T10:00:00Z,bench,\"a, \"\"b\"\"\",counting,,,100,5,5,900,30,"),
        "{update}"
    );
    assert!(update.contains(",5,60.0,49.7,69.7,"), "{update}");
    bench.end();
}

#[test]
fn a_signature_sends_the_result_again_as_final_and_once_only() {
    let bench = Bench::start("pty", LineFormat::Json);
    let mut host = Host::open(&bench.path);
    crate::common::stored::kept(&bench.results, &done("A-1"));
    crate::common::stored::kept(&bench.results, &done("A-2"));
    assert_eq!(host.json_of("preliminary")["sample"], "A-1");
    assert_eq!(host.json_of("preliminary")["sample"], "A-2");
    bench.results.sign(1, "rita", crate::common::stored::at(90), "seen").unwrap();
    let signed = host.json_of("final");
    assert_eq!((&signed["result"], &signed["sample"]), (&1.into(), &"A-1".into()));
    assert_eq!((&signed["signature"]["by"], &signed["signature"]["comment"]), (&"rita".into(), &"seen".into()));
    host.say(b"resend 1\n");
    assert_eq!(host.json_of("final")["result"], 1);
    let (folder, traffic) = bench.end();
    assert_eq!(traffic.results, 3);

    // After a restart no lines are pending; only what is signed then is sent.
    let bench = Bench::start_in(folder, "pty", LineFormat::Json);
    let mut host = Host::open(&bench.path);
    host.json_of("hello");
    bench.results.sign(2, "rita", crate::common::stored::at(95), "").unwrap();
    assert_eq!(host.json_of("final")["sample"], "A-2");
    assert_eq!(bench.end().1.results, 1);
}

#[test]
fn after_a_final_line_no_update_shows_the_figures_of_before_the_review() {
    let bench = Bench::start("pty", LineFormat::Json);
    let mut host = Host::open(&bench.path);
    host.json_of("hello");
    let id = crate::common::stored::session(&bench.results, "A-1");
    // The counting thread's state, which does not know of the review, before and after the final line.
    let state = |trouble: Option<&str>| {
        Arc::new(Snapshot { trouble: trouble.map(str::to_owned), ..crate::common::stored::result("A-1") })
    };
    host.json_of("preliminary");
    bench.newest.put(state(None));
    assert_eq!(host.json_of("update")["WBC"], 4);
    bench.results.reclassify(id, 1, Some(CellClass::Art), "rita", crate::common::stored::at(80)).unwrap();
    bench.results.reclassify(id, 2, Some(CellClass::Lbl), "rita", crate::common::stored::at(81)).unwrap();
    bench.results.sign(id, "rita", crate::common::stored::at(90), "a lymphoblast").unwrap();
    let told = host.json_of("final");
    assert_eq!((&told["WBC"], &told["classes"]["ART"], &told["flags"][0]), (&3.into(), &1.into(), &"blasts".into()));
    bench.newest.put(state(None));
    host.say(b"status\n");
    let line = host.json();
    assert_eq!((&line["type"], &line["classes"]), (&"status".into(), &told["classes"]), "no update in between");
    bench.newest.put(state(Some("the camera is gone")));
    let line = host.json_of("update");
    assert_eq!((&line["trouble"], &line["classes"]), (&"the camera is gone".into(), &told["classes"]));
    bench.end();
}

#[test]
fn a_mark_of_a_version_without_signatures_sends_no_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    crate::common::stored::kept(&store, &done("A-1"));
    store.sign(1, "rita", crate::common::stored::at(90), "").unwrap();
    std::fs::write(folder.path().join("serial.sent"), "1\n").unwrap();
    let mark = Outbox::open(folder.path(), "serial", Sends::All, &store).unwrap();
    assert_eq!(mark.marks(), (1, store.last_signed()));
}

#[test]
fn a_host_that_has_later_results_than_a_restored_copy_gets_every_new_one_under_a_new_number() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("serial.sent"), "5 40\n").unwrap();
    let bench = Bench::start_in(folder, "pty", LineFormat::Json);
    assert_eq!(crate::common::stored::kept(&bench.results, &done("A-6")), 6);
    let mut host = Host::open(&bench.path);
    let sent = host.json_of("preliminary");
    assert_eq!((&sent["result"], &sent["sample"]), (&6.into(), &"A-6".into()));
    let store = bench.results.find(6).unwrap().unwrap().store.unwrap();
    assert_eq!((sent["store"].as_str(), store.len()), (Some(store.as_str()), 32));
    bench.results.sign(1, "rita", crate::common::stored::at(95), "").unwrap();
    assert_eq!(host.json_of("final")["store"], store.as_str(), "signatures go on, too");
    let (folder, _) = bench.end();
    assert!(std::fs::read_to_string(folder.path().join("serial.sent")).unwrap().starts_with("6 "));
}

#[test]
fn a_host_commands_the_session_and_asks_for_a_result_again() {
    let bench = Bench::start("pty", LineFormat::Json);
    let mut host = Host::open(&bench.path);
    host.json_of("hello");
    host.say(b"start\r\nstop\rnew A-17\n\n{\"command\":\"new\"}\n");
    let next = || {
        let asked = bench.commands.recv_timeout(PATIENCE).unwrap();
        assert_eq!(asked.by, "device:serial");
        asked.command
    };
    assert_eq!(next(), Command::Start);
    assert_eq!(next(), Command::Stop);
    assert_eq!(next(), Command::NewSample(Some("A-17".into())));
    assert_eq!(next(), Command::NewSample(None));
    crate::common::stored::kept(&bench.results, &done("A-16"));
    assert_eq!(host.json_of("preliminary")["result"], 1);
    host.say(b"resend 1\n");
    assert_eq!(host.json_of("preliminary")["sample"], "A-16");
    host.say(b"resend 9\n");
    assert_eq!(host.json_of("error")["message"], "there is no result 9; the newest is 1");
    bench.newest.put(Arc::new(snapshot("A-17", 3)));
    host.json_of("update");
    host.say(b"status\n");
    assert_eq!(host.json_of("status")["sample"], "A-17");
    bench.end();
}

#[test]
fn a_red_count_between_samples_is_refused_and_one_right_after_new_is_not() {
    let bench = Bench::start("pty", LineFormat::Json);
    let mut host = Host::open(&bench.path);
    host.json_of("hello");
    host.say(b"red 3.9\n");
    let said = host.json_of("error")["message"].as_str().unwrap().to_owned();
    assert!(said.contains("no sample is being counted"), "{said}");
    assert_eq!(bench.commands.try_iter().count(), 0);
    host.say(b"new A-17\nred 3.9\nstop\n");
    let next = || bench.commands.recv_timeout(PATIENCE).unwrap().command;
    assert_eq!(next(), Command::NewSample(Some("A-17".into())));
    assert!(matches!(next(), Command::Enter(_)));
    assert_eq!(next(), Command::Stop);
    // Error lines keep their pace.
    std::thread::sleep(Duration::from_millis(1100));
    host.say(b"red 3.9\n");
    host.json_of("error");
    assert_eq!(bench.commands.try_iter().count(), 0);
    bench.end();
}

#[test]
fn a_final_line_says_how_many_cells_were_looked_at_and_a_repeated_sample_its_earlier_result() {
    let bench = Bench::start("pty", LineFormat::Json);
    let mut host = Host::open(&bench.path);
    host.json_of("hello");
    let id = crate::common::stored::session(&bench.results, "A-1");
    bench.results.reclassify(id, 2, None, "rita", crate::common::stored::at(80)).unwrap();
    bench.results.reclassify(id, 3, Some(CellClass::Ngs), "rita", crate::common::stored::at(81)).unwrap();
    bench.results.sign(id, "rita", crate::common::stored::at(90), "").unwrap();
    let line = host.json_of("final");
    let of_class = serde_json::json!({"LYT": {"cells": 0, "of": 1}, "NGS": {"cells": 1, "of": 3}});
    assert_eq!(line["looked_at"], serde_json::json!({"cells": 1, "of": 4, "classes": of_class}));
    assert_eq!(line["unseen"], "signed with 3 of 4 cells unseen");
    let again = Snapshot { earlier: bench.results.signed_before("A-1").unwrap(), ..snapshot("A-1", 3) };
    bench.newest.put(Arc::new(again));
    let line = host.json_of("update");
    assert_eq!((&line["earlier"]["result"], &line["earlier"]["by"]), (&1.into(), &"rita".into()));
    bench.end();
}

#[test]
fn a_result_line_says_whether_its_camera_was_checked() {
    let bench = Bench::start("pty", LineFormat::Json);
    let mut host = Host::open(&bench.path);
    host.json_of("hello");
    let first = crate::common::stored::session(&bench.results, "A-1");
    let line = host.json_of("preliminary");
    assert_eq!(line["camera_checked"], "not checked with this camera");
    assert_eq!(
        (&line["camera_check"]["cells"], &line["camera_check"]["percent"]),
        (&0.into(), &serde_json::Value::Null)
    );
    bench.results.reclassify(first, 2, Some(CellClass::Ngs), "rita", crate::common::stored::at(80)).unwrap();
    bench.results.reclassify(first, 3, Some(CellClass::Ngb), "rita", crate::common::stored::at(81)).unwrap();
    crate::common::stored::session(&bench.results, "A-2");
    let line = host.json_of("preliminary");
    let words = "1 of 2 cells of this camera agree with a person (50.0 %, 1.3 to 98.7 %)";
    assert_eq!(line["camera_checked"], words);
    bench.results.sign(first, "rita", crate::common::stored::at(90), "").unwrap();
    let line = host.json_of("final");
    assert_eq!((&line["camera_checked"], &line["camera_check"]["agree"]), (&words.into(), &1.into()));
    bench.end();
}

#[test]
fn a_host_that_asks_more_than_can_wait_hears_that_the_count_is_busy() {
    let bench = Bench::start("pty", LineFormat::Json);
    let mut host = Host::open(&bench.path);
    host.json_of("hello");
    host.say("start\n".repeat(MOST_COMMANDS + 1).as_bytes());
    assert_eq!(host.json_of("error")["message"], "busy; send the request again");
    assert_eq!(bench.commands.try_iter().count(), MOST_COMMANDS);
    bench.end();
}

#[test]
fn lines_that_come_back_from_an_echoing_terminal_are_not_answered() {
    let bench = Bench::start("pty", LineFormat::Json);
    let mut host = Host::open(&bench.path);
    let hello = host.line();
    host.say(hello.as_bytes());
    host.say(b"\nbogus\n");
    let error = host.json();
    assert!(error["message"].as_str().unwrap().starts_with("\"bogus\" is no request"), "{error}");
    let (_, traffic) = bench.end();
    assert_eq!(traffic.refused, 1);
}

#[test]
fn without_a_reader_updates_are_dropped_and_a_final_result_waits() {
    let bench = Bench::start("pty", LineFormat::Json);
    for counted in 0..2000 {
        bench.newest.put(Arc::new(snapshot(&"long sample id ".repeat(20), counted)));
        std::thread::sleep(Duration::from_micros(200));
    }
    crate::common::stored::kept(&bench.results, &done("A-1"));
    let mut host = Host::open(&bench.path);
    assert_eq!(host.json()["type"], "hello");
    assert_eq!(host.json_of("preliminary")["result"], 1);
    bench.newest.put(Arc::new(snapshot("fresh", 1)));
    let fresh = loop {
        let update = host.json_of("update");
        if update["sample"] == "fresh" {
            break update;
        }
    };
    let (_, traffic) = bench.end();
    assert!(traffic.dropped > 0, "{traffic:?}");
    assert_eq!(
        fresh["sequence"].as_u64().unwrap(),
        traffic.lines + traffic.dropped,
        "a dropped line leaves its number out"
    );
}

#[test]
fn a_result_nobody_read_goes_out_after_a_restart() {
    let bench = Bench::start("pty", LineFormat::Json);
    crate::common::stored::kept(&bench.results, &done("A-1"));
    let results = bench.results.clone();
    let (folder, traffic) = bench.end();
    assert_eq!(traffic.results, 0);
    drop(results);
    let bench = Bench::start_in(folder, "pty", LineFormat::Json);
    let mut host = Host::open(&bench.path);
    assert_eq!(host.json()["result"], 1, "hello names the newest result");
    assert_eq!(host.json_of("preliminary")["sample"], "A-1");
    let (_, traffic) = bench.end();
    assert_eq!(traffic.results, 1);
}

#[test]
fn a_port_that_vanishes_comes_back_without_a_lost_result_or_a_glued_line() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("ttyUSB0");
    let mut cable = Cable::plug(&link);
    let bench = Bench::start(link.to_str().unwrap(), LineFormat::Json);
    cable.host.json_of("hello");
    bench.newest.put(Arc::new(snapshot("A-1", 1)));
    cable.host.json_of("update");
    cable.pull(&link);
    wait_until("the loss is told", || bench.trouble.lock().unwrap().iter().flatten().any(|w| w.contains("went away")));
    crate::common::stored::kept(&bench.results, &done("A-1"));
    bench.newest.put(Arc::new(done("A-1")));
    wait_until("the missing port is told", || {
        bench.trouble.lock().unwrap().iter().flatten().any(|words| words.contains("is not there; plug it in"))
    });
    let mut cable = Cable::plug(&link);
    cable.host.receive();
    assert_eq!(cable.host.bytes[0], b'\n', "half a line from before is ended first");
    let hello = cable.host.json();
    assert_eq!((&hello["type"], &hello["result"]), (&"hello".into(), &1.into()));
    assert_eq!(cable.host.json_of("preliminary")["result"], 1);
    assert_eq!(bench.trouble.lock().unwrap().last(), Some(&None), "the trouble is over");
    wait_until("the result is marked as sent", || {
        std::fs::read_to_string(bench.folder.path().join("serial.sent")).unwrap() == "1 0\n"
    });
    let (_, traffic) = bench.end();
    assert_eq!((traffic.results, traffic.lost), (1, 1));
}

#[test]
fn what_is_no_free_serial_port_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let check = |port: &str| check_port(&SerialConfig { port: port.parse().unwrap(), ..SerialConfig::default() });
    let file = folder.path().join("file");
    std::fs::write(&file, "kept").unwrap();
    let said = check(file.to_str().unwrap()).unwrap_err().to_string();
    assert!(said.ends_with("is a file, not a serial port; set `port` to a device such as /dev/ttyUSB0"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
    assert!(matches!(check("/tmp"), Err(PortError::NotAPort { what: "a folder", .. })));
    assert!(matches!(check("/dev/null"), Err(PortError::NotAPort { what: "another kind of device", .. })));
    check("/dev/ttyUSB-not-plugged-in").unwrap();
    check("none").unwrap();
    let link = folder.path().join("tty");
    let _cable = Cable::plug(&link);
    let config = SerialConfig { port: link.to_str().unwrap().parse().unwrap(), ..SerialConfig::default() };
    let _taken = open_at_start(&config).unwrap();
    assert!(matches!(check_port(&config), Err(PortError::InUse { .. })));
}

#[test]
fn a_result_signed_before_its_host_came_is_sent_once_as_final_and_waits_since_its_signature() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut outbox = Outbox::open(folder.path(), "host", Sends::All, &store).unwrap();
    for sample in ["A-1", "A-2"] {
        crate::common::stored::kept(&store, &done(sample));
    }
    store.sign(1, "rita", crate::common::stored::at(90), "").unwrap();
    let unsent = outbox.unsent();
    assert_eq!(unsent().unwrap().results, 2);
    let mut sent = Vec::new();
    while let Some((due, result)) = outbox.next().unwrap() {
        sent.push((result.snapshot.sample, result.signature.is_some()));
        outbox.delivered(due).unwrap();
    }
    assert_eq!(sent, [("A-2".to_owned(), false), ("A-1".to_owned(), true)]);
    assert_eq!(unsent().unwrap(), Unsent::default());
    drop(outbox);
    store.sign(2, "rita", crate::common::stored::at(95), "").unwrap();
    // A receiver of final results alone does not get what was counted before it was first connected.
    let strict = Outbox::open(folder.path(), "strict", Sends::Signed, &store).unwrap();
    assert_eq!(strict.due(), None);
    let outbox = Outbox::open(folder.path(), "host", Sends::All, &store).unwrap();
    let unsent = outbox.unsent()().unwrap();
    assert_eq!((unsent.results, unsent.oldest.is_some()), (1, true));
}
