//! What monitoring sees of a station that a test put together.

use jiff::Timestamp;
use leukoscope::camera::supervise::CameraWatch;
use leukoscope::config::QualityControlConfig;
use leukoscope::station::control::Controls;
use leukoscope::station::drops::Drops;
use leukoscope::station::in_force::InForce;
use leukoscope::station::live_view::Live;
use leukoscope::station::monitor::Monitor;
use leukoscope::station::queues::Queues;
use leukoscope::station::service::watchdog::Watchdog;
use leukoscope::station::tallies::Tallies;
use leukoscope::station::trouble::Troubles;
use leukoscope::store::Store;
use leukoscope::system::board::Board;
use leukoscope::system::latest::Latest;

/// A station called `test` that has done nothing yet; its camera was never opened.
pub fn monitor(store: &Store, in_force: &InForce, live: &Live, drops: &Drops) -> Monitor {
    Monitor {
        station: "test".into(),
        began: Timestamp::now(),
        watchdog: Watchdog::default(),
        camera: CameraWatch::of(Latest::default()),
        in_force: in_force.clone(),
        controls: Controls::new(QualityControlConfig::default(), store.clone(), in_force.clone()),
        live: live.clone(),
        troubles: Troubles::default(),
        tallies: Tallies::default(),
        drops: drops.clone(),
        queues: Queues::default(),
        store: store.clone(),
        board: Board::default(),
    }
}
