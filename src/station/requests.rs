//! Requests to the counting thread from people and serial hosts. Sending never blocks: when the queue is full, the
//! sender gets an error.

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::counting::session::snapshot::Command;
use crate::station::drops::{Dropped, Drops};

/// Most commands queued at once. A person at the device, a page and a serial host send a few a second, and the counting
/// thread drains the queue with every frame, about ten times a second. A full queue therefore means that the thread is
/// stuck, and commands that old are no longer wanted.
pub const MOST_COMMANDS: usize = 16;

/// Why a request was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPassedOn {
    /// The queue is full.
    #[error("the count is busy; ask again")]
    Busy,
    /// The counting thread has ended.
    #[error("the count does not listen; the program is ending")]
    Ending,
}

/// Sender for one kind of request; clones share the queue.
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

/// A command and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Name for the audit trail: a user, `token:NAME`, `device`, or `device:` and what passed the command on.
    pub by: String,
    /// What to do.
    pub command: Command,
}

impl Asked {
    /// A command by somebody.
    #[must_use]
    pub fn by(by: impl Into<String>, command: Command) -> Self {
        Self { by: by.into(), command }
    }
}

/// Sender for commands.
pub type Commands = Requests<Asked>;

impl Commands {
    /// Both ends of a queue of at most [`MOST_COMMANDS`] commands.
    #[must_use]
    pub fn new(drops: Drops) -> (Self, Receiver<Asked>) {
        Self::within(MOST_COMMANDS, Dropped::Command, drops)
    }
}

impl<T> Requests<T> {
    /// Both ends of a queue of at most `most` requests. Rejected requests are counted as `what`.
    #[must_use]
    pub fn within(most: usize, what: Dropped, drops: Drops) -> (Self, Receiver<T>) {
        let (sender, receiver) = bounded(most);
        (Self { sender, drops, what }, receiver)
    }

    /// Queues a request without blocking.
    ///
    /// # Errors
    /// If the queue is full or the counting thread has ended.
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
