//! `[station]`: name of this device and where it keeps results.

use std::path::PathBuf;

use crate::config::keys::Accepts::{Folder, Text};
use crate::config::keys::key;

section! {
    "station", Station {
        /// Name of this device in every line it sends, 1 to 32 characters. Change it when a laboratory has more than one.
        name: String = "leukoscope".into() => key(Text(32));
        /// Folder for results. Empty: the folder systemd gives (/var/lib/leukoscope), else ~/.local/state/leukoscope.
        state: Option<PathBuf> = None => key(Folder).example(r#""/var/lib/leukoscope""#);
    }
}
