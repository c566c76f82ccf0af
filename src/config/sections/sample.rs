//! `[sample]`: sample ids, and how a barcode scanner types them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::keys::Accepts::{Flag, OneOf, Pattern, Text, Whole};
use crate::config::keys::{key, optional};
use crate::domain::check_digit::CheckDigit;

section! {
    /// Sample ids. They are checked wherever one comes from: page, serial port, MQTT, worklist, laboratory system, command line.
    /// Ids that the station makes itself are the date and time.
    "sample", SampleConfig: ToSchema {
        /// Form of the ids: a regular expression that a whole id must fit, so that no name or date of birth is entered as one.
        /// Empty: any id.
        pattern: String = String::new() => key(Pattern).example(r#""[A-Z]{1,3}-[0-9]{1,8}""#);
        /// Shortest id, 1 to 64 characters.
        min_length: u32 = 1 => key(Whole(1, 64)).unit("characters");
        /// Longest id, 1 to 64 characters, not less than min_length.
        max_length: u32 = 64 => key(Whole(1, 64)).unit("characters");
        /// How the last character of an id is computed: "none", "luhn" (digits, modulo 10, ISO/IEC 7812-1), "mod11" (2 to 10 digits,
        /// ISO 2108), or "mod37-2" (digits and capitals, ISO/IEC 7064, as in ISBT 128).
        check_digit: CheckDigit = CheckDigit::None => key(OneOf(CheckDigit::WORDS));
        /// Refuse an id that looks like a person's name: letters without any digit. Leave it off where control samples have words
        /// as ids.
        refuse_names: bool = false => key(Flag);
        /// Allow counts without an id, which the station then names by date and time: by the second step of the page, a button, a
        /// key, or `start` and `new` on the serial port. False: every count needs an id; then set autostart = false too.
        nameless: bool = true => key(Flag);
        /// Keys closer together than this are a barcode scanner's, 10 to 100 ms. Scanners send one in 1 to 30 ms; people's are
        /// further apart than 50 ms.
        scan_interval_ms: u32 = 50 => key(Whole(10, 100)).unit("milliseconds");
        /// Characters that fast from which on they are a scan, 3 to 64. Fewer are two keys that a person pressed nearly at once.
        scan_length: u32 = 4 => key(Whole(3, 64)).unit("characters");
        /// What the scanner puts before and after the id; it is taken off. Enter or Tab at the end needs no entry here.
        scan_prefix: Option<String> = None => optional(Text(8)).example(r#""]C1""#);
        scan_suffix: Option<String> = None => optional(Text(8)).example(r#""%""#);
        /// The keyboard that the scanner is: "host" (the one this computer is set to), or "us": keys are read by their place on a US
        /// keyboard, for a scanner that types & for 1 on a French computer.
        scan_layout: ScanLayout = ScanLayout::Host => key(OneOf(&["host", "us"]));
    }
}

/// The keyboard that a scanner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScanLayout {
    /// The one that the computer is set to: its characters are taken as they come.
    Host,
    /// A US one: keys are read by their place.
    Us,
}
