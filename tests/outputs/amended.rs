//! What an amended result looks like where it arrives: every output calls it corrected, says what it replaces, and hears
//! nothing of it before it is signed.

use leukoscope::config::{CodesConfig, LineFormat, Sends};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::class::CellClass;
use leukoscope::outputs::delivery::notes::{About, notes};
use leukoscope::outputs::fhir::bundle::bundle;
use leukoscope::outputs::report::ReportFormat;
use leukoscope::store::Store;
use leukoscope::store::records::SessionId;
use serde_json::json;

use crate::astm_bench::{self, call, sample};
use crate::common::stored::{at, jpeg, session, six_pictured};
use crate::hl7_bench::{Host, StationSending, part, parts};
use crate::report_bench::Bench;

const CORRECTED: &str = "Corrected report, version 2, replaces version 1 (result 1) signed by rita at 2026-09-21T";

/// Amends a signed session and has the amendment signed by otto.
fn amend(store: &Store, id: SessionId) -> SessionId {
    let made = store.amend(id, "cell 4 is reactive", "otto", at(200)).unwrap();
    store.sign(made, "otto", at(220), "").unwrap();
    made
}

#[test]
fn an_hl7_host_gets_the_correction_under_the_number_of_the_first_report() {
    let host = Host::start(&[]);
    let station = StationSending::start(host.address, Sends::All);
    let id = session(&station.store, "A-1");
    host.wait_for(1);
    station.store.sign(id, "rita", at(90), "").unwrap();
    let signed = host.wait_for(2)[1].clone();
    assert_eq!(part(&signed, "OBR", 25, 1), "F");
    let open = station.store.amend(id, "a mistake", "rita", at(150)).unwrap();
    station.store.withdraw_amendment(open, "a mistake", "rita", at(160)).unwrap();
    amend(&station.store, id);
    // A count after it: had the open amendment been sent as preliminary, it would have come before.
    session(&station.store, "A-2");
    let messages = host.wait_for(4);
    let corrected = messages[2..].iter().find(|message| part(message, "SPM", 2, 1) == "A-1").unwrap();
    assert_eq!((part(corrected, "OBR", 25, 1), part(corrected, "OBX", 11, 1)), ("C".into(), "C".into()));
    assert_eq!(part(corrected, "OBR", 3, 1), part(&signed, "OBR", 3, 1), "by it the host finds what is corrected");
    assert_ne!(part(corrected, "MSH", 10, 1), part(&signed, "MSH", 10, 1));
    let notes = parts(corrected, "NTE", 3, 1);
    let said = notes.iter().find(|note| note.starts_with(CORRECTED)).unwrap();
    assert!(said.ends_with("Reason: cell 4 is reactive"), "{said}");
    let statuses: Vec<_> = messages.iter().map(|message| part(message, "OBR", 25, 1)).collect();
    assert_eq!(statuses.iter().filter(|status| *status == "P").count(), 2, "one a count, none for an amendment");
    station.end();
}

#[test]
fn an_astm_host_gets_the_correction_and_a_query_the_version_in_force() {
    let station = astm_bench::Station::listening(Sends::All);
    let mut host = call(&station);
    let id = session(&station.store, "A-1");
    assert_eq!(sample(&host.message()), ("A-1", "P"));
    station.store.sign(id, "rita", at(90), "").unwrap();
    assert_eq!(sample(&host.message()), ("A-1", "F"));
    amend(&station.store, id);
    let corrected = host.message();
    assert_eq!(sample(&corrected), ("A-1", "C"));
    assert!(corrected.iter().any(|record| record.contains(CORRECTED)), "{corrected:?}");
    let figures: Vec<_> = corrected.iter().filter(|record| record.starts_with("R|")).collect();
    assert!(figures.len() > 3 && figures.iter().all(|record| record.contains("||C||otto||")), "{figures:?}");
    station.end();
}

#[test]
fn a_fhir_bundle_is_amended_and_names_the_report_it_replaces() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = session(&store, "A-1");
    store.sign(id, "rita", at(90), "").unwrap();
    let report = |id| {
        let stored = store.result_of(id).unwrap().unwrap();
        let bundle = bundle(&stored, &About::default(), &CodesConfig::default());
        let entries = bundle["entry"].as_array().unwrap().clone();
        let of = |kind: &str| {
            let resources = entries.iter().map(|entry| entry["resource"].clone());
            resources.filter(|resource| resource["resourceType"] == kind).collect::<Vec<_>>()
        };
        let report = of("DiagnosticReport")[0].clone();
        assert!(of("Observation").iter().all(|one| one["status"] == report["status"]));
        report
    };
    let first = report(id);
    assert!(first.get("extension").is_none());
    let corrected = report(amend(&store, id));
    assert_eq!(corrected["status"], "amended");
    let extension = &corrected["extension"][0];
    assert_eq!(extension["url"], "http://hl7.org/fhir/StructureDefinition/diagnosticReport-replaces");
    assert_eq!(extension["valueReference"]["identifier"], first["identifier"][1], "the one for all of a result");
    assert!(corrected["conclusion"].as_str().unwrap().contains(CORRECTED), "{corrected}");
}

#[test]
fn a_serial_host_hears_of_an_amendment_once_it_is_signed_and_that_the_old_result_is_replaced() {
    let bench = crate::serial_bench::Bench::start("pty", LineFormat::Json);
    let mut host = crate::serial_bench::Host::open(&bench.path);
    let id = session(&bench.results, "A-1");
    host.json_of("preliminary");
    bench.results.sign(id, "rita", at(90), "").unwrap();
    let signed = host.json_of("final");
    assert!(signed.get("version").is_none() && signed.get("replaces").is_none(), "{signed}");
    let made = bench.results.amend(id, "cell 4 is reactive", "otto", at(200)).unwrap();
    host.say(b"resend 2\n");
    assert!(host.json_of("error")["message"].as_str().unwrap().contains('2'), "an open amendment is no result yet");
    bench.results.sign(made, "otto", at(220), "").unwrap();
    let corrected = host.json_of("final");
    assert_eq!(
        (&corrected["result"], &corrected["version"], &corrected["replaces"]),
        (&json!(2), &json!(2), &json!(1))
    );
    assert_eq!(
        (&corrected["amends"]["by"], &corrected["amends"]["reason"]),
        (&json!("rita"), &json!("cell 4 is reactive"))
    );
    host.say(b"resend 1\n");
    let old = host.json_of("final");
    assert_eq!((&old["result"], &old["replaced_by"]), (&json!(1), &json!(2)));
    assert_eq!(bench.end().1.results, 3, "one preliminary, two signed");
}

#[test]
fn a_line_of_csv_has_the_version_the_number_it_replaces_and_the_reason() {
    let bench = crate::serial_bench::Bench::start("pty", LineFormat::Csv);
    let mut host = crate::serial_bench::Host::open(&bench.path);
    let header = host.line();
    let id = session(&bench.results, "A-1");
    bench.results.sign(id, "rita", at(90), "").unwrap();
    amend(&bench.results, id);
    let corrected = std::iter::from_fn(|| Some(host.line())).find(|line| line.contains("cell 4 is reactive")).unwrap();
    let columns: Vec<&str> = header.trim_end().split(',').collect();
    let fields: Vec<&str> = corrected.trim_end().split(',').collect();
    assert_eq!(columns.len(), fields.len());
    let of = |name: &str| fields[columns.iter().position(|column| *column == name).unwrap()];
    assert_eq!((of("version"), of("replaces"), of("reason"), of("replaced_by")), ("2", "1", "cell 4 is reactive", ""));
    bench.end();
}

#[test]
fn an_mqtt_subscriber_gets_a_new_message_with_version_and_what_it_replaces() {
    let Some(broker) = crate::mqtt_bench::Mosquitto::start() else { return };
    let listener = crate::mqtt_bench::Listener::start(broker.port, "lab", "leukoscope/#");
    let bench = crate::mqtt_bench::Bench::start(crate::mqtt_bench::config(broker.port));
    let id = session(&bench.store, "A-1");
    bench.store.sign(id, "rita", at(90), "").unwrap();
    let signed = listener.next("leukoscope/bench/result").json();
    assert_eq!((&signed["result"], signed.get("version")), (&json!(1), None));
    amend(&bench.store, id);
    let corrected = listener.next("leukoscope/bench/result").json();
    assert_eq!(
        (&corrected["type"], &corrected["version"], &corrected["replaces"]),
        (&json!("final"), &json!(2), &json!(1))
    );
    bench.end();
}

#[test]
fn a_corrected_report_says_so_first_and_on_every_page_and_the_old_one_that_it_is_replaced() {
    let bench = Bench::with("A-1", &six_pictured(jpeg));
    bench.store.sign(1, "rita", at(90), "").unwrap();
    let made = bench.store.amend(1, "cell 4 is reactive", "otto", at(200)).unwrap();
    let old = bench.pdf("en");
    assert_eq!((old.says("FINAL"), old.says("AN AMENDMENT IS BEING MADE: version 2")), (old.pages(), 1));
    let open = bench.pdf_of(made, "en");
    assert_eq!((open.says("PRELIMINARY"), open.says("AMENDMENT, version 2, not signed")), (open.pages(), 1));
    bench.store.sign(made, "otto", at(220), "").unwrap();
    let corrected = bench.pdf_of(made, "en");
    assert_eq!(corrected.says("CORRECTED REPORT, version 2 "), corrected.pages());
    assert_eq!(corrected.says("It replaces version 1"), 1);
    let french = bench.pdf_of(made, "fr");
    assert_eq!(french.says("RECTIFI"), french.pages() + 1);
    let csv = bench.text_of(made, ReportFormat::Csv, "en");
    for line in [
        "session,version of the result,,2,",
        "session,replaces result,,1,",
        "session,reason of the amendment,,cell 4 is reactive,",
    ] {
        assert!(csv.contains(line), "{line}: {csv}");
    }
    let json: serde_json::Value = serde_json::from_str(&bench.text_of(made, ReportFormat::Json, "en")).unwrap();
    assert_eq!((&json["version"], &json["reviewed_result"]["amends"]["session"]), (&json!(2), &json!(1)));
    let old = bench.pdf("en");
    assert_eq!((old.says("REPLACED by version 2 "), old.says("FINAL")), (old.pages() + 1, 0));
    let csv = bench.text(ReportFormat::Csv, "en");
    assert!(csv.contains("session,amended by session,,2,"), "{csv}");
}

#[test]
fn a_corrected_sample_id_names_the_old_one_wherever_the_result_goes() {
    let bench = Bench::with("A-1", &six_pictured(jpeg));
    bench.store.sign(1, "rita", at(90), "").unwrap();
    let made = bench.store.amend_with_sample(1, "tubes were swapped", Some("A-2"), "otto", at(200)).unwrap();
    bench.store.sign(made, "otto", at(220), "").unwrap();
    let stored = bench.store.result_of(made).unwrap().unwrap();
    let said = notes(&stored, None, None);
    let said = said.iter().find(|note| note.contains("Corrected report, version 2")).unwrap();
    assert!(said.starts_with("The sample id is corrected: it was A-1, and result 1 is not of that sample."), "{said}");
    assert_eq!(bench.pdf_of(made, "en").says("SAMPLE ID CORRECTED: it was A-1"), 1);
    assert!(bench.text_of(made, ReportFormat::Csv, "en").contains("session,sample id before,,A-1,"));
}

#[test]
fn totals_before_the_correction_are_told_to_hosts_where_they_differ() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = session(&store, "A-1");
    let stored = store.result_of(id).unwrap().unwrap();
    let told = |counted: &Snapshot| {
        let notes = notes(&stored, None, Some(counted));
        notes.into_iter().find(|note| note.contains("before the correction"))
    };
    let same = stored.snapshot.clone();
    assert_eq!(told(&same), None);
    let before = [(CellClass::Ngs, 2), (CellClass::Lyt, 1), (CellClass::Mon, 1)].into();
    let differs = Snapshot { classes_uncorrected: before, ..same };
    let words = "Counted before the correction to the composition of the sample: ";
    let said = told(&differs).unwrap();
    assert!(
        said.starts_with(words) && said.contains("NGS 2") && said.contains("MON 1") && !said.contains("LYT"),
        "{said}"
    );
    let about = About { counted: Some(differs), ..About::default() };
    let bundle = bundle(&stored, &about, &CodesConfig::default()).to_string();
    assert!(bundle.contains(words), "{bundle}");
}
