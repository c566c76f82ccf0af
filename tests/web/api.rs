//! The API as the page and other programs use it, over real sockets and a real store.

use std::collections::BTreeSet;
use std::fs;

use crate::station::{Station, login};
use leukoscope::config::Config;
use leukoscope::config::limits::Limits;
use leukoscope::counting::session::snapshot::Command;
use leukoscope::domain::flag::Share;
use serde_json::{Value, json};

#[test]
fn sessions_are_listed_searched_and_shown() {
    let station = Station::at_device();
    let (first, second) = (station.session("A-1"), station.session("B-2"));
    let list = |query: &str| {
        let answer = station.get(&format!("/api/sessions?{query}"), &[]).json();
        let ids = answer["sessions"].as_array().unwrap().iter().map(|session| session["id"].as_i64().unwrap());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(list(""), [second, first]);
    assert_eq!(list("sample=a-"), [first]);
    assert_eq!(list("sample=&from=&to=&status=preliminary&offset=1&limit=1"), [first]);
    assert_eq!(list("from=2100-01-01T00:00:00Z"), [0_i64; 0]);
    let wrong = station.get("/api/sessions?status=nonsense", &[]);
    assert_eq!(wrong.status, 400);
    assert!(wrong.error().contains("status"), "{wrong:?}");

    let detail = station.get(&format!("/api/sessions/{first}"), &[]).json();
    assert_eq!((&detail["sample"], &detail["status"]), (&json!("A-1"), &json!("preliminary")));
    assert!(detail["counted_result"]["classes"].is_array() && detail["settings"]["version"].is_string());
    for path in ["/api/sessions/99", "/api/sessions/99/cells", "/api/sessions/x", "/api/sessions/99/report.pdf"] {
        assert_eq!(station.get(path, &[]).status, 404, "{path}");
    }
}

#[test]
fn cells_come_least_sure_first_with_their_pictures() {
    let station = Station::at_device();
    let id = station.session("A-1");
    let cells = |query: &str| station.get(&format!("/api/sessions/{id}/cells?{query}"), &[]).json()["cells"].clone();
    let numbers = |cells: Value| {
        cells.as_array().unwrap().iter().map(|cell| cell["number"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(cells("kind=WBC")), [2, 3, 4, 1]);
    assert_eq!(numbers(cells("kind=RBC")), [5, 6]);
    assert_eq!(station.get(&format!("/api/sessions/{id}/cells?class=XXX"), &[]).status, 400);
    let picture = station.get(&format!("/api/sessions/{id}/cells/2/crop.jpg"), &[]);
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/jpeg")));
    assert_eq!(picture.body, [0xff, 0xd8, 2]);
    assert_eq!(station.get(&format!("/api/sessions/{id}/cells/99/crop.jpg"), &[]).status, 404);
    assert_eq!(station.get(&format!("/api/sessions/{id}/cells/2/saliency.png"), &[]).status, 404);
}

#[test]
fn reports_are_files() {
    let station = Station::at_device();
    let id = station.session("A-1");
    let pdf = station.get(&format!("/api/sessions/{id}/report.pdf"), &[]);
    assert_eq!(pdf.header("content-type"), Some("application/pdf"));
    let name = format!("attachment; filename=\"leukoscope-{id}-A-1.pdf\"");
    assert_eq!(pdf.header("content-disposition"), Some(name.as_str()));
    assert!(pdf.body.starts_with(b"%PDF-"));
    let json = station.get(&format!("/api/sessions/{id}/report.json"), &[]).json();
    assert_eq!((&json["sample"], &json["status"]), (&json!("A-1"), &json!("preliminary")));
    assert_eq!(json["cells"].as_array().unwrap().len(), 6);
    let spanish = station.get(&format!("/api/sessions/{id}/report.csv?language=es"), &[]);
    assert!(String::from_utf8(spanish.body).unwrap().contains("Neutrófilo (segmentado)"));
    assert_eq!(station.get(&format!("/api/sessions/{id}/report.csv?language=../es"), &[]).status, 400);
    let csv = station.get(&format!("/api/sessions/{id}/report.csv"), &[]);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(String::from_utf8(csv.body).unwrap().contains("session,sample,,A-1,"));
}

#[test]
fn an_admin_sets_limits_that_stay_and_wrong_ones_are_refused_with_their_range() {
    let station = Station::in_network();
    let ada = login(&station, "ada");
    let shown = ada("GET", "/api/settings", Value::Null).json();
    let mut flags = shown["settings"]["flags"].clone();
    for share in Share::ALL {
        assert!(flags[share.row().limit].is_number(), "{share:?}: {flags}");
    }
    assert_eq!(flags.as_object().unwrap().len(), Share::ALL.len() + 1, "and the limit of the correction: {flags}");
    flags["blasts_percent"] = json!(3.5);
    assert_eq!(ada("PUT", "/api/settings", json!({"target": 200, "flags": flags})).status, 204);
    let held = || station.in_force.now().settings.clone();
    assert_eq!((held().session.target, held().flags.blasts_percent), (200, 3.5));
    let before = held();
    let shown = ada("GET", "/api/settings", Value::Null).json();
    assert_eq!((&shown["settings"]["session"]["target"], &shown["settings"]["flags"]), (&json!(200), &flags));
    let kept = Limits::read(station.state.path(), &Config::default()).unwrap().unwrap();
    assert_eq!((kept.target, kept.flags.blasts_percent), (200, 3.5));
    let wrong = ada("PUT", "/api/settings", json!({"target": 0, "flags": flags}));
    assert_eq!(wrong.status, 400);
    assert!(wrong.error().contains("target = 0 is outside 1 to 100000 cells"), "{wrong:?}");
    assert_eq!(ada("PUT", "/api/settings", json!({"target": 100})).status, 400);
    let mut some = flags.clone();
    some.as_object_mut().unwrap().remove("bands_percent");
    for flags in [json!({}), some] {
        let answer = ada("PUT", "/api/settings", json!({"target": 100, "flags": flags}));
        assert!(answer.status == 400 && answer.error().contains("missing field"), "{answer:?}");
    }
    assert_eq!(held(), before, "what was refused changed nothing");
    assert!(station.trail().contains(&("ada".to_owned(), "limits".to_owned())));
}

#[test]
fn an_admin_keeps_users_and_tokens() {
    let station = Station::in_network();
    let ada = login(&station, "ada");
    let new = json!({"name": "eve", "role": "operator", "password": "eight horses too many"});
    assert_eq!(ada("POST", "/api/users", new.clone()).status, 201);
    assert_eq!(ada("POST", "/api/users", new).status, 409);
    let short = ada("POST", "/api/users", json!({"name": "bob", "role": "operator", "password": "short"}));
    assert!(short.status == 409 && short.error().contains("at least 12"), "{short:?}");
    assert_eq!(station.try_login("eve", "eight horses too many").status, 204);
    let users = ada("GET", "/api/users", Value::Null);
    assert!(!String::from_utf8_lossy(&users.body).contains("argon2"));
    assert_eq!(users.json()["users"].as_array().unwrap().len(), 4);
    assert_eq!(ada("PATCH", "/api/users/nobody", json!({"enabled": false})).status, 404);
    let own = ada("PATCH", "/api/users/ada", json!({"role": "operator"}));
    assert_eq!(own.status, 409);
    assert_eq!(ada("PATCH", "/api/users/ada", json!({"enabled": false})).status, 409);

    let token = ada("POST", "/api/tokens", json!({"name": "lis", "role": "operator"}));
    assert_eq!(token.status, 201);
    let secret = token.json()["token"].as_str().unwrap().to_owned();
    let bearer = format!("Authorization: Bearer {secret}");
    assert_eq!(station.get("/api/sessions", &[&bearer]).status, 200);
    let tokens = ada("GET", "/api/tokens", Value::Null);
    assert_eq!(tokens.json()["tokens"][0]["name"], "lis");
    assert!(!String::from_utf8_lossy(&tokens.body).contains(&secret));
    assert_eq!(ada("DELETE", "/api/tokens/lis", Value::Null).status, 204);
    assert_eq!(ada("DELETE", "/api/tokens/lis", Value::Null).status, 404);
    assert_eq!(station.get("/api/sessions", &[&bearer]).status, 401);
}

#[test]
fn the_audit_trail_is_paged_and_says_whether_it_is_whole() {
    let station = Station::in_network();
    let id = station.session("A-1");
    let ada = login(&station, "ada");
    let first = ada("GET", "/api/audit?limit=2", Value::Null).json();
    assert_eq!((first["entries"].as_array().unwrap().len(), &first["whole"]), (2, &json!(true)));
    let number = first["entries"][1]["number"].as_i64().unwrap();
    let next = ada("GET", &format!("/api/audit?limit=1&before={number}"), Value::Null).json();
    assert_eq!((&next["entries"][0]["number"], &next["whole"]), (&json!(number - 1), &Value::Null));
    let of_session = ada("GET", &format!("/api/audit?session={id}"), Value::Null).json();
    let of_session = of_session["entries"].as_array().unwrap();
    assert!(!of_session.is_empty() && of_session.iter().all(|entry| entry["session"] == id), "{of_session:?}");
}

#[test]
fn commands_reach_the_count_and_wrong_ones_do_not() {
    let station = Station::at_device();
    let ask = |body: Value| station.ask("POST", "/api/live/commands", &[], &body.to_string());
    for good in [
        json!({"command": "start"}),
        json!({"command": "new", "sample": " A-17 "}),
        json!({"command": "new"}),
        json!({"command": "red", "red_count": 4.5}),
        json!({"command": "stop"}),
    ] {
        assert_eq!(ask(good.clone()).status, 202, "{good}");
    }
    let (by, asked): (Vec<_>, Vec<_>) = station.asked.try_iter().map(|asked| (asked.by, asked.command)).unzip();
    assert!(by.iter().all(|by| by == "device"), "{by:?}");
    assert_eq!((&asked[0], &asked[1]), (&Command::Start, &Command::NewSample(Some("A-17".into()))));
    assert_eq!((&asked[2], &asked[4], asked.len()), (&Command::NewSample(None), &Command::Stop, 5));
    for wrong in [
        json!({"command": "fly"}),
        json!({"command": "new", "sample": ""}),
        json!({"command": "new", "sample": "x".repeat(65)}),
        json!({"command": "new", "sample": "a\nb"}),
        json!({"command": "red"}),
        json!({"command": "red", "red_count": 45}),
        json!({"command": "start", "sample": "A"}),
        json!({"command": "start", "more": 1}),
        json!([]),
    ] {
        let answer = ask(wrong.clone());
        assert_eq!(answer.status, 400, "{wrong}: {answer:?}");
        answer.error();
    }
    assert_eq!(station.asked.try_iter().count(), 0);
}

#[test]
fn an_id_with_letters_that_do_not_show_is_refused_and_they_are_named() {
    let station = Station::at_device();
    for (id, named) in [
        ("A-\u{200b}17", "U+200B"),
        ("A-17\u{202e}", "U+202E"),
        ("\u{feff}A-17", "U+FEFF"),
        ("A\u{ad}17", "U+00AD"),
        ("A\u{a0}17", "U+00A0"),
        ("\u{5d0}17", "“\u{5d0}” (U+05D0)"),
        ("A\t17", "U+0009"),
        ("A-17\n", "U+000A"),
    ] {
        let body = json!({"command": "new", "sample": id}).to_string();
        let answer = station.ask("POST", "/api/live/commands", &[], &body);
        assert_eq!((answer.status, answer.code().as_str()), (400, "request"), "{id:?}");
        assert!(answer.error().contains(named), "{}", answer.error());
    }
    assert_eq!(station.asked.try_iter().count(), 0);
}

#[test]
fn a_red_count_between_samples_is_refused() {
    let station = Station::at_device();
    let ask = |body: Value| station.ask("POST", "/api/live/commands", &[], &body.to_string());
    let red = json!({"command": "red", "red_count": 3.9});
    let answer = ask(red.clone());
    assert_eq!((answer.status, answer.code().as_str()), (409, "no-count"), "{answer:?}");
    assert_eq!(ask(json!({"command": "new", "sample": "A-17"})).status, 202);
    assert_eq!(ask(red.clone()).status, 202, "the sample begins before it");
    assert_eq!(ask(json!({"command": "stop"})).status, 202);
    assert_eq!(ask(red).status, 409, "the next sample is another one");
}

#[test]
fn the_id_of_a_signed_sample_is_begun_again_with_a_warning() {
    let station = Station::at_device();
    let ask = |sample: &str| {
        let body = json!({"command": "new", "sample": sample}).to_string();
        station.ask("POST", "/api/live/commands", &[], &body).json()
    };
    let id = station.session("A-17");
    assert_eq!(ask("A-17"), json!({"warning": null, "earlier": null}), "it is not signed");
    station.store.sign(id, "rita", jiff::Timestamp::now(), "").unwrap();
    let answer = ask("A-17");
    assert_eq!((&answer["earlier"]["session"], &answer["earlier"]["by"]), (&json!(id), &json!("rita")));
    let said = answer["warning"].as_str().unwrap();
    assert!(said.contains("A-17 has a signed result already") && said.contains("4 cells, signed by rita"), "{said}");
    assert_eq!(ask("A-1")["warning"], Value::Null, "a part of the id is another one");
}

#[test]
fn a_name_with_a_date_of_birth_does_not_fit_the_pattern_of_the_laboratory() {
    let station = Station::at_device();
    let ask = |sample: &str| {
        let body = json!({"command": "new", "sample": sample}).to_string();
        station.ask("POST", "/api/live/commands", &[], &body)
    };
    assert_eq!(ask("Maria Lopez 1961-03-05").status, 202, "without a pattern");
    let with = |pattern: &str| {
        let pattern = pattern.to_owned();
        station.in_force.set_rules(leukoscope::config::SampleConfig { pattern, ..Default::default() });
    };
    with("[A-Z]{1,3}-[0-9]{1,8}");
    let answer = ask("Maria Lopez 1961-03-05");
    assert_eq!((answer.status, answer.code().as_str()), (400, "request"));
    assert!(answer.error().contains("[A-Z]{1,3}-[0-9]{1,8}"), "{}", answer.error());
    assert_eq!(ask("A-17").status, 202);
    let shown = station.get("/api/settings", &[]).json();
    assert_eq!(shown["settings"]["sample"]["pattern"], "[A-Z]{1,3}-[0-9]{1,8}");
}

#[test]
fn the_page_learns_the_zone_of_the_station() {
    let me = Station::at_device().get("/api/me", &[]).json();
    let zone = me["zone"].as_array().unwrap();
    assert!(!zone.is_empty() && zone.iter().all(|part| part["offset"].is_i64() && part["name"].is_string()), "{me}");
}

#[test]
fn the_description_is_served_and_tells_who_may() {
    let station = Station::in_network();
    let described = station.get("/api/openapi.json", &[]).json();
    assert_eq!(described["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    let sign = &described["paths"]["/api/sessions/{id}/sign"]["post"];
    assert!(sign["description"].as_str().unwrap().contains("Role: reviewer."), "{sign}");
}

#[test]
fn every_field_of_a_session_and_its_result_is_described() {
    let station = Station::at_device();
    let id = station.session("A-1");
    let schemas = station.get("/api/openapi.json", &[]).json()["components"]["schemas"].clone();
    let served = station.get(&format!("/api/sessions/{id}"), &[]).json();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    for (schema, value) in [
        ("Snapshot", &served["reviewed_result"]),
        ("Statistics", &served["reviewed_result"]["statistics"]),
        ("ClassCount", &served["reviewed_result"]["classes"][0]),
        ("Settings", &served["settings"]),
        ("SessionConfig", &served["settings"]["session"]),
        ("Flags", &served["settings"]["flags"]),
    ] {
        let described = keys(&schemas[schema]["properties"]);
        assert!(keys(value).is_subset(&described), "{schema}: {described:?}");
    }
    for (schema, word) in [("CellClass", "NGS"), ("Kind", "RBC"), ("Flag", "left-shift"), ("ErrorCode", "not-done")] {
        assert!(schemas[schema]["enum"].as_array().unwrap().contains(&json!(word)), "{schema}: {}", schemas[schema]);
    }
}

#[test]
fn a_catalogue_of_the_clinic_lies_over_the_programs() {
    let own = tempfile::tempdir().unwrap();
    fs::write(own.path().join("es.json"), r#"{"report.title":"Fórmula leucocitaria del centro"}"#).unwrap();
    fs::write(own.path().join("de.json"), r#"{"report.title":"Differentialblutbild"}"#).unwrap();
    fs::write(own.path().join("fr.json"), "no JSON").unwrap();
    let station = Station::at("127.0.0.1:0", |web| web.config.catalogues = Some(own.path().to_owned()));
    let catalogue = |language: &str| station.get(&format!("/assets/languages/{language}.json"), &[]).json();
    let (en, es, de, fr) = (catalogue("en"), catalogue("es"), catalogue("de"), catalogue("fr"));
    assert_eq!(
        (&es["report.title"], &de["report.title"]),
        (&json!("Fórmula leucocitaria del centro"), &json!("Differentialblutbild"))
    );
    assert_eq!((&es["class.NGS"], &de["class.NGS"]), (&json!("Neutrófilo (segmentado)"), &en["class.NGS"]));
    assert_ne!(fr["class.NGS"], en["class.NGS"], "a broken one changes nothing");
    for none in ["xx", "..%2Fen", "de.json"] {
        assert_eq!(station.get(&format!("/assets/languages/{none}.json"), &[]).status, 404, "{none}");
    }
}

#[test]
fn every_error_has_the_form_that_is_described() {
    let station = Station::at_device();
    for (method, path, body, status, code) in [
        ("GET", "/api/nothing", "", 404, "not-found"),
        ("GET", "/nothing", "", 404, "not-found"),
        ("DELETE", "/api/me", "", 405, "request"),
        ("POST", "/api/login", "{", 400, "request"),
        ("POST", "/api/login", "", 415, "request"),
        ("POST", "/api/login", r#"{"name":"a","password":"b","more":1}"#, 400, "request"),
        ("POST", "/api/login", r#"{"name":"a","password":"b"}"#, 401, "wrong-login"),
        ("GET", "/api/users", "", 401, "login-needed"),
        ("GET", "/api/sessions/1/cells?kind=x", "", 400, "request"),
        ("GET", "/api/live/stream", "", 400, "request"),
    ] {
        let answer = station.ask(method, path, &[], body);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}: {answer:?}");
        assert!(answer.error().len() > 5);
    }
}

#[test]
fn the_page_is_sent_again_only_when_it_changed() {
    let station = Station::at_device();
    let page = station.get("/", &[]);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let tag = page.header("etag").unwrap();
    let again = station.get("/", &[&format!("If-None-Match: {tag}")]);
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[test]
fn the_page_gets_its_lists_from_the_program() {
    let answer = Station::at_device().get("/assets/tables.js", &[]);
    assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
    let script = String::from_utf8(answer.body).unwrap();
    let list = |name: &str| -> Value {
        let line = script.lines().find_map(|line| line.strip_prefix(&format!("export const {name} = "))).unwrap();
        serde_json::from_str(line.trim_end_matches(';')).unwrap()
    };
    let order = "BLA MYO MOB LBL PMB PMO MYB MMZ NGB NGS EOS BAS MON LYT LYA LYR PLC EBO KSC TWO ART PLT UNK"
        .split(' ')
        .collect::<Vec<_>>();
    assert_eq!(list("ORDER"), json!(order));
    assert_eq!(list("APART"), json!(["EBO", "KSC", "TWO", "ART", "PLT", "UNK"]));
    assert_eq!(list("PER_100"), json!(["EBO", "KSC"]));
    assert_eq!(list("RAISED_BY")["left-shift"], json!(["NGB", "immature-granulocytes"]));
    assert_eq!(list("LIMITS")[2], json!(["immature_granulocytes_percent", "limit.immature"]));
}

#[test]
fn classes_come_with_their_keys() {
    let classes = Station::at_device().get("/api/classes", &[]).json();
    let ngs = classes.as_array().unwrap().iter().find(|class| class["code"] == "NGS").unwrap();
    let told = json!({
        "code": "NGS", "name": "neutrophil (segmented)", "group": "neutrophils", "key": "s", "by_people_alone": false,
    });
    assert_eq!(*ngs, told);
}

#[test]
fn a_command_that_finds_the_count_busy_is_answered_so_at_once() {
    let station = Station::at_device();
    let ask = || {
        station.ask("POST", "/api/live/commands", &[&format!("Origin: {}", station.origin())], r#"{"command":"start"}"#)
    };
    for _ in 0..leukoscope::station::requests::MOST_COMMANDS {
        assert_eq!(ask().status, 202);
    }
    let refused = ask();
    assert_eq!(refused.status, 503);
    assert!(refused.error().contains("the count is busy; ask again"), "{refused:?}");
    assert_eq!(station.drops.of(leukoscope::station::drops::Dropped::Command), 1);
    assert_eq!(station.asked.try_iter().count(), leukoscope::station::requests::MOST_COMMANDS);
    assert_eq!(ask().status, 202);
}
