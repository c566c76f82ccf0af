//! Reads and writes the text of HL7 v2 messages: separators, segments, fields, escapes (HL7 v2.5.1, chapter 2). Does no
//! I/O, and keeps a message as the one text that it is, whatever its content.

use std::fmt::Write as _;

use crate::config::Charset;

/// Longest MSH-10 that is echoed, characters.
const LONGEST_ID: usize = 199;

/// Why bytes are no message that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("no message: it does not begin with MSH and its separators")]
    NoHeader,
    #[error("character set {0:?} is not known here; send UNICODE UTF-8, 8859/1 or ASCII")]
    Charset(String),
    #[error("letters that are not in the message's character set {0}")]
    Letters(&'static str),
}

/// The separators of a message, from MSH-1 and MSH-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Separators {
    field: char,
    component: char,
    repetition: char,
    escape: char,
    subcomponent: char,
}

/// Those that are sent.
pub const USUAL: Separators =
    Separators { field: '|', component: '^', repetition: '~', escape: '\\', subcomponent: '&' };

impl Separators {
    fn read(header: &str) -> Option<Self> {
        let mut letters = header.strip_prefix("MSH")?.chars();
        let mut next = || letters.next().filter(char::is_ascii_punctuation);
        let (field, component, repetition, escape, subcomponent) = (next()?, next()?, next()?, next()?, next()?);
        let all = [field, component, repetition, escape, subcomponent];
        let distinct = all.iter().enumerate().all(|(place, letter)| !all[..place].contains(letter));
        distinct.then_some(Self { field, component, repetition, escape, subcomponent })
    }
}

/// A message that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    text: String,
    separators: Separators,
}

impl Message {
    /// Reads the bytes of a message, by the character set that it names in MSH-18.
    ///
    /// # Errors
    /// If it has no header, or its letters cannot be read.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        // Names of character sets are ASCII, so that the header can be read before its letters are known.
        let first = bytes.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
        let header = String::from_utf8_lossy(first);
        let separators = Separators::read(&header).ok_or(Unreadable::NoHeader)?;
        let line = Segment { text: &header, separators };
        // The first repetition is that of the message; others can be switched to by escapes.
        let named = line.field(18).split(separators.repetition).next().unwrap_or_default().trim().to_ascii_uppercase();
        let text = match named.as_str() {
            "8859/1" | "ISO_8859-1" | "ISO-8859-1" => bytes.iter().copied().map(char::from).collect(),
            "" | "ASCII" | "UNICODE UTF-8" | "UNICODE" | "UTF-8" | "UTF8" => {
                let name = if named.is_empty() || named == "ASCII" { "(none named)" } else { "UNICODE UTF-8" };
                std::str::from_utf8(bytes).map_err(|_| Unreadable::Letters(name))?.to_owned()
            }
            // Plain letters are the same in every set.
            _ if bytes.is_ascii() => bytes.iter().copied().map(char::from).collect(),
            _ => return Err(Unreadable::Charset(named.chars().take(32).collect())),
        };
        Ok(Self { text, separators })
    }

    /// Its segments, in order.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let lines = self.text.split(['\r', '\n']).filter(|line| !line.is_empty());
        lines.map(|text| Segment { text, separators: self.separators })
    }

    /// Its first segment of this name.
    #[must_use]
    pub fn segment(&self, name: &str) -> Option<Segment<'_>> {
        self.segments().find(|segment| segment.name() == name)
    }

    /// A component of the header, unescaped.
    #[must_use]
    pub fn header(&self, field: usize, component: usize) -> String {
        self.segment("MSH").map(|header| header.component(field, component)).unwrap_or_default()
    }
}

/// The message's own number (MSH-10) as far as it can be read, for the answer to a message that cannot.
#[must_use]
pub fn control_id(bytes: &[u8]) -> Option<String> {
    let first = bytes.split(|byte| *byte == b'\r' || *byte == b'\n').next()?;
    let header = String::from_utf8_lossy(first);
    let separators = Separators::read(&header)?;
    let id: String = Segment { text: &header, separators }.component(10, 1).chars().take(LONGEST_ID).collect();
    (!id.is_empty()).then_some(id)
}

/// One segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    text: &'a str,
    separators: Separators,
}

impl<'a> Segment<'a> {
    /// Its three letters.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.text.split(self.separators.field).next().unwrap_or_default()
    }

    /// A field as it stands, from 1; empty if it is not there. MSH-1 is the separator itself.
    #[must_use]
    pub fn field(&self, number: usize) -> &'a str {
        let number = if self.name() == "MSH" { number.saturating_sub(1) } else { number };
        self.text.split(self.separators.field).nth(number).unwrap_or_default()
    }

    /// A component of a field, unescaped, from 1: of its first repetition, the first subcomponent.
    #[must_use]
    pub fn component(&self, field: usize, number: usize) -> String {
        let first = self.field(field).split(self.separators.repetition).next().unwrap_or_default();
        let component = first.split(self.separators.component).nth(number.saturating_sub(1)).unwrap_or_default();
        let text = component.split(self.separators.subcomponent).next().unwrap_or_default();
        unescaped(text, self.separators)
    }
}

/// Text as it stands in a field: separators and line breaks as escapes.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '|' => safe.push_str("\\F\\"),
            '^' => safe.push_str("\\S\\"),
            '~' => safe.push_str("\\R\\"),
            '&' => safe.push_str("\\T\\"),
            '\\' => safe.push_str("\\E\\"),
            '\r' if letters.peek() == Some(&'\n') => {}
            '\r' | '\n' => safe.push_str("\\.br\\"),
            letter if letter.is_ascii_control() => {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\X{:02X}\\", u32::from(letter));
            }
            letter => safe.push(letter),
        }
    }
    safe
}

/// The text of a field. An escape that means nothing here stays as it is.
#[must_use]
pub fn unescaped(text: &str, separators: Separators) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(separators.escape) {
        plain.push_str(&rest[..at]);
        let after = &rest[at + separators.escape.len_utf8()..];
        let Some(end) = after.find(separators.escape) else {
            plain.push_str(&rest[at..]);
            return plain;
        };
        let name = &after[..end];
        rest = &after[end + separators.escape.len_utf8()..];
        match name {
            "F" => plain.push(separators.field),
            "S" => plain.push(separators.component),
            "R" => plain.push(separators.repetition),
            "T" => plain.push(separators.subcomponent),
            "E" => plain.push(separators.escape),
            ".br" => plain.push('\n'),
            // Where text is shown strongly.
            "H" | "N" => {}
            name => {
                if let Some(bytes) = hexadecimal(name) {
                    plain.push_str(&bytes);
                } else {
                    plain.push(separators.escape);
                    plain.push_str(name);
                    plain.push(separators.escape);
                }
            }
        }
    }
    plain + rest
}

/// `X0D0A`: the bytes by their numbers.
fn hexadecimal(name: &str) -> Option<String> {
    let digits = name.strip_prefix('X')?.as_bytes();
    if digits.is_empty() || digits.len() % 2 != 0 {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let bytes: Option<Vec<u8>> =
        digits.chunks(2).map(|pair| Some((digit(&pair[0])? * 16 + digit(&pair[1])?) as u8)).collect();
    String::from_utf8(bytes?).ok()
}

/// The bytes of a text in a character set; letters that it lacks become question marks.
#[must_use]
pub fn encoded(text: &str, charset: Charset) -> Vec<u8> {
    match charset {
        Charset::Utf8 => text.as_bytes().to_vec(),
        Charset::Latin1 => text.chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_names_its_separators_and_its_letters() {
        let text = "MSH#*~\\!#LIS#LAB#leukoscope##20260301##ORM*O01#7#P#2.5.1######8859/1\rORC#NW#O!1*2\r";
        let mut bytes = text.as_bytes().to_vec();
        bytes.extend(b"NTE###caf\xe9\r");
        let message = Message::read(&bytes).unwrap();
        assert_eq!((message.header(9, 2), message.header(10, 1)), ("O01".to_owned(), "7".to_owned()));
        assert_eq!(message.segment("ORC").unwrap().component(2, 1), "O");
        assert_eq!(message.segment("NTE").unwrap().component(3, 1), "café");
        assert_eq!(control_id(&bytes).as_deref(), Some("7"));
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_reason() {
        for bytes in [&b""[..], b"PID|1", b"MSH", b"MSH||||", b"MSH|^~\\", b"MSHabcde|"] {
            assert_eq!(Message::read(bytes), Err(Unreadable::NoHeader), "{bytes:?}");
        }
        let header = "MSH|^~\\&|||||||ORM^O01|7|P|2.5.1||||||GB 18030-2000\rNTE|||";
        assert!(Message::read(header.as_bytes()).is_ok(), "plain letters are the same everywhere");
        let foreign = [header.as_bytes(), b"\xd6\xd0"].concat();
        assert_eq!(Message::read(&foreign), Err(Unreadable::Charset("GB 18030-2000".to_owned())));
        let undeclared = b"MSH|^~\\&|||||||ORM^O01|7|P|2.5.1\rNTE|||caf\xe9";
        assert!(matches!(Message::read(undeclared), Err(Unreadable::Letters(_))));
        assert_eq!(control_id(undeclared).as_deref(), Some("7"));
    }

    #[test]
    fn escapes_of_others_are_understood_and_unknown_ones_stay() {
        let plain = |text| unescaped(text, USUAL);
        assert_eq!(plain("a\\T\\b\\.br\\c\\X41C3A9\\\\H\\!\\N\\"), "a&b\ncAé!");
        assert_eq!(plain("\\Zx\\ \\X4\\ \\XFF\\ \\"), "\\Zx\\ \\X4\\ \\XFF\\ \\");
    }

    proptest! {
        #[test]
        fn escaped_text_comes_back(text in any::<String>()) {
            let safe = escaped(&text);
            prop_assert!(!safe.contains(['|', '^', '~', '&', '\r', '\n', '\x0b', '\x1c']));
            prop_assert_eq!(unescaped(&safe, USUAL), text.replace("\r\n", "\n").replace('\r', "\n"));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes = [b"MSH|^~\\&|a|b".as_slice(), &bytes].concat();
            if let Ok(message) = Message::read(&bytes) {
                for segment in message.segments() {
                    let _ = (segment.name(), segment.component(3, 2));
                }
            }
            let _ = control_id(&bytes);
        }
    }
}
