//! Results as FHIR: what a server and a folder get, and what a server's answers lead to.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use leukoscope::config::{CodesConfig, FhirConfig};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::flag::Flag;
use leukoscope::outputs::delivery::courier::Verdict;
use leukoscope::outputs::delivery::notes::About;
use leukoscope::outputs::fhir::Receiver;
use leukoscope::outputs::fhir::bundle::bundle;
use leukoscope::store::Store;
use leukoscope::system::stop::Stop;
use serde_json::{Value, json};

use crate::common::stored::{at, kept, result, session};

/// Answers each request as told; keeps what came.
fn server(answers: Vec<String>) -> (String, Arc<Mutex<Vec<String>>>) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/fhir", socket.local_addr().unwrap());
    let requests: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&requests);
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = socket.accept().unwrap();
            let mut text = Vec::new();
            let mut buffer = [0; 16384];
            loop {
                let read = stream.read(&mut buffer).unwrap();
                text.extend(&buffer[..read]);
                let request = String::from_utf8_lossy(&text).into_owned();
                let length = request
                    .lines()
                    .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
                let Some(end) = request.find("\r\n\r\n") else { continue };
                if length.is_none_or(|length| request.len() >= end + 4 + length.trim().parse::<usize>().unwrap()) {
                    heard.lock().unwrap().push(request);
                    break;
                }
            }
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, requests)
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/fhir+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn receiver(config: &FhirConfig) -> Receiver {
    Receiver::open(config).unwrap().unwrap()
}

fn resources(bundle: &Value, kind: &str) -> Vec<Value> {
    let entries = bundle["entry"].as_array().unwrap().iter();
    entries.map(|entry| entry["resource"].clone()).filter(|resource| resource["resourceType"] == kind).collect()
}

#[test]
fn a_signed_result_is_one_transaction_whose_parts_are_created_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let counted = session(&store, "A|1");
    store.sign(counted, "rita", at(90), "seen").unwrap();
    let stored = store.result_of(counted).unwrap().unwrap();
    let accepted = r#"{"resourceType": "Bundle", "type": "transaction-response"}"#;
    let (url, requests) = server(vec![answer("200 OK", accepted); 2]);
    let receiver = receiver(&FhirConfig { url: Some(url), ..FhirConfig::default() });
    let codes = CodesConfig { ngs: "SEG%".into(), lyt: String::new(), ..CodesConfig::default() };
    for _ in 0..2 {
        assert_eq!(receiver.send(&stored, &store, &codes, &Stop::new()), Verdict::Taken);
    }
    let requests = requests.lock().unwrap();
    assert!(requests[0].starts_with("POST /fhir HTTP/1.1\r\n"));
    let body = |request: &String| request.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(body(&requests[0]), body(&requests[1]), "sent again, it is the same");
    let bundle: Value = serde_json::from_str(&body(&requests[0])).unwrap();
    assert_eq!(bundle["type"], "transaction");
    for entry in bundle["entry"].as_array().unwrap() {
        let condition = entry["request"]["ifNoneExist"].as_str().unwrap();
        let value = condition.strip_prefix("identifier=urn:leukoscope:id|").unwrap();
        assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{value}");
    }
    let report = &resources(&bundle, "DiagnosticReport")[0];
    assert_eq!((&report["status"], &report["code"]["coding"][0]["code"]), (&json!("final"), &json!("69738-3")));
    assert_eq!(report["resultsInterpreter"], json!([{"display": "rita"}]));
    assert!(report["conclusion"].as_str().unwrap().starts_with("Research and screening support, not a diagnosis.\n"));
    let observations = resources(&bundle, "Observation");
    assert_eq!(report["result"].as_array().unwrap().len(), observations.len());
    assert_eq!(observations.len(), 5, "the lymphocytes are left out");
    let segmented = &observations[0];
    assert_eq!(segmented["code"]["coding"][0], json!({"code": "SEG%", "display": "neutrophil (segmented)"}));
    assert_eq!(
        segmented["valueQuantity"],
        json!({"value": 75, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"})
    );
    assert_eq!(segmented["component"][0]["valueQuantity"]["value"], 3);
    assert_eq!(resources(&bundle, "Specimen")[0]["accessionIdentifier"]["value"], "A|1");
    assert!(resources(&bundle, "Patient").is_empty());
    let urls: Vec<&str> =
        bundle["entry"].as_array().unwrap().iter().map(|entry| entry["fullUrl"].as_str().unwrap()).collect();
    assert!(report["result"].as_array().unwrap().iter().all(|of| urls.contains(&of["reference"].as_str().unwrap())));
}

#[test]
fn a_bundle_says_preliminary_final_and_amended_and_which_class_is_flagged() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let codes = CodesConfig::default();
    let first = session(&store, "A-1");
    let status = |number| {
        let stored = store.find(number).unwrap().unwrap();
        let bundle = bundle(&stored, &About::default(), &codes);
        let report = resources(&bundle, "DiagnosticReport")[0].clone();
        assert!(resources(&bundle, "Observation").iter().all(|of| of["status"] == report["status"]));
        (report["status"].clone(), report["identifier"].clone())
    };
    let (preliminary, ids) = status(1);
    assert_eq!(preliminary, "preliminary");
    store.sign(first, "rita", at(90), "").unwrap();
    let (signed, signed_ids) = status(1);
    assert_eq!(signed, "final");
    assert_ne!(ids[0], signed_ids[0], "each is created");
    assert_eq!(ids[1], signed_ids[1], "and both are known as one result");
    let earlier = store.signed_before("A-1").unwrap();
    let again = kept(&store, &Snapshot { earlier, flags: vec![Flag::LeftShift], ..result("A-1") });
    store.sign(again.cast_signed(), "otto", at(190), "").unwrap();
    assert_eq!(status(again).0, "amended");
    let stored = store.find(again).unwrap().unwrap();
    let observations = resources(&bundle(&stored, &About::default(), &codes), "Observation");
    assert!(observations.iter().all(|of| of.get("interpretation").is_none()), "no band was counted");
}

#[test]
fn each_answer_of_a_server_leads_to_what_it_means() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let counted = session(&store, "A-1");
    let stored = store.result_of(counted).unwrap().unwrap();
    let outcome = r#"{"resourceType": "OperationOutcome", "issue": [{"diagnostics": "no such code\u0007"}]}"#;
    let answers = vec![
        answer("422 Unprocessable Entity", outcome),
        answer("401 Unauthorized", ""),
        answer("503 Service Unavailable", "later"),
        answer("200 OK", "<html>a page</html>"),
        answer("302 Found\r\nLocation: http://127.0.0.1:1/", ""),
        "no HTTP at all".to_owned(),
        answer(
            "200 OK",
            &format!(
                r#"{{"resourceType": "Bundle", "entry": [{{"response": {{"status": "201"}}}}, {{"response": {{"status": "400", "outcome": {outcome}}}}}]}}"#
            ),
        ),
    ];
    let (url, requests) = server(answers);
    let receiver = receiver(&FhirConfig { url: Some(url), timeout_seconds: 5, ..FhirConfig::default() });
    let codes = CodesConfig::default();
    let verdicts: Vec<Verdict> = (0..7).map(|_| receiver.send(&stored, &store, &codes, &Stop::new())).collect();
    assert_eq!(verdicts[0], Verdict::Refused("HTTP 422 no such code\\u{7}".to_owned()));
    for (verdict, words) in
        verdicts[1..6].iter().zip(["token_file", "503 later", "without a bundle", "302", "cannot be reached"])
    {
        assert!(matches!(verdict, Verdict::Unreachable(said) if said.contains(words)), "{verdict:?}");
    }
    assert_eq!(verdicts[6], Verdict::Refused("an entry got 400 no such code\\u{7}".to_owned()));
    assert_eq!(requests.lock().unwrap().len(), 7, "no redirection is followed");
}

#[test]
fn a_token_is_read_from_its_file_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let counted = session(&store, "A-1");
    let stored = store.result_of(counted).unwrap().unwrap();
    let (url, requests) = server(vec![answer("200 OK", r#"{"resourceType": "Bundle"}"#); 2]);
    let file = folder.path().join("token");
    let config = FhirConfig { url: Some(url), token_file: Some(file.clone()), ..FhirConfig::default() };
    assert!(Receiver::open(&config).unwrap_err().to_string().contains("token_file"));
    for token in ["first", "second"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        assert_eq!(receiver(&config).send(&stored, &store, &CodesConfig::default(), &Stop::new()), Verdict::Taken);
    }
    let bearers: Vec<bool> = requests
        .lock()
        .unwrap()
        .iter()
        .zip(["first", "second"])
        .map(|(request, token)| request.to_lowercase().contains(&format!("authorization: bearer {token}\r\n")))
        .collect();
    assert_eq!(bearers, [true, true]);
}

#[test]
fn a_folder_gets_one_whole_file_a_result() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let counted = session(&store, "A-1");
    let out = folder.path().join("out");
    let config = FhirConfig { folder: Some(out.clone()), ..FhirConfig::default() };
    assert!(Receiver::open(&config).unwrap_err().to_string().contains("make it"));
    std::fs::create_dir(&out).unwrap();
    let receiver = receiver(&config);
    let codes = CodesConfig::default();
    let send = || receiver.send(&store.result_of(counted).unwrap().unwrap(), &store, &codes, &Stop::new());
    assert_eq!((send(), send()), (Verdict::Taken, Verdict::Taken));
    store.sign(counted, "rita", at(90), "").unwrap();
    assert_eq!(send(), Verdict::Taken);
    let names: Vec<String> =
        std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        let bundle: Value = serde_json::from_slice(&std::fs::read(out.join(&name)).unwrap()).unwrap();
        let expected = if name.contains("preliminary") { "preliminary" } else { "final" };
        assert_eq!(resources(&bundle, "DiagnosticReport")[0]["status"], expected);
    }
    std::fs::remove_dir_all(&out).unwrap();
    assert!(matches!(send(), Verdict::Unreachable(_)), "it waits until the folder is back");
}

#[test]
fn a_station_that_ends_while_a_server_is_silent_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let counted = session(&store, "A-1");
    let stored = store.result_of(counted).unwrap().unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Some(format!("http://{}/fhir", socket.local_addr().unwrap()));
    let receiver = receiver(&FhirConfig { url, timeout_seconds: 300, ..FhirConfig::default() });
    let stop = Stop::new();
    std::thread::spawn({
        let stop = stop.clone();
        move || {
            std::thread::sleep(std::time::Duration::from_millis(300));
            stop.request();
        }
    });
    let asked = std::time::Instant::now();
    let verdict = receiver.send(&stored, &store, &CodesConfig::default(), &stop);
    assert_eq!(verdict, Verdict::Unreachable("the program is ending".to_owned()));
    assert!(asked.elapsed() < std::time::Duration::from_secs(5));
}
