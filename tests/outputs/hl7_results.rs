//! Results over HL7: each reaches the host once, whatever the host answers, and says how far it may be relied on.

use std::net::TcpListener;

use leukoscope::config::{Charset, Hl7Config, Sends};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::class::CellClass;
use leukoscope::domain::flag::Flag;
use leukoscope::store::Store;
use leukoscope::store::records::Order;

use crate::common::stored::{at, kept, result, session};
use crate::hl7_bench::{Does, Host, StationSending, config, part, parts, wait_until};

#[test]
fn a_signed_result_goes_out_once_as_final_with_its_codes_and_cells() {
    let host = Host::start(&[]);
    let station = StationSending::start(host.address, Sends::Signed);
    let order = Order { sample: "A-1".into(), host: "hl7".into(), order_id: Some("ORD|7".into()), urgent: false };
    station.store.order(&order, at(-5)).unwrap();
    let counted = session(&station.store, "A-1");
    station.store.sign(counted, "rita", at(90), "seen | twice\nwell").unwrap();
    let messages = host.wait_for(1);
    let message = &messages[0];
    assert_eq!(part(message, "MSH", 9, 3), "ORU_R01");
    assert_eq!(part(message, "MSH", 12, 1), "2.5.1");
    assert_eq!(part(message, "MSH", 10, 1).len(), 20);
    assert_eq!((part(message, "ORC", 2, 1), part(message, "OBR", 2, 1)), ("ORD|7".into(), "ORD|7".into()));
    assert_eq!((part(message, "OBR", 3, 1), part(message, "OBR", 3, 4)), ("1".into(), "UUID".into()));
    assert_eq!((part(message, "OBR", 4, 1), part(message, "OBR", 25, 1)), ("69738-3".into(), "F".into()));
    assert_eq!(part(message, "SPM", 2, 1), "A-1");
    assert!(!message.contains("PID|"), "nobody is named");
    assert_eq!(
        parts(message, "OBX", 3, 1),
        ["32200-8", "NGS-CELLS", "736-9", "LYT-CELLS", "DIFF-CELLS", "WBC-CELLS", "RBC-CELLS", "PLT-CELLS"],
        "nobody looked at the cells, so they are counted automatically"
    );
    assert_eq!(parts(message, "OBX", 5, 1), ["75.0", "3", "25.0", "1", "4", "4", "2", "0"]);
    assert_eq!(parts(message, "OBX", 6, 1)[..2], ["%", "{cells}"]);
    assert!(parts(message, "OBX", 11, 1).iter().all(|status| status == "F"));
    assert!(parts(message, "OBX", 16, 1).iter().all(|person| person == "rita"));
    let notes = parts(message, "NTE", 3, 1);
    assert_eq!(notes[0], "Research and screening support, not a diagnosis.");
    assert!(notes.contains(&"Comment: seen | twice\nwell".to_owned()), "{notes:?}");
    assert!(notes.contains(&"Counted by leukoscope 0, classifier SHA-256 ab12.".to_owned()), "{notes:?}");
    assert!(notes.contains(&"Camera: not checked with this camera.".to_owned()), "{notes:?}");
    let folder = station.end();
    assert_eq!(host.received().len(), 1);
    // A restarted station sends nothing again.
    let station = StationSending::start_in(folder, config(host.address), Sends::Signed);
    std::thread::sleep(std::time::Duration::from_millis(400));
    assert_eq!(host.received().len(), 1);
    station.end();
}

#[test]
fn a_result_whose_every_cell_a_person_saw_is_a_manual_count() {
    let host = Host::start(&[]);
    let station = StationSending::start(host.address, Sends::Signed);
    let counted = session(&station.store, "A-1");
    for (number, class) in [(1, CellClass::Ngs), (2, CellClass::Ngb), (3, CellClass::Ngs), (4, CellClass::Lya)] {
        station.store.reclassify(counted, number, Some(class), "rita", at(70)).unwrap();
    }
    station.store.sign(counted, "rita", at(90), "").unwrap();
    let message = &host.wait_for(1)[0];
    let codes = parts(message, "OBX", 3, 1);
    assert!(["769-0", "764-1", "13046-8"].iter().all(|code| codes.contains(&(*code).to_owned())), "{codes:?}");
    // The program's typical lymphocytes were all renamed: the host must not keep them.
    let typical = codes.iter().position(|code| code == "737-7").unwrap();
    assert_eq!(parts(message, "OBX", 5, 1)[typical], "0.0");
    assert!(parts(message, "OBX", 17, 1).iter().all(|method| method == "MANUAL"));
    station.end();
}

#[test]
fn who_wants_all_gets_a_preliminary_one_before_the_final_one_and_a_recount_as_amended() {
    let host = Host::start(&[]);
    let station = StationSending::start(host.address, Sends::All);
    let first = session(&station.store, "A-1");
    let preliminary = host.wait_for(1)[0].clone();
    assert_eq!((part(&preliminary, "OBR", 25, 1), part(&preliminary, "OBX", 11, 1)), ("P".into(), "P".into()));
    assert_eq!(part(&preliminary, "ORC", 5, 1), "IP");
    station.store.sign(first, "rita", at(90), "").unwrap();
    let signed = host.wait_for(2)[1].clone();
    assert_eq!(part(&signed, "OBR", 25, 1), "F");
    assert_eq!(part(&signed, "OBR", 3, 1), part(&preliminary, "OBR", 3, 1), "of the same result");
    assert_ne!(part(&signed, "MSH", 10, 1), part(&preliminary, "MSH", 10, 1));
    let earlier = station.store.signed_before("A-1").unwrap();
    let again = kept(&station.store, &Snapshot { earlier, flags: vec![Flag::ManyUnclassified], ..result("A-1") });
    host.wait_for(3);
    station.store.sign(again.cast_signed(), "otto", at(200), "").unwrap();
    let amended = host.wait_for(4)[3].clone();
    assert_eq!((part(&amended, "OBR", 25, 1), part(&amended, "OBX", 11, 1)), ("C".into(), "C".into()));
    let notes = parts(&amended, "NTE", 3, 1);
    assert!(notes.contains(&"It replaces result 1 of the same sample, signed by rita.".to_owned()), "{notes:?}");
    assert!(notes.contains(&"Flag: many-unclassified.".to_owned()), "{notes:?}");
    station.end();
}

#[test]
fn every_result_arrives_whatever_the_host_does_meanwhile() {
    for does in [
        Does::Says("AE"),
        Does::Garbage,
        Does::Flood,
        Does::Nothing,
        Does::Closes,
        Does::HalfAnAnswer,
        Does::OtherFirst,
    ] {
        let host = Host::start(&[does]);
        let station = StationSending::start(host.address, Sends::Signed);
        for sample in ["A-1", "A-2"] {
            let counted = session(&station.store, sample);
            station.store.sign(counted, "rita", at(90), "").unwrap();
        }
        wait_until(|| host.received().iter().any(|message| part(message, "SPM", 2, 1) == "A-2"));
        let messages = host.received();
        let id = |message: &String| part(message, "MSH", 10, 1);
        let first: Vec<_> = messages.iter().filter(|message| part(message, "SPM", 2, 1) == "A-1").map(id).collect();
        let expected = if matches!(does, Does::OtherFirst) { 1 } else { 2 };
        assert_eq!(first.len(), expected, "{does:?}");
        assert!(first.iter().all(|other| *other == first[0]), "a repetition has the same number");
        let folder = station.end();
        assert_eq!(std::fs::read_to_string(folder.path().join("hl7.refused")).unwrap_or_default(), "", "{does:?}");
    }
}

#[test]
fn a_refused_result_holds_up_no_other_and_is_neither_forgotten_nor_hidden() {
    let host = Host::start(&[Does::Says("AR"); 5]);
    let station = StationSending::start(host.address, Sends::Signed);
    for sample in ["A-1", "A-2"] {
        let counted = session(&station.store, sample);
        station.store.sign(counted, "rita", at(90), "").unwrap();
    }
    station.wait_for_trouble("result 1 is refused: AR unknown order");
    station.wait_for_trouble("HL7 does not take result 1; each is tried again every hour");
    wait_until(|| host.received().iter().any(|message| part(message, "SPM", 2, 1) == "A-2"));
    // The host's people put it right; it is tried again (after 0.3 s here).
    station.wait_for_no_trouble();
    let samples: Vec<_> = host.received().iter().map(|message| part(message, "SPM", 2, 1)).collect();
    assert_eq!(samples, ["A-1", "A-1", "A-1", "A-1", "A-1", "A-2", "A-1"]);
    let folder = station.end();
    assert_eq!(std::fs::read_to_string(folder.path().join("hl7.refused")).unwrap(), "");
}

#[test]
fn what_was_refused_before_a_restart_is_tried_after_it() {
    let host = Host::start(&[Does::Says("AE"); 500]);
    let station = StationSending::start(host.address, Sends::Signed);
    let counted = session(&station.store, "A-1");
    station.store.sign(counted, "rita", at(90), "").unwrap();
    station.wait_for_trouble("HL7 does not take result 1");
    let folder = station.end();
    host.now_does(&[]);
    let before = host.received().len();
    let station = StationSending::start_in(folder, config(host.address), Sends::Signed);
    host.wait_for(before + 1);
    station.wait_for_no_trouble();
    station.end();
}

#[test]
fn a_host_that_is_down_costs_nothing_and_gets_everything_when_it_is_back() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let station = StationSending::start(address, Sends::Signed);
    for sample in ["A-1", "A-2", "A-3"] {
        let counted = session(&station.store, sample);
        station.store.sign(counted, "rita", at(90), "").unwrap();
    }
    station.wait_for_trouble("cannot be reached");
    let folder = station.end();
    let host = Host::on(TcpListener::bind(address).unwrap(), &[]);
    let station = StationSending::start_in(folder, config(address), Sends::Signed);
    let samples: Vec<_> = host.wait_for(3).iter().map(|message| part(message, "SPM", 2, 1)).collect();
    assert_eq!(samples, ["A-1", "A-2", "A-3"]);
    station.end();
}

#[test]
fn a_station_that_ends_while_it_waits_for_an_answer_ends_at_once() {
    let host = Host::start(&[Does::Nothing; 10]);
    let config = Hl7Config { timeout_seconds: 300, ..config(host.address) };
    let station = StationSending::start_in(tempfile::tempdir().unwrap(), config, Sends::Signed);
    let counted = session(&station.store, "A-1");
    station.store.sign(counted, "rita", at(90), "").unwrap();
    host.wait_for(1);
    let asked = std::time::Instant::now();
    let folder = station.end();
    assert!(asked.elapsed() < std::time::Duration::from_secs(2));
    let store = Store::open(folder.path()).unwrap();
    let outbox = leukoscope::outputs::delivery::Outbox::open(folder.path(), "hl7", Sends::Signed, &store).unwrap();
    assert_eq!(outbox.unsent()().unwrap().results, 1, "it is sent after the next start");
}

#[test]
fn letters_that_the_hosts_character_set_lacks_become_question_marks() {
    let host = Host::start(&[]);
    let config = Hl7Config { charset: Charset::Latin1, empty_pid: true, ..config(host.address) };
    let station = StationSending::start_in(tempfile::tempdir().unwrap(), config, Sends::Signed);
    let counted = session(&station.store, "A-1");
    station.store.sign(counted, "rita", at(90), "5 € for this").unwrap();
    let message = &host.wait_for(1)[0];
    assert_eq!(part(message, "MSH", 18, 1), "8859/1");
    assert!(parts(message, "NTE", 3, 1).contains(&"Comment: 5 ? for this".to_owned()));
    assert!(message.contains("\rPID|1\r"));
    station.end();
}
