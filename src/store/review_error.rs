//! Why a result cannot be reviewed or signed.

use super::records::{CellNumber, SessionId};
use crate::domain::source::Source;

/// Why a result cannot be reviewed in its current state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// It is signed.
    #[error("session {0} is signed; a signed result does not change")]
    Signed(SessionId),
    /// It is still being counted.
    #[error("session {0} is still being counted; end it first")]
    Counting(SessionId),
    /// The count was interrupted, so there is none.
    #[error("session {0} was interrupted and has no result")]
    Interrupted(SessionId),
    /// Another version amends it.
    #[error("session {0} is amended already, by session {1}; look at that one")]
    Amended(SessionId, SessionId),
    /// Two persons sign it, and this one did already.
    #[error("session {0}: you signed it first; another person must look at it and sign now")]
    SecondNeeded(SessionId),
    /// The second reviewer gave cells another class than the first.
    #[error("session {0}: you and the first reviewer differ on {1} cells; write in the comment why, or hand it back")]
    Differ(SessionId, usize),
    /// It is a control: its figures are the program's own.
    #[error("session {0} is a control run; its cells are not reviewed, and it is not signed")]
    Control(SessionId),
    /// It has changed since it was viewed.
    #[error("the result of session {0} changed since you looked at it; look at it again, then sign")]
    Changed(SessionId),
    /// Cells that a person must look at were looked at by nobody, and no comment says why.
    #[error(
        "session {0}: {1} cells were looked at by nobody, or more quickly than anybody can look, although they are blasts, \
         unclassified, or of a flag; look at them, or write in the comment why you sign all the same"
    )]
    Unexplained(SessionId, u32),
    /// It was not counted from a slide under a microscope.
    #[error(
        "session {0} was counted from {words} pictures and cannot be signed as final; only a station for training signs it: \
         `training = true` in [station]", words = .1.code()
    )]
    NotReal(SessionId, Source),
    /// There is no such session.
    #[error("there is no session {0}")]
    NoSession(SessionId),
    /// There is no such cell.
    #[error("session {0} has no cell {1}")]
    NoCell(SessionId, CellNumber),
}
