//! `[review]`: what a review asks for.

use crate::config::keys::Accepts::{FlagNames, Number, OwnClassNames, Pattern, Whole};
use crate::config::keys::key;
use crate::config::own_classes::OwnClasses;
use crate::config::values::FlagList;

section! {
    /// What a review asks for.
    "review", ReviewConfig {
        /// Shortest time in which a person can look at a cell, milliseconds, 0 to 5000. Cells that are confirmed or named faster
        /// are "seen quickly" and count as looked at by nobody. 0: every confirmation counts as a look.
        fastest_ms: u32 = 150 => key(Whole(0, 5000)).unit("milliseconds");
        /// Flags whose results two persons must sign, by their names with commas between them, such as "blasts, left-shift", or
        /// "none". The first signature then leaves the result preliminary; another person looks, and signs or hands it back.
        second_reviewer: FlagList = FlagList::default() => key(FlagNames);
        /// The laboratory's own classes within the fixed ones, up to nine with commas between them, or "none". Each is a code of three
        /// capital letters, the fixed class that its cells count as, and a name. A review offers them under the keys 1 to 9. Differential,
        /// flags, learning and laboratory systems go by the fixed class.
        own_classes: OwnClasses = OwnClasses::default() => key(OwnClassNames).example(r#""HCL LYA hairy cell, SEZ LYA Sezary cell""#);
        /// Regular expression with one group: the part of a sample id that is the patient's. A result is compared with the latest
        /// signed one before with the same part; empty: with that of the same sample id.
        patient_key: String = String::new() => key(Pattern).example(r#""([0-9]{8})-[0-9]+""#);
        /// Percentage points, 0 to 100: a share that moved that far since the earlier result is named, also if chance may explain
        /// it. 0: only what chance does not explain.
        delta_points: f64 = 0.0 => key(Number(0.0, 100.0)).unit("percentage points");
    }
}
