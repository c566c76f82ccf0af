//! `[laboratory]`: what stands on reports.

use std::path::PathBuf;

use crate::config::keys::Accepts::{Folder, Words};
use crate::config::keys::key;

section! {
    /// What reports say of the laboratory. Empty: left out.
    "laboratory", LaboratoryConfig {
        /// Name at the top of every page, in any script of an installed typeface.
        name: String = String::new() => key(Words(80));
        /// Address below it, on one line.
        address: String = String::new() => key(Words(160));
        /// Telephone or another way to ask.
        phone: String = String::new() => key(Words(60));
        /// Picture beside the name: PNG or JPEG, at most 1 MB and 4000 px a side.
        logo: Option<PathBuf> = None => key(Folder).example(r#""/etc/leukoscope/logo.png""#);
        /// Reference ranges, TOML, each with its source. None come with the program: they belong to a laboratory and its people.
        ranges: Option<PathBuf> = None => key(Folder).example(r#""/etc/leukoscope/ranges.toml""#);
        /// Phrases to choose from for the comment, one a line of a text file.
        phrases: Option<PathBuf> = None => key(Folder).example(r#""/etc/leukoscope/phrases.txt""#);
    }
}
