//! `support-bundle`: one text, read by the person who sends it, without patients and people.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use leukoscope::store::Store;
use leukoscope::store::records::Role;

use crate::common::{complained, leukoscope, said, stored};

/// A station that has counted, with its configuration.
fn station(folder: &Path) -> std::path::PathBuf {
    let state = folder.join("state");
    let store = Store::open(&state).unwrap();
    stored::session(&store, "Mary-4711-B");
    store.add_user("zelda77", Role::Reviewer, "correct horse battery", "console", Timestamp::now()).unwrap();
    let config = folder.join("station.toml");
    let text = format!(
        "[station]\nname = \"St Mary 7\"\nstate = \"{}\"\n[web]\nlisten = \"none\"\n[hl7]\nhost = \"lis.mary.example:2575\"\n\
         [session]\ntarget = 150\n",
        state.display()
    );
    fs::write(&config, text).unwrap();
    config
}

#[test]
fn the_file_is_written_listed_and_holds_no_patient_nobody_and_no_address() {
    let folder = tempfile::tempdir().unwrap();
    let config = station(folder.path());
    let file = folder.path().join("support.txt");
    let run = leukoscope(["support-bundle".as_ref(), file.as_os_str(), "--config".as_ref(), config.as_os_str()]);
    assert_eq!(run.status.code(), Some(0), "{}", complained(&run));
    let listed = said(&run);
    for part in ["version", "health", "configuration", "timings", "figures", "log"] {
        assert!(listed.contains(&format!("{part}: ")), "{listed}");
    }
    assert!(listed.contains("read it before you send it"), "{listed}");
    let text = fs::read_to_string(&file).unwrap();
    for private in ["Mary", "mary", "4711", "zelda77", "lis.", "2575", &*folder.path().to_string_lossy()] {
        assert!(!text.contains(private), "{private}: {text}");
    }
    assert!(text.contains("target = 150") && text.contains("host = # set"), "{text}");
    assert!(text.contains("not known: the program does not run"), "{text}");
}

#[test]
fn a_place_that_cannot_be_written_and_a_wrong_configuration_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let config = station(folder.path());
    let nowhere = folder.path().join("missing/support.txt");
    let run = leukoscope(["support-bundle".as_ref(), nowhere.as_os_str(), "--config".as_ref(), config.as_os_str()]);
    assert_eq!(run.status.code(), Some(1));
    assert!(complained(&run).contains("name a file in a folder that you may write to"), "{}", complained(&run));
    fs::write(&config, "[station]\nnam = 3\n").unwrap();
    let run = leukoscope(["support-bundle".as_ref(), nowhere.as_os_str(), "--config".as_ref(), config.as_os_str()]);
    assert_eq!(run.status.code(), Some(2), "{}", complained(&run));
}
