//! Fields of a line that say which result it is: the store that numbered it, and the version of an amended one.

use serde::Serialize;

use super::line::SerialMessage;
use crate::counting::session::snapshot::Amends;

/// Their columns, the last of a line of protocol 1.
pub(super) const COLUMNS: &str = ",version,replaces,reason,replaced_by";

/// The store of a result, and which one it replaces or is replaced by; no version where it was never amended.
#[derive(Serialize)]
pub(super) struct JsonVersion<'a> {
    /// Identity of the store that numbered the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) store: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amends: Option<&'a Amends>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<u64>,
}

impl<'a> JsonVersion<'a> {
    pub(super) fn of(message: SerialMessage<'a>) -> Self {
        let SerialMessage::Result(result) = message else {
            return Self { store: None, version: None, replaces: None, amends: None, replaced_by: None };
        };
        let amends = result.snapshot.amends.as_ref();
        Self {
            store: result.store.as_deref(),
            version: amends.map(|amends| amends.version),
            replaces: amends.map(|amends| amends.result),
            amends,
            replaced_by: result.replaced_by,
        }
    }

    /// The same as fields of CSV.
    pub(super) fn fields(&self) -> [String; 4] {
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let reason = self.amends.map(|amends| match &amends.sample {
            Some(was) => format!("the sample id was {was}: {}", amends.reason),
            None => amends.reason.clone(),
        });
        let reason = reason.unwrap_or_default();
        [number(self.version.map(u64::from)), number(self.replaces), reason, number(self.replaced_by)]
    }
}
