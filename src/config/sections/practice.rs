//! `[practice]`.

use std::path::PathBuf;

use crate::config::keys::Accepts::Folder;
use crate::config::keys::key;

section! {
    /// Practice: people name cells whose class is known. Nothing of it is a result, and nothing is learned from it.
    "practice", PracticeConfig {
        /// Folder with cells of this laboratory, CLASS/* each, as `leukoscope export` writes it. Empty: only drawn cells.
        cells: Option<PathBuf> = None => key(Folder).example(r#""/var/lib/leukoscope/practice""#);
    }
}
