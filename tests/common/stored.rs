//! Sessions in a store.

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use jiff::Timestamp;
use leukoscope::config::{CriticalConfig, Flags, SampleConfig, SessionConfig};
use leukoscope::counting::red_morphology::{RedCell, RedFilm, RedMorphology};
use leukoscope::counting::session::snapshot::{Ending, FrameCounts, Phase, Snapshot};
use leukoscope::counting::statistics::Statistics;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::counts::{ClassCount, KindCounts};
use leukoscope::domain::red_class::RedClass;
use leukoscope::domain::source::Source;
use leukoscope::store::Store;
use leukoscope::store::records::{CellChange, CellRecord, RedRecord, SessionId, SessionStart, Settings};
use leukoscope::vision::optics::calibration::Setup;

/// A time `second`s after a fixed moment.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

pub fn start(sample: &str) -> SessionStart {
    SessionStart {
        sample: sample.to_owned(),
        station: "bench".to_owned(),
        started: at(0),
        settings: Settings {
            version: "0".to_owned(),
            camera: "v4l:/dev/video0".to_owned(),
            source: Some(Source::Camera),
            training: false,
            taken_with: Some(taken_with("simulated", "")),
            session: SessionConfig { target: 4, ..SessionConfig::default() },
            sample: SampleConfig::default(),
            red_cells: leukoscope::config::RedCellsConfig::default(),
            flags: Flags::default(),
            critical: CriticalConfig::default(),
            models: [("classifier".to_owned(), "ab12".to_owned())].into(),
            calibration: None,
            um_per_px: None,
            unknown_below: None,
            profile: None,
        },
        by: "device".to_owned(),
        control: None,
    }
}

/// A camera with an objective.
pub fn taken_with(camera: &str, objective: &str) -> Setup {
    Setup { camera: camera.to_owned(), objective: objective.to_owned() }
}

/// The settings of [`start`].
pub fn settings() -> Settings {
    start("").settings
}

/// A cell with this class and probability from the classifier.
pub fn cell(number: i64, kind: Kind, class: Option<CellClass>, probability: f64) -> CellRecord {
    CellRecord {
        number,
        kind,
        patch: 1,
        x: 10.5,
        y: 20.25,
        w: 30.0,
        h: 31.0,
        class,
        probability: class.map(|_| probability),
        ranked: class.map(|class| (class, probability)).into_iter().collect(),
        red: None,
        by_person: None,
        has_crop: false,
    }
}

/// A red cell that was named.
pub fn red_cell(number: i64, class: RedClass, probability: f64) -> CellRecord {
    let red = RedRecord {
        class,
        probability,
        ranked: vec![(class, probability), (RedClass::Unk, 1.0 - probability)],
        graded: true,
        diameter_um: 7.25,
        pallor: Some(0.34),
        by_person: None,
    };
    CellRecord { red: Some(red), ..cell(number, Kind::Rbc, None, 0.0) }
}

/// Two target cells, a schistocyte, a teardrop cell that is not graded, a normal cell without a picture, and two red cells that
/// were not named, beside [`six_cells`].
pub fn red_cells() -> Vec<CellChange> {
    let mut teardrop = red_cell(23, RedClass::Teardrop, 0.8);
    if let Some(red) = &mut teardrop.red {
        (red.graded, red.pallor) = (false, None);
    }
    let pictured = |cell: CellRecord| {
        let picture = jpeg(cell.number as u8);
        put(cell, Some(&picture))
    };
    let mut changes = six_cells();
    changes.extend([
        pictured(red_cell(20, RedClass::Target, 0.9)),
        pictured(red_cell(21, RedClass::Target, 0.5)),
        pictured(red_cell(22, RedClass::Schistocyte, 0.7)),
        pictured(teardrop),
        put(red_cell(24, RedClass::Normal, 0.99), None),
    ]);
    changes
}

pub fn put(cell: CellRecord, crop: Option<&[u8]>) -> CellChange {
    CellChange::Put { cell, crop: crop.map(<[u8]>::to_vec) }
}

/// Three segmented neutrophils, a lymphocyte, two red cells.
pub fn six_cells() -> Vec<CellChange> {
    six_pictured(|number| vec![0xff, 0xd8, number])
}

/// The same cells, each white one with the picture for its number.
pub fn six_pictured(picture: impl Fn(u8) -> Vec<u8>) -> Vec<CellChange> {
    let white = |number, class, sure| put(cell(number, Kind::Wbc, Some(class), sure), Some(&picture(number as u8)));
    vec![
        white(1, CellClass::Ngs, 0.99),
        white(2, CellClass::Ngs, 0.7),
        white(3, CellClass::Ngs, 0.8),
        white(4, CellClass::Lyt, 0.95),
        put(cell(5, Kind::Rbc, None, 0.0), None),
        put(cell(6, Kind::Rbc, None, 0.0), None),
    ]
}

/// The result of [`six_cells`].
pub fn result(sample: &str) -> Snapshot {
    let line = |class, count, percent| ClassCount { class, count, percent, low: 5.0, high: 95.0 };
    Snapshot {
        sample: sample.to_owned(),
        phase: Phase::Done,
        ending: Some(Ending::TargetReached),
        trouble: None,
        time: at(60),
        started: Some(at(0)),
        target: 4,
        counted: 4,
        kinds: KindCounts { wbc: 4, rbc: 2, plt: 0 },
        classes: vec![line(CellClass::Ngs, 3, 75.0), line(CellClass::Lyt, 1, 25.0)],
        classes_uncorrected: [(CellClass::Ngs, 3), (CellClass::Lyt, 1)].into(),
        prevalence: None,
        profile: None,
        blasts_kept: 0,
        experimental: Vec::new(),
        flags: Vec::new(),
        critical: Vec::new(),
        source: Some(Source::Camera),
        training: false,
        statistics: Statistics::default(),
        frames: FrameCounts::default(),
        frame_rate: None,
        stages: Vec::new(),
        um_per_px: Some(0.1),
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

/// What the red cells among these look like.
pub fn red_morphology(changes: &[CellChange]) -> Option<RedMorphology> {
    let mut film = RedFilm::default();
    for change in changes {
        let CellChange::Put { cell: CellRecord { red: Some(red), .. }, .. } = change else { continue };
        film.add(RedCell { class: red.class, graded: red.graded, diameter_um: red.diameter_um, pallor: red.pallor });
    }
    film.report(false)
}

/// The result of [`red_cells`].
pub fn red_result(sample: &str) -> Snapshot {
    let red_cells = red_morphology(&red_cells());
    Snapshot { kinds: KindCounts { wbc: 4, rbc: 7, plt: 0 }, red_cells, ..result(sample) }
}

/// A session of [`six_cells`] with its result.
pub fn session(store: &Store, sample: &str) -> SessionId {
    let id = store.begin(&start(sample)).unwrap();
    store.finish(id, &six_cells(), &result(sample), &settings()).unwrap();
    id
}

/// Stores a single result and returns its number.
pub fn kept(store: &Store, result: &Snapshot) -> u64 {
    let id = store.begin(&start(&result.sample)).unwrap();
    store.finish(id, &[], result, &settings()).unwrap()
}

/// A complete 48x40 px picture of this shade.
pub fn jpeg(shade: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = RgbImage::from_pixel(48, 40, image::Rgb([shade, 120, 180]));
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&picture).unwrap();
    bytes
}
