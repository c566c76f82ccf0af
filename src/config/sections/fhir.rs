//! `[fhir]`.

use std::path::PathBuf;

use crate::config::keys::Accepts::{File, Folder, OneOf, Url, Whole};
use crate::config::keys::{key, optional};
use crate::config::values::Sends;

section! {
    /// FHIR R4: every result as a bundle, to a server or as files. docs/interfaces.md shows one.
    "fhir", FhirConfig {
        /// Base address of the server, beginning with https or http. "none": none.
        url: Option<String> = None => optional(Url).example(r#""https://fhir.hospital.example/r4""#);
        /// Folder for files instead, one JSON file a result.
        folder: Option<PathBuf> = None => optional(Folder).example(r#""/var/lib/leukoscope/fhir""#);
        /// Which results go out: "signed" (final ones alone) or "all" (preliminary ones when counted, too).
        send: Sends = Sends::Signed => key(OneOf(&["signed", "all"]));
        /// File that holds the token for the server (bearer token), and nothing else.
        token_file: Option<PathBuf> = None => optional(File).example(r#""/etc/leukoscope/fhir-token""#);
        /// Certificate of the authority that signed the server's (PEM). Unset: the authorities of the system.
        ca: Option<PathBuf> = None => optional(File).example(r#""/etc/leukoscope/fhir-ca.pem""#);
        /// How long to wait for the server's answer, 1 to 300.
        timeout_seconds: u32 = 30 => key(Whole(1, 300)).unit("seconds");
    }
}
