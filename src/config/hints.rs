//! Suggests what a misspelt name or malformed line was meant to be.

use std::path::Path;

use super::keys::{self, ConfigKey};
use super::load::{OTHER_VARIABLES, PREFIX};
use super::meant::QUOTES;
use super::problem::{ConfigProblem, Location};
use super::sections;

/// A key by its section and name.
type Named = (&'static str, &'static str);

/// Keys of earlier versions, and where they are now.
const MOVED: [(Named, Named); 1] = [(("session", "sample_pattern"), ("sample", "pattern"))];

/// `value` is the value as written: the remedy keeps it where the right key takes it.
pub(super) fn unknown_key(section: &str, name: &str, value: &str, place: Location) -> ConfigProblem {
    let of_section = sections::keys().filter(|key| key.section == section);
    let moved = MOVED.iter().find(|(from, ..)| *from == (section, name)).and_then(|(_, to)| sections::find(to.0, to.1));
    let elsewhere = sections::keys().find(|key| key.name == name);
    let (hint, write) = if let Some(key) = moved {
        (
            format!("it is `{}` in [{}] now", key.name, key.section),
            format!("{} below [{}]", key.line_meant(value), key.section),
        )
    } else if let Some(key) = elsewhere {
        (format!("it belongs to [{}]", key.section), format!("{} below [{}]", key.line_meant(value), key.section))
    } else if let Some(key) =
        keys::nearest(name, of_section.clone().map(|key| key.name)).and_then(|nearest| sections::find(section, nearest))
    {
        (format!("did you mean `{}`?", key.name), key.line_meant(value))
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

pub(super) fn outside_section(name: &str, value: &str, place: Location) -> ConfigProblem {
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
            Some(key) => format!("{} below [{}]", key.line_meant(value), key.section),
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
        Some(nearest) => {
            let variable = format!("{PREFIX}{nearest}");
            let key = sections::keys().find(|key| key.variable() == variable);
            let text = key.map_or_else(|| text.to_owned(), |key| key.text_meant(text));
            (format!("; did you mean {variable}?"), format!("{variable}={text}"))
        }
        None => (String::new(), "LEUKOSCOPE_SECTION_KEY, such as LEUKOSCOPE_SERIAL_PORT=/dev/ttyUSB0".to_owned()),
    };
    ConfigProblem { place, what: format!("no setting has this name{hint}"), write }
}

pub(super) fn syntax_problem(file: &Path, text: &str, error: &toml::de::Error) -> ConfigProblem {
    let end = error.span().map_or(0, |span| span.start);
    let start = opened_and_never_closed(text, error.message()).unwrap_or(end);
    let place = Location::in_file(file, text, start);
    let line = if let Location::File { text, .. } = &place { text.trim().to_owned() } else { String::new() };
    let message = error.message().lines().next().unwrap_or("this is no TOML").to_owned();
    let write = if message.contains("duplicate") {
        "it once, and delete the other line".to_owned()
    } else {
        instead_of(&line, section_of(text.get(..start).unwrap_or_default()))
    };
    ConfigProblem { place, what: message, write }
}

/// Where a string of several lines begins that is never closed. The parser names the end of the file, where nothing is
/// wrong and often no line is left.
fn opened_and_never_closed(text: &str, message: &str) -> Option<usize> {
    let quotes = match message {
        _ if message.starts_with("invalid multi-line basic string, expected") => "\"\"\"",
        _ if message.starts_with("invalid multi-line literal string, expected") => "'''",
        _ => return None,
    };
    text.rfind(quotes)
}

/// The section that the end of this text lies in.
fn section_of(before: &str) -> Option<&str> {
    let mut headers = before.lines().filter_map(|line| line.trim().strip_prefix('[')?.split(']').next());
    headers.next_back().map(str::trim)
}

/// Suggests a valid line in place of one that is not TOML.
fn instead_of(line: &str, section: Option<&str>) -> String {
    let general = || "key = value, a section as [name], text in quotes".to_owned();
    if let Some(section) = line.strip_prefix('[') {
        let name = section.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        return format!("[{}]", keys::nearest(name, sections::names()).unwrap_or("serial"));
    }
    let Some((name, value)) = line.split_once(['=', ':']).or_else(|| line.split_once(char::is_whitespace)) else {
        return general();
    };
    let (name, value) = (name.trim().trim_matches(QUOTES), value.trim().trim_start_matches('='));
    let of_section = || sections::keys().filter(|key| section.is_none_or(|section| key.section == section));
    let key = of_section()
        .find(|key| key.name == name)
        .or_else(|| sections::keys().find(|key| key.name == name))
        .or_else(|| {
            keys::nearest(name, of_section().map(|key| key.name))
                .and_then(|near| of_section().find(|key| key.name == near))
        });
    key.map_or_else(general, |key| key.line_meant(without_comment(value)))
}

/// A value without the comment behind it; a `#` inside quotes belongs to the value.
fn without_comment(value: &str) -> &str {
    let value = value.trim();
    // Of a string of several lines the first line is kept.
    let value = if value.starts_with("\"\"\"") || value.starts_with("'''") { &value[2..] } else { value };
    let quoted = value.strip_prefix(QUOTES).and_then(|rest| rest.find(QUOTES).map(|end| &rest[..end]));
    quoted.unwrap_or_else(|| value.split('#').next().unwrap_or_default())
}
