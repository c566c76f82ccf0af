//! Records of CLSI LIS2-A2 (ASTM E1394): fields, components, escapes and character sets. Does no I/O.
//!
//! A record is a line of fields that ends in `CR`. Ours are written with the usual delimiters `|`, `\`, `^` and `&`; a host's
//! header names its own.

use super::frame::CR;
use crate::config::AstmCharset;

/// Delimiters of a message, as its header names them (LIS2-A2, 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiters {
    pub field: char,
    pub repeat: char,
    pub component: char,
    pub escape: char,
}

impl Delimiters {
    pub const OURS: Self = Self { field: '|', repeat: '\\', component: '^', escape: '&' };

    /// The delimiters that a header record names; none if it names no four different ones.
    #[must_use]
    pub fn of_header(record: &str) -> Option<Self> {
        let mut letters = record.strip_prefix('H')?.chars();
        let (field, repeat) = (letters.next()?, letters.next()?);
        let (component, escape) = (letters.next()?, letters.next()?);
        let all = [field, repeat, component, escape];
        let fit = all.iter().all(|one| !one.is_alphanumeric() && !one.is_control());
        let differ = all.iter().enumerate().all(|(at, one)| !all[..at].contains(one));
        (fit && differ).then_some(Self { field, repeat, component, escape })
    }
}

/// A record of a host's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    text: &'a str,
    delimiters: Delimiters,
}

impl<'a> Record<'a> {
    #[must_use]
    pub fn new(text: &'a str, delimiters: Delimiters) -> Self {
        Self { text, delimiters }
    }

    /// Its type: `H`, `P`, `O`, `Q`, `L` and so on.
    #[must_use]
    pub fn kind(&self) -> char {
        self.text.chars().next().unwrap_or_default().to_ascii_uppercase()
    }

    /// A field as written; fields are numbered from 1, the type.
    #[must_use]
    pub fn field(&self, number: usize) -> &'a str {
        self.text.split(self.delimiters.field).nth(number.saturating_sub(1)).unwrap_or_default()
    }

    /// A component, numbered from 1, of the first repeat of a field, its escapes resolved and spaces around it removed.
    #[must_use]
    pub fn component(&self, field: usize, number: usize) -> String {
        self.repeats(field).next().map(|one| self.component_of(one, number)).unwrap_or_default()
    }

    /// The repeats of a field, as written.
    pub fn repeats(&self, field: usize) -> impl Iterator<Item = &'a str> {
        self.field(field).split(self.delimiters.repeat)
    }

    /// A component of such a repeat.
    #[must_use]
    pub fn component_of(&self, repeat: &str, number: usize) -> String {
        let written = repeat.split(self.delimiters.component).nth(number.saturating_sub(1)).unwrap_or_default();
        unescaped(written, self.delimiters).trim().to_owned()
    }
}

/// Text as a value of our records: delimiters escaped, line breaks and other control characters become spaces.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '|' => safe.push_str("&F&"),
            '\\' => safe.push_str("&R&"),
            '^' => safe.push_str("&S&"),
            '&' => safe.push_str("&E&"),
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

/// Resolves escapes (LIS2-A2, 5.4.6); one that is not known stays as it is written.
#[must_use]
pub fn unescaped(text: &str, delimiters: Delimiters) -> String {
    let Delimiters { field, repeat, component, escape } = delimiters;
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(escape) {
        plain.push_str(before);
        let resolved = after.split_once(escape).and_then(|(code, behind)| {
            let letter = match code {
                "F" => field,
                "R" => repeat,
                "S" => component,
                "E" => escape,
                _ => char::from_u32(u32::from_str_radix(code.strip_prefix('X')?, 16).ok()?)
                    .filter(|c| !c.is_control())?,
            };
            Some((letter, behind))
        });
        if let Some((letter, behind)) = resolved {
            plain.push(letter);
            rest = behind;
        } else {
            plain.push(escape);
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

/// A record as bytes, with its `CR`. What the character set lacks is written as `&XHHHH&`, its Unicode number, so that no sample id
/// changes on its way.
#[must_use]
pub fn encoded(record: &str, charset: AstmCharset) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(record.len() + 1);
    for letter in record.chars() {
        match (charset, u8::try_from(u32::from(letter))) {
            (AstmCharset::Utf8, _) => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            (AstmCharset::Latin1, Ok(byte)) if !(0x80..0xA0).contains(&byte) => bytes.push(byte),
            (AstmCharset::Latin1, _) => bytes.extend_from_slice(format!("&X{:04X}&", u32::from(letter)).as_bytes()),
        }
    }
    bytes.push(CR);
    bytes
}

/// Text of a host. Bytes that are no UTF-8 are read as ISO 8859-1, which many hosts send whatever was agreed.
#[must_use]
pub fn decoded(bytes: &[u8], charset: AstmCharset) -> String {
    match (charset, std::str::from_utf8(bytes)) {
        (AstmCharset::Utf8, Ok(text)) => text.to_owned(),
        _ => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}
