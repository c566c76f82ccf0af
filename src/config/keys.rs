//! Every key that can be set, what it accepts, and what to write instead of a wrong value.
//!
//! One table serves the file, the environment and [`super::Config::check`], so that all three refuse the same values in
//! the same words.

use std::net::SocketAddr;

use toml::Value;

use super::camera_source::CameraSource;

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
    /// A path; empty stands for the usual place.
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
    pub accepts: Accepts,
    /// What the number counts, for the sentence of a refusal.
    pub unit: &'static str,
    /// A good value, as TOML.
    pub example: &'static str,
    /// Whether it may be left out, and taken back by `"none"`.
    pub optional: bool,
}

const fn key(
    section: &'static str,
    name: &'static str,
    accepts: Accepts,
    unit: &'static str,
    example: &'static str,
) -> ConfigKey {
    ConfigKey { section, name, accepts, unit, example, optional: false }
}

const fn optional(
    section: &'static str,
    name: &'static str,
    accepts: Accepts,
    unit: &'static str,
    example: &'static str,
) -> ConfigKey {
    ConfigKey { section, name, accepts, unit, example, optional: true }
}

/// Bits a second that serial ports have.
pub(super) const BAUDS: [u32; 14] =
    [1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 500_000, 921_600, 1_000_000, 1_500_000];

/// Groups of the differential, by the words `class::Group` has for them.
const GROUPS: &[&str] =
    &["blasts", "immature-granulocytes", "neutrophils", "lymphocytes", "monocytes", "eosinophils", "basophils"];

/// The longest frame interval or stall that is still noticed within five seconds.
pub(super) const STALL_SECONDS: (f64, f64) = (0.5, 4.5);

use Accepts::{Baud, Camera, Device, File, Flag, Folder, Hex, Language, Listen, Number, OneOf, Port, Text, Whole};

/// Every key, section by section in the order of the shipped file.
pub(super) const KEYS: &[ConfigKey] = &[
    key("station", "name", Text(32), "", r#""leukoscope""#),
    key("station", "state", Folder, "", r#""/var/lib/leukoscope""#),
    key("camera", "source", Camera, "", r#""simulated""#),
    key("camera", "width", Whole(64, 8192), "pixels", "640"),
    key("camera", "height", Whole(64, 8192), "pixels", "480"),
    key("camera", "frame_rate", Number(0.1, 240.0), "frames a second", "10.0"),
    key("camera", "format", OneOf(&["any", "mjpg", "yuyv"]), "", r#""any""#),
    optional("camera", "exposure", Whole(0, 1_000_000), "units of the driver", "250"),
    optional("camera", "gain", Whole(0, 65_535), "units of the driver", "16"),
    optional("camera", "white_balance", Whole(1000, 20_000), "kelvin", "5000"),
    key("camera", "repeat", Flag, "", "false"),
    key("camera", "paced", Flag, "", "false"),
    key("camera", "seed", Whole(0, i64::MAX), "", "1"),
    key("camera", "stall_seconds", Number(STALL_SECONDS.0, STALL_SECONDS.1), "seconds", "4.0"),
    optional("optics", "um_per_px", Number(0.005, 10.0), "micrometres a pixel", "0.1"),
    key("optics", "flat_field", OneOf(&["auto", "stored", "learned", "none"]), "", r#""auto""#),
    optional("optics", "camera", Text(64), "", r#""microscope camera""#),
    optional("optics", "objective", Text(32), "", r#""100x""#),
    key("quality", "gate", Flag, "", "true"),
    key("models", "folder", Folder, "", r#""/usr/share/leukoscope/models""#),
    optional("models", "unknown_below", Number(0.0, 1.0), "as a probability", "0.6"),
    key("models", "prevalence", OneOf(&["none", "blood", "sample"]), "", r#""sample""#),
    optional("models", "confusion", File, "", r#""/etc/leukoscope/confusion.toml""#),
    key("session", "target", Whole(1, 100_000), "cells", "100"),
    optional("session", "precision_of", OneOf(GROUPS), "", r#""blasts""#),
    key("session", "precision_points", Number(0.1, 50.0), "percentage points", "2.0"),
    key("session", "at_most", Whole(1, 100_000), "cells", "1000"),
    key("session", "red_count_cv_percent", Number(0.0, 20.0), "percent", "2.0"),
    key("session", "autostart", Flag, "", "true"),
    key("flags", "blasts_percent", Number(0.0, 100.0), "percent", "1.0"),
    key("flags", "bands_percent", Number(0.0, 100.0), "percent", "10.0"),
    key("flags", "immature_granulocytes_percent", Number(0.0, 100.0), "percent", "2.0"),
    key("flags", "nucleated_red_per_100", Number(0.0, 100.0), "per 100 white cells", "1.0"),
    key("flags", "unclassified_percent", Number(0.0, 100.0), "percent", "10.0"),
    key("flags", "correct_white_from", Number(0.0, 100.0), "per 100 white cells", "5.0"),
    key(
        "display",
        "kind",
        OneOf(&["none", "terminal", "png", "ssd1306", "sh1106", "st7789", "ili9341"]),
        "",
        r#""terminal""#,
    ),
    key("display", "width", Whole(16, 4096), "pixels", "128"),
    key("display", "height", Whole(16, 4096), "pixels", "64"),
    key("display", "i2c_bus", Device, "", r#""/dev/i2c-1""#),
    key("display", "i2c_address", Hex(0x03, 0x77), "", "0x3c"),
    key("display", "spi_device", Device, "", r#""/dev/spidev0.0""#),
    key("display", "spi_hz", Whole(10_000, 125_000_000), "hertz", "32000000"),
    key("display", "gpio_chip", Device, "", r#""/dev/gpiochip0""#),
    key("display", "data_command_line", Whole(0, 1023), "as a line of the GPIO chip", "25"),
    optional("display", "reset_line", Whole(0, 1023), "as a line of the GPIO chip", "27"),
    key("display", "rotation", Whole(0, 3), "quarter turns", "0"),
    key("display", "png", File, "", r#""leukoscope.png""#),
    key("serial", "port", Port, "", r#""/dev/ttyUSB0""#),
    key("serial", "baud", Baud, "", "115200"),
    key("serial", "format", OneOf(&["json", "csv"]), "", r#""json""#),
    key("serial", "interval_seconds", Number(0.1, 3600.0), "seconds", "1.0"),
    key("metrics", "file", Folder, "", r#""/run/leukoscope/leukoscope.prom""#),
    key("metrics", "seconds", Number(1.0, 3600.0), "seconds", "5.0"),
    key("controls", "gpio", OneOf(&["none", "cdev", "rppal"]), "", r#""cdev""#),
    key("controls", "gpio_chip", Device, "", r#""/dev/gpiochip0""#),
    optional("controls", "start_line", Whole(0, 1023), "as a line of the GPIO chip", "5"),
    optional("controls", "stop_line", Whole(0, 1023), "as a line of the GPIO chip", "6"),
    optional("controls", "new_sample_line", Whole(0, 1023), "as a line of the GPIO chip", "13"),
    optional("controls", "running_led_line", Whole(0, 1023), "as a line of the GPIO chip", "19"),
    optional("controls", "trouble_led_line", Whole(0, 1023), "as a line of the GPIO chip", "26"),
    key("web", "listen", Listen, "", r#""127.0.0.1:8321""#),
    key("web", "certificate", Folder, "", r#""/etc/leukoscope/certificate.pem""#),
    key("web", "key", Folder, "", r#""/etc/leukoscope/key.pem""#),
    key("web", "idle_minutes", Whole(1, 480), "minutes", "15"),
    key("web", "language", Language, "", r#""en""#),
    key("web", "catalogues", Folder, "", r#""/etc/leukoscope/languages""#),
    key("store", "crops_days", Whole(0, 36_500), "days", "90"),
    key("store", "cells_days", Whole(0, 36_500), "days", "365"),
    key("store", "results_days", Whole(0, 36_500), "days", "0"),
    key("store", "megabytes", Whole(100, 1_000_000), "megabytes", "2000"),
];

/// The key of this name, if there is one.
pub(super) fn find(section: &str, name: &str) -> Option<&'static ConfigKey> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// The sections, in the order of the shipped file.
pub(super) fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = KEYS.iter().map(|key| key.section).collect();
    sections.dedup();
    sections
}

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
            (Port, Value::String(text)) => refuse_port(text),
            (Listen, Value::String(text)) => (text != "none" && text.parse::<SocketAddr>().is_err()).then(|| {
                "is no address; it is \"none\" or an IP address and a port, \"0.0.0.0:8321\" for every network"
                    .to_owned()
            }),
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
        format!("{} = {}", self.name, self.example)
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
        let example = self.example.trim_matches('"');
        let word = nearest(text, words.iter().copied()).unwrap_or(example);
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

fn refuse_port(text: &str) -> Option<String> {
    let device = text.starts_with('/') && !text.ends_with('/') && !text.contains('\0');
    (!device && text != "pty" && text != "none")
        .then(|| "is no port; a port is \"pty\", \"none\" or the path of a device".to_owned())
}

/// Whether this is the tag of a language, and so the name of a catalogue: letters and digits in parts of 1 to 8 joined by
/// hyphens, letters first.
#[must_use]
pub fn is_language(tag: &str) -> bool {
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
