//! The ASTM link and its messages, without a wire: any result, cut anyhow, damaged anyhow.

use std::time::{Duration, Instant};

use leukoscope::config::{AstmCharset, CodesConfig};
use leukoscope::outputs::astm::frame::{Frame, frames};
use leukoscope::outputs::astm::link::{Happened, Link, Obstacle};
use leukoscope::outputs::astm::message::{Asked, NotUnderstood, Sender, read};
use leukoscope::outputs::astm::record::{Delimiters, decoded, encoded, escaped, unescaped};
use leukoscope::store::Store;
use proptest::prelude::*;

use crate::common::stored::{at, kept};
use crate::serial_bench::done;

const ENQ: u8 = 5;
const ACK: u8 = 6;
const EOT: u8 = 4;
const NAK: u8 = 21;

fn records(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| format!("{text}\r").into_bytes()).collect()
}

#[test]
fn a_message_goes_out_byte_by_byte_as_the_standard_says() {
    let start = Instant::now();
    let mut link = Link::default();
    link.send(&records(&["A", &"B".repeat(250)]), start);
    let said = |link: &mut Link| std::mem::take(link.output());
    assert_eq!(said(&mut link), [ENQ]);
    assert_eq!(link.take(&[ACK], start), []);
    // 31 + 41 + 0D + 03 = 82, in hexadecimal.
    assert_eq!(said(&mut link), b"\x021A\r\x0382\r\n");
    link.take(&[NAK], start);
    assert_eq!(said(&mut link), b"\x021A\r\x0382\r\n", "refused, it is sent again");
    link.take(&[ACK], start);
    let first = said(&mut link);
    assert_eq!((first.len(), first[1], first[242]), (247, b'2', 0x17), "240 bytes of text, and ETB");
    link.take(&[ACK], start);
    let second = said(&mut link);
    assert_eq!((&second[..13], second[13]), (b"\x023BBBBBBBBBB\r".as_slice(), 3));
    assert_eq!(link.take(&[ACK], start), [Happened::Delivered]);
    assert_eq!(said(&mut link), [EOT]);
    assert!(link.is_free(start));
}

#[test]
fn timers_refusals_and_contention_leave_the_line_free_again() {
    let start = Instant::now();
    let after = |seconds: u64| start + Duration::from_secs(seconds);
    let message = records(&["A"]);
    let mut link = Link::default();
    // Nobody answers the call for 15 s.
    link.send(&message, start);
    assert_eq!(link.tick(after(14)), None);
    assert_eq!(link.tick(after(15)), Some(Happened::NotDelivered(Obstacle::NoAnswer)));
    assert!(!link.is_free(after(24)) && link.is_free(after(25)));
    // Busy.
    let mut link = Link::default();
    link.send(&message, start);
    assert_eq!(link.take(&[NAK], start), [Happened::NotDelivered(Obstacle::Busy)]);
    assert!(!link.is_free(after(9)) && link.is_free(after(10)));
    // Both call: the instrument calls again after a second, and answers nothing.
    let mut link = Link::default();
    link.send(&message, start);
    link.output().clear();
    assert_eq!(link.take(&[ENQ], start), [Happened::NotDelivered(Obstacle::Contention)]);
    assert!(link.output().is_empty() && !link.is_free(start) && link.is_free(after(1)));
    // Six refusals end the message.
    let mut link = Link::default();
    link.send(&message, start);
    link.take(&[ACK], start);
    let happened: Vec<_> = (0..6).flat_map(|_| link.take(&[NAK], start)).collect();
    assert_eq!(happened, [Happened::NotDelivered(Obstacle::Refused)]);
    assert_eq!(link.output().last(), Some(&EOT));
    // A host that stops in the middle of its message is waited for for 30 s.
    let mut link = Link::default();
    link.take(&[ENQ], start);
    link.take(&frames(&message)[0].bytes(), start);
    assert_eq!(link.output().as_slice(), [ACK, ACK]);
    assert_eq!(link.tick(after(29)), None);
    // Only its reader can tell that it is not whole.
    assert_eq!(link.tick(after(30)), Some(Happened::Received(b"A\r".to_vec())));
    assert_eq!(read(b"A\r", AstmCharset::Latin1), Err(NotUnderstood::NoHeader));
    assert!(link.is_free(after(30)));
}

#[test]
fn a_host_without_end_is_refused_and_costs_no_memory() {
    let now = Instant::now();
    let mut link = Link::default();
    link.take(&[ENQ, 2], now);
    let endless = vec![b'x'; 100_000];
    for _ in 0..1000 {
        assert_eq!(link.take(&endless, now), []);
    }
    assert_eq!(link.output().as_slice(), [ACK]);
    link.take(b"\n", now);
    assert_eq!(link.output().as_slice(), [ACK, NAK]);
    // Whole frames without an end of the message.
    let mut link = Link::default();
    link.take(&[ENQ], now);
    for number in 0..100_u32 {
        let frame = Frame { number: ((number + 1) % 8) as u8, text: vec![b'x'; 60_000], last: false };
        link.take(&frame.bytes(), now);
    }
    let taken = link.output().iter().position(|byte| *byte == NAK);
    assert_eq!(taken, Some(1 + 17), "1 MiB");
    assert_eq!(link.take(&[EOT], now), [Happened::Discarded("the message is too long")]);
}

#[test]
fn a_result_is_a_message_with_the_signers_comment_flags_and_one_record_a_figure() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    kept(&store, &done("A|1^ÄŒ"));
    let sender = sender(AstmCharset::Latin1);
    let said =
        |result: &[Vec<u8>]| result.iter().map(|record| decoded(record, AstmCharset::Latin1)).collect::<Vec<_>>();
    let preliminary = said(&sender.result(&store.find(1).unwrap().unwrap(), None, false, &[], at(100)));
    store.sign(1, "rita", at(90), "two lines\nof comment").unwrap();
    let result = store.find(1).unwrap().unwrap();
    let signed = said(&sender.result(&result, None, false, &[], at(100)));
    let kinds: String = signed.iter().map(|record| &record[..1]).collect();
    assert!(kinds.starts_with("HPOCC") && kinds.ends_with("RRL"), "{kinds}");
    assert!(signed[0].starts_with("H|\\^&|1-"), "{}", signed[0]);
    assert!(signed[0].contains("|leukoscope^ward 3^") && signed[0].contains("|LIS|"), "{}", signed[0]);
    let order: Vec<&str> = signed[2].trim_end().split('|').collect();
    assert_eq!((order[2], order[25]), ("A&F&1&S&Ä&X0152&", "F"), "{}", signed[2]);
    assert!(
        signed.iter().any(|record| record.ends_with("|I|It was signed with 100 of 100 cells unseen.|G\r")),
        "{signed:?}"
    );
    assert!(
        signed.iter().any(|record| record.starts_with("C|") && record.ends_with("|I|Comment: two lines|G\r")),
        "{signed:?}"
    );
    let share = signed.iter().find(|record| record.contains("^LN^NGS|")).unwrap();
    assert!(share.contains("|%|") && share.contains("||F||rita||"), "{share}");
    let cells = signed.iter().find(|record| record.contains("^^^NGS-CELLS|")).unwrap();
    assert!(cells.contains("|{cells}|"), "{cells}");
    assert_eq!(preliminary[2].trim_end().split('|').nth(25), Some("P"));
    assert!(preliminary.iter().filter(|record| record.starts_with('R')).all(|record| record.contains("||P||")));
    // The same result again is the same message but for its time; signed, it is another one.
    let id = |message: &[String]| message[0].split('|').nth(2).map(str::to_owned);
    assert_eq!(id(&said(&sender.result(&result, None, false, &[], at(900)))), id(&signed));
    assert_ne!(id(&preliminary), id(&signed));
    assert_eq!(signed.last().unwrap(), "L|1|N\r");
}

fn sender(charset: AstmCharset) -> Sender {
    Sender { station: "ward 3".into(), receiver: Some("LIS".into()), charset, codes: CodesConfig::default() }
}

#[test]
fn orders_cancellations_and_queries_are_understood_and_everything_else_is_named() {
    let asked = |text: &str| read(text.as_bytes(), AstmCharset::Latin1);
    let order = |sample: &str, id: Option<&str>, urgent| Asked::Order {
        sample: sample.into(),
        order_id: id.map(str::to_owned),
        urgent,
    };
    let whole = "H|\\^&|||host\rP|1\rO|1|A-1||^^^DIFF|R\rO|2|A-2|77^x|^^^DIFF|S||||||N\rO|3|A-3|||R||||||C\rL|1|N\r";
    let expected = [
        order("A-1", None, false),
        order("A-2", Some("77"), true),
        Asked::Cancel { sample: "A-3".into(), order_id: None },
    ];
    assert_eq!(asked(whole).unwrap(), expected);
    assert_eq!(asked(&whole.replace('\r', "\r\n")).unwrap(), expected, "with line feeds");
    // Another host's delimiters.
    let other = "H!~$%!!!host\rO!1!A$F$!!!S\rL!1\r";
    assert_eq!(asked(other).unwrap(), [order("A", None, true)]);
    let query = |sample: &str| Asked::Query { sample: sample.into() };
    assert_eq!(asked("H|\\^&\rQ|1|^A-1\\^A-2||ALL\rL|1\r").unwrap(), [query("A-1"), query("A-2")]);
    assert_eq!(asked("H|\\^&\rQ|1|^A-1||||||||||A\rL|1\r").unwrap(), [], "a query that is taken back");
    let result = format!("H|\\^&\rO|1|A-1{}F\rR|1|^^^X|1\rL|1\r", "|".repeat(23));
    assert_eq!(asked(&result).unwrap(), [], "results are no orders");
    assert_eq!(asked("H|\\^&\rO|1|QC|||||||||Q\rL|1\r").unwrap(), [], "a control sample");
    for (wrong, why) in [
        ("", NotUnderstood::NoHeader),
        ("O|1|A\rL|1\r", NotUnderstood::NoHeader),
        ("H||||\rL|1\r", NotUnderstood::NoHeader),
        ("H|\\^&\rO|1|A\r", NotUnderstood::NoTerminator),
        ("H|\\^&||||||||||T\rO|1|A\rL|1\r", NotUnderstood::NotProduction),
    ] {
        assert_eq!(asked(wrong).unwrap_err(), why, "{wrong:?}");
    }
}

/// Bytes that may be damaged on their way: a byte in `one_of` is changed, lost or doubled.
struct Noise {
    state: u64,
    one_of: u64,
}

impl Noise {
    fn drawn(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.state >> 33
    }

    fn over(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut arrived = Vec::new();
        for byte in bytes {
            match (self.drawn() % self.one_of, self.drawn() % 3) {
                (0, 0) => arrived.push(self.drawn() as u8),
                (0, 1) => {}
                (0, _) => arrived.extend([*byte, *byte]),
                _ => arrived.push(*byte),
            }
        }
        arrived
    }
}

/// Sends a message over a line on which one byte in `one_of` is damaged, as often as it takes; what the other end received.
fn over_a_bad_line(message: &[Vec<u8>], seed: u64, one_of: u64) -> (Vec<Vec<u8>>, u32) {
    let mut now = Instant::now();
    let (mut station, mut host) = (Link::default(), Link::default());
    let mut noise = Noise { state: seed, one_of };
    let (mut received, mut tries) = (Vec::new(), 0);
    let mut delivered = false;
    for _ in 0..200_000 {
        if !delivered && station.is_free(now) && host.is_idle() {
            station.send(message, now);
            tries += 1;
        }
        let out = noise.over(&std::mem::take(station.output()));
        let back = host.take(&out, now);
        let out = noise.over(&std::mem::take(host.output()));
        let happened = station.take(&out, now);
        for event in back.into_iter().chain(host.tick(now)) {
            if let Happened::Received(text) = event {
                received.push(text);
            }
        }
        for event in happened.into_iter().chain(station.tick(now)) {
            delivered |= event == Happened::Delivered;
        }
        if delivered && host.is_idle() && station.output().is_empty() {
            return (received, tries);
        }
        now += Duration::from_millis(200);
    }
    panic!("not delivered in {tries} tries");
}

#[test]
fn with_a_fifth_of_the_frames_damaged_every_message_arrives_once_and_whole() {
    // A frame has some 100 bytes here: one byte in 500 damages a fifth of them, and answers besides.
    let lines: Vec<String> = (0..12).map(|line| format!("R|{line}|^^^X|{}", "5".repeat(80))).collect();
    let mut texts = vec!["H|\\^&".to_owned()];
    texts.extend(lines);
    texts.push("L|1|N".to_owned());
    let message = records(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let (mut tries, mut doubled) = (0, 0);
    for seed in 0..500 {
        let (received, took) = over_a_bad_line(&message, seed, 500);
        let whole = received.iter().filter(|text| **text == message.concat()).count();
        assert!(whole >= 1, "seed {seed}: {received:?}");
        // What broke off is not taken for a message.
        for text in received.iter().filter(|text| **text != message.concat()) {
            assert_eq!(read(text, AstmCharset::Latin1).unwrap_err(), NotUnderstood::NoTerminator, "seed {seed}");
        }
        doubled += whole - 1;
        tries += took;
    }
    eprintln!("500 messages: {tries} tries, {doubled} came again under their id");
    assert_eq!(doubled, 0);
}

proptest! {
    #[test]
    fn any_records_in_any_portions_arrive_as_they_were(
        texts in prop::collection::vec("[ -~äöüß]{0,600}", 1..8),
        portions in prop::collection::vec(1_usize..50, 1..40),
    ) {
        let message: Vec<Vec<u8>> = texts.iter().map(|text| encoded(text, AstmCharset::Latin1)).collect();
        let now = Instant::now();
        let (mut station, mut host) = (Link::default(), Link::default());
        station.send(&message, now);
        let mut received = Vec::new();
        let mut sizes = portions.iter().cycle();
        while !station.output().is_empty() {
            let bytes = std::mem::take(station.output());
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (now_part, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                received.extend(host.take(now_part, now));
                rest = later;
            }
            let answer = std::mem::take(host.output());
            station.take(&answer, now);
        }
        prop_assert_eq!(received, [Happened::Received(message.concat())]);
    }

    #[test]
    fn any_text_survives_its_escapes_and_any_letter_its_character_set(text in "\\PC{0,80}") {
        let escaped = escaped(&text);
        prop_assert!(!escaped.contains(['|', '\\', '^']));
        prop_assert_eq!(&unescaped(&escaped, Delimiters::OURS), &text);
        for charset in [AstmCharset::Latin1, AstmCharset::Utf8] {
            let mut bytes = encoded(&escaped, charset);
            prop_assert_eq!(bytes.pop(), Some(b'\r'));
            prop_assert_eq!(&unescaped(&decoded(&bytes, charset), Delimiters::OURS), &text);
        }
    }

    #[test]
    fn no_bytes_of_a_host_end_the_station(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let now = Instant::now();
        let mut link = Link::default();
        link.take(&[ENQ], now);
        for happened in link.take(&bytes, now) {
            if let Happened::Received(text) = happened {
                let _ = read(&text, AstmCharset::Utf8);
            }
        }
        let _ = read(&bytes, AstmCharset::Latin1);
    }
}
