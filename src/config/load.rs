//! Reads a configuration file, applies the environment, and refuses errors with their line and a suggestion.
//!
//! A variable `LEUKOSCOPE_SECTION_KEY`, such as `LEUKOSCOPE_SERIAL_PORT`, overrides the file. A variable of that form
//! that names no key is refused like a misspelt key in the file, so that a typing error never goes unnoticed;
//! `OTHER_VARIABLES` belong to other parts of the program. Command-line flags change the [`Config`] later; their caller
//! then runs [`Config::check`].

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::Config;
use super::agreement::disagreements;
use super::forms::toml_text;
use super::hints::{outside_section, syntax_problem, unknown_key, unknown_section, unknown_variable};
use super::keys::{ConfigKey, Refusal, written};
use super::problem::{ConfigError, ConfigProblem, Location};
use super::sections;
use crate::system::file::open;
use crate::system::printable::printable;

/// Variables with the settings prefix that are read elsewhere.
pub(crate) const OTHER_VARIABLES: &[&str] = &["LEUKOSCOPE_MODELS", "LEUKOSCOPE_LOG"];

pub(super) const PREFIX: &str = "LEUKOSCOPE_";

/// Size limit of a configuration file, bytes; anything larger is some other file.
const LARGEST: u64 = 1 << 20;

/// Problems listed at most; a longer list helps nobody.
const MOST_PROBLEMS: usize = 20;

/// Loads the configuration: defaults, then `file`, then the variables of `env`.
///
/// # Errors
/// [`ConfigError::Unreadable`] when the file is missing or not text; [`ConfigError::Wrong`] with every problem found.
pub fn load(file: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
    load_with_places(file, env).map(|loaded| loaded.config)
}

/// The same, with the place of each setting, for checks that this room cannot make.
///
/// # Errors
/// As [`load`].
pub fn load_with_places(
    file: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, ConfigError> {
    let mut found = Gathered::default();
    if let Some(file) = file {
        found.read_file(file, &read_text(file)?)?;
    }
    found.read_environment(env);
    found.finish()
}

/// Parses the configuration from `text` as if read from `file`, without an environment.
///
/// # Errors
/// [`ConfigError::Wrong`] with every problem found.
pub fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
    let mut found = Gathered::default();
    found.read_file(file, text)?;
    found.finish().map(|loaded| loaded.config)
}

/// A configuration, and where each of its settings was written.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    places: BTreeMap<(&'static str, &'static str), Location>,
}

impl Loaded {
    /// A problem with a setting, at the place where it is written. A setting that is not written is named by the place of
    /// another one that has a part in it.
    #[must_use]
    pub fn problem(&self, section: &'static str, name: &'static str, what: String, write: String) -> ConfigProblem {
        let place = |name| self.places.get(&(section, name));
        let (place, write) = match (place(name), related(section, name).iter().find_map(|name| place(name))) {
            (Some(place), _) => (place.clone(), write),
            (None, Some(Location::File { file, line, column, text })) => {
                let place = Location::File { file: file.clone(), line: *line, column: *column, text: text.clone() };
                (place, format!("{write} on a line of its own, beside this one"))
            }
            (None, _) => (Location::Setting(format!("{section}.{name}")), write),
        };
        ConfigProblem { place, what, write }
    }
}

/// Settings that make another one wrong.
fn related(section: &str, name: &str) -> &'static [&'static str] {
    match (section, name) {
        ("display", "rotation" | "width" | "height") => &["width", "height", "rotation", "kind"],
        ("camera", "frame_rate") => &["stall_seconds"],
        ("session", "at_most") => &["target"],
        ("web" | "hl7" | "mqtt", "key") => &["certificate"],
        ("web" | "hl7" | "mqtt", "certificate") => &["key"],
        ("mqtt", "user") => &["password_file"],
        ("mqtt", "broker") => &["ca", "certificate"],
        ("store", "crops_days") => &["cells_days"],
        ("store", "cells_days") => &["results_days"],
        _ => &[],
    }
}

/// Parses what a flag of the command line gives by the rule of a key: its section and name.
///
/// # Errors
/// What is wrong with it, and the flag as it should be, on two lines.
pub fn from_flag<T: DeserializeOwned>((section, name): (&str, &str), flag: &str, text: &str) -> Result<T, String> {
    let Some(key) = sections::find(section, name) else { return Err(format!("there is no {section}.{name}")) };
    let value = key.value_of(text);
    if let Some(what) = key.wrong(&value, &toml_text(text)) {
        let what = what.strip_prefix(&format!("{name} = ")).unwrap_or(&what).to_owned();
        let meant = key.text_meant(text);
        let quote = if meant.contains(char::is_whitespace) { "\"" } else { "" };
        return Err(format!("{}\n  write: {flag} {quote}{}{quote}", printable(&what), printable(&meant)));
    }
    value.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

impl Config {
    /// Checks every value and the values against each other, after flags have changed some.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`]; the problems name `section.key`, since a changed value no longer has a line.
    pub fn check(&self) -> Result<(), ConfigError> {
        let setting = |name: &str| Location::Setting(name.to_owned());
        if i64::try_from(self.camera.seed).is_err() {
            let what = format!("seed = {} is outside 0 to {}", self.camera.seed, i64::MAX);
            return wrong(vec![ConfigProblem { place: setting("camera.seed"), what, write: "seed = 1".into() }]);
        }
        let table = match Table::try_from(self) {
            Ok(table) => table,
            // Text and i64 always serialize; a path that is not UTF-8 does not.
            Err(error) => {
                let write = "paths of plain characters".into();
                return wrong(vec![ConfigProblem { place: setting("configuration"), what: error.to_string(), write }]);
            }
        };
        let mut problems = Vec::new();
        for key in sections::keys() {
            if let Some(value) = table.get(key.section).and_then(|section| section.get(key.name))
                && let Some(Refusal { what, write }) = key.refuse(value, &value.to_string())
            {
                problems.push(ConfigProblem { place: setting(&format!("{}.{}", key.section, key.name)), what, write });
            }
        }
        if problems.is_empty() {
            let disagreements = disagreements(self);
            problems.extend(disagreements.into_iter().map(|(section, name, Refusal { what, write })| ConfigProblem {
                place: setting(&format!("{section}.{name}")),
                what,
                write,
            }));
        }
        if problems.is_empty() { Ok(()) } else { wrong(problems) }
    }

    /// The folder for results, see [`super::Station::state`]. It need not exist yet.
    #[must_use]
    pub fn state_folder(&self) -> PathBuf {
        self.state_folder_from(|name| std::env::var_os(name).map(PathBuf::from))
    }

    /// The same, with the environment passed in.
    #[must_use]
    pub fn state_folder_from(&self, variable: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
        let variable = |name: &str| variable(name).filter(|path| !path.as_os_str().is_empty());
        if let Some(state) = &self.station.state {
            return state.clone();
        }
        if let Some(folders) = variable("STATE_DIRECTORY") {
            // systemd separates several folders by colons; ours is the first.
            let first = folders.to_string_lossy().split(':').next().map(PathBuf::from);
            return first.unwrap_or(folders);
        }
        if let Some(folder) = variable("XDG_STATE_HOME").filter(|folder| folder.is_absolute()) {
            return folder.join("leukoscope");
        }
        match variable("HOME") {
            Some(home) => home.join(".local/state/leukoscope"),
            // A process without a home still needs a folder that outlives it.
            None => PathBuf::from("/var/lib/leukoscope"),
        }
    }
}

fn wrong<T>(mut problems: Vec<ConfigProblem>) -> Result<T, ConfigError> {
    problems.truncate(MOST_PROBLEMS);
    Err(ConfigError::Wrong(problems))
}

fn read_text(file: &Path) -> Result<String, ConfigError> {
    let unreadable = |problem: io::Error| ConfigError::Unreadable {
        file: file.to_owned(),
        remedy: match problem.kind() {
            io::ErrorKind::NotFound => "name a file that is there, or leave --config out for the defaults",
            io::ErrorKind::PermissionDenied => "let this user read it: chmod a+r",
            io::ErrorKind::InvalidData => "write it anew as UTF-8 text",
            _ if problem.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                "its links lead in a circle; name the file itself"
            }
            _ => "name a configuration file such as the shipped systemd/leukoscope.toml",
        },
        problem,
    };
    let mut text = String::new();
    let opened = open(file).map_err(unreadable)?;
    opened.take(LARGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST {
        return Err(unreadable(io::Error::other("larger than 1 MiB, so it is no configuration")));
    }
    Ok(text)
}

/// Settings collected so far from file and environment.
#[derive(Default)]
struct Gathered {
    table: Table,
    places: BTreeMap<(&'static str, &'static str), Location>,
    /// Keys cleared by `"none"` or `""`.
    cleared: Vec<(&'static str, &'static str)>,
    problems: Vec<ConfigProblem>,
}

impl Gathered {
    /// Reads a whole file. Returns early only on invalid TOML; wrong keys and values are collected.
    fn read_file(&mut self, file: &Path, text: &str) -> Result<(), ConfigError> {
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let mut problems: Vec<ConfigProblem> =
                errors.iter().map(|error| syntax_problem(file, text, error)).collect();
            problems.sort_by(|a, b| a.place.cmp(&b.place));
            // One slip often causes several parser errors on its line.
            problems.dedup_by(|next, first| line_of(&next.place) == line_of(&first.place));
            return wrong(problems);
        }
        let at = |span: std::ops::Range<usize>| Location::in_file(file, text, span.start);
        for (section, content) in document.get_ref() {
            let place = at(section.span());
            let section_name = section.get_ref().as_ref();
            match content.get_ref() {
                DeValue::Table(entries) if sections::names().any(|name| name == section_name) => {
                    for (name, value) in entries {
                        self.read_entry(section_name, name.get_ref(), value, at(name.span()), text);
                    }
                }
                DeValue::Table(_) => self.problems.push(unknown_section(section_name, place)),
                value => {
                    let (shown, value) = (shown(text, content), owned(value));
                    self.problems.push(outside_section(section_name, written(&value, &shown), place));
                }
            }
        }
        self.problems.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(())
    }

    fn read_entry(&mut self, section: &str, name: &str, value: &Spanned<DeValue<'_>>, place: Location, text: &str) {
        let (shown, value) = (shown(text, value), owned(value.get_ref()));
        match sections::find(section, name) {
            Some(key) => self.set(key, value, &shown, place),
            None => self.problems.push(unknown_key(section, name, written(&value, &shown), place)),
        }
    }

    fn read_environment(&mut self, env: impl Iterator<Item = (String, String)>) {
        let mut variables: Vec<_> = env.filter(|(name, _)| name.starts_with(PREFIX)).collect();
        variables.sort();
        for (name, text) in variables {
            if OTHER_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            let place = Location::Variable(name.clone());
            match sections::keys().find(|key| key.variable() == name) {
                Some(key) => self.set(key, key.value_of(&text), &format!("{text:?}"), place),
                None => self.problems.push(unknown_variable(&name, &text, place)),
            }
        }
    }

    fn set(&mut self, key: &'static ConfigKey, value: Value, shown: &str, place: Location) {
        let id = (key.section, key.name);
        let none = key.is_none(&value);
        if !none && let Some(Refusal { what, write }) = key.refuse(&value, shown) {
            let write = match &place {
                Location::Variable(name) => format!("{name}={}", key.text_meant(written(&value, shown))),
                _ => write,
            };
            self.problems.push(ConfigProblem { place, what, write });
            return;
        }
        self.places.insert(id, place);
        self.cleared.retain(|cleared| *cleared != id);
        let section = self.table.entry(key.section).or_insert_with(|| Value::Table(Table::new()));
        // Every entry of this table is a section, made by the line above.
        let Some(section) = section.as_table_mut() else { return };
        if none {
            section.remove(key.name);
            self.cleared.push(id);
        } else {
            section.insert(key.name.to_owned(), value);
        }
    }

    fn finish(mut self) -> Result<Loaded, ConfigError> {
        if !self.problems.is_empty() {
            return wrong(self.problems);
        }
        let mut config: Config = match self.table.try_into() {
            Ok(config) => config,
            // The rules should refuse all that the structs refuse; if they ever disagree, report serde's error.
            Err(error) => {
                let place = Location::Setting("configuration".into());
                return wrong(vec![ConfigProblem {
                    place,
                    what: error.to_string(),
                    write: "a value of that kind".into(),
                }]);
            }
        };
        if self.cleared.contains(&("display", "reset_line")) {
            // The only optional key with a default, so clearing it must be explicit.
            config.display.reset_line = None;
        }
        let loaded = Loaded { config, places: self.places };
        let disagreements = disagreements(&loaded.config).into_iter();
        self.problems.extend(
            disagreements.map(|(section, name, Refusal { what, write })| loaded.problem(section, name, what, write)),
        );
        if self.problems.is_empty() { Ok(loaded) } else { wrong(self.problems) }
    }
}

/// The first line of a value as it stands in the file.
fn shown(text: &str, value: &Spanned<DeValue<'_>>) -> String {
    text.get(value.span()).unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}

fn owned(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Float(f64::INFINITY), Value::Integer),
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(time) => Value::Datetime(*time),
        // No key takes a list or a table, so the content does not matter.
        DeValue::Array(_) => Value::Array(Vec::new()),
        DeValue::Table(_) => Value::Table(Table::new()),
    }
}

fn line_of(place: &Location) -> Option<usize> {
    if let Location::File { line, .. } = place { Some(*line) } else { None }
}
