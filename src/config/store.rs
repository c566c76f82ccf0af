//! `[store]`.

use serde::{Deserialize, Serialize};

/// How long what is kept is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Days for pictures of cells; 0: for ever.
    pub crops_days: u32,
    /// Days for the cells of a session; 0: for ever.
    pub cells_days: u32,
    /// Days for results; 0: for ever.
    pub results_days: u32,
    /// Size of the store from which the oldest sessions lose their pictures and then their cells, 10^6 bytes.
    pub megabytes: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { crops_days: 90, cells_days: 365, results_days: 0, megabytes: 2000 }
    }
}
