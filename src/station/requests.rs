//! What persons and hosts ask of the counting thread. Nobody waits for a free place: whoever asks too much hears so.

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::counting::session::snapshot::Command;
use crate::station::drops::{Dropped, Drops};

/// Commands that wait at most. A person at the device, a page and a serial host give a few a second, and the counting
/// thread comes to them with each frame, some ten times a second: more than these wait only where it is stuck, and what
/// was asked so long ago is not what anybody wants any more.
pub const MOST_COMMANDS: usize = 16;

/// Why a request was not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPassedOn {
    /// Too many wait.
    #[error("the count is busy; ask again")]
    Busy,
    /// The counting thread has ended.
    #[error("the count does not listen; the program is ending")]
    Ending,
}

/// Where one kind of request goes; clones lead to the same place.
#[derive(Debug)]
pub struct Requests<T> {
    sender: Sender<T>,
    drops: Drops,
    what: Dropped,
}

impl<T> Clone for Requests<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), drops: self.drops.clone(), what: self.what }
    }
}

/// Where commands go.
pub type Commands = Requests<Command>;

impl Commands {
    /// Both ends; at most [`MOST_COMMANDS`] wait.
    #[must_use]
    pub fn new(drops: Drops) -> (Self, Receiver<Command>) {
        Self::within(MOST_COMMANDS, Dropped::Command, drops)
    }
}

impl<T> Requests<T> {
    /// Both ends; at most `most` requests wait, and those that find no place are counted as `what`.
    #[must_use]
    pub fn within(most: usize, what: Dropped, drops: Drops) -> (Self, Receiver<T>) {
        let (sender, receiver) = bounded(most);
        (Self { sender, drops, what }, receiver)
    }

    /// Passes a request on, without waiting.
    ///
    /// # Errors
    /// When too many wait already, or nobody listens any more.
    pub fn ask(&self, request: T) -> Result<(), NotPassedOn> {
        self.sender.try_send(request).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                self.drops.note(self.what);
                NotPassedOn::Busy
            }
            TrySendError::Disconnected(_) => NotPassedOn::Ending,
        })
    }
}
