//! Failures of commands: exit code 2 for wrong input, 1 for trouble while running, 0 for a reader who has seen enough.

use std::fmt::Display;

use crate::config::limits::LimitsError;
use crate::config::problem::ConfigError;
use crate::system::printable::{printable, printable_lines};

/// A failure with its exit code.
#[derive(Debug)]
pub struct Failure {
    /// 0: nobody reads any more, which is not said; 1: trouble while running; 2: wrong input.
    pub code: u8,
    /// What happened, for the person at the device.
    pub error: anyhow::Error,
}

impl Failure {
    /// What happened, for a terminal. Only the lists of what is wrong with a configuration have several lines; in them
    /// names and values are already safe to print.
    #[must_use]
    pub fn words(&self) -> String {
        let words = format!("{:#}", self.error);
        let is_list = self.error.chain().any(|cause| cause.is::<ConfigError>() || cause.is::<LimitsError>());
        if is_list { printable_lines(&words).into_owned() } else { printable(&words).into_owned() }
    }

    /// Wrong input, explained by a sentence.
    #[must_use]
    pub fn input(sentence: impl Display) -> Self {
        Self { code: 2, error: anyhow::anyhow!("{sentence}") }
    }

    /// The reader of standard output has closed it: the command ends, and well.
    #[must_use]
    pub(crate) fn closed_output() -> Self {
        Self { code: 0, error: anyhow::anyhow!("standard output is closed") }
    }
}

/// Marks an error as wrong input or as trouble while running.
pub trait Blame<T> {
    /// Wrong input: exit code 2.
    ///
    /// # Errors
    /// The error itself, marked.
    fn blame_input(self) -> Result<T, Failure>;

    /// Trouble while running: exit code 1.
    ///
    /// # Errors
    /// The error itself, marked.
    fn blame_run(self) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> Blame<T> for Result<T, E> {
    fn blame_input(self) -> Result<T, Failure> {
        self.map_err(|error| Failure { code: 2, error: error.into() })
    }

    fn blame_run(self) -> Result<T, Failure> {
        self.map_err(|error| Failure { code: 1, error: error.into() })
    }
}
