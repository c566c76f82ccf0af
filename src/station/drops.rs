//! Counts what was dropped to keep the count going, for the metrics and the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Things that can be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// A command that found the queue full; its sender got an error.
    Command,
    /// A calibration request that came while another was waiting; its sender got an error.
    CalibrationRequest,
    /// A request to name cells with other weights that came while another was waiting; its sender got an error.
    WeightsRequest,
    /// A white cell's picture, because the store could not keep up.
    Picture,
    /// A whole field, because the store could not keep up.
    Field,
    /// The record of a red cell or platelet, because the store could not keep up. The cell still counts.
    Cell,
    /// A live update that the MQTT broker did not take in time. Results are never dropped.
    MqttUpdate,
}

impl Dropped {
    /// Everything that can be dropped.
    pub const ALL: [Self; 7] = [
        Self::Command,
        Self::CalibrationRequest,
        Self::WeightsRequest,
        Self::Picture,
        Self::Field,
        Self::Cell,
        Self::MqttUpdate,
    ];

    /// Its name in metrics and log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::CalibrationRequest => "calibration_request",
            Self::WeightsRequest => "weights_request",
            Self::Picture => "picture",
            Self::Field => "field",
            Self::Cell => "cell",
            Self::MqttUpdate => "mqtt_update",
        }
    }
}

/// Number of drops of each kind since the program started; clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Drops(Arc<[AtomicU64; Dropped::ALL.len()]>);

impl Drops {
    /// Counts one more. Logs the first, then each doubling of the number, so that the log does not fill up.
    pub fn note(&self, what: Dropped) {
        let count = self.0[what as usize].fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            log::warn!("given up so that the count goes on: {} x {count} since the start", what.name());
        }
    }

    /// Drops of this kind so far.
    #[must_use]
    pub fn of(&self, what: Dropped) -> u64 {
        self.0[what as usize].load(Ordering::Relaxed)
    }
}
