//! `[review]`: what a review asks for.

use crate::config::keys::Accepts::FlagNames;
use crate::config::keys::key;
use crate::config::values::FlagList;

section! {
    /// What a review asks for.
    "review", ReviewConfig {
        /// Flags whose results two persons must sign, by their names with commas between them, such as "blasts, left-shift", or
        /// "none". The first signature then leaves the result preliminary; another person looks, and signs or hands it back.
        second_reviewer: FlagList = FlagList::default() => key(FlagNames);
    }
}
