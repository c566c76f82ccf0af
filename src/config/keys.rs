//! What each key accepts, and what to write instead of a wrong value.
//!
//! The file, the environment and [`super::Config::check`] share one rule, so all three refuse the same values with the
//! same words.

use toml::Value;

use super::broker::Broker;
use super::camera_source::CameraSource;
use super::forms::{is_code, is_language, is_url, refuse_text, refuse_words, toml_text, whole_pattern};
use super::laboratory_address::LaboratoryAddress;
use super::own_classes::OwnClasses;
use super::values::{FlagList, HostAddress, ListenAddress, SerialPort};

/// The values a key accepts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Accepts {
    /// Text of 1 to this many characters, without control characters.
    Text(usize),
    /// Text of at most this many characters that reports can print, in any script; empty for none.
    Words(usize),
    /// A [`CameraSource`].
    Camera,
    /// `pty`, `none` or a device path.
    Port,
    /// `none` or address and port.
    Listen,
    /// `none`, or where a laboratory system is called or calls.
    Laboratory,
    /// `none` or a host with a port.
    Host,
    /// The address of a server: `http` or `https`.
    Url,
    /// `none` or the address of an MQTT broker.
    BrokerAt,
    /// A language tag such as `en` or `pt-BR`.
    Language,
    /// A path from the root.
    Device,
    /// A path; empty means none, or the default location.
    Folder,
    /// A path to a file.
    File,
    /// `true` or `false`.
    Flag,
    /// A whole number within a range.
    Whole(i64, i64),
    /// A whole number within a range, written in hexadecimal.
    Hex(i64, i64),
    /// A number within a range.
    Number(f64, f64),
    /// A regular expression; empty means none.
    Pattern,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A standard serial baud rate.
    Baud,
    /// Names of flags with commas between them, or `none`.
    FlagNames,
    /// A laboratory's own classes with commas between them, or `none`.
    OwnClassNames,
    /// A code of a laboratory's system, at most 20 characters; empty means left out.
    Code,
}

/// One configuration key.
#[derive(Debug)]
pub(super) struct ConfigKey {
    pub section: &'static str,
    pub name: &'static str,
    /// The comment above the key in the shipped file, line by line.
    pub comment: &'static [&'static str],
    pub accepts: Accepts,
    /// Unit of the number, for the refusal message.
    pub unit: &'static str,
    /// A valid value, as TOML; empty if the default is one.
    pub example: &'static str,
    /// The value in the shipped file, as TOML, where that is not the default; else empty.
    pub shipped: &'static str,
    /// Whether the key may be left out; `"none"` then clears it.
    pub optional: bool,
    /// The value used when the key is not set.
    pub default: fn() -> Option<Value>,
}

/// A key that always has a value. Section, name, comment and default come from its row.
pub(super) const fn key(accepts: Accepts) -> ConfigKey {
    let default = || None;
    ConfigKey {
        section: "",
        name: "",
        comment: &[],
        accepts,
        unit: "",
        example: "",
        shipped: "",
        optional: false,
        default,
    }
}

/// A key that may be unset.
pub(super) const fn optional(accepts: Accepts) -> ConfigKey {
    ConfigKey { optional: true, ..key(accepts) }
}

impl ConfigKey {
    /// Sets the unit of the number.
    pub(super) const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// Sets a valid value, as TOML, for a key without a default.
    pub(super) const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }
}

/// Standard serial baud rates, bits a second.
pub(super) const BAUDS: [u32; 14] =
    [1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 500_000, 921_600, 1_000_000, 1_500_000];

/// Groups of the differential, by their `class::Group` codes.
pub(super) const GROUPS: &[&str] =
    &["blasts", "immature-granulocytes", "neutrophils", "lymphocytes", "monocytes", "eosinophils", "basophils"];

/// Stall times, s, short enough to be noticed within five seconds.
pub(super) const STALL_SECONDS: (f64, f64) = (0.5, 4.5);

use Accepts::{
    Baud, BrokerAt, Camera, Code, Device, File, Flag, FlagNames, Folder, Hex, Host, Laboratory, Language, Listen,
    Number, OneOf, OwnClassNames, Pattern, Port, Text, Url, Whole, Words,
};

/// The closest match to `word` among `known`.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.78)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// What is wrong with a value, and what to write instead.
pub(super) struct Refusal {
    pub what: String,
    pub write: String,
}

impl ConfigKey {
    /// Checks one value. `shown` is the value as the user wrote it. The remedy keeps what was meant, if that can be
    /// read.
    pub(super) fn refuse(&self, value: &Value, shown: &str) -> Option<Refusal> {
        let what = self.wrong(value, shown)?;
        Some(Refusal { what, write: self.line_meant(written(value, shown)) })
    }

    /// What is wrong with one value.
    pub(super) fn wrong(&self, value: &Value, shown: &str) -> Option<String> {
        let what = match (self.accepts, value) {
            (Text(longest), Value::String(text)) => refuse_text(text, longest),
            (Words(longest), Value::String(text)) => refuse_words(text, longest),
            (Camera, Value::String(text)) => {
                return text.parse::<CameraSource>().err().map(|unknown| format!("{} = {unknown}", self.name));
            }
            (Port, Value::String(text)) => text.parse::<SerialPort>().err().map(|wrong| wrong.to_string()),
            (Listen, Value::String(text)) => text.parse::<ListenAddress>().err().map(|wrong| wrong.to_string()),
            (Laboratory, Value::String(text)) => text.parse::<LaboratoryAddress>().err().map(|wrong| wrong.to_string()),
            (Host, Value::String(text)) => text.parse::<HostAddress>().err().map(|wrong| wrong.to_string()),
            (Url, Value::String(text)) => {
                (!is_url(text)).then(|| "is no address of a server; one begins with https:// or http://".to_owned())
            }
            (BrokerAt, Value::String(text)) => text.parse::<Broker>().err().map(|wrong| wrong.to_string()),
            (Language, Value::String(text)) => (!is_language(text))
                .then(|| "is no language; a language is a tag such as \"en\", \"es\" or \"pt-BR\"".to_owned()),
            (FlagNames, Value::String(text)) => text.parse::<FlagList>().err().map(|wrong| wrong.to_string()),
            (OwnClassNames, Value::String(text)) => text.parse::<OwnClasses>().err().map(|wrong| wrong.to_string()),
            (Device, Value::String(text)) => (!text.starts_with('/') || text.ends_with('/') || text.contains('\0'))
                .then(|| "must be the path of a device, from the root on".to_owned()),
            (Folder, Value::String(text)) => text.contains('\0').then(|| "has a NUL character in it".to_owned()),
            (File, Value::String(text)) => (text.is_empty() || text.ends_with('/') || text.contains('\0'))
                .then(|| "must be the path of a file".to_owned()),
            (Flag, Value::Boolean(_)) => None,
            (Whole(low, high), Value::Integer(number)) => {
                (!(low..=high).contains(number)).then(|| format!("is outside {}", self.range(&low, &high)))
            }
            (Hex(low, high), Value::Integer(number)) => {
                (!(low..=high).contains(number)).then(|| format!("is outside {low:#04x} to {high:#04x}"))
            }
            (Number(low, high), Value::Integer(_) | Value::Float(_)) => {
                let number = as_number(value);
                if number.is_finite() {
                    (!(low..=high).contains(&number)).then(|| format!("is outside {}", self.range(&low, &high)))
                } else {
                    Some(format!("is no number to count with; it must be {}", self.range(&low, &high)))
                }
            }
            (Pattern, Value::String(text)) => whole_pattern(text)
                .err()
                .map(|_| "is no regular expression, or one that takes too much memory".to_owned()),
            (OneOf(words), Value::String(text)) => {
                let known = words.contains(&text.as_str());
                return (!known).then(|| format!("{} = {text:?} is not one of {}", self.name, quoted(words)));
            }
            (Code, Value::String(text)) => (!is_code(text))
                .then(|| "is no code; a code has at most 20 letters, digits and -._#%, without spaces".to_owned()),
            (Baud, Value::Integer(number)) => (!BAUDS.iter().any(|baud| i64::from(*baud) == *number))
                .then(|| format!("is no rate of a serial port; the rates are {}", list(BAUDS.iter()))),
            _ => Some(format!("must be {}", self.kind())),
        };
        what.map(|what| format!("{} = {shown} {what}", self.name))
    }

    /// Sets what the shipped file says instead of the default.
    pub(super) const fn shipped(self, shipped: &'static str) -> Self {
        Self { shipped, ..self }
    }

    /// A complete line with a valid value.
    pub(super) fn example_line(&self) -> String {
        format!("{} = {}", self.name, self.good_value())
    }

    /// A valid value as TOML: the example, else the default.
    fn good_value(&self) -> String {
        match (self.default)() {
            Some(default) if self.example.is_empty() => self.as_toml(&default),
            _ => self.example.to_owned(),
        }
    }

    /// A valid value as plain text, as a variable holds it.
    pub(super) fn good_text(&self) -> String {
        self.good_value().trim_matches('"').to_owned()
    }

    /// The line in the shipped file: the default, or the example commented out.
    pub(super) fn shipped_line(&self) -> String {
        match (self.default)() {
            Some(_) if !self.shipped.is_empty() => format!("{} = {}", self.name, self.shipped),
            Some(default) => format!("{} = {}", self.name, self.as_toml(&default)),
            None if matches!(self.accepts, Folder) => format!("{} = \"\"", self.name),
            None => format!("# {}", self.example_line()),
        }
    }

    /// A value as it stands in the file.
    pub(super) fn as_toml(&self, value: &Value) -> String {
        match (self.accepts, value) {
            (Hex(..), Value::Integer(number)) => format!("{number:#04x}"),
            (_, Value::String(text)) => toml_text(text),
            _ => value.to_string(),
        }
    }

    /// Whether this value clears the key: `""` if the key is optional or empty means the default location, `"none"` if
    /// it is optional.
    pub(super) fn is_none(&self, value: &Value) -> bool {
        match value {
            Value::String(text) if text.is_empty() => self.optional || matches!(self.accepts, Folder),
            Value::String(text) => self.optional && text == "none",
            _ => false,
        }
    }

    /// Name of the environment variable that overrides the key.
    pub(super) fn variable(&self) -> String {
        format!("LEUKOSCOPE_{}_{}", self.section, self.name).to_uppercase()
    }

    /// Parses a variable's text into the key's type. Text that does not parse stays text, and the check then refuses
    /// it.
    pub(super) fn value_of(&self, text: &str) -> Value {
        let text = text.trim();
        let as_text = || Value::String(text.to_owned());
        match self.accepts {
            Flag => text.parse().map_or_else(|_| as_text(), Value::Boolean),
            Whole(..) | Hex(..) | Baud => {
                let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                    Some(digits) => i64::from_str_radix(digits, 16),
                    None => text.replace('_', "").parse(),
                };
                number.map_or_else(|_| as_text(), Value::Integer)
            }
            Number(..) => text.parse().map_or_else(|_| as_text(), Value::Float),
            _ => as_text(),
        }
    }

    fn range(&self, low: &impl ToString, high: &impl ToString) -> String {
        let range = format!("{} to {} {}", low.to_string(), high.to_string(), self.unit);
        range.trim_end().to_owned()
    }

    fn kind(&self) -> String {
        match self.accepts {
            Flag => "true or false, without quotes".to_owned(),
            Whole(low, high) => format!("a whole number, {}, without quotes", self.range(&low, &high)),
            Hex(low, high) => format!("an address from {low:#04x} to {high:#04x}, without quotes"),
            Number(low, high) => format!("a number, {}, without quotes", self.range(&low, &high)),
            Baud => format!("one of {}, without quotes", list(BAUDS.iter())),
            OneOf(words) => format!("one of {}, in quotes", quoted(words)),
            Device | Folder | File => "a path in quotes".to_owned(),
            Text(_) | Words(_) | Code | FlagNames | OwnClassNames | Pattern | Camera | Port | Listen | Language
            | Laboratory | Host | Url | BrokerAt => "text in quotes".to_owned(),
        }
    }
}

/// The text of a value as the user wrote it, for reading what was meant.
pub(super) fn written<'a>(value: &'a Value, shown: &'a str) -> &'a str {
    match value {
        Value::String(text) => text,
        // One value in a list is probably meant alone.
        Value::Array(_) => shown.trim().trim_start_matches('[').trim_end_matches(']'),
        _ => shown,
    }
}

fn as_number(value: &Value) -> f64 {
    match value {
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        _ => f64::NAN,
    }
}

fn list(items: impl Iterator<Item = impl ToString>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

fn quoted(words: &[&str]) -> String {
    list(words.iter().map(|word| format!("{word:?}")))
}
