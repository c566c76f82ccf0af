//! What a key accepts, and what to write instead of a wrong value.
//!
//! One rule serves the file, the environment and [`super::Config::check`], so that all three refuse the same values in
//! the same words.

use toml::Value;

use super::camera_source::CameraSource;
use super::values::{ListenAddress, SerialPort};

/// What a key accepts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Accepts {
    /// Words of 1 to so many characters, none of them a control character.
    Text(usize),
    /// The words of a [`CameraSource`].
    Camera,
    /// `pty`, `none` or a device path.
    Port,
    /// `none` or address and port.
    Listen,
    /// A language tag such as `en` or `pt-BR`.
    Language,
    /// A path from the root.
    Device,
    /// A path; empty stands for none, or for the usual place.
    Folder,
    /// A path to a file.
    File,
    /// `true` or `false`.
    Flag,
    /// A whole number within a range.
    Whole(i64, i64),
    /// A whole number within a range, that is written in base 16.
    Hex(i64, i64),
    /// A number within a range.
    Number(f64, f64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of the rates serial ports have.
    Baud,
}

/// One key.
#[derive(Debug)]
pub(super) struct ConfigKey {
    pub section: &'static str,
    pub name: &'static str,
    /// The comment above it in the shipped file, line by line.
    pub comment: &'static [&'static str],
    pub accepts: Accepts,
    /// What the number counts, for the sentence of a refusal.
    pub unit: &'static str,
    /// A good value, as TOML; empty: the default is one.
    pub example: &'static str,
    /// Whether it may be left out, and taken back by `"none"`.
    pub optional: bool,
    /// What holds where it is not set.
    pub default: fn() -> Option<Value>,
}

/// A key that always has a value. Section, name, comment and default come from its row.
pub(super) const fn key(accepts: Accepts) -> ConfigKey {
    let default = || None;
    ConfigKey { section: "", name: "", comment: &[], accepts, unit: "", example: "", optional: false, default }
}

/// A key that may have none.
pub(super) const fn optional(accepts: Accepts) -> ConfigKey {
    ConfigKey { optional: true, ..key(accepts) }
}

impl ConfigKey {
    /// With what its number counts.
    pub(super) const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// With a good value, as TOML, where the default is none.
    pub(super) const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }
}

/// Bits a second that serial ports have.
pub(super) const BAUDS: [u32; 14] =
    [1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 500_000, 921_600, 1_000_000, 1_500_000];

/// Groups of the differential, by the words `class::Group` has for them.
pub(super) const GROUPS: &[&str] =
    &["blasts", "immature-granulocytes", "neutrophils", "lymphocytes", "monocytes", "eosinophils", "basophils"];

/// The longest frame interval or stall that is still noticed within five seconds.
pub(super) const STALL_SECONDS: (f64, f64) = (0.5, 4.5);

use Accepts::{Baud, Camera, Device, File, Flag, Folder, Hex, Language, Listen, Number, OneOf, Port, Text, Whole};

/// The word among `known` that was most likely meant.
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
    /// Looks at one value. `shown` is the value as the person wrote it.
    pub(super) fn refuse(&self, value: &Value, shown: &str) -> Option<Refusal> {
        let what = match (self.accepts, value) {
            (Text(longest), Value::String(text)) => refuse_text(text, longest),
            (Camera, Value::String(text)) => return self.refuse_camera(text),
            (Port, Value::String(text)) => text.parse::<SerialPort>().err().map(|wrong| wrong.to_string()),
            (Listen, Value::String(text)) => text.parse::<ListenAddress>().err().map(|wrong| wrong.to_string()),
            (Language, Value::String(text)) => (!is_language(text))
                .then(|| "is no language; a language is a tag such as \"en\", \"es\" or \"pt-BR\"".to_owned()),
            (Device, Value::String(text)) => (!text.starts_with('/') || text.ends_with('/'))
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
            (OneOf(words), Value::String(text)) => return self.refuse_word(text, words),
            (Baud, Value::Integer(number)) => (!BAUDS.iter().any(|baud| i64::from(*baud) == *number))
                .then(|| format!("is no rate of a serial port; the rates are {}", list(BAUDS.iter()))),
            _ => Some(format!("must be {}", self.kind())),
        };
        what.map(|what| Refusal { what: format!("{} = {shown} {what}", self.name), write: self.example_line() })
    }

    /// A whole line with a good value.
    pub(super) fn example_line(&self) -> String {
        format!("{} = {}", self.name, self.good_value())
    }

    /// A good value as TOML: the example, or else the default.
    fn good_value(&self) -> String {
        match (self.default)() {
            Some(default) if self.example.is_empty() => self.as_toml(&default),
            _ => self.example.to_owned(),
        }
    }

    /// A good value as the text of a variable or of a word.
    pub(super) fn good_text(&self) -> String {
        self.good_value().trim_matches('"').to_owned()
    }

    /// The key in the shipped file: with its default, or commented out with the example.
    pub(super) fn shipped_line(&self) -> String {
        match (self.default)() {
            Some(default) => format!("{} = {}", self.name, self.as_toml(&default)),
            None if matches!(self.accepts, Folder) => format!("{} = \"\"", self.name),
            None => format!("# {}", self.example_line()),
        }
    }

    fn as_toml(&self, value: &Value) -> String {
        match (self.accepts, value) {
            (Hex(..), Value::Integer(number)) => format!("{number:#04x}"),
            _ => value.to_string(),
        }
    }

    /// Whether this value takes the key back: `""` where it may be left out or stands for the usual place, `"none"` where it
    /// may be left out.
    pub(super) fn is_none(&self, value: &Value) -> bool {
        match value {
            Value::String(text) if text.is_empty() => self.optional || matches!(self.accepts, Folder),
            Value::String(text) => self.optional && text == "none",
            _ => false,
        }
    }

    /// Name of the variable that overrides the key.
    pub(super) fn variable(&self) -> String {
        format!("LEUKOSCOPE_{}_{}", self.section, self.name).to_uppercase()
    }

    /// Turns the text of a variable into the value it stands for; text that fits no type stays text, to be refused.
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
            Text(_) | Camera | Port | Listen | Language => "text in quotes".to_owned(),
        }
    }

    fn refuse_word(&self, text: &str, words: &'static [&'static str]) -> Option<Refusal> {
        if words.contains(&text) {
            return None;
        }
        let word = nearest(text, words.iter().copied()).map_or_else(|| self.good_text(), str::to_owned);
        Some(Refusal {
            what: format!("{} = {text:?} is not one of {}", self.name, quoted(words)),
            write: format!("{} = {word:?}", self.name),
        })
    }

    fn refuse_camera(&self, text: &str) -> Option<Refusal> {
        let unknown = text.parse::<CameraSource>().err()?;
        Some(Refusal {
            what: format!("{} = {unknown}", self.name),
            write: format!("{} = {:?}", self.name, unknown.probably()),
        })
    }
}

fn refuse_text(text: &str, longest: usize) -> Option<String> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        Some(format!("is empty; it must have 1 to {longest} characters"))
    } else if length > longest {
        Some(format!("has {length} characters; it must have 1 to {longest}"))
    } else if text.chars().any(char::is_control) {
        Some("has a control character in it".to_owned())
    } else {
        None
    }
}

/// Whether this is the tag of a language, and so the name of a catalogue: letters and digits in parts of 1 to 8 joined by
/// hyphens, letters first.
#[must_use]
pub(crate) fn is_language(tag: &str) -> bool {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = tag.split('-').next().unwrap_or_default();
    tag.len() <= 32 && first.len() >= 2 && first.bytes().all(|b| b.is_ascii_alphabetic()) && tag.split('-').all(part)
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
