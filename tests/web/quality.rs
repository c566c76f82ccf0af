//! Quality control as the page and other programs meet it: lots, runs, the rules, what keeps results from being signed, and how
//! it could be got round.

use crate::common::stored;
use crate::station::{Answer, PASSWORD, Station, login};
use jiff::{SignedDuration, Timestamp};
use leukoscope::config::{ControlRequired, QualityControlConfig};
use leukoscope::counting::quality_control::{ControlOf, Look, QualityControl};
use leukoscope::counting::session::snapshot::{Command, Snapshot};
use leukoscope::domain::class::CellClass;
use leukoscope::domain::counts::{ClassCount, KindCounts};
use leukoscope::station::control::Controls;
use leukoscope::store::records::{SessionId, SessionStart};
use serde_json::{Value, json};

/// A station in a network on which nothing is signed without a control.
fn strict() -> Station {
    with(QualityControlConfig { required: ControlRequired::Sign, ..QualityControlConfig::default() })
}

fn with(rules: QualityControlConfig) -> Station {
    Station::at("0.0.0.0:0", |web| web.controls = Controls::new(rules, web.store.clone(), web.in_force.clone()))
}

/// A lot of one class with a reference share of 60 %; its number.
fn lot(station: &Station) -> i64 {
    defined(station, &json!({"kind": "slide", "name": "L7", "targets": {"NGS": {"by": "chance", "percent": 60.0}}}))
}

fn defined(station: &Station, body: &Value) -> i64 {
    let ada = login(station, "ada");
    let answer = ada("POST", "/api/quality/lots", body.clone());
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["lot"].as_i64().unwrap()
}

/// A control slide of this lot that was counted: so many segmented neutrophils of so many cells, the rest lymphocytes.
fn counted(station: &Station, lot: i64, ngs: u32, of: u32) -> SessionId {
    counted_at(station, lot, ngs, of, Timestamp::now())
}

fn counted_at(station: &Station, lot: i64, ngs: u32, of: u32, time: Timestamp) -> SessionId {
    let line = |class, count| ClassCount { class, count, percent: 0.0, low: 0.0, high: 0.0 };
    let id = station
        .store
        .begin(&SessionStart { started: time, control: Some(lot), by: "otto".into(), ..stored::start("QC L7") })
        .unwrap();
    let result = Snapshot {
        time,
        counted: of,
        // Never the same twice: as on a slide.
        kinds: KindCounts { wbc: of, rbc: 1000 + id as u32, plt: 70 },
        classes: vec![line(CellClass::Ngs, ngs), line(CellClass::Lyt, of - ngs)],
        quality_control: Some(QualityControl::Run {
            of: ControlOf { id: lot, lot: "L7".into(), level: 1 },
            look: Look::default(),
        }),
        ..stored::result("QC L7")
    };
    station.store.finish(id, &[], &result, &stored::settings()).unwrap();
    id
}

fn standing(station: &Station) -> Value {
    login(station, "otto")("GET", "/api/quality", Value::Null).json()
}

fn runs(station: &Station) -> Vec<Value> {
    let answer = login(station, "otto")("GET", "/api/quality/runs", Value::Null).json();
    answer["runs"].as_array().unwrap().clone()
}

fn sign(station: &Station, id: SessionId) -> Answer {
    let rita = login(station, "rita");
    let detail = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    let body = json!({"password": PASSWORD, "comment": "seen", "fingerprint": detail["fingerprint"]});
    rita("POST", &format!("/api/sessions/{id}/sign"), body)
}

#[test]
fn a_control_that_failed_keeps_results_from_being_signed_until_an_admin_says_why() {
    let station = strict();
    let sample = station.session("A-1");
    assert_eq!((sign(&station, sample).status, sign(&station, sample).code().as_str()), (409, "control-not-passed"));
    let lot = lot(&station);
    assert_eq!((&standing(&station)["state"], &standing(&station)["may_sign"]), (&json!("due"), &json!(false)));

    let otto = login(&station, "otto");
    assert_eq!(otto("POST", &format!("/api/quality/lots/{lot}/run"), json!({})).status, 202);
    let asked = station.asked.try_recv().unwrap();
    assert_eq!(asked.by, "otto");
    assert_eq!(asked.command, Command::Control(ControlOf { id: lot, lot: "L7".into(), level: 1 }));
    counted(&station, lot, 30, 100);
    let now = standing(&station);
    assert_eq!((&now["state"], &now["lots"][0]["last"]["values"][0]["rule"]), (&json!("failed"), &json!("1-3s")));
    let refused = sign(&station, sample);
    assert_eq!((refused.status, refused.code().as_str()), (409, "control-not-passed"));
    assert!(refused.error().contains("lot L7, 1-3s NGS"), "{}", refused.error());

    let reason = json!({"reason": "control slide broke; cells were compared at the microscope"});
    let open = |name: &str, body: &Value| login(&station, name)("POST", "/api/quality/override", body.clone());
    assert_eq!(open("rita", &reason).status, 403, "only an admin");
    for empty in [json!({"reason": "  . "}), json!({"reason": "x".repeat(501)}), json!({"reason": "a bell \u{7} rang"})]
    {
        assert_eq!(open("ada", &empty).status, 409, "{empty}");
    }
    assert_eq!(open("ada", &reason).status, 201);
    let signed = sign(&station, sample);
    assert_eq!(signed.status, 200, "{signed:?}");
    let detail = otto("GET", &format!("/api/sessions/{sample}"), Value::Null).json();
    let mark = &detail["reviewed_result"]["quality_control"];
    assert_eq!(
        (&mark["kind"], &mark["state"], &mark["overridden"]["by"]),
        (&json!("mark"), &json!("failed"), &json!("ada"))
    );
    let report = otto("GET", &format!("/api/sessions/{sample}/report.csv"), Value::Null);
    let report = String::from_utf8(report.body).unwrap();
    assert!(report.contains("Quality control: not passed.") && report.contains("control slide broke"), "{report}");
    assert!(report.contains("failed, lot L7, run 1 since it was due"), "{report}");
    let told: Vec<String> =
        station.trail().into_iter().map(|(_, action)| action).filter(|a| a.starts_with("control")).collect();
    assert_eq!(told, ["control lot", "control run", "control override"]);
    assert!(matches!(station.store.verify_audit().unwrap(), leukoscope::store::AuditVerdict::Whole { .. }));

    counted(&station, lot, 20, 100);
    let late = sign(&station, station.session("A-2"));
    assert_eq!(late.code(), "control-not-passed", "a reason does not cover a run after it");
}

#[test]
fn a_control_that_passed_opens_signing_and_stands_on_the_report() {
    let station = strict();
    let lot = lot(&station);
    counted(&station, lot, 58, 100);
    assert_eq!((&standing(&station)["state"], &standing(&station)["may_sign"]), (&json!("passed"), &json!(true)));
    let id = station.session("A-1");
    assert_eq!(sign(&station, id).status, 200);
    let otto = login(&station, "otto");
    let report = String::from_utf8(otto("GET", &format!("/api/sessions/{id}/report.csv"), Value::Null).body).unwrap();
    assert!(report.contains(" passed, lot L7.") && !report.contains("not passed"), "{report}");
    let nothing = login(&station, "ada")("POST", "/api/quality/override", json!({"reason": "no need at all"}));
    assert_eq!(nothing.status, 409, "the control passed");
}

#[test]
fn a_control_is_no_sample() {
    let station = strict();
    let lot = lot(&station);
    let sample = station.session("A-1");
    let control = counted(&station, lot, 58, 100);
    let otto = login(&station, "otto");
    let listed = |path: &str| -> Vec<i64> {
        let answer = otto("GET", path, Value::Null).json();
        answer["sessions"].as_array().unwrap().iter().map(|session| session["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(listed("/api/sessions"), [sample]);
    assert_eq!(listed("/api/sessions?controls=true"), [control]);
    assert_eq!(station.store.unsigned_after(0), Some(1), "the sample's result is sent");
    assert_eq!(station.store.unsigned_after(1), None, "the control's never is");
    let reopened = leukoscope::store::Store::open_to_read(station.state.path()).unwrap().unwrap();
    assert_eq!(reopened.unsigned_after(1), None, "nor after a restart");
    assert_eq!(station.store.find(2).unwrap(), None, "nobody outside gets it by its number");
    assert_eq!(station.store.latest_result("QC L7", false).unwrap(), None);
    let signed = sign(&station, control);
    assert_eq!((signed.status, signed.code().as_str()), (409, "control"));
    let given = login(&station, "rita")(
        "PUT",
        &format!("/api/sessions/{control}/cells"),
        json!({"cells": [1], "class": "EOS"}),
    );
    assert_eq!((given.status, given.code().as_str()), (409, "control"));
}

#[test]
fn somebody_who_runs_controls_until_one_passes_is_seen() {
    let station = strict();
    let lot = lot(&station);
    for ngs in [30, 31, 60] {
        counted(&station, lot, ngs, 100);
        standing(&station);
    }
    let tries: Vec<_> = runs(&station).iter().map(|run| (run["try_number"].clone(), run["outcome"].clone())).collect();
    assert_eq!(tries, [(json!(1), json!("failed")), (json!(2), json!("failed")), (json!(3), json!("passed"))]);
    assert_eq!(standing(&station)["lots"][0]["tries"], 3);
    let id = station.session("A-1");
    assert_eq!(sign(&station, id).status, 200);
    let otto = login(&station, "otto");
    let report = String::from_utf8(otto("GET", &format!("/api/sessions/{id}/report.csv"), Value::Null).body).unwrap();
    assert!(report.contains("at run 3 since it was due"), "{report}");
    let table = String::from_utf8(otto("GET", "/api/quality/runs.csv", Value::Null).body).unwrap();
    assert_eq!(table.lines().count(), 4, "all of them: {table}");
    assert!(
        table.lines().nth(1).unwrap().contains(",failed,,") && table.lines().nth(1).unwrap().ends_with(",1-3s"),
        "{table}"
    );
}

#[test]
fn runs_that_say_nothing_do_not_pass() {
    let station = strict();
    let lot = lot(&station);
    counted(&station, lot, 30, 50);
    let run = runs(&station).pop().unwrap();
    assert_eq!((&run["outcome"], &run["causes"]), (&json!("failed"), &json!(["too-few-cells"])));
    // The same pictures: every figure is the same, to the last red cell.
    let line = |class, count| ClassCount { class, count, percent: 0.0, low: 0.0, high: 0.0 };
    for _ in 0..2 {
        let time = Timestamp::now();
        let id =
            station.store.begin(&SessionStart { started: time, control: Some(lot), ..stored::start("QC L7") }).unwrap();
        let result = Snapshot {
            time,
            counted: 100,
            kinds: KindCounts { wbc: 100, rbc: 4711, plt: 70 },
            classes: vec![line(CellClass::Ngs, 61)],
            quality_control: Some(QualityControl::Run {
                of: ControlOf { id: lot, lot: "L7".into(), level: 1 },
                look: Look::default(),
            }),
            ..stored::result("QC L7")
        };
        station.store.finish(id, &[], &result, &stored::settings()).unwrap();
    }
    let runs = runs(&station);
    assert_eq!((&runs[1]["outcome"], &runs[2]["causes"]), (&json!("passed"), &json!(["same-pictures"])));
    assert_eq!(standing(&station)["state"], "failed");
    let again =
        leukoscope::counting::quality_control::ControlRun { id: 0, ..serde_json::from_value(runs[1].clone()).unwrap() };
    let twice = station.store.add_control_run(&again).unwrap_err();
    assert!(twice.to_string().contains("already"), "{twice}");
}

#[test]
fn a_lot_that_expired_is_not_run_and_wrong_lots_are_not_taken() {
    let station = strict();
    let expired = json!({"kind": "slide", "name": "old", "expires": "2026-01-31",
        "targets": {"NGS": {"by": "chance", "percent": 60.0}}});
    let id = defined(&station, &expired);
    let otto = login(&station, "otto");
    let refused = otto("POST", &format!("/api/quality/lots/{id}/run"), json!({}));
    assert_eq!(refused.status, 409);
    assert!(refused.error().contains("expired on 2026-01-31"), "{}", refused.error());
    counted(&station, id, 60, 100);
    assert_eq!(runs(&station)[0]["causes"], json!(["lot-expired"]));
    assert_eq!(otto("POST", "/api/quality/lots/99/run", json!({})).status, 404);

    let ada = login(&station, "ada");
    let wrong = |name: &str, targets: Value| {
        ada("POST", "/api/quality/lots", json!({"kind": "slide", "name": name, "targets": targets})).status
    };
    let share = |percent: f64| json!({"by": "chance", "percent": percent});
    for (name, targets) in [
        ("", json!({"NGS": share(60.0)})),
        ("a\u{7}b", json!({"NGS": share(60.0)})),
        ("none", json!({})),
        ("zero", json!({"BAS": share(0.0)})),
        ("all", json!({"NGS": share(100.0)})),
        ("red", json!({"EBO": share(1.0)})),
        ("what", json!({"XYZ": share(1.0)})),
        ("few", json!({"NGS": {"by": "chance", "percent": 60.0, "cells": 5}})),
        ("sd", json!({"NGS": {"by": "normal", "mean": 60.0, "sd": 0.0}})),
        ("key", json!({"NGS": {"by": "normal", "mean": 60.0, "sd": 2.0, "n": 3}})),
    ] {
        assert_eq!(wrong(name, targets.clone()), 400, "{name}: {targets}");
    }
    assert_eq!(wrong("old", json!({"NGS": share(60.0)})), 409, "in use already");
    assert_eq!(otto("POST", "/api/quality/lots", expired).status, 403, "only an admin");
    assert_eq!(ada("DELETE", &format!("/api/quality/lots/{id}"), Value::Null).status, 204);
    assert_eq!(ada("DELETE", &format!("/api/quality/lots/{id}"), Value::Null).status, 404);
    assert_eq!(standing(&station)["state"], "not-defined");
}

#[test]
fn a_clock_that_was_set_back_makes_no_todays_control_of_yesterdays() {
    let station = strict();
    let lot = lot(&station);
    counted(&station, lot, 60, 100);
    assert_eq!(standing(&station)["state"], "passed");
    // As if the clock had been a day ahead until now.
    let ahead = Timestamp::now() + SignedDuration::from_hours(24);
    station.store.note("device", ahead, "view", None, &json!({})).unwrap();
    let now = standing(&station);
    assert_eq!((&now["state"], &now["may_sign"]), (&json!("clock-doubted"), &json!(false)));
}

#[test]
fn a_control_holds_for_its_hours_and_no_longer() {
    let rules =
        QualityControlConfig { required: ControlRequired::Sign, valid_hours: 8, ..QualityControlConfig::default() };
    let station = with(rules);
    let lot = lot(&station);
    counted_at(&station, lot, 60, 100, Timestamp::now() - SignedDuration::from_hours(9));
    assert_eq!(standing(&station)["state"], "due");
    counted_at(&station, lot, 60, 100, Timestamp::now() - SignedDuration::from_hours(1));
    assert_eq!(standing(&station)["state"], "passed");
}

#[test]
fn two_in_a_row_on_one_side_and_levels_apart_are_rejected_by_name() {
    let station = strict();
    let mean = |name: &str, level: u8| json!({"kind": "slide", "name": name, "level": level, "targets": {"NGS": {"by": "normal", "mean": 60.0, "sd": 4.0}}});
    let one = defined(&station, &mean("M", 1));
    counted(&station, one, 69, 100);
    assert_eq!(
        (&runs(&station)[0]["outcome"], &runs(&station)[0]["values"][0]["rule"]),
        (&json!("warning"), &json!("1-2s"))
    );
    assert_eq!(standing(&station)["state"], "passed", "a warning passes");
    counted(&station, one, 70, 100);
    assert_eq!(
        (&runs(&station)[1]["outcome"], &runs(&station)[1]["values"][0]["rule"]),
        (&json!("failed"), &json!("2-2s"))
    );
    let two = defined(&station, &mean("M", 2));
    counted(&station, two, 51, 100);
    assert_eq!(runs(&station)[2]["values"][0]["rule"], "R-4s", "the levels lie more than 4 SD apart");
}

#[test]
fn twenty_runs_of_the_laboratory_teach_the_limits() {
    let station = strict();
    let lot = defined(&station, &json!({"kind": "slide", "name": "own", "targets": {"NGS": {"by": "learning"}}}));
    let ada = login(&station, "ada");
    let learn = || ada("POST", &format!("/api/quality/lots/{lot}/learn"), json!({}));
    for run in 0..20 {
        assert_eq!(learn().status, 409, "after {run} runs");
        counted(&station, lot, 55 + run % 10, 100);
        assert_eq!(standing(&station)["state"], "learning", "neither passed nor failed");
    }
    let learned = learn();
    assert_eq!(learned.status, 200, "{learned:?}");
    let target = &learned.json()["targets"]["NGS"];
    assert_eq!(target["by"], "normal");
    assert!((target["mean"].as_f64().unwrap() - 59.5).abs() < 1e-9, "{target}");
    assert!((target["sd"].as_f64().unwrap() - 4.9).abs() < 0.1, "not less than chance gives: {target}");
    assert_eq!(learn().status, 409, "it has its limits");
    counted(&station, lot, 60, 100);
    assert_eq!(standing(&station)["state"], "passed");
}

#[test]
fn light_scale_and_focus_of_the_day_are_compared_with_the_first_control() {
    let station = strict();
    let lot = lot(&station);
    let line = |class, count| ClassCount { class, count, percent: 0.0, low: 0.0, high: 0.0 };
    let run = |look: Look, rbc: u32| {
        let time = Timestamp::now();
        let id =
            station.store.begin(&SessionStart { started: time, control: Some(lot), ..stored::start("QC L7") }).unwrap();
        let result = Snapshot {
            time,
            counted: 100,
            kinds: KindCounts { wbc: 100, rbc, plt: 70 },
            classes: vec![line(CellClass::Ngs, 60)],
            quality_control: Some(QualityControl::Run { of: ControlOf { id: lot, lot: "L7".into(), level: 1 }, look }),
            ..stored::result("QC L7")
        };
        station.store.finish(id, &[], &result, &stored::settings()).unwrap();
        runs(&station).pop().unwrap()["causes"].clone()
    };
    let good = Look { um_per_px: Some(0.1), background: Some(200.0), sharpness: Some(3.0), out_of_focus_percent: 5.0 };
    assert_eq!(run(good, 1), json!([]));
    assert_eq!(run(Look { background: Some(150.0), ..good }, 2), json!(["light"]));
    assert_eq!(run(Look { sharpness: Some(1.5), ..good }, 3), json!(["sharpness"]));
    assert_eq!(run(Look { out_of_focus_percent: 70.0, ..good }, 4), json!(["focus"]));
    assert_eq!(run(good, 5), json!([]), "and passes again");
}

#[test]
fn a_reference_that_is_empty_or_lacks_classes_is_a_run_that_failed() {
    let folder = tempfile::tempdir().unwrap();
    let rules = QualityControlConfig {
        required: ControlRequired::Sign,
        reference: Some(folder.path().to_owned()),
        ..QualityControlConfig::default()
    };
    let station = with(rules.clone());
    let ada = login(&station, "ada");
    let measured = json!({"kind": "cells", "name": "R", "targets": {}});
    station.in_force.look_with(crate::common::vision());
    let empty = ada("POST", "/api/quality/lots", measured.clone());
    assert_eq!(empty.status, 409);
    assert!(empty.error().contains("has no cells"), "{}", empty.error());
    std::fs::create_dir(folder.path().join("Neutrophils")).unwrap();
    let strange = ada("POST", "/api/quality/lots", measured);
    assert!(strange.error().contains("`Neutrophils` is no label"), "{}", strange.error());
    let share = json!({"by": "chance", "percent": 90.0});
    let lot = defined(&station, &json!({"kind": "cells", "name": "R", "targets": {"NGS": share.clone()}}));
    let controls = Controls::new(rules, station.store.clone(), station.in_force.clone());
    let stop = leukoscope::system::stop::Stop::new();
    let run = controls.check_cells(lot, "otto", &crate::common::vision(), Timestamp::now(), &stop).unwrap();
    let causes = serde_json::to_value(&run.causes).unwrap();
    assert_eq!(causes, json!(["unreadable", "too-few-cells"]));
    assert!(run.words.unwrap().contains("Neutrophils"));
    let learning = json!({"kind": "cells", "name": "S", "targets": {"NGS": {"by": "learning"}}});
    assert_eq!(ada("POST", "/api/quality/lots", learning).status, 400, "stored cells always answer alike");
}
