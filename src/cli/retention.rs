//! Takes away what is kept for too long while the daemon runs.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::config::StoreConfig;
use crate::stop::Stop;
use crate::store::Store;
use crate::trouble::{Part, Troubles};

/// How often it is looked for what is kept for too long.
const RETENTION: Duration = Duration::from_hours(1);

/// Starts the thread; it ends at once with the stop.
///
/// # Errors
/// When no thread can be started.
pub fn start(store: Store, rules: StoreConfig, stop: Stop, troubles: &Troubles) -> io::Result<JoinHandle<()>> {
    let trouble = troubles.teller(Part::Retention);
    thread::Builder::new().name("retention".into()).spawn(move || retain(&store, &rules, &stop, &trouble))
}

/// Takes away what is kept for too long, at the start and every hour.
fn retain(store: &Store, rules: &StoreConfig, stop: &Stop, trouble: &impl Fn(Option<String>)) {
    loop {
        match store.retain(rules, jiff::Timestamp::now()) {
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
