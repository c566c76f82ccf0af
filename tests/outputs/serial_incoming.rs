//! Bytes from the host: every request in every form, and garbage that must not upset the program.

use leukoscope::counting::session::sample::NoSampleId;
use leukoscope::counting::session::snapshot::Command;
use leukoscope::counting::statistics::absolute::{Entered, WhiteCount};
use leukoscope::counting::statistics::per_red_cell::RedCount;
use leukoscope::outputs::serial::incoming::{Incoming, IncomingError, LONGEST_LINE, Request};
use proptest::prelude::*;

fn push(bytes: &[u8]) -> Vec<Result<Request, IncomingError>> {
    Incoming::default().push(bytes)
}

#[test]
fn requests_are_words_or_json_and_end_with_any_line_end() {
    let asked: Vec<Request> = push(
        b"start\nSTOP\rstatus\r\n\r\n  new   A 17  \nresend 12\n{\"command\":\"resend\",\"result\":3}\n\
          {\"command\":\"new\",\"sample\":\"B\"}\n{\"command\":\"start\"}\nred 4.5\n{\"command\":\"red\",\"red_count\":4.5}\n\
          white 6,5\n{\"command\":\"white\",\"white_count\":6.5}\n",
    )
    .into_iter()
    .map(Result::unwrap)
    .collect();
    let new = |id: &str| Request::Session(Command::NewSample(Some(id.into())));
    assert_eq!(
        asked,
        [
            Request::Session(Command::Start),
            Request::Session(Command::Stop),
            Request::Status,
            new("A 17"),
            Request::Resend(12),
            Request::Resend(3),
            new("B"),
            Request::Session(Command::Start),
            Request::Session(Command::Enter(Entered::Red(RedCount::new(4.5).unwrap()))),
            Request::Session(Command::Enter(Entered::Red(RedCount::new(4.5).unwrap()))),
            Request::Session(Command::Enter(Entered::White(WhiteCount::new(6.5).unwrap()))),
            Request::Session(Command::Enter(Entered::White(WhiteCount::new(6.5).unwrap()))),
        ]
    );
}

#[test]
fn what_is_no_request_is_refused_in_words_that_help() {
    for (line, words) in [
        (
            "sart\n",
            "\"sart\" is no request; send start, stop, status, new [ID], red COUNT, white COUNT or resend NUMBER",
        ),
        (
            "red\n",
            "a red count is a number from 0.1 to 10, in 10^12 a litre (millions per microlitre), such as 4.5; send such as: red 4.5",
        ),
        (
            "red 4500000\n",
            "a red count is a number from 0.1 to 10, in 10^12 a litre (millions per microlitre), such as 4.5; send such as: red 4.5",
        ),
        (
            "white 6500\n",
            "a white count is a number from 0.01 to 1000, in 10^9 a litre (thousands per microlitre), such as 6.5; send such as: white 6.5",
        ),
        ("resend\n", "resend needs the number of a result, such as: resend 12"),
        ("start now\n", "start takes nothing after it"),
        ("{\"command\":1}\n", "this JSON is no request; send such as {\"command\":\"new\",\"sample\":\"A-17\"}"),
        ("\u{1b}[A\n", "bytes that are no text; check the baud rate at both ends"),
    ] {
        let found = push(line.as_bytes());
        assert_eq!(found.len(), 1, "{line:?}");
        assert_eq!(found[0].as_ref().unwrap_err().to_string(), words);
    }
    assert_eq!(push(&[0xff, 0xfe, b'\n']), [Err(IncomingError::NotText)]);
    let long = [vec![b'x'; LONGEST_LINE + 1], b"\nstart\n".to_vec()].concat();
    assert_eq!(push(&long), [Err(IncomingError::TooLong), Ok(Request::Session(Command::Start))]);
    let id = format!("new {}\n", "x".repeat(65));
    assert_eq!(push(id.as_bytes()), [Err(IncomingError::BadSample(NoSampleId::Length))]);
}

#[test]
fn a_red_count_may_name_the_sample_that_it_belongs_to() {
    let of = || Ok(Request::Session(Command::EnterFor("A 17".into(), Entered::Red(RedCount::new(4.5).unwrap()))));
    let asked = push(b"red 4.5 A 17\n{\"command\":\"red\",\"red_count\":4.5,\"sample\":\"A 17\"}\n");
    assert_eq!(asked, [of(), of()]);
    assert!(matches!(push("red 4.5 \u{410}\n".as_bytes())[..], [Err(IncomingError::BadSample(_))]));
}

proptest! {
    #[test]
    fn cutting_the_bytes_anywhere_changes_nothing(bytes in prop::collection::vec(any::<u8>(), 0..1500), cuts in prop::collection::vec(0usize..1500, 0..8)) {
        let whole = push(&bytes);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut incoming = Incoming::default();
        let parts: Vec<_> = cuts.windows(2).flat_map(|cut| incoming.push(&bytes[cut[0]..cut[1]])).collect();
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn a_request_is_understood_after_any_garbage(garbage in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut incoming = Incoming::default();
        incoming.push(&garbage);
        incoming.push(b"\n");
        prop_assert_eq!(incoming.push(b"resend 7\n"), [Ok(Request::Resend(7))]);
    }
}
