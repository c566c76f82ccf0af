//! `[station]`: name of this device and where it keeps results.

use std::path::PathBuf;

use crate::config::keys::Accepts::{Flag, Folder, Text};
use crate::config::keys::key;

section! {
    "station", Station {
        /// Name of this device in every line it sends, 1 to 32 characters. Change it when a laboratory has more than one.
        name: String = "leukoscope".into() => key(Text(32));
        /// A station for training: everything it counts carries the word TRAINING, and counts of simulated or replayed slides may be
        /// signed there. Elsewhere they may not.
        training: bool = false => key(Flag);
        /// Folder for results. Empty: the folder systemd gives (/var/lib/leukoscope), else ~/.local/state/leukoscope.
        state: Option<PathBuf> = None => key(Folder).example(r#""/var/lib/leukoscope""#);
    }
}
