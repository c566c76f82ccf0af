//! Snapshots for the display tests.

use jiff::Timestamp;
use leukoscope::counting::session::snapshot::{CameraCheck, Ending, FrameCounts, Phase, Snapshot};
use leukoscope::domain::class::CellClass;
use leukoscope::domain::counts::{ClassCount, KindCounts};
use leukoscope::domain::flag::Flag;
use leukoscope::domain::source::Source;
use leukoscope::vision::quality::{Quality, Verdict};

pub fn waiting() -> Snapshot {
    Snapshot {
        sample: "S-0042".into(),
        phase: Phase::Waiting,
        ending: None,
        trouble: None,
        time: Timestamp::UNIX_EPOCH,
        started: None,
        target: 100,
        counted: 0,
        kinds: KindCounts::default(),
        classes: Vec::new(),
        classes_uncorrected: std::collections::BTreeMap::new(),
        prevalence: None,
        profile: None,
        blasts_kept: 0,
        experimental: Vec::new(),
        flags: Vec::new(),
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

pub fn class(class: CellClass, count: u32, percent: f64, low: f64, high: f64) -> ClassCount {
    ClassCount { class, count, percent, low, high }
}

pub fn counting_at_0() -> Snapshot {
    Snapshot { phase: Phase::Counting, started: Some(Timestamp::UNIX_EPOCH), ..waiting() }
}

pub fn counting_at_37() -> Snapshot {
    Snapshot {
        counted: 37,
        kinds: KindCounts { wbc: 40, rbc: 812, plt: 57 },
        classes: vec![
            class(CellClass::Ngs, 21, 56.8, 39.5, 72.9),
            class(CellClass::Lyt, 12, 32.4, 18.0, 49.8),
            class(CellClass::Mon, 4, 10.8, 3.0, 25.4),
            class(CellClass::Unk, 3, 7.5, 1.6, 20.4),
        ],
        ..counting_at_0()
    }
}

pub fn quality(verdict: Verdict, focus: f64) -> Quality {
    Quality { verdict, focus, ..Quality::default() }
}

pub fn in_focus() -> Snapshot {
    Snapshot { quality: Some(quality(Verdict::Good, 0.93)), ..counting_at_37() }
}

pub fn out_of_focus() -> Snapshot {
    Snapshot { quality: Some(quality(Verdict::OutOfFocus, 0.18)), ..counting_at_37() }
}

pub fn too_thick() -> Snapshot {
    let quality = Some(quality(Verdict::TooThick, 0.71));
    Snapshot { quality, flags: vec![Flag::Blasts], ..seven_classes() }
}

pub fn seven_classes() -> Snapshot {
    Snapshot {
        counted: 82,
        kinds: KindCounts { wbc: 91, rbc: 2012, plt: 143 },
        classes: vec![
            class(CellClass::Ngs, 44, 53.7, 42.3, 64.8),
            class(CellClass::Lyt, 22, 26.8, 17.6, 37.8),
            class(CellClass::Mon, 8, 9.8, 4.3, 18.3),
            class(CellClass::Eos, 4, 4.9, 1.3, 12.0),
            class(CellClass::Ebo, 4, 4.9, 1.3, 12.0),
            class(CellClass::Ngb, 3, 3.7, 0.8, 10.3),
            class(CellClass::Bas, 1, 0.4, 0.0, 6.6),
            class(CellClass::Unk, 5, 5.5, 1.8, 12.4),
        ],
        ..counting_at_0()
    }
}

pub fn done_with_flags() -> Snapshot {
    Snapshot {
        phase: Phase::Done,
        ending: Some(Ending::TargetReached),
        counted: 100,
        kinds: KindCounts { wbc: 117, rbc: 2411, plt: 188 },
        classes: vec![
            class(CellClass::Myo, 41, 41.0, 31.3, 51.3),
            class(CellClass::Ngs, 30, 30.0, 21.2, 40.0),
            class(CellClass::Lyt, 22, 22.0, 14.3, 31.4),
            class(CellClass::Mon, 7, 7.0, 2.9, 13.9),
            class(CellClass::Unk, 17, 14.5, 8.7, 22.2),
        ],
        flags: vec![Flag::Blasts, Flag::ManyUnclassified, Flag::PossibleOverlap],
        ..counting_at_0()
    }
}

pub fn camera_unchecked() -> Snapshot {
    let camera_check = Some(CameraCheck::new("usb".into(), "100x".into(), 0, 0));
    Snapshot { camera_check, ..done_well() }
}

pub fn camera_checked() -> Snapshot {
    let camera_check = Some(CameraCheck::new("usb".into(), "100x".into(), 240, 231));
    Snapshot { camera_check, ..done_well() }
}

pub fn stopped_early() -> Snapshot {
    Snapshot { phase: Phase::Done, ending: Some(Ending::Stopped), flags: vec![Flag::FewCells], ..counting_at_37() }
}

pub fn done_well() -> Snapshot {
    Snapshot { flags: Vec::new(), ..done_with_flags() }
}

pub fn trouble() -> Snapshot {
    Snapshot {
        trouble: Some("/dev/video0: no such device; plug the camera in, it is tried again".into()),
        ..counting_at_37()
    }
}

pub fn trouble_while_waiting() -> Snapshot {
    Snapshot { trouble: trouble().trouble, ..waiting() }
}

pub fn trouble_when_done() -> Snapshot {
    Snapshot { trouble: Some("serial /dev/ttyUSB0: unplugged".into()), ..done_with_flags() }
}

pub fn long_sample() -> Snapshot {
    Snapshot { sample: "HAEMATOLOGY-WARD-7/2026-11-23/000142-B".into(), ..counting_at_37() }
}

pub fn hundred_thousand() -> Snapshot {
    Snapshot {
        target: 100_000,
        counted: 100_000,
        kinds: KindCounts { wbc: 104_210, rbc: 2_411_332, plt: 188_104 },
        phase: Phase::Done,
        ending: Some(Ending::TargetReached),
        classes: vec![
            class(CellClass::Ngs, 56_800, 56.8, 56.5, 57.1),
            class(CellClass::Lyt, 43_200, 43.2, 42.9, 43.5),
            class(CellClass::Unk, 4_210, 4.0, 3.9, 4.2),
        ],
        ..counting_at_0()
    }
}

pub fn simulated() -> Snapshot {
    Snapshot { source: Some(Source::Simulated), ..counting_at_37() }
}

pub fn training_done() -> Snapshot {
    Snapshot { source: Some(Source::Replayed), training: true, ..done_with_flags() }
}

pub fn simulated_waiting() -> Snapshot {
    Snapshot { source: Some(Source::Simulated), ..waiting() }
}

pub fn critical() -> Snapshot {
    let alarm = "CRITICAL S-0042: 41 blasts (limit 1); look at it, tell the ward, and say on the page who was told";
    Snapshot { trouble: Some(alarm.into()), ..done_with_flags() }
}

/// All snapshots, by the names of their pictures.
pub fn all() -> Vec<(&'static str, Snapshot)> {
    vec![
        ("waiting", waiting()),
        ("counting_at_0", counting_at_0()),
        ("counting_at_37", counting_at_37()),
        ("in_focus", in_focus()),
        ("out_of_focus", out_of_focus()),
        ("too_thick", too_thick()),
        ("seven_classes", seven_classes()),
        ("done_well", done_well()),
        ("camera_unchecked", camera_unchecked()),
        ("camera_checked", camera_checked()),
        ("done_with_flags", done_with_flags()),
        ("stopped_early", stopped_early()),
        ("trouble", trouble()),
        ("trouble_while_waiting", trouble_while_waiting()),
        ("trouble_when_done", trouble_when_done()),
        ("simulated", simulated()),
        ("simulated_waiting", simulated_waiting()),
        ("training_done", training_done()),
        ("critical", critical()),
        ("long_sample", long_sample()),
        ("hundred_thousand", hundred_thousand()),
    ]
}
