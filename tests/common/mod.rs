//! Shared by several tests: the program itself, the models, and the real images if available.
#![allow(dead_code, reason = "each test uses its own part")]

pub mod drawn;
pub mod float_twin;
pub mod monitored;
pub mod onnx;
pub mod stored;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use leukoscope::counting::counter::{Counted, CountedCell, Revision};
use leukoscope::counting::track::CellId;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::vision::Vision;
use leukoscope::vision::models::Models;

/// The shipped models folder.
pub fn models_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

/// The networks of the shipped models.
pub const NETWORKS: [&str; 4] = ["cells.onnx", "detector.onnx", "redcells.onnx", "parasites.onnx"];

/// A copy of the shipped card and networks.
pub fn copy_of_the_models() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in NETWORKS.into_iter().chain(["model.toml"]) {
        std::fs::copy(models_folder().join(file), folder.path().join(file)).unwrap();
    }
    folder
}

/// A copy of the shipped models whose card was changed by `change` and sealed again.
pub fn models_with(change: impl FnOnce(String) -> String) -> tempfile::TempDir {
    let folder = copy_of_the_models();
    let path = folder.path().join("model.toml");
    let card = change(std::fs::read_to_string(&path).unwrap());
    std::fs::write(&path, leukoscope::vision::card_seal::sealed(&card).unwrap()).unwrap();
    folder
}

/// The shipped models, loaded.
pub fn vision() -> Arc<Vision> {
    let models = Models::read(&models_folder()).expect("the shipped models are whole");
    Arc::new(Vision::new(&models, None, None).expect("the shipped models run"))
}

/// A folder of the real images; prints a note and returns none if the pack is missing.
pub fn real(part: &str) -> Option<PathBuf> {
    let pack = std::env::var_os("SMEAR_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let folder = pack.join(part);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("NOT TESTED on real images: {} is missing (set SMEAR_DATA to the image pack)", folder.display());
    None
}

/// The folder of users' inputs that failed once; prints a note and returns none if it is missing.
pub fn cases() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("NOT TESTED on users' inputs: {} is missing", folder.display());
    None
}

/// Runs the program with these arguments.
pub fn leukoscope<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(arguments)
        .env("LEUKOSCOPE_MODELS", models_folder())
        .output()
        .expect("the program was built for this test")
}

/// Runs the program on the store of this folder.
pub fn at_state(state: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_leukoscope"));
    program.args(arguments).env("LEUKOSCOPE_STATION_STATE", state).output().unwrap()
}

/// What a command wrote to standard output; it must have succeeded.
pub fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    said(output)
}

/// What the program wrote to standard output.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What the program wrote to standard error.
pub fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The cells that count after all updates of a counter.
#[derive(Default)]
pub struct Ledger(pub BTreeMap<CellId, CountedCell>);

impl Ledger {
    /// Applies the additions and changes of one frame.
    pub fn take(&mut self, counted: Counted) {
        for revision in counted.revisions {
            match revision {
                Revision::Named { id, opinion, .. } => {
                    self.0.get_mut(&id).expect("only what counts is named anew").opinion = Some(opinion);
                }
                Revision::Withdrawn { id, .. } => {
                    self.0.remove(&id).expect("only what counts is withdrawn");
                }
            }
        }
        self.count(counted.cells);
    }

    /// Adds new cells.
    pub fn count(&mut self, cells: Vec<CountedCell>) {
        for cell in cells {
            let id = cell.id;
            assert!(self.0.insert(id, cell).is_none(), "{id:?} is counted twice");
        }
    }

    /// Number of cells of one kind, by the network's own answer.
    pub fn of(&self, kind: Kind) -> usize {
        self.0.values().filter(|cell| kind_of(cell) == kind).count()
    }
}

/// The kind that a cell counts as.
pub fn kind_of(cell: &CountedCell) -> Kind {
    match &cell.opinion {
        Some(opinion) if opinion.class == CellClass::Plt => Kind::Plt,
        Some(_) => Kind::Wbc,
        None => cell.kind,
    }
}

/// The card with another section `[stain]`.
pub fn with_stain(card: &str, stain: &str) -> String {
    let (before, after) = card.split_once("\n[stain]\n").expect("the shipped card has a stain");
    let (_, rest) = after.split_once("\n[").expect("other sections follow");
    format!("{before}\n[stain]\n{stain}\n\n[{rest}")
}
