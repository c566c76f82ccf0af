//! Critical values and marks over the API.

use serde_json::{Value, json};

use crate::common::stored::{result, settings, six_cells, start};
use crate::station::{PASSWORD, Station, login};
use leukoscope::config::CriticalConfig;
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::critical::{CriticalOf, CriticalValue};
use leukoscope::domain::source::Source;
use leukoscope::store::records::{Role, SessionId, SessionStart, Settings};

fn counted(station: &Station, sample: &str, settings: &Settings, critical: Vec<CriticalValue>) -> SessionId {
    let id = station.store.begin(&SessionStart { settings: settings.clone(), ..start(sample) }).unwrap();
    let result = Snapshot { critical, source: settings.source, training: settings.training, ..result(sample) };
    station.store.finish(id, &six_cells(), &result, settings).unwrap();
    id
}

#[test]
fn who_was_told_is_written_down_by_a_person_and_closes_the_alarm() {
    let station = Station::in_network();
    let watched =
        Settings { critical: CriticalConfig { blast_cells: Some(1), ..CriticalConfig::default() }, ..settings() };
    let blast = CriticalValue { of: CriticalOf::BlastCells, value: 1.0, limit: 1.0 };
    let id = counted(&station, "A-7", &watched, vec![blast]);
    let otto = login(&station, "otto");
    let alarms = otto("GET", "/api/alarms", Value::Null).json();
    assert_eq!((&alarms["alarms"][0]["sample"], &alarms["alarms"][0]["session"]), (&json!("A-7"), &json!(id)));
    let path = format!("/api/sessions/{id}/acknowledge");
    let token = format!("Authorization: Bearer {}", station.token(Role::Admin));
    let by_token = station.ask("POST", &path, &[&token], &json!({"told": "Kim", "read_back": true}).to_string());
    assert_eq!(by_token.status, 403, "a program tells nobody");
    assert_eq!(station.get("/api/alarms", &[]).status, 401);
    for (wrong, status) in [
        (json!({"told": "Kim"}), 409),
        (json!({"note": ""}), 409),
        (json!({"told": "Kim", "read_back": "yes"}), 400),
        (json!({"told": "Kim", "read_back": true, "told_at": "yesterday"}), 400),
        (json!({"told": "Kim", "read_back": true, "sign": true}), 400),
    ] {
        let answer = otto("POST", &path, wrong.clone());
        assert_eq!(answer.status, status, "{wrong}: {}", answer.error());
    }
    let said = otto("POST", &path, json!({"told": "Ward 3, Kim", "told_by": "Ana", "read_back": true})).json();
    assert_eq!((&said["by"], &said["told_by"], &said["read_back"]), (&json!("otto"), &json!("Ana"), &json!(true)));
    assert_eq!(otto("GET", "/api/alarms", Value::Null).json()["alarms"], json!([]));
    let detail = otto("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    assert_eq!((&detail["alarm"], &detail["acknowledged"][0]["told"]), (&json!("acknowledged"), &json!("Ward 3, Kim")));
}

#[test]
fn a_simulated_result_says_so_and_is_not_signed_outside_training() {
    let station = Station::in_network();
    let simulated = Settings { source: Some(Source::Simulated), ..settings() };
    let id = counted(&station, "A-8", &simulated, Vec::new());
    let rita = login(&station, "rita");
    assert_eq!(rita("GET", "/api/me", Value::Null).json()["training"], false);
    let listed = rita("GET", "/api/sessions", Value::Null).json();
    assert_eq!(listed["sessions"][0]["marks"], json!(["simulated"]));
    let detail = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    let body = json!({"password": PASSWORD, "comment": "practice", "fingerprint": detail["fingerprint"]});
    let refused = rita("POST", &format!("/api/sessions/{id}/sign"), body.clone());
    assert_eq!((refused.status, refused.code().as_str()), (409, "not-real"), "{}", refused.error());
    station.store.of_training_station(true);
    assert_eq!(rita("POST", &format!("/api/sessions/{id}/sign"), body).status, 200);
    let signed = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    assert_eq!((&signed["marks"], &signed["status"]), (&json!(["training", "simulated"]), &json!("final")));
}
