//! Suggests what a misspelt name or malformed line was meant to be.

use std::path::Path;

use toml::Value;

use super::keys::{self, ConfigKey};
use super::load::{OTHER_VARIABLES, PREFIX};
use super::problem::{ConfigProblem, Location};
use super::sections;

pub(super) fn unknown_key(section: &str, name: &str, place: Location) -> ConfigProblem {
    let of_section = sections::keys().filter(|key| key.section == section);
    let elsewhere = sections::keys().find(|key| key.name == name);
    let (hint, write) = if let Some(key) = elsewhere {
        (format!("it belongs to [{}]", key.section), format!("{} below [{}]", key.example_line(), key.section))
    } else if let Some(key) =
        keys::nearest(name, of_section.clone().map(|key| key.name)).and_then(|nearest| sections::find(section, nearest))
    {
        (format!("did you mean `{}`?", key.name), key.example_line())
    } else {
        let known: Vec<&str> = of_section.map(|key| key.name).collect();
        (format!("[{section}] has no such key"), format!("one of {}, or nothing", known.join(", ")))
    };
    ConfigProblem { place, what: format!("unknown key `{}` in [{section}]; {hint}", name.escape_debug()), write }
}

pub(super) fn unknown_section(name: &str, place: Location) -> ConfigProblem {
    let names: Vec<&str> = sections::names().collect();
    let (hint, write) = match keys::nearest(name, names.iter().copied()) {
        Some(nearest) => (format!("did you mean [{nearest}]?"), format!("[{nearest}]")),
        None => ("there is no such section".to_owned(), format!("one of [{}]", names.join("], ["))),
    };
    ConfigProblem { place, what: format!("unknown section [{}]; {hint}", name.escape_debug()), write }
}

pub(super) fn outside_section(name: &str, place: Location) -> ConfigProblem {
    let names: Vec<&str> = sections::names().collect();
    let write = if names.contains(&name) {
        format!("[{name}] on a line of its own, and its keys below")
    } else {
        let key = sections::keys().find(|key| key.name == name);
        let key = key.or_else(|| {
            keys::nearest(name, sections::keys().map(|key| key.name))
                .and_then(|nearest| sections::keys().find(|key| key.name == nearest))
        });
        match key {
            Some(key) => format!("{} below [{}]", key.example_line(), key.section),
            None => format!("a section first: one of [{}]", names.join("], [")),
        }
    };
    ConfigProblem { place, what: format!("`{}` stands outside its section", name.escape_debug()), write }
}

pub(super) fn unknown_variable(name: &str, text: &str, place: Location) -> ConfigProblem {
    let known: Vec<String> = sections::keys().map(ConfigKey::variable).collect();
    let all = known.iter().map(String::as_str).chain(OTHER_VARIABLES.iter().copied());
    // All names share the prefix, so only the rest is compared.
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    let nearest = keys::nearest(rest, all.map(|name| name.strip_prefix(PREFIX).unwrap_or(name)));
    let (hint, write) = match nearest {
        Some(nearest) => (format!("; did you mean {PREFIX}{nearest}?"), format!("{PREFIX}{nearest}={text}")),
        None => (String::new(), "LEUKOSCOPE_SECTION_KEY, such as LEUKOSCOPE_SERIAL_PORT=/dev/ttyUSB0".to_owned()),
    };
    ConfigProblem { place, what: format!("no setting has this name{hint}"), write }
}

pub(super) fn syntax_problem(file: &Path, text: &str, error: &toml::de::Error) -> ConfigProblem {
    let place = Location::in_file(file, text, error.span().map_or(0, |span| span.start));
    let line = if let Location::File { text, .. } = &place { text.trim().to_owned() } else { String::new() };
    let message = error.message().lines().next().unwrap_or("this is no TOML").to_owned();
    let write =
        if message.contains("duplicate") { "it once, and delete the other line".to_owned() } else { instead_of(&line) };
    ConfigProblem { place, what: message, write }
}

/// Suggests a valid line in place of one that is not TOML.
fn instead_of(line: &str) -> String {
    let general = || "key = value, a section as [name], text in quotes".to_owned();
    if let Some(section) = line.strip_prefix('[') {
        let name = section.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        return format!("[{}]", keys::nearest(name, sections::names()).unwrap_or("serial"));
    }
    let Some((name, value)) = line.split_once(['=', ':']).or_else(|| line.split_once(char::is_whitespace)) else {
        return general();
    };
    let (name, value) = (name.trim(), value.trim().trim_start_matches('='));
    let Some(key) = sections::keys().find(|key| key.name == name) else { return general() };
    let bare = value.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    let value = match key.value_of(bare) {
        _ if bare.is_empty() => return key.example_line(),
        Value::String(text) => format!("{text:?}"),
        _ => bare.to_owned(),
    };
    format!("{name} = {value}")
}
