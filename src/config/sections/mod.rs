//! Every key, one row each.
//!
//! A row holds the name of the key, its type, its default, what it accepts, and the comment above it in
//! `systemd/leukoscope.toml`. The struct field and its documentation, [`Default`], the checks of file and environment,
//! and the text of the shipped file are all generated from it. After changing a row, rewrite the shipped file with
//! `UPDATE_SHIPPED=1 cargo test --test cli shipped`.

use serde::{Deserialize, Serialize};

use super::keys::ConfigKey;

/// One section: its struct, and its [`Section`] for code that iterates over all keys.
///
/// `"name", Struct: Derived { rows }`; the comment above the name becomes the section's comment in the shipped file. A
/// row reads `key: Type = default => rule;`.
macro_rules! section {
    (
        $(#[doc = $heading:literal])*
        $section:literal, $name:ident $(: $derived:ident)? {
            $(
                $(#[doc = $comment:literal])*
                $key:ident: $type:ty = $default:expr => $rule:expr;
            )+
        }
    ) => {
        #[doc = concat!("`[", $section, "]`.")]
        #[doc = ""]
        $(#[doc = $heading])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize $(, $derived)?)]
        #[serde(default, deny_unknown_fields)]
        #[allow(clippy::doc_markdown, reason = "the same words stand in the shipped file, without backticks")]
        pub struct $name {
            $(
                $(#[doc = $comment])*
                pub $key: $type,
            )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default),+ }
            }
        }

        impl $name {
            pub(super) const SECTION: $crate::config::sections::Section = $crate::config::sections::Section {
                name: $section,
                heading: &[$($heading),*],
                keys: &[$(
                    $crate::config::keys::ConfigKey {
                        section: $section,
                        name: stringify!($key),
                        comment: &[$($comment),*],
                        default: || {
                            let default: $type = $default;
                            toml::Value::try_from(default).ok()
                        },
                        ..$rule
                    }
                ),+],
            };
        }
    };
}

mod astm;
mod camera;
mod codes;
mod controls;
mod counting;
mod critical;
mod display;
mod fhir;
mod hl7;
mod laboratory;
mod metrics;
mod mqtt;
mod practice;
mod quality_control;
mod red_cells;
mod review;
mod sample;
mod serial;
mod station;
mod store;
mod web;

pub use astm::{AstmCharset, AstmConfig};
pub use camera::{CameraConfig, FlatFieldChoice, Optics, PixelFormat};
pub use codes::CodesConfig;
pub use controls::{Controls, GpioBackend};
pub use counting::{Flags, ModelsConfig, QualityConfig, SessionConfig};
pub use critical::CriticalConfig;
pub use display::{ColourOrder, DisplayConfig, DisplayKind};
pub use fhir::FhirConfig;
pub use hl7::{Charset, Hl7Config, SampleField};
pub use laboratory::LaboratoryConfig;
pub use metrics::MetricsConfig;
pub use mqtt::MqttConfig;
pub use practice::PracticeConfig;
pub use quality_control::{ControlRequired, QualityControlConfig};
pub use red_cells::RedCellsConfig;
pub use review::ReviewConfig;
pub use sample::{SampleConfig, ScanLayout};
pub use serial::{LineFormat, SerialConfig};
pub use station::Station;
pub use store::StoreConfig;
pub use web::WebConfig;

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub station: Station,
    pub camera: CameraConfig,
    pub optics: Optics,
    pub quality: QualityConfig,
    pub models: ModelsConfig,
    pub session: SessionConfig,
    pub sample: SampleConfig,
    pub flags: Flags,
    pub red_cells: RedCellsConfig,
    pub review: ReviewConfig,
    pub quality_control: QualityControlConfig,
    pub critical: CriticalConfig,
    pub display: DisplayConfig,
    pub serial: SerialConfig,
    pub astm: AstmConfig,
    pub hl7: Hl7Config,
    pub fhir: FhirConfig,
    pub codes: CodesConfig,
    pub laboratory: LaboratoryConfig,
    pub mqtt: MqttConfig,
    pub metrics: MetricsConfig,
    pub controls: Controls,
    pub web: WebConfig,
    pub practice: PracticeConfig,
    pub store: StoreConfig,
}

/// The sections, in the order of the shipped file.
pub(super) const SECTIONS: [Section; 25] = [
    Station::SECTION,
    CameraConfig::SECTION,
    Optics::SECTION,
    QualityConfig::SECTION,
    ModelsConfig::SECTION,
    SessionConfig::SECTION,
    SampleConfig::SECTION,
    Flags::SECTION,
    RedCellsConfig::SECTION,
    ReviewConfig::SECTION,
    QualityControlConfig::SECTION,
    CriticalConfig::SECTION,
    DisplayConfig::SECTION,
    SerialConfig::SECTION,
    AstmConfig::SECTION,
    Hl7Config::SECTION,
    FhirConfig::SECTION,
    CodesConfig::SECTION,
    LaboratoryConfig::SECTION,
    MqttConfig::SECTION,
    MetricsConfig::SECTION,
    Controls::SECTION,
    WebConfig::SECTION,
    PracticeConfig::SECTION,
    StoreConfig::SECTION,
];

/// A section of the file.
#[derive(Debug)]
pub(super) struct Section {
    pub name: &'static str,
    /// The comment above the section in the shipped file, line by line.
    pub heading: &'static [&'static str],
    pub keys: &'static [ConfigKey],
}

/// Every key, section by section.
pub(super) fn keys() -> impl Iterator<Item = &'static ConfigKey> + Clone {
    SECTIONS.iter().flat_map(|section| section.keys)
}

/// Looks up a key by name.
pub(super) fn find(section: &str, name: &str) -> Option<&'static ConfigKey> {
    keys().find(|key| key.section == section && key.name == name)
}

/// The names of the sections.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    SECTIONS.iter().map(|section| section.name)
}

/// The header of the shipped file.
const HEAD: &str = "\
# leukoscope: every setting, with its default unless the comment says otherwise.
#
# A line that begins with `#` sets nothing. After a change: `leukoscope check-config /etc/leukoscope/leukoscope.toml`,
# then `systemctl restart leukoscope`. Each setting can also come from a variable, such as
# LEUKOSCOPE_SERIAL_PORT=/dev/ttyUSB0, which goes before this file; a flag of the command line goes before both.
";

/// The text of `systemd/leukoscope.toml`: every key with its comment and default. A key without a default appears as
/// its example, commented out.
#[must_use]
pub fn shipped_file() -> String {
    let mut lines = Vec::new();
    for section in &SECTIONS {
        lines.push(String::new());
        lines.extend(section.heading.iter().map(|line| format!("#{line}")));
        lines.push(format!("[{}]", section.name));
        for key in section.keys {
            lines.extend(key.comment.iter().map(|line| format!("#{line}")));
            lines.push(key.shipped_line());
        }
    }
    format!("{HEAD}{}\n", lines.join("\n"))
}
