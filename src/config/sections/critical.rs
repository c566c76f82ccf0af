//! `[critical]`: results that somebody must be told of at once.

use utoipa::ToSchema;

use crate::config::keys::Accepts::{Number, Whole};
use crate::config::keys::optional;

section! {
    /// Critical values. A result that meets one shows a red alarm until a person has said who was told of it. They are laboratory
    /// policy; without a number there is no alarm.
    "critical", CriticalConfig: ToSchema {
        /// Blasts, cells of a result, 1 to 1000; 1 is any blast, looked at by a person or not.
        blast_cells: Option<u32> = None => optional(Whole(1, 1000)).unit("cells").example("1");
        /// Blasts, percent of the differential, 0.1 to 100.
        blasts_percent: Option<f64> = None => optional(Number(0.1, 100.0)).unit("percent").example("5.0");
        /// Fewer neutrophils than this per microlitre, 1 to 10000, where a red count was entered from which they are estimated.
        neutrophils_per_ul_below: Option<f64> = None => optional(Number(1.0, 10_000.0)).unit("cells per microlitre").example("500.0");
    }
}
