//! The list of a laboratory's own classes: `HCL LYA hairy cell, SEZ LYA Sezary cell`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::forms::refuse_words;
use crate::domain::class::CellClass;
use crate::domain::own_class::{OwnClass, OwnName, is_own_code};

/// Own classes at most: each has a digit as its key.
const MOST: usize = 9;

/// Longest name, characters.
const LONGEST: usize = 40;

/// A laboratory's own classes, each as code, fixed class and name, with commas between them, or `none`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OwnClasses(pub Vec<OwnClass>);

/// Why a text is no list of own classes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoOwnClasses {
    /// An entry has no three parts.
    #[error(
        "holds {0:?}, which is no own class: write its code, the fixed class that it counts as, and its name, such as \"HCL LYA hairy \
         cell\", with a comma before the next one, or \"none\""
    )]
    Form(String),
    /// The code is a fixed class.
    #[error("names the own class {0}, but {0} is a fixed class; choose another code")]
    Fixed(String),
    /// The code has another form.
    #[error("names the own class {0:?}; a code is three capital letters from A to Z")]
    Code(String),
    /// Two own classes have one code.
    #[error("names the own class {0} twice; each needs a code of its own")]
    Twice(String),
    /// There is no such fixed class, or nobody may give it.
    #[error("lets {0} count as {1:?}, which is no class that a person gives; those are {codes}", codes = codes())]
    Class(String, String),
    /// The name cannot be shown or printed.
    #[error("has a name of {0} that {1}")]
    Name(String, String),
    /// More than there are digits.
    #[error("holds {0} own classes; there may be {MOST}, since each has a digit as its key")]
    Many(usize),
}

fn codes() -> String {
    let given = CellClass::ALL.iter().filter(|class| **class != CellClass::Unk);
    given.map(|class| class.code()).collect::<Vec<_>>().join(" ")
}

impl FromStr for OwnClasses {
    type Err = NoOwnClasses;

    fn from_str(text: &str) -> Result<Self, NoOwnClasses> {
        if text.trim() == "none" {
            return Ok(Self::default());
        }
        let mut classes: Vec<OwnClass> = Vec::new();
        for entry in text.split(',') {
            let class = entry_of(entry.trim())?;
            if classes.iter().any(|other| other.own.code == class.own.code) {
                return Err(NoOwnClasses::Twice(class.own.code));
            }
            classes.push(class);
        }
        if classes.len() > MOST {
            return Err(NoOwnClasses::Many(classes.len()));
        }
        Ok(Self(classes))
    }
}

fn entry_of(entry: &str) -> Result<OwnClass, NoOwnClasses> {
    let [code, class, name] = parts(entry).ok_or_else(|| NoOwnClasses::Form(entry.to_owned()))?;
    if code.parse::<CellClass>().is_ok() {
        return Err(NoOwnClasses::Fixed(code.to_owned()));
    }
    if !is_own_code(code) {
        return Err(NoOwnClasses::Code(code.to_owned()));
    }
    let fixed = class.parse().ok().filter(|class| *class != CellClass::Unk);
    let fixed = fixed.ok_or_else(|| NoOwnClasses::Class(code.to_owned(), class.to_owned()))?;
    let semicolon = name.contains(';').then(|| "has a semicolon in it; between own classes stands a comma".to_owned());
    if let Some(wrong) = semicolon.or_else(|| refuse_words(name, LONGEST)) {
        return Err(NoOwnClasses::Name(code.to_owned(), wrong));
    }
    Ok(OwnClass { own: OwnName { code: code.to_owned(), name: name.to_owned() }, class: fixed })
}

/// Code, fixed class and name.
fn parts(entry: &str) -> Option<[&str; 3]> {
    let (code, rest) = entry.split_once(' ')?;
    let (class, name) = rest.trim_start().split_once(' ')?;
    Some([code, class, name.trim()]).filter(|[.., name]| !name.is_empty())
}

/// The list that was meant: codes in capitals, commas for semicolons.
pub(super) fn meant(text: &str) -> Option<String> {
    let entry = |entry: &str| {
        let [code, class, name] = parts(entry.trim())?;
        Some(format!("{} {} {name}", code.to_uppercase(), class.to_uppercase()))
    };
    let entries = text.split([',', ';']).filter(|entry| !entry.trim().is_empty());
    Some(entries.map(entry).collect::<Option<Vec<_>>>()?.join(", "))
}

impl fmt::Display for OwnClasses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (n, OwnClass { own: OwnName { code, name }, class }) in self.0.iter().enumerate() {
            write!(f, "{}{code} {class} {name}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl TryFrom<String> for OwnClasses {
    type Error = NoOwnClasses;

    fn try_from(text: String) -> Result<Self, NoOwnClasses> {
        text.parse()
    }
}

impl From<OwnClasses> for String {
    fn from(classes: OwnClasses) -> Self {
        classes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn own_classes_are_read_in_their_order_and_written_as_they_were() {
        let text = "HCL LYA hairy cell, SEZ LYA Sezary cell";
        let read: OwnClasses = text.parse().unwrap();
        assert_eq!(read.0[1].own, OwnName { code: "SEZ".to_owned(), name: "Sezary cell".to_owned() });
        assert_eq!(read.0[0].class, CellClass::Lya);
        assert_eq!(read.to_string(), text);
        assert_eq!("none".parse(), Ok(OwnClasses::default()));
        assert_eq!(OwnClasses::default().to_string(), "none");
    }

    #[test]
    fn each_mistake_is_named() {
        for (text, said) in [
            ("LYA LYA hairy cell", "LYA is a fixed class"),
            ("hcl LYA hairy cell", "three capital letters"),
            ("HCL LYA a, HCL LYT b", "HCL twice"),
            ("HCL XXX hairy cell", "no class that a person gives"),
            ("HCL UNK hairy cell", "no class that a person gives"),
            ("HCL LYA", "write its code"),
            ("", "write its code"),
            ("HCL LYA hairy cell,", "write its code"),
            ("HCL LYA hairy\u{7}cell", "control character"),
            ("HCL LYA hairy\tcell", "control character"),
            ("HCL LYA hairy; SEZ LYA x", "semicolon"),
        ] {
            let refused = text.parse::<OwnClasses>().unwrap_err().to_string();
            assert!(refused.contains(said), "{text:?}: {refused}");
        }
        let name = |length: usize| format!("HCL LYA {}", "n".repeat(length)).parse::<OwnClasses>();
        assert!(name(40).is_ok() && name(41).unwrap_err().to_string().contains("at most 40"));
        let list =
            |n: u8| (0..n).map(|n| format!("XX{} LYA cell", char::from(b'A' + n))).collect::<Vec<_>>().join(", ");
        assert!(list(9).parse::<OwnClasses>().is_ok());
        assert_eq!(list(10).parse::<OwnClasses>(), Err(NoOwnClasses::Many(10)));
    }

    #[test]
    fn what_was_meant_is_kept() {
        assert_eq!(meant("hcl lya hairy cell; SEZ LYA x,").as_deref(), Some("HCL LYA hairy cell, SEZ LYA x"));
        assert_eq!(meant("hairy"), None);
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_and_read_again(text in "\\PC{0,60}|([A-Z]{3} (LYA|NGS|PLT) [ -+--~]{1,20}(, )?){1,4}") {
            if let Ok(read) = text.parse::<OwnClasses>() {
                prop_assert_eq!(read.to_string().parse::<OwnClasses>(), Ok(read));
            }
        }
    }
}
