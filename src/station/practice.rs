//! Practice: a person names cells whose class is known, drawn ones or those that the laboratory exported. Exercises are in
//! memory only; nothing of them is counted, sent, or learned from.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::{RgbImage, imageops};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::camera::picture::{PictureError, list_pictures, read_picture};
use crate::camera::simulated::single::{drawn_classes, white_cell};
use crate::counting::tally::share;
use crate::domain::class::{CellClass, Group};
use crate::domain::interval::Figure;

/// Cells of an exercise, at most.
pub const MOST: u32 = 200;

/// Exercises kept at once; the oldest make room.
const AT_ONCE: usize = 16;

/// How long one is kept.
const KEPT: Duration = Duration::from_hours(2);

/// Longest side of a picture that is shown, px.
const LARGEST: u32 = 512;

/// Where the cells come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PracticeSource)]
pub enum Source {
    /// Drawn by the simulated microscope; their class is that which was to be drawn.
    Drawn,
    /// Of the folder in `[practice] cells`; their class is the one that a person gave.
    Exported,
}

impl Source {
    /// The word used in every output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Drawn => "drawn",
            Self::Exported => "exported",
        }
    }
}

/// A cell to be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedCell {
    picture: Picture,
    class: CellClass,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Picture {
    Drawn { seed: u64 },
    File(PathBuf),
}

impl AskedCell {
    /// Its picture, without anything that tells its class.
    ///
    /// # Errors
    /// If its file is gone or damaged.
    pub fn picture(&self) -> Result<RgbImage, PictureError> {
        let picture = match &self.picture {
            Picture::Drawn { seed } => white_cell(self.class, *seed),
            Picture::File(path) => read_picture(path)?,
        };
        let (width, height) = picture.dimensions();
        if width.max(height) <= LARGEST {
            return Ok(picture);
        }
        let by = f64::from(LARGEST) / f64::from(width.max(height));
        let side = |length: u32| ((f64::from(length) * by).round() as u32).max(1);
        Ok(imageops::thumbnail(&picture, side(width), side(height)))
    }
}

/// The exported cells by class. Folders that are named by no class of a white cell are passed over, and so is `UNK`, which is
/// no answer.
///
/// # Errors
/// If the folder cannot be read.
pub fn exported(folder: &Path) -> Result<BTreeMap<CellClass, Vec<PathBuf>>, PictureError> {
    let unreadable = |problem| PictureError::Unreadable { path: folder.to_owned(), problem };
    let mut cells = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let class = name.parse::<CellClass>().ok().filter(|class| !matches!(class, CellClass::Unk | CellClass::Plt));
        let Some(class) = class.filter(|_| path.is_dir()) else { continue };
        match list_pictures(&path) {
            Ok(pictures) if !pictures.is_empty() => drop(cells.insert(class, pictures)),
            Ok(_) | Err(PictureError::Empty { .. }) => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(cells)
}

/// Chooses up to `count` cells: each class as often as the others as far as it has cells, in a random order, none twice.
#[must_use]
pub fn choose(
    exported: Option<BTreeMap<CellClass, Vec<PathBuf>>>,
    count: u32,
    rng: &mut fastrand::Rng,
) -> Vec<AskedCell> {
    let mut left = exported;
    let mut cells = Vec::new();
    while cells.len() < count as usize {
        let mut classes = left.as_ref().map_or_else(drawn_classes, |cells| cells.keys().copied().collect());
        if classes.is_empty() {
            break;
        }
        rng.shuffle(&mut classes);
        for class in classes.into_iter().take(count as usize - cells.len()) {
            let picture = match &mut left {
                None => Picture::Drawn { seed: rng.u64(..) },
                Some(left) => {
                    let Some(files) = left.get_mut(&class) else { continue };
                    let file = files.swap_remove(rng.usize(..files.len()));
                    if files.is_empty() {
                        left.remove(&class);
                    }
                    Picture::File(file)
                }
            };
            cells.push(AskedCell { picture, class });
        }
    }
    rng.shuffle(&mut cells);
    cells
}

/// Cells of one class in an outcome.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = PracticeClass)]
pub struct ClassScore {
    pub class: CellClass,
    pub right: u32,
    pub cells: u32,
    /// Percent right with the exact 95 % interval.
    pub percent: Figure,
}

/// How often one class was named as another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PracticeConfusion)]
pub struct Confused {
    pub is: CellClass,
    pub named: CellClass,
    pub cells: u32,
}

/// A cell that was named wrongly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PracticeMistake)]
pub struct Mistake {
    /// Its number in the exercise.
    pub cell: u32,
    pub is: CellClass,
    pub named: CellClass,
}

/// How an exercise ended.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = PracticeOutcome)]
pub struct Outcome {
    pub right: u32,
    pub cells: u32,
    /// Percent right with the exact 95 % interval.
    pub percent: Figure,
    pub classes: Vec<ClassScore>,
    pub confusion: Vec<Confused>,
    pub mistakes: Vec<Mistake>,
}

/// Whether a cell was named right. A blast whose line is not told is right for every blast.
fn is_right(is: CellClass, named: CellClass) -> bool {
    let both_blasts = is.group() == Group::Blasts && named.group() == Group::Blasts;
    is == named || (both_blasts && (is == CellClass::Bla || named == CellClass::Bla))
}

impl Outcome {
    /// Judges the answers, cell by cell.
    #[must_use]
    pub fn of(asked: &[AskedCell], named: &[CellClass]) -> Self {
        let mut classes: BTreeMap<CellClass, (u32, u32)> = BTreeMap::new();
        let mut confusion: BTreeMap<(CellClass, CellClass), u32> = BTreeMap::new();
        let mut mistakes = Vec::new();
        for ((cell, AskedCell { class: is, .. }), named) in (0..).zip(asked).zip(named) {
            let right = is_right(*is, *named);
            let of_class = classes.entry(*is).or_default();
            *of_class = (of_class.0 + u32::from(right), of_class.1 + 1);
            *confusion.entry((*is, *named)).or_default() += 1;
            if !right {
                mistakes.push(Mistake { cell, is: *is, named: *named });
            }
        }
        let (right, cells) = classes.values().fold((0, 0), |(a, b), (right, cells)| (a + right, b + cells));
        let class = |(class, (right, cells))| ClassScore { class, right, cells, percent: share(right, cells) };
        let confused = |((is, named), cells)| Confused { is, named, cells };
        Self {
            right,
            cells,
            percent: share(right, cells),
            classes: classes.into_iter().map(class).collect(),
            confusion: confusion.into_iter().map(confused).collect(),
            mistakes,
        }
    }
}

/// An exercise under way, or ended with its mistakes still to be looked at.
#[derive(Clone, Debug)]
struct Exercise {
    by: String,
    source: Source,
    cells: Vec<AskedCell>,
    begun: Instant,
    ended: bool,
}

/// The exercises of a running program.
#[derive(Debug, Default)]
pub struct Exercises(HashMap<u64, Exercise>);

impl Exercises {
    /// Begins one; returns its number.
    pub fn begin(&mut self, by: String, source: Source, cells: Vec<AskedCell>, now: Instant) -> u64 {
        self.0.retain(|_, exercise| now.duration_since(exercise.begun) < KEPT);
        if self.0.len() >= AT_ONCE
            && let Some(oldest) = self.0.iter().min_by_key(|(_, exercise)| exercise.begun).map(|(id, _)| *id)
        {
            self.0.remove(&oldest);
        }
        // A page keeps numbers exactly only below 2^53.
        let id = fastrand::u64(1..1 << 53);
        self.0.insert(id, Exercise { by, source, cells, begun: now, ended: false });
        id
    }

    /// A cell of somebody's own exercise.
    #[must_use]
    pub fn cell(&self, id: u64, by: &str, number: usize) -> Option<AskedCell> {
        self.0.get(&id).filter(|exercise| exercise.by == by)?.cells.get(number).cloned()
    }

    /// Ends somebody's own exercise, once: its source and its outcome. `None` if there is none that runs, or the number of
    /// answers is not that of its cells.
    pub fn end(&mut self, id: u64, by: &str, named: &[CellClass]) -> Option<(Source, Outcome)> {
        let exercise = self.0.get_mut(&id).filter(|exercise| exercise.by == by && !exercise.ended)?;
        if exercise.cells.len() != named.len() {
            return None;
        }
        exercise.ended = true;
        Some((exercise.source, Outcome::of(&exercise.cells, named)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_class_comes_as_often_as_the_others() {
        let cells = choose(None, 24, &mut fastrand::Rng::with_seed(1));
        for class in drawn_classes() {
            assert_eq!(cells.iter().filter(|cell| cell.class == class).count(), 2, "{class}");
        }
    }

    #[test]
    fn a_blast_without_its_line_is_right_for_every_blast_and_another_line_is_not() {
        assert!(is_right(CellClass::Myo, CellClass::Bla) && is_right(CellClass::Bla, CellClass::Mob));
        assert!(!is_right(CellClass::Myo, CellClass::Mob) && !is_right(CellClass::Bla, CellClass::Lyt));
    }

    #[test]
    fn an_exercise_is_its_own_persons_and_ends_once() {
        let mut exercises = Exercises::default();
        let cells = choose(None, 3, &mut fastrand::Rng::with_seed(2));
        let now = Instant::now();
        let id = exercises.begin("ada".into(), Source::Drawn, cells.clone(), now);
        assert!(exercises.cell(id, "ada", 2).is_some() && exercises.cell(id, "ada", 3).is_none());
        assert!(exercises.cell(id, "rita", 0).is_none());
        let named: Vec<CellClass> = cells.iter().map(|cell| cell.class).collect();
        assert!(exercises.end(id, "rita", &named).is_none() && exercises.end(id, "ada", &named[1..]).is_none());
        let (source, outcome) = exercises.end(id, "ada", &named).unwrap();
        assert_eq!((source, outcome.right, outcome.mistakes.len()), (Source::Drawn, 3, 0));
        assert!(exercises.end(id, "ada", &named).is_none(), "once");
        for _ in 0..AT_ONCE {
            exercises.begin("eve".into(), Source::Drawn, Vec::new(), now + Duration::from_secs(1));
        }
        assert!(exercises.cell(id, "ada", 0).is_none(), "the oldest made room");
        assert!(exercises.0.len() <= AT_ONCE);
    }

    proptest! {
        #[test]
        fn the_outcome_adds_up(seed: u64, count in 0..40_u32, names in prop::collection::vec(0..CellClass::ALL.len(), 40)) {
            let asked = choose(None, count, &mut fastrand::Rng::with_seed(seed));
            let named: Vec<CellClass> = names.iter().take(asked.len()).map(|at| CellClass::ALL[*at]).collect();
            let outcome = Outcome::of(&asked, &named);
            prop_assert_eq!(outcome.cells, count);
            prop_assert_eq!(outcome.right + outcome.mistakes.len() as u32, count);
            prop_assert_eq!(outcome.confusion.iter().map(|one| one.cells).sum::<u32>(), count);
            prop_assert_eq!(outcome.classes.iter().map(|one| one.right).sum::<u32>(), outcome.right);
        }
    }
}
