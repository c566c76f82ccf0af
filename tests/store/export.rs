//! Export of cells for training, and the commands that export results.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::stored::{at, jpeg, result, six_pictured, start};
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::Store;
use leukoscope::store::export::{ExportError, Exported, export, look_up};
use leukoscope::store::records::CellChange;

struct Bench {
    store: Store,
    folder: tempfile::TempDir,
}

impl Bench {
    fn with(cells: &[CellChange], um_per_px: Option<f64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut begun = start("A-1");
        begun.settings.um_per_px = um_per_px;
        let id = store.begin(&begun).unwrap();
        store.finish(id, cells, &result("A-1"), &begun.settings).unwrap();
        Self { store, folder }
    }

    fn new() -> Self {
        Self::with(&six_pictured(jpeg), None)
    }

    fn export(&self, scale: Option<(&str, f64)>, to: &Path) -> Result<Exported, ExportError> {
        export(&self.store, &look_up(&self.store, &[], to)?, scale, false, to)
    }

    /// Also cells that no reviewer looked at.
    fn export_all(&self, scale: Option<(&str, f64)>, to: &Path) -> Exported {
        export(&self.store, &look_up(&self.store, &[], to).unwrap(), scale, true, to).unwrap()
    }

    /// Exit code, standard output and standard error.
    fn leukoscope(&self, arguments: &[&str], folder: &Path) -> (Option<i32>, String, String) {
        let output = self.command(arguments).current_dir(folder).output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), out, err)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leukoscope"));
        command
            .args(arguments)
            .env("LEUKOSCOPE_STATION_STATE", self.folder.path())
            .env("LEUKOSCOPE_MODELS", crate::common::models_folder());
        command
    }

    /// How often the console's action was recorded in the trail, for the session or without one.
    fn noted(&self, action: &str, session: Option<i64>) -> usize {
        let trail = self.store.audit(None, None, 100).unwrap();
        let is = |entry: &&leukoscope::store::records::AuditEntry| {
            entry.action == action && entry.session == session && entry.by == "console"
        };
        trail.iter().filter(is).count()
    }
}

#[test]
fn reviewed_cells_are_exported_in_the_form_that_training_reads() {
    let bench = Bench::new();
    let to = bench.folder.path().join("export");
    assert_eq!(bench.export(None, &to).unwrap(), Exported::default(), "nobody reviewed anything");
    assert!(!to.exists(), "nothing is written where there is nothing");

    bench.store.reclassify(1, 2, Some(CellClass::Ngb), "rita", at(80)).unwrap();
    let one = bench.export(Some(("ab12", 0.1848)), &to).unwrap();
    assert_eq!((one.cells, one.sessions), (1, 1));
    let manifest = std::fs::read_to_string(to.join("manifest.csv")).unwrap();
    assert_eq!(
        manifest,
        "file,class,model_class,reviewer,session,um_per_px,date,source,seen,own_class\nNGB/1-2.png,NGB,NGS,rita,bc4e7be982ab79ec,0.18480,2026-09-21T14:14:40Z,camera,yes,\n"
    );
    assert_eq!(image::open(to.join("NGB/1-2.png")).unwrap().width(), 48);
    assert!(matches!(bench.export(None, &to), Err(ExportError::NotEmpty(_))));
    std::fs::remove_dir_all(&to).unwrap();

    bench.store.sign(1, "ada", at(90), "").unwrap();
    let signed = bench.export(Some(("another", 0.2)), &to).unwrap();
    assert_eq!((signed.cells, signed.unseen), (1, 3), "a signature is no look at every cell");
    std::fs::remove_dir_all(&to).unwrap();
    let all = bench.export_all(Some(("another", 0.2)), &to);
    assert_eq!((all.cells, all.unseen), (4, 0));
    let manifest = std::fs::read_to_string(to.join("manifest.csv")).unwrap();
    assert!(manifest.contains("NGS/1-1.png,NGS,NGS,,bc4e7be982ab79ec,,"), "{manifest}");
    assert!(manifest.contains("NGB/1-2.png,NGB,NGS,rita,") && !manifest.contains("ada"), "{manifest}");
}

#[test]
fn the_manifest_has_the_columns_that_the_training_asks_for() {
    let sources = include_str!("../../models/training/sources.py");
    let columns = sources.lines().find_map(|line| line.strip_prefix("EXPORT_COLUMNS = ")).unwrap();
    let columns: Vec<String> = serde_json::from_str(columns).unwrap();
    let bench = Bench::new();
    bench.store.sign(1, "ada", at(90), "").unwrap();
    let to = bench.folder.path().join("export");
    bench.export_all(None, &to);
    let manifest = std::fs::read_to_string(to.join("manifest.csv")).unwrap();
    let there: Vec<&str> = manifest.lines().next().unwrap().split(',').collect();
    for column in columns {
        assert!(there.contains(&column.as_str()), "{column}");
    }
    assert!(manifest.lines().skip(1).all(|line| line.ends_with(",no,") && !line.contains("ada")), "{manifest}");
}

#[test]
fn the_scale_that_was_kept_with_a_session_holds_whatever_model_came_later() {
    let bench = Bench::with(&six_pictured(jpeg), Some(0.1552));
    bench.store.sign(1, "ada", at(90), "").unwrap();
    for (name, scale) in [("later", Some(("another", 0.2))), ("same", Some(("ab12", 0.3))), ("none", None)] {
        let to = bench.folder.path().join(name);
        assert_eq!(bench.export_all(scale, &to).cells, 4);
        let manifest = std::fs::read_to_string(to.join("manifest.csv")).unwrap();
        assert_eq!(manifest.matches(",0.15520,").count(), 4, "{manifest}");
    }
}

#[test]
fn pictures_that_are_damaged_are_left_out_and_counted() {
    let mut cells = six_pictured(jpeg);
    let eosinophil = |number| crate::common::stored::cell(number, Kind::Wbc, Some(CellClass::Eos), 0.9);
    cells.push(crate::common::stored::put(eosinophil(7), Some(&jpeg(9)[..200])));
    cells.push(crate::common::stored::put(eosinophil(8), Some(b"no picture")));
    let bench = Bench::with(&cells, None);
    bench.store.sign(1, "rita", at(90), "").unwrap();
    let done = bench.export_all(None, &bench.folder.path().join("export"));
    assert_eq!((done.cells, done.damaged), (4, 2));
}

#[test]
fn the_commands_write_what_is_asked_and_who_looked_at_signed_results_is_in_the_trail() {
    let bench = Bench::new();
    let to = tempfile::tempdir().unwrap();
    let leukoscope = |arguments: &[&str]| bench.leukoscope(arguments, to.path());
    assert_eq!(leukoscope(&["sessions"]).0, Some(0));
    assert_eq!(leukoscope(&["export", "cells"]).0, Some(0));
    assert!(!to.path().join("cells").exists(), "nothing was reviewed");
    assert_eq!(bench.noted("view", None) + bench.noted("export", Some(1)), 0, "nothing was signed");

    bench.store.sign(1, "rita", at(90), "").unwrap();
    assert_eq!(leukoscope(&["report", "1"]), (Some(0), "leukoscope-1-A-1.pdf\n".to_owned(), String::new()));
    assert!(std::fs::read(to.path().join("leukoscope-1-A-1.pdf")).unwrap().starts_with(b"%PDF-"));
    assert_eq!(leukoscope(&["report", "1", "--output", "one.csv", "--language", "es-MX"]).0, Some(0));
    assert!(std::fs::read_to_string(to.path().join("one.csv")).unwrap().contains("Neutrófilo"));
    assert_eq!(bench.noted("view", Some(1)), 2);
    assert_eq!(leukoscope(&["report", "A-1", "--output", "by-sample.csv"]).0, Some(0));
    assert!(to.path().join("by-sample.csv").exists());
    assert_eq!(bench.noted("view", Some(1)), 3);
    let none = leukoscope(&["export", "cells"]).1;
    assert!(none.contains("left out: 4 of signed results that no reviewer looked at; --all adds them"), "{none}");
    assert!(!to.path().join("cells").exists());
    assert_eq!(leukoscope(&["export", "cells", "--all"]).0, Some(0));
    assert!(to.path().join("cells/LYT/1-4.png").exists());
    assert_eq!(bench.noted("export", Some(1)), 2);
    assert_eq!((leukoscope(&["sessions"]).0, leukoscope(&["sessions", "--json"]).0), (Some(0), Some(0)));
    assert_eq!(bench.noted("view", None), 2, "one line a list");

    for (arguments, code, words) in [
        (vec!["report", "7"], 2, "there is no session 7"),
        (vec!["report", "A-17"], 2, "there is no session of a sample A-17; `leukoscope sessions` lists them"),
        (vec!["export", "new", "--session", "A-17"], 2, "is no number of a session"),
        (vec!["report", "1", "--output", "one.doc"], 2, "write pdf, csv or json"),
        (vec!["report", "1", "--output", "/nowhere/one.pdf"], 1, "choose another place"),
        (vec!["report", "1", "--language", "xx"], 2, "there is no language xx; there are en, es, fr"),
        (vec!["export", "cells"], 2, "is not empty"),
        (vec!["export", "new", "--session", "1", "--session", "9"], 2, "there is no session 9"),
    ] {
        let (found, _, said) = leukoscope(&arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    assert!(!to.path().join("new").exists(), "a refused export leaves its folder alone");
    assert_eq!(bench.noted("export", Some(1)), 2, "and no line");
}

#[test]
fn the_list_of_sessions_tells_each_result_as_it_stands() {
    let bench = Bench::new();
    bench.store.begin(&start("A-2")).unwrap();
    let list = |arguments: &[&str]| bench.leukoscope(arguments, bench.folder.path()).1;
    let json = || serde_json::from_str::<serde_json::Value>(list(&["sessions", "--json"]).trim()).unwrap();
    let line = |number: usize| list(&["sessions"]).lines().nth(number).unwrap().to_owned();
    assert!(line(0).ends_with("A-1  preliminary  UNCHECKED  result 1  4 cells  NGS 75 %  LYT 25 %"), "{}", line(0));
    assert!(line(1).ends_with("A-2  counting  0 cells"), "{}", line(1));
    assert_eq!((&json()["status"], &json()["sequence"]), (&"preliminary".into(), &1.into()));

    bench.store.reclassify(1, 2, Some(CellClass::Lyt), "rita", at(80)).unwrap();
    assert!(line(0).contains("NGS 50 %") && line(0).contains("LYT 50 %"), "{}", line(0));
    assert_eq!(json()["classes"][0]["percent"], 50.0);
    bench.store.sign(1, "rita", at(90), "").unwrap();
    assert!(line(0).contains("A-1  final, signed by rita"), "{}", line(0));
    assert_eq!((&json()["status"], &json()["signature"]["by"]), (&"final".into(), &"rita".into()));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let bench = Bench::new();
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let output = bench.command(&["sessions"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}
