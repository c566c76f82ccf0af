//! Whatever a state contains, its serial line is a single line that a host can parse.

use leukoscope::config::LineFormat;
use leukoscope::counting::session::snapshot::{FrameCounts, Phase, Snapshot};
use leukoscope::domain::class::CellClass;
use leukoscope::domain::counts::{ClassCount, KindCounts};
use leukoscope::domain::flag::Flag;
use leukoscope::domain::red_cell_colour::RedCellColour;
use leukoscope::outputs::serial::incoming::Incoming;
use leukoscope::outputs::serial::line::{SerialLine, SerialMessage, csv_header, render};
use leukoscope::store::StoredResult;
use leukoscope::store::records::Signature;
use leukoscope::vision::profile::ProfileMark;
use proptest::prelude::*;

#[test]
fn the_protocol_names_every_flag_worst_first() {
    let protocol = include_str!("../../docs/serial-protocol.md");
    let codes: Vec<String> = Flag::ALL.iter().map(|flag| format!("`{}`", flag.code())).collect();
    assert!(protocol.contains(&codes.join(", ")));
}

fn snapshot(sample: String, trouble: Option<String>, percent: f64) -> Snapshot {
    Snapshot {
        sample,
        phase: Phase::Counting,
        ending: None,
        trouble,
        time: "2026-03-01T10:00:00Z".parse().unwrap(),
        started: None,
        target: 100,
        counted: 7,
        kinds: KindCounts { wbc: 7, rbc: 80, plt: 9 },
        classes: vec![ClassCount { class: CellClass::Bas, count: 7, percent, low: 0.0, high: 41.04 }],
        classes_uncorrected: std::collections::BTreeMap::new(),
        prevalence: None,
        profile: None,
        blasts_kept: 0,
        experimental: Vec::new(),
        flags: vec![Flag::Blasts, Flag::FewCells],
        critical: Vec::new(),
        source: None,
        training: false,
        statistics: leukoscope::counting::statistics::Statistics::default(),
        frames: FrameCounts::default(),
        frame_rate: None,
        stages: Vec::new(),
        um_per_px: None,
        red_cell_density: None,
        quality: None,
        looked_at: None,
        camera_check: None,
        earlier: None,
        interruptions: Vec::new(),
        amends: None,
        first_reviewer: None,
        quality_control: None,
        platelets: None,
        own_classes: Vec::new(),
        red_cells: None,
    }
}

fn line<'a>(station: &'a str, message: SerialMessage<'a>) -> SerialLine<'a> {
    SerialLine { sequence: 12, time: "2026-03-01T10:00:01Z".parse().unwrap(), station, protocol: 1, message }
}

#[test]
fn a_result_tells_the_colour_of_its_red_cells_and_an_update_does_not() {
    let colour = RedCellColour([0.2, 0.32, 0.22]);
    let snapshot = Snapshot { red_cell_density: Some(colour), ..snapshot("A-1".into(), None, 50.0) };
    let result = StoredResult {
        sequence: 1,
        store: None,
        session: 1,
        station: "s".into(),
        snapshot,
        signature: None,
        replaced_by: None,
    };
    let of = |message| {
        render(
            &SerialLine { sequence: 1, time: result.snapshot.time, station: "s", protocol: 1, message },
            LineFormat::Json,
        )
    };
    assert!(of(SerialMessage::Result(&result)).contains(r#""red_cell_density":[0.2,0.32,0.22]"#));
    assert!(!of(SerialMessage::Update(&result.snapshot)).contains("red_cell_density"));
}

/// The last columns of a line without a review: cells seen quickly and unseen, and none of the classes that people give.
fn unreviewed() -> String {
    format!(",,{},,,,", ",0,,,".repeat(5))
}

#[test]
fn a_line_names_the_profile_that_named_the_cells() {
    let profile = ProfileMark { name: "ward, 3".into(), sha256: "ab".into(), cells: 40 };
    let state = Snapshot { profile: Some(profile), ..snapshot("A-1".into(), None, 50.0) };
    let of = |format| render(&line("bench", SerialMessage::Update(&state)), format);
    assert!(of(LineFormat::Json).contains(r#""profile":{"name":"ward, 3","sha256":"ab","cells":40}"#));
    assert!(of(LineFormat::Csv).ends_with(&format!(",\"ward, 3\",ab,,{}\r\n", unreviewed())));
}

#[test]
fn an_update_is_this_line_of_json() {
    let state = snapshot("A-1".into(), None, 50.0);
    assert_eq!(
        render(&line("bench", SerialMessage::Update(&state)), LineFormat::Json),
        "{\"type\":\"update\",\"sequence\":12,\"time\":\"2026-03-01T10:00:00Z\",\"station\":\"bench\",\"sample\":\"A-1\",\
         \"phase\":\"counting\",\"ending\":null,\"started\":null,\"target\":100,\"counted\":7,\"WBC\":7,\"RBC\":80,\
         \"PLT\":9,\"classes\":{\"BAS\":7},\"percent\":{\"BAS\":[50.0,0.0,41.0]},\
         \"flags\":[\"blasts\",\"few-cells\"],\"trouble\":null}\n"
    );
    assert_eq!(
        render(&line("bench", SerialMessage::Hello { newest_result: 3 }), LineFormat::Json),
        "{\"type\":\"hello\",\"sequence\":12,\"result\":3,\"time\":\"2026-03-01T10:00:01Z\",\"station\":\"bench\"}\n"
    );
    assert_eq!(
        render(&line("bench", SerialMessage::Error("no")), LineFormat::Csv).trim_end_matches(','),
        format!(
            "error,12,,2026-03-01T10:00:01Z,bench,,,,,,,,,,,,no{}\r\n",
            ",".repeat(17 * 4 + 1 + 2 * 3 + 17 * 3 + 11 + 7 + 6 + 2 + 2 + 2 + 5 * 4 + 4)
        )
    );
}

/// Parses a CSV line according to RFC 4180.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.strip_suffix("\r\n").unwrap().chars().peekable();
    while let Some(character) = characters.next() {
        let field = fields.last_mut().unwrap();
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => field.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => field.push(other),
        }
    }
    assert!(!quoted, "a quote is open at the end of {line:?}");
    fields
}

proptest! {
    #[test]
    fn any_text_stays_within_one_line_and_comes_back(
        sample in any::<String>(), trouble in any::<Option<String>>(), station in any::<String>(), percent in any::<f64>()
    ) {
        let state = snapshot(sample.clone(), trouble.clone(), percent);
        let result = StoredResult { sequence: 4, store: None, session: 1, station: station.clone(), snapshot: state.clone(), signature: None, replaced_by: None };
        let header = fields(&csv_header(1));
        for message in [SerialMessage::Update(&state), SerialMessage::Status(&state), SerialMessage::Result(&result), SerialMessage::Error(&sample)] {
            let json = render(&line(&station, message), LineFormat::Json);
            prop_assert_eq!(json.matches(['\n', '\r']).count(), 1);
            let read: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read["station"].as_str().unwrap(), station.as_str());

            let csv = render(&line(&station, message), LineFormat::Csv);
            prop_assert_eq!(csv.matches(['\n', '\r']).count(), 2);
            let read = fields(&csv);
            prop_assert_eq!(read.len(), header.len());
            let plain: String = station.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            prop_assert_eq!(&read[header.iter().position(|name| name == "station").unwrap()], &plain);
        }
    }
}

#[test]
fn what_the_network_alone_counts_stands_on_the_line_where_it_differs_by_more_than_chance() {
    let mut state = snapshot("A-1".into(), None, 50.0);
    let json = |state: &Snapshot| -> serde_json::Value {
        serde_json::from_str(&render(&line("bench", SerialMessage::Update(state)), LineFormat::Json)).unwrap()
    };
    let last = |state: &Snapshot| {
        let csv = render(&line("bench", SerialMessage::Update(state)), LineFormat::Csv);
        let at = fields(&csv_header(1)).iter().position(|name| name == "network_alone").unwrap();
        fields(&csv)[at].clone()
    };
    assert_eq!((json(&state).get("network_alone"), last(&state)), (None, String::new()));
    let of = |class, count, percent| ClassCount { class, count, percent, low: 1.0, high: 60.0 };
    state.statistics.network_alone = vec![of(CellClass::Ngb, 15, 15.0), of(CellClass::Ngs, 45, 45.0)];
    let told = &json(&state)["network_alone"];
    assert_eq!(told["classes"], serde_json::json!({"NGB": 15, "NGS": 45}));
    assert_eq!(told["percent"]["NGB"], serde_json::json!([15.0, 1.0, 60.0]));
    assert_eq!(last(&state), "NGB=15 NGS=45");
}

#[test]
fn the_columns_of_blasts_come_after_those_that_hosts_know() {
    let mut state = snapshot("A-1".into(), None, 50.0);
    state.classes = vec![ClassCount { class: CellClass::Bla, count: 12, percent: 60.0, low: 36.1, high: 80.9 }];
    let (header, line) =
        (fields(&csv_header(1)), fields(&render(&line("b", SerialMessage::Update(&state)), LineFormat::Csv)));
    let of = |name: &str| header.iter().position(|column| column == name).unwrap();
    assert_eq!(of("count_EBO"), of("count_BAS") + 4, "nothing was put in between");
    assert_eq!([of("count_BLA"), of("corrected_high_BLA")], [of("network_alone") + 1, of("network_alone") + 7]);
    assert!(of("count_BLA") > of("earlier_result"));
    assert_eq!((line[of("count_BLA")].as_str(), line[of("high_BLA")].as_str()), ("12", "80.9"));
}

#[test]
fn a_result_is_preliminary_until_it_is_signed() {
    let snapshot = snapshot("A-1".into(), None, 50.0);
    let mut result = StoredResult {
        sequence: 3,
        store: None,
        session: 1,
        station: "bench".into(),
        snapshot,
        signature: None,
        replaced_by: None,
    };
    let of = |result: &StoredResult, format| render(&line("bench", SerialMessage::Result(result)), format);
    let json =
        |result: &StoredResult| serde_json::from_str::<serde_json::Value>(&of(result, LineFormat::Json)).unwrap();
    assert_eq!(json(&result)["type"], "preliminary");
    assert_eq!(json(&result).get("signature"), None);
    assert!(of(&result, LineFormat::Csv).starts_with("preliminary,"));
    result.signature = Some(Signature {
        by: "rita".into(),
        at: "2026-03-01T11:00:00Z".parse().unwrap(),
        comment: "seen, all".into(),
        sha256: "ab".into(),
    });
    result.store = Some("0f1e".into());
    let signed = json(&result);
    assert_eq!(signed["store"], "0f1e");
    assert_eq!((&signed["type"], &signed["signature"]["by"]), (&"final".into(), &"rita".into()));
    let csv = of(&result, LineFormat::Csv);
    assert!(
        csv.starts_with("final,")
            && csv.ends_with(&format!(
                ",rita,2026-03-01T11:00:00Z,\"seen, all\",0f1e,,,,,0,,,,,,,,,,,,camera not known,,,,{}\r\n",
                unreviewed()
            )),
        "{csv}"
    );
}

#[test]
fn no_line_that_comes_back_from_an_echoing_terminal_is_taken_for_a_request() {
    let state = snapshot("A-1".into(), Some("the camera, /dev/video0, is gone".into()), 50.0);
    let counted = StoredResult {
        sequence: 3,
        store: None,
        session: 1,
        station: "bench".into(),
        snapshot: state.clone(),
        signature: None,
        replaced_by: None,
    };
    let at = "2026-03-01T11:00:00Z".parse().unwrap();
    let signature = Signature { by: "rita".into(), at, comment: String::new(), sha256: "ab".into() };
    let signed = StoredResult { signature: Some(signature), ..counted.clone() };
    let kinds = [
        SerialMessage::Hello { newest_result: 3 },
        SerialMessage::Update(&state),
        SerialMessage::Status(&state),
        SerialMessage::Result(&counted),
        SerialMessage::Result(&signed),
        SerialMessage::Error("no"),
    ];
    for format in [LineFormat::Json, LineFormat::Csv] {
        for message in kinds {
            let line = render(&line("bench", message), format);
            assert_eq!(Incoming::default().push(line.as_bytes()), [], "{line}");
        }
    }
    assert_eq!(Incoming::default().push(csv_header(1).as_bytes()), []);
}

/// A line of protocol 2 about the red cells of [`crate::common::stored::red_result`].
fn of_red_cells(
    message: for<'a> fn(&'a StoredResult) -> SerialMessage<'a>,
    protocol: u32,
    format: LineFormat,
) -> String {
    let snapshot = crate::common::stored::red_result("A-1");
    let result = StoredResult {
        sequence: 1,
        store: None,
        session: 1,
        station: "s".into(),
        snapshot,
        signature: None,
        replaced_by: None,
    };
    let time = result.snapshot.time;
    render(&SerialLine { sequence: 1, time, station: "s", protocol, message: message(&result) }, format)
}

#[test]
fn only_protocol_2_tells_what_the_red_cells_look_like_and_only_of_results_and_in_answers() {
    let json = |message: for<'a> fn(&'a StoredResult) -> SerialMessage<'a>, protocol| -> serde_json::Value {
        serde_json::from_str(&of_red_cells(message, protocol, LineFormat::Json)).unwrap()
    };
    let result = json(|result| SerialMessage::Result(result), 2);
    assert_eq!((&result["red_cells"]["graded"], &result["red_cells"]["not_graded"]), (&4.into(), &1.into()));
    assert_eq!(result["red_cells"]["classes"]["TARGET"]["percent"].as_array().unwrap().len(), 3);
    assert_eq!(result["red_cells"]["enough"], false);
    assert!(json(|result| SerialMessage::Status(&result.snapshot), 2)["red_cells"].is_object());
    assert!(json(|result| SerialMessage::Update(&result.snapshot), 2)["red_cells"].is_null());
    assert!(json(|result| SerialMessage::Result(result), 1)["red_cells"].is_null());
    let hello = |protocol| json(|_| SerialMessage::Hello { newest_result: 0 }, protocol)["protocol"].clone();
    assert_eq!((hello(1), hello(2)), (serde_json::Value::Null, 2.into()));
}

#[test]
fn csv_of_protocol_2_has_its_columns_behind_those_of_protocol_1() {
    let (one, two) = (fields(&csv_header(1)), fields(&csv_header(2)));
    assert_eq!(two[..one.len()], one);
    assert_eq!(two[one.len()], "protocol");
    let (old, new) = (
        fields(&of_red_cells(|result| SerialMessage::Result(result), 1, LineFormat::Csv)),
        fields(&of_red_cells(|result| SerialMessage::Result(result), 2, LineFormat::Csv)),
    );
    assert_eq!((old.len(), new.len()), (one.len(), two.len()));
    assert_eq!(new[..old.len()], old);
    let of = |name: &str| new[two.iter().position(|column| column == name).unwrap()].as_str();
    assert_eq!((of("protocol"), of("red_graded"), of("red_grade_TARGET")), ("2", "4", ""), "so few have no grade");
    let hello = fields(&of_red_cells(|_| SerialMessage::Hello { newest_result: 0 }, 2, LineFormat::Csv));
    assert_eq!(hello.len(), two.len());
}
