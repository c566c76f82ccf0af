//! Takes orders (ORM^O01, OML^O21) into the worklist and renders the acknowledgement. Does no I/O of its own.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::HOST;
use super::message::{Message, Segment, Unreadable, escaped};
use super::observation::header;
use crate::config::Hl7Config;
use crate::station::worklist::{NotOrdered, Worklist};
use crate::store::StoreError;
use crate::system::printable::printable;

/// Longest words of a host that the log repeats, characters.
const LONGEST_WORDS: usize = 80;

/// Why a message, or one order in it, is not carried out: an entry of HL7 table 0357 with words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    /// `AE`: this message can never be taken as it is; `AR`: not here, or not now.
    acknowledgement: &'static str,
    /// Code and text of table 0357.
    code: (&'static str, &'static str),
    /// Segment, its number among its kind, field: the content of ERR-2.
    place: String,
    words: String,
}

const MISSING: (&str, &str) = ("101", "Required field missing");
const DATA: (&str, &str) = ("102", "Data type error");
const NOT_IN_TABLE: (&str, &str) = ("103", "Table value not found");
const MESSAGE_TYPE: (&str, &str) = ("200", "Unsupported message type");
const EVENT: (&str, &str) = ("201", "Unsupported event code");
const PROCESSING: (&str, &str) = ("202", "Unsupported processing id");
const VERSION: (&str, &str) = ("203", "Unsupported version id");
const UNKNOWN_KEY: (&str, &str) = ("204", "Unknown key identifier");
const INTERNAL: (&str, &str) = ("207", "Application internal error");

/// The acknowledgement of a message, and what the log says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The text to send back.
    pub text: String,
    /// `AA`, `AE` or `AR`.
    pub acknowledgement: &'static str,
    /// What was wrong, if anything.
    pub problem: Option<String>,
}

/// Carries out the orders of a message and answers it.
#[must_use]
pub fn answer(bytes: &[u8], worklist: &Worklist, config: &Hl7Config, now: Timestamp) -> Answer {
    let id = super::message::control_id(bytes).unwrap_or_default();
    let (faults, event) = match Message::read(bytes) {
        Ok(message) => (taken(&message, worklist, config), message.header(9, 2)),
        Err(problem) => (vec![unreadable(&problem)], String::new()),
    };
    let acknowledgement = faults.iter().map(|fault| fault.acknowledgement).max().unwrap_or("AA");
    // The event only where it is one that is answered: anything else would be an unknown code in the answer, too.
    let kind = match event.as_str() {
        "O01" => "ACK^O01^ACK",
        "O21" => "ACK^O21^ACK",
        _ => "ACK^^ACK",
    };
    let mut text = header(config, kind, &format!("A{}", now.as_nanosecond() % 10_i128.pow(18)), "P", now);
    // Writing to a String cannot fail.
    let _ = write!(text, "MSA|{acknowledgement}|{}\r", escaped(&id));
    for Fault { code, place, words, .. } in &faults {
        let _ = write!(text, "ERR||{place}|{}^{}^HL70357|E||||{}\r", code.0, code.1, escaped(words));
    }
    let words: Vec<&str> = faults.iter().map(|fault| fault.words.as_str()).collect();
    Answer { text, acknowledgement, problem: (!words.is_empty()).then(|| words.join("; ")) }
}

fn unreadable(problem: &Unreadable) -> Fault {
    let (code, place) = match problem {
        Unreadable::NoHeader => (MISSING, "MSH^1"),
        Unreadable::Charset(_) => (NOT_IN_TABLE, "MSH^1^18"),
        Unreadable::Letters(_) => (DATA, "MSH^1^18"),
    };
    Fault { acknowledgement: "AR", code, place: place.to_owned(), words: problem.to_string() }
}

/// What an order says, gathered from its segments.
#[derive(Clone, Debug, Default)]
struct Said {
    /// ORC-1.
    control: String,
    /// ORC-2, or OBR-2.
    placer: String,
    sample: String,
    urgent: bool,
    /// Which order of the message, from 1.
    number: usize,
}

/// Carries out every order of a message; returns what could not be.
fn taken(message: &Message, worklist: &Worklist, config: &Hl7Config) -> Vec<Fault> {
    if let Some(fault) = unsupported(message) {
        return vec![fault];
    }
    let orders = orders(message, config);
    if orders.is_empty() {
        let words = "the message holds no ORC segment, so no order".to_owned();
        return vec![Fault { acknowledgement: "AE", code: MISSING, place: "ORC^1".to_owned(), words }];
    }
    orders.iter().filter_map(|said| carry_out(said, worklist, config).err()).collect()
}

/// What makes the whole message one that is not taken here.
fn unsupported(message: &Message) -> Option<Fault> {
    let [kind, event, processing, version] =
        [(9, 1), (9, 2), (11, 1), (12, 1)].map(|(field, part)| message.header(field, part));
    let told = |text: &str| printable(&text.chars().take(LONGEST_WORDS).collect::<String>()).into_owned();
    let (code, place, words) = if !matches!(kind.as_str(), "ORM" | "OML") {
        (
            MESSAGE_TYPE,
            "MSH^1^9^1^1",
            format!("message type {} is not taken here; ORM^O01 and OML^O21 are", told(&kind)),
        )
    } else if !matches!((kind.as_str(), event.as_str()), ("ORM", "O01") | ("OML", "O21")) {
        (EVENT, "MSH^1^9^1^2", format!("event {} is not taken here; ORM^O01 and OML^O21 are", told(&event)))
    } else if !matches!(processing.as_str(), "P" | "") {
        // An order for training must not be counted as one for a patient.
        (PROCESSING, "MSH^1^11", format!("processing id {} is not taken here; P is", told(&processing)))
    } else if version.is_empty() || version.starts_with("2.") {
        return None;
    } else {
        (VERSION, "MSH^1^12", format!("version {} is not taken here; 2.x is", told(&version)))
    };
    Some(Fault { acknowledgement: "AR", code, place: place.to_owned(), words })
}

fn orders(message: &Message, config: &Hl7Config) -> Vec<Said> {
    let (holder, field) = config.sample_field.place();
    let mut orders: Vec<Said> = Vec::new();
    for segment in message.segments() {
        let name = segment.name();
        if name == "ORC" {
            let (control, placer) = (segment.component(1, 1), segment.component(2, 1));
            let urgent = is_urgent(&segment, 7);
            orders.push(Said { control, placer, urgent, number: orders.len() + 1, ..Said::default() });
        }
        let Some(said) = orders.last_mut() else { continue };
        match name {
            "OBR" => {
                said.urgent |= is_urgent(&segment, 27) || is_urgency(segment.field(5));
                if said.placer.is_empty() {
                    said.placer = segment.component(2, 1);
                }
            }
            "TQ1" => said.urgent |= is_urgency(&segment.component(9, 1)),
            _ => {}
        }
        if name == holder && said.sample.is_empty() {
            said.sample = segment.component(field, 1);
        }
    }
    orders
}

/// Whether the priority of a timing field (its sixth component) is urgent.
fn is_urgent(segment: &Segment<'_>, field: usize) -> bool {
    is_urgency(&segment.component(field, 6))
}

/// HL7 table 0485: stat, as soon as possible.
fn is_urgency(priority: &str) -> bool {
    matches!(priority, "S" | "A")
}

fn carry_out(said: &Said, worklist: &Worklist, config: &Hl7Config) -> Result<(), Fault> {
    let (segment, field) = config.sample_field.place();
    let at = |place: &str| format!("{place}^{}", said.number);
    let fault = |acknowledgement, code, place: String, words| Fault { acknowledgement, code, place, words };
    if said.sample.trim().is_empty() {
        let words = format!("order {} has no sample id in {segment}-{field}", said.number);
        return Err(fault("AE", MISSING, format!("{}^{field}", at(segment)), words));
    }
    let placer = Some(said.placer.as_str()).filter(|placer| !placer.trim().is_empty());
    let told = printable(&said.sample.chars().take(LONGEST_WORDS).collect::<String>()).into_owned();
    match said.control.as_str() {
        // New; changed, which changes the urgency alone.
        "NW" | "XO" => match worklist.order(HOST, &said.sample, placer, said.urgent) {
            Ok(taken) => {
                log::info!("hl7: an order of sample {told} came ({taken:?})");
                Ok(())
            }
            Err(NotOrdered::Store(problem)) => Err(of_store(&problem, &at("ORC"))),
            Err(NotOrdered::Number) => {
                Err(fault("AE", DATA, format!("{}^2", at("ORC")), NotOrdered::Number.to_string()))
            }
            Err(problem @ NotOrdered::Sample(_)) => {
                let words = format!("sample id {told}: {problem}");
                Err(fault("AE", DATA, format!("{}^{field}", at(segment)), words))
            }
        },
        "CA" => match worklist.cancel(HOST, &said.sample, placer) {
            Ok(0) => {
                let words = format!("there is no open order of sample {told} to cancel");
                Err(fault("AE", UNKNOWN_KEY, format!("{}^2", at("ORC")), words))
            }
            Ok(_) => {
                log::info!("hl7: the order of sample {told} is cancelled");
                Ok(())
            }
            Err(problem) => Err(of_store(&problem, &at("ORC"))),
        },
        other => {
            let other = printable(&other.chars().take(LONGEST_WORDS).collect::<String>()).into_owned();
            let words = format!("order control {other} is not taken here; NW, XO and CA are");
            Err(fault("AE", NOT_IN_TABLE, format!("{}^1", at("ORC")), words))
        }
    }
}

/// The host may send it again later.
fn of_store(problem: &StoreError, place: &str) -> Fault {
    Fault { acknowledgement: "AR", code: INTERNAL, place: place.to_owned(), words: problem.to_string() }
}
