//! Adapting to a laboratory: from cells that a person looked at to a profile of the classifier's last layer, for the
//! command line and the page alike.

pub mod gather;
mod judge;
pub mod kept;
mod laboratory;
pub mod learned;
mod next;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::counting::statistics::confusion::ConfusionError;
use crate::domain::label::Label;
use crate::store::StoreError;
use crate::store::records::SessionId;
use crate::vision::adapt::AdaptError;
use crate::vision::models::ModelError;
use crate::vision::profile::{ProfileError, ProfileProblem};

pub use judge::{Division, Judgement, Right};
pub use laboratory::{Laboratory, Overview, Weights};
pub use next::{NextCell, Why};

/// Cells that a label needs.
pub const FEWEST: u32 = 5;

/// Why nothing was learned; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NotLearned {
    #[error("this classifier knows no class {0}; leave its cells out")]
    UnknownClass(Label),
    #[error("there are no cells of two labels: it takes at least two classes to learn what tells them apart")]
    OneLabel,
    #[error(
        "too few cells to learn from: {}; it takes {FEWEST} of each label, or its cells would be taken for others: add some, \
         or leave the label out", counted(.0)
    )]
    TooFew(BTreeMap<Label, u32>),
    #[error(
        "the same picture has two labels: {one} is {its} and {other} is {others}; decide which is right and take the other \
         away"
    )]
    TwoLabels { one: String, its: Label, other: String, others: Label },
    #[error(
        "no reviewer has looked at a cell of these sessions; look at cells on the page first, and give or confirm their \
         classes"
    )]
    NobodyLooked,
    #[error("there is no session {0}; `leukoscope sessions` lists them")]
    NoSession(SessionId),
    #[error("session {id} was counted with {found}, not with {wanted}: a profile is for one camera and objective")]
    OtherSetup { id: SessionId, found: String, wanted: String },
    #[error(
        "adapting does not help here: cross-validation finds {} of {} cells named correctly as shipped and {} adapted (mean of \
         the labels {:.3} and {:.3}); nothing was written. Label more cells, above all of the classes it confuses",
        all.before, all.cells, all.after, mean[0], mean[1]
    )]
    NoHelp {
        all: Right,
        /// Mean of the labels' shares named correctly, before and after.
        mean: [f64; 2],
    },
    #[error("{0}")]
    Name(String),
    #[error("there is a profile `{0}` already; give this one another name")]
    NameTaken(String),
    #[error("cannot write the profile {}: {source}; check its folder and the disk's free space", path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
    #[error("the profile cannot be read back: {0}")]
    Unreadable(#[from] ProfileProblem),
    #[error(transparent)]
    Models(#[from] ModelError),
    #[error(transparent)]
    Network(#[from] AdaptError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why other weights do not come into force; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NotSwitched {
    #[error("a sample is being counted; stop the count first")]
    Counting,
    #[error("no profile with the SHA-256 {0} is kept here; look at the list of profiles again")]
    None(String),
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error(transparent)]
    Models(#[from] ModelError),
    #[error(transparent)]
    Confusion(#[from] ConfusionError),
    #[error(transparent)]
    Kept(#[from] kept::ChoiceError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// `MON (2), EOS (0)`.
fn counted(labels: &BTreeMap<Label, u32>) -> String {
    labels.iter().map(|(label, count)| format!("{label} ({count})")).collect::<Vec<_>>().join(", ")
}
