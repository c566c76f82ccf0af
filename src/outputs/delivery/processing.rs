//! How a laboratory system is to process what it is sent.

use crate::counting::session::snapshot::Snapshot;
use crate::domain::source::Mark;

/// Processing id of HL7 (table 0103, MSH-11) and of LIS2-A2 (H-12), which agree: `P` production, `T` training, and `D`,
/// debugging, for what is no patient's result and comes from no station for training.
#[must_use]
pub fn processing_id(snapshot: &Snapshot) -> &'static str {
    let marks = snapshot.marks();
    if marks.contains(&Mark::Training) {
        "T"
    } else if marks.into_iter().any(Mark::no_patient) {
        "D"
    } else {
        "P"
    }
}
