//! Looks whether the whole store is sound, and takes away what is kept for too long, while the daemon runs.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::config::StoreConfig;
use crate::station::trouble::{Part, Troubles};
use crate::store::{Store, StoreError};
use crate::system::stop::Stop;

/// How often it is looked for what is kept for too long.
const RETENTION: Duration = Duration::from_hours(1);

/// Starts the thread; it ends at once with the stop.
///
/// # Errors
/// When no thread can be started.
pub fn start(store: Store, rules: StoreConfig, stop: Stop, troubles: &Troubles) -> io::Result<JoinHandle<()>> {
    let (whole, trouble) = (troubles.teller(Part::Store), troubles.teller(Part::Retention));
    thread::Builder::new().name("retention".into()).spawn(move || {
        // Not before the counting begins: all of the file is read, which takes minutes on a memory card.
        if let Err(error) = store.check_whole(&stop) {
            log::error!("{error}");
            // From a store that is damaged nothing is taken away; what could not be looked at may be well.
            if matches!(error, StoreError::PartlyDamaged { .. }) {
                whole(Some(error.to_string()));
                return;
            }
        }
        retain(&store, &rules, &stop, &trouble);
    })
}

/// Takes away what is kept for too long, at the start and every hour.
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
