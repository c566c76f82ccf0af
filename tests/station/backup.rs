//! Backups of a station that is counting, and a station that goes on with a restored store.

use crate::common::{at_state as leukoscope, succeeded as said};
use crate::daemon::{Daemon, counted};

#[test]
fn a_station_is_backed_up_while_it_counts_and_goes_on_from_a_restored_backup() {
    let stick = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(&["--camera", "simulated", "--target", "6", "--sample", "A-1"]);
    let first = daemon.wait_for("the first result", |line| line["type"] == "preliminary");
    daemon.send("new A-2");
    daemon.wait_for("the next count", |line| line["sample"] == "A-2" && counted(line) > 0);
    let state = daemon.state.path().to_owned();
    let file = stick.path().join("running.tar");
    let path = file.to_str().unwrap();
    for round in 0..5 {
        let told = said(&leukoscope(&state, &["backup", path]));
        assert!(told.contains("whole, up to result"), "{round}: {told}");
    }
    assert_eq!(leukoscope(&state, &["restore", path]).status.code(), Some(2), "the station runs");
    let second = daemon.wait_for("the second result", |line| line["type"] == "preliminary" && line["sample"] == "A-2");
    daemon.terminate();
    assert_eq!(daemon.exit_code(), Some(0));
    let kept = daemon.kept_results();
    assert_eq!(kept[0]["kinds"]["WBC"], first["WBC"]);
    assert_eq!(kept[1]["kinds"]["WBC"], second["WBC"], "the backups disturbed no count");

    said(&leukoscope(&state, &["restore", path]));
    let state = daemon.give_state();
    let mut daemon = Daemon::start_in(state, &["--camera", "simulated", "--target", "3", "--sample", "A-3"]);
    let third = daemon.wait_for("a result after the restore", |line| line["type"] == "preliminary");
    assert!(third["result"].as_u64().unwrap() > second["result"].as_u64().unwrap(), "{third} {second}");
    daemon.terminate();
    assert_eq!(daemon.exit_code(), Some(0));
    let state = daemon.state.path();
    assert_eq!(daemon.kept_results()[0]["kinds"]["WBC"], first["WBC"]);
    let verified = said(&leukoscope(state, &["audit", "verify"]));
    assert!(verified.starts_with("whole:") && verified.contains("restored the store from a backup of"), "{verified}");
    // The count that ran during the backup is listed as interrupted with the cells it had.
    let listed = said(&leukoscope(state, &["sessions"]));
    assert!(listed.contains("A-2"), "{listed}");
}
