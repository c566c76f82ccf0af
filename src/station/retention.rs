//! Checks the whole store and deletes what has been kept too long, while the daemon runs.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::config::StoreConfig;
use crate::station::trouble::{Part, Troubles};
use crate::store::{Store, StoreError};
use crate::system::stop::Stop;

/// Interval between retention runs.
const RETENTION: Duration = Duration::from_hours(1);

/// Starts the thread; it ends at once with the stop.
///
/// # Errors
/// If the thread cannot be started.
pub fn start(store: Store, rules: StoreConfig, stop: Stop, troubles: &Troubles) -> io::Result<JoinHandle<()>> {
    let (whole, trouble) = (troubles.reporter(Part::Store), troubles.reporter(Part::Retention));
    thread::Builder::new().name("retention".into()).spawn(move || {
        // Checked here rather than before counting starts, because it reads the whole file, which takes minutes on a
        // memory card.
        if let Err(error) = store.check_whole(&stop) {
            log::error!("{error}");
            // Nothing is deleted from a damaged store. One that could not be checked may be fine.
            if matches!(error, StoreError::PartlyDamaged { .. }) {
                whole(Some(error.to_string()));
                return;
            }
        }
        retain(&store, &rules, &stop, &trouble);
    })
}

/// Deletes what has been kept too long, at the start and every hour.
fn retain(store: &Store, rules: &StoreConfig, stop: &Stop, trouble: &impl Fn(Option<String>)) {
    loop {
        match store.retain(rules, jiff::Timestamp::now(), stop) {
            Ok(done) => {
                if done.crops + done.cells + done.results > 0 {
                    log::info!("kept long enough: {done:?}");
                }
                let size = done.bytes / 1_000_000;
                trouble(done.too_large.then(|| {
                    format!("results take {size} MB, more than [store] megabytes: allow more, or give a larger disk")
                }));
            }
            Err(error) => {
                log::error!("{error}");
                trouble(Some(error.to_string()));
            }
        }
        if stop.wait(RETENTION) {
            return;
        }
    }
}
