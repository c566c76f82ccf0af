//! Words and numbers on the screen, independent of layout.

use crate::counting::session::snapshot::{Amends, CameraCheck, Ending, Phase, Snapshot};
use crate::domain::class::{CellClass, Reported};
use crate::domain::flag::Flag;
use crate::domain::interval::Figure;
use crate::domain::source::Mark;

/// One line of the differential as shown on the screen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DifferentialLine {
    pub code: &'static str,
    pub count: u32,
    /// `57%`, or `4/100` for classes reported per 100 cells of the differential.
    pub value: String,
    /// Percent with its interval, for the interval's line. None where nothing was counted.
    pub figure: Option<Figure>,
    /// Whether this is the unclassified share.
    pub unclassified: bool,
}

/// Lines of the differential: its classes, then those reported per 100 of them, then the unclassified share. Once
/// there are white cells that share is always shown, even at 0.
pub(super) fn lines(snapshot: &Snapshot) -> Vec<DifferentialLine> {
    let mut classes: Vec<_> = snapshot.classes.iter().collect();
    // A stable sort keeps the snapshot's order, most frequent first, within each rank.
    classes.sort_by_key(|line| (line.class == CellClass::Unk, !line.class.in_differential()));
    let mut lines: Vec<DifferentialLine> = classes
        .into_iter()
        .map(|line| {
            let unclassified = line.class == CellClass::Unk;
            let per_hundred = matches!(line.class.reported(), Reported::Per100 | Reported::Elsewhere);
            DifferentialLine {
                code: line.class.code(),
                count: line.count,
                value: if per_hundred { format!("{}/100", share(line.percent)) } else { percent(line.percent) },
                figure: Some(line.figure()).filter(|figure| figure.is_finite()),
                unclassified,
            }
        })
        .collect();
    if snapshot.kinds.wbc > 0 && !lines.iter().any(|line| line.unclassified) {
        lines.push(DifferentialLine {
            code: CellClass::Unk.code(),
            count: 0,
            value: percent(0.0),
            figure: None,
            unclassified: true,
        });
    }
    lines
}

/// At most `room` of the lines. The unclassified share takes precedence over classes, unless it is 0.
pub(super) fn leading(mut lines: Vec<DifferentialLine>, room: usize) -> Vec<DifferentialLine> {
    if lines.len() > room {
        let unclassified = lines.pop_if(|line| line.unclassified).filter(|line| line.count > 0);
        lines.truncate(room.saturating_sub(usize::from(unclassified.is_some())));
        lines.extend(unclassified);
        lines.truncate(room);
    }
    lines
}

fn share(value: f64) -> String {
    if !value.is_finite() {
        "?".into()
    } else if value > 0.0 && value < 1.0 {
        "<1".into()
    } else {
        format!("{}", value.max(0.0).round())
    }
}

/// Percentage without decimals; never shows a little as 0, nor nearly all as 100.
pub(super) fn percent(value: f64) -> String {
    if value > 99.0 && value < 100.0 { ">99%".into() } else { format!("{}%", share(value)) }
}

pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "WAITING",
        Phase::Counting => "COUNTING",
        Phase::Done => "DONE",
    }
}

/// State of a session, and whether a result is signed, if `beside` still fits in `letters` with it.
pub(super) fn state(snapshot: &Snapshot, beside: &str, letters: u32) -> String {
    let short = phase(snapshot.phase).to_owned();
    if snapshot.phase != Phase::Done {
        return short;
    }
    let room = letters.saturating_sub(beside.chars().count() as u32 + 1);
    fitting([format!("{short} {}", signed(snapshot)), short], room)
}

/// Sharpness of the newest frame while counting, and the advice if it was not good enough, long and short.
pub(super) fn quality(snapshot: &Snapshot) -> Option<(f64, Option<(&'static str, &'static str)>)> {
    let quality = snapshot.quality.filter(|_| snapshot.phase == Phase::Counting)?;
    Some((quality.focus, quality.verdict.short().zip(quality.verdict.advice())))
}

/// Why a session is done.
pub(super) fn ending(snapshot: &Snapshot) -> &'static str {
    match snapshot.ending {
        Some(Ending::TargetReached) => "target reached",
        Some(Ending::Stopped) => "stopped by hand",
        Some(Ending::RecordingOver) => "recording over",
        Some(Ending::Shutdown) => "program ended",
        Some(Ending::PowerCut) => "power cut",
        None => "ended",
    }
}

const fn signed(snapshot: &Snapshot) -> &'static str {
    if snapshot.is_signed() { "signed" } else { "unsigned" }
}

/// Same, with the note whether the result is signed, with how many cells unseen, and whether its camera was checked, from long
/// to short.
pub(super) fn standing(snapshot: &Snapshot) -> [String; 4] {
    if let Some(Amends { version, result, .. }) = &snapshot.amends {
        let [named, short] = [format!("corrected report, version {version}"), format!("corrected v{version}")];
        return [format!("{named}, replaces result {result}"), named, short.clone(), short];
    }
    let (why, short) = (format!("{}, {}", ending(snapshot), signed(snapshot)), signed(snapshot).to_owned());
    let unseen = snapshot.looked_at.as_ref().filter(|looked_at| looked_at.unseen() > 0);
    if let Some(looked_at) = unseen {
        let unseen = format!("{short}, {} of {} unseen", looked_at.unseen(), looked_at.of);
        return [
            format!("{}, {unseen}", ending(snapshot)),
            unseen,
            format!("{short}, {} unseen", looked_at.unseen()),
            short,
        ];
    }
    match camera(snapshot) {
        Some(camera) => [format!("{why}, {camera}"), format!("{short}, {camera}"), why, short],
        None => [why.clone(), why, short.clone(), short],
    }
}

/// Whether the camera of a result was checked: the share of cells on which people agree with the program, and of how
/// many.
fn camera(snapshot: &Snapshot) -> Option<String> {
    let CameraCheck { cells, percent: agree, .. } = snapshot.camera_check.as_ref()?;
    Some(match agree {
        Some(agree) => format!("cam {} of {cells}", percent(agree.value)),
        None => "cam unchecked".to_owned(),
    })
}

/// The words that everything shown of it carries.
pub(super) fn marks(snapshot: &Snapshot) -> Option<String> {
    let marks: Vec<&str> = snapshot.marks().into_iter().map(Mark::short).collect();
    (!marks.is_empty()).then(|| marks.join(" "))
}

/// The worst flag, and how many more there are. `None` if there are none.
pub(super) fn flags(flags: &[Flag]) -> Option<String> {
    let worst = flags.first()?.short();
    Some(if flags.len() > 1 { format!("{worst} +{}", flags.len() - 1) } else { worst.into() })
}

/// The first text of at most `letters`, else the last.
pub(super) fn fitting<const N: usize>(texts: [String; N], letters: u32) -> String {
    let last = texts.last().cloned().unwrap_or_default();
    texts.into_iter().find(|text| text.chars().count() as u32 <= letters).unwrap_or(last)
}

/// Cells by kind, from long to short; a number is left out rather than cut.
pub(super) fn kinds(snapshot: &Snapshot) -> [String; 3] {
    let kinds = snapshot.kinds;
    let (wbc, rbc, plt) = (thousands(kinds.wbc), thousands(kinds.rbc), thousands(kinds.plt));
    [
        format!("WBC {}  RBC {}  PLT {}", kinds.wbc, kinds.rbc, kinds.plt),
        format!("W{wbc} R{rbc} P{plt}"),
        format!("R{rbc} P{plt}"),
    ]
}

/// Target of the count.
pub(super) fn target(snapshot: &Snapshot) -> [String; 2] {
    [format!("to count {} cells", snapshot.target), format!("{} cells", snapshot.target)]
}

fn thousands(count: u32) -> String {
    if count < 10_000 { count.to_string() } else { format!("{}k", count / 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_is_not_shown_as_nothing_nor_nearly_all_as_all() {
        let shown: Vec<_> = [0.0, 0.2, 1.0, 56.6, 99.5, 100.0, f64::NAN].into_iter().map(percent).collect();
        assert_eq!(shown, ["0%", "<1%", "1%", "57%", ">99%", "100%", "?%"]);
    }

    #[test]
    fn the_unclassified_share_stays_when_classes_must_give_way() {
        let line = |code, count, unclassified| DifferentialLine {
            code,
            count,
            value: String::new(),
            figure: None,
            unclassified,
        };
        let codes =
            |lines: Vec<DifferentialLine>, room| leading(lines, room).iter().map(|line| line.code).collect::<Vec<_>>();
        let some = vec![line("NGS", 9, false), line("LYT", 5, false), line("MON", 2, false), line("UNK", 1, true)];
        assert_eq!(codes(some.clone(), 3), ["NGS", "LYT", "UNK"]);
        assert_eq!(codes(some.clone(), 4), ["NGS", "LYT", "MON", "UNK"]);
        assert_eq!(codes(some, 0), [""; 0]);
        let none = vec![line("NGS", 9, false), line("LYT", 5, false), line("MON", 2, false), line("UNK", 0, true)];
        assert_eq!(codes(none, 3), ["NGS", "LYT", "MON"]);
    }

    #[test]
    fn the_worst_flag_is_named_and_the_others_are_counted() {
        assert_eq!(flags(&[]), None);
        assert_eq!(flags(&[Flag::Blasts]).as_deref(), Some("BLASTS?"));
        assert_eq!(flags(&[Flag::Blasts, Flag::LeftShift, Flag::ManyUnclassified]).as_deref(), Some("BLASTS? +2"));
    }
}
