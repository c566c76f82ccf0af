//! The value that was meant where a wrong one is written, so that the remedy keeps what the user chose.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use toml::Value;

use super::broker;
use super::camera_source::CameraSource;
use super::keys::Accepts::{
    Baud, BrokerAt, Camera, Code, Device, File, Flag, FlagNames, Folder, Hex, Host, Laboratory, Language, Listen,
    Number, OneOf, OwnClassNames, Pattern, Port, Text, Url, Whole, Words,
};
use super::keys::{ConfigKey, nearest};
use super::own_classes;

/// Quotation marks of any kind: word processors and telephones replace the straight ones.
pub(super) const QUOTES: [char; 15] = ['"', '\'', '`', '´', '“', '”', '„', '‟', '‘', '’', '‚', '«', '»', '″', '′'];

/// What people write after a number, by the unit of the key.
const UNITS: [(&str, &[&str]); 14] = [
    ("", &["baud", "bd", "bps"]),
    ("pixels", &["px", "pixel"]),
    ("frames a second", &["fps", "hz", "/s"]),
    ("seconds", &["s", "sec", "second"]),
    ("minutes", &["min", "minute"]),
    ("days", &["d", "day"]),
    ("hertz", &["hz"]),
    ("kelvin", &["k"]),
    ("megabytes", &["mb"]),
    ("cells", &["cell"]),
    ("percent", &["%"]),
    ("percentage points", &["%", "points", "percent"]),
    ("per 100 white cells", &["%"]),
    ("micrometres a pixel", &["um", "µm", "μm", "um/px", "µm/px", "μm/px"]),
];

/// Port of the page where only an address is written.
const USUAL_PORT: u16 = 8321;

impl ConfigKey {
    /// What was meant by `text`, as a value that this key accepts. `text` is the value as written, with or without
    /// quotes.
    pub(super) fn meant(&self, text: &str) -> Option<Value> {
        let text = text.trim().trim_matches(QUOTES).trim();
        let string = |text: String| Some(Value::String(text));
        let value = match self.accepts {
            Flag => Some(Value::Boolean(flag(text)?)),
            Whole(..) if self.unit == "quarter turns" => quarter_turns(text),
            Whole(..) | Baud => whole(text, self.unit),
            Hex(..) => {
                i64::from_str_radix(text.trim_start_matches("0x").trim_start_matches("0X"), 16).ok().map(Value::Integer)
            }
            Number(..) => number(text, self.unit),
            OneOf(words) => string(nearest(text, words.iter().copied())?.to_owned()),
            FlagNames => string(flag_names(text)?),
            // A list of texts has quotes within.
            OwnClassNames => string(own_classes::meant(&text.replace('"', ""))?),
            Camera => string(match text.parse::<CameraSource>() {
                Ok(source) => source.to_string(),
                Err(unknown) => unknown.probably(),
            }),
            Port => string(port(text)),
            Device => string(below_dev(text)),
            Listen => string(listen(text)?),
            Laboratory => string(laboratory(text)),
            BrokerAt => string(broker::meant(text)),
            Language => string(text.replace('_', "-")),
            Text(_) | Words(_) | Code | Pattern | Folder | File | Host | Url => string(text.to_owned()),
        }?;
        (self.is_none(&value) || self.wrong(&value, "").is_none()).then_some(value)
    }

    /// The line that this key should have: with the value that was meant, else with a valid one.
    pub(super) fn line_meant(&self, text: &str) -> String {
        match self.meant(text) {
            Some(value) => format!("{} = {}", self.name, self.as_toml(&value)),
            None => self.example_line(),
        }
    }

    /// The same for a variable: the text that it should hold.
    pub(super) fn text_meant(&self, text: &str) -> String {
        match self.meant(text) {
            Some(Value::String(text)) => text,
            Some(value) => self.as_toml(&value),
            None => self.good_text(),
        }
    }
}

/// Names of flags as somebody may write them: in quotes, with blanks for hyphens, misspelt.
fn flag_names(text: &str) -> Option<String> {
    let known = || crate::domain::flag::Flag::ALL.iter().map(|flag| flag.code());
    let name = |word: &str| {
        let word = word.trim().trim_matches(QUOTES).trim().replace([' ', '_'], "-");
        nearest(&word, known())
    };
    Some(text.split([',', ';']).map(name).collect::<Option<Vec<_>>>()?.join(", "))
}

/// Port that instruments and laboratory systems use where only a host is written.
const USUAL_LABORATORY_PORT: u16 = 15_200;

/// `tcp://HOST`, `HOST PORT` or `HOST` as an address; `listen` alone waits on every network.
fn laboratory(text: &str) -> String {
    let text = text.trim_start_matches("tcp://").trim_end_matches('/').replace(char::is_whitespace, ":");
    match text.as_str() {
        "listen" | "listen:" | "server" => format!("listen:0.0.0.0:{USUAL_LABORATORY_PORT}"),
        host if !host.contains(':') && host != "none" => format!("{host}:{USUAL_LABORATORY_PORT}"),
        text => text.to_owned(),
    }
}

fn flag(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "y" | "enabled" => Some(true),
        "false" | "no" | "off" | "0" | "n" | "disabled" => Some(false),
        _ => None,
    }
}

/// Splits a number from the unit behind it, which must be that of the key.
fn without_unit<'a>(text: &'a str, unit: &str) -> Option<&'a str> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c.is_whitespace() || "+-.,_'".contains(c)));
    let (number, written) = text.split_at(end.unwrap_or(text.len()));
    let written = written.trim().to_lowercase();
    let known = UNITS.iter().find(|(of, _)| *of == unit).map_or([].as_slice(), |(_, written)| *written);
    let fits = written.is_empty()
        || written == unit
        || known.iter().any(|known| written.trim_end_matches('s') == known.trim_end_matches('s'));
    fits.then(|| number.trim())
}

/// `1 000`, `1.000`, `1'000` and so on without the marks between thousands.
fn without_thousands(number: &str) -> Option<String> {
    let mut groups = number.split([',', '.', '\'', '_', ' ', '\u{a0}', '\u{202f}']);
    let first = groups.next()?;
    let mut joined = first.to_owned();
    for group in groups {
        if group.len() != 3 || first.len() > 3 || first.starts_with('0') {
            return None;
        }
        joined.push_str(group);
    }
    Some(joined)
}

fn whole(text: &str, unit: &str) -> Option<Value> {
    let number = without_unit(text, unit)?;
    if let Ok(number) = number.replace('_', "").parse() {
        return Some(Value::Integer(number));
    }
    if let Some(number) = without_thousands(number).and_then(|number| number.parse().ok()) {
        return Some(Value::Integer(number));
    }
    // `640.0`
    let number: f64 = number.replace(',', ".").parse().ok()?;
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(Value::Integer(number as i64))
}

fn number(text: &str, unit: &str) -> Option<Value> {
    let of = |number: &str| match number.parse() {
        Ok(whole) => Some(Value::Integer(whole)),
        Err(_) => number.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float),
    };
    if let Some(number) = of(text) {
        return Some(number);
    }
    let number = without_unit(text, unit)?;
    if number.matches(',').count() == 1 && !number.contains('.') {
        // `10,000` may be ten or ten thousand; `0,125` and `0,5` can only be a decimal comma.
        return if without_thousands(number).is_some() { None } else { of(&number.replace(',', ".")) };
    }
    of(number)
}

/// Quarter turns, where degrees may have been written.
fn quarter_turns(text: &str) -> Option<Value> {
    let turns: i64 = text.trim_end_matches('°').trim().parse().ok()?;
    Some(Value::Integer(if turns % 90 == 0 { turns / 90 } else { turns }))
}

/// A device's path, where only its name may be written.
fn below_dev(text: &str) -> String {
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.contains(char::is_whitespace);
    if is_name { format!("/dev/{}", text.trim_start_matches("dev/")) } else { text.to_owned() }
}

fn port(text: &str) -> String {
    let word = text.to_lowercase();
    if word == "pty" || word == "none" { word } else { below_dev(text) }
}

fn listen(text: &str) -> Option<String> {
    let text = text.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/');
    let here = |port: u16| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port).to_string();
    if text.eq_ignore_ascii_case("none") {
        return Some("none".to_owned());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, USUAL_PORT).to_string());
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    if host.is_empty() || host.eq_ignore_ascii_case("localhost") {
        return port.parse().ok().map(here);
    }
    Some(text.to_owned())
}
