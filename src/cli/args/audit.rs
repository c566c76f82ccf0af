//! Arguments of `audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

use crate::cli::flags;

#[derive(Debug, Args)]
pub struct AuditArguments {
    #[command(subcommand)]
    pub command: AuditCommand,
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Print the trail, a sentence a line, oldest first.
    List {
        #[command(flatten)]
        which: Which,
        /// JSON Lines, one object per line.
        #[arg(long)]
        json: bool,
    },
    /// Write the trail to a new file: .csv for spreadsheets, .jsonl for programs. Noted in the trail.
    Export {
        /// A new file whose name ends with .csv or .jsonl.
        file: PathBuf,
        #[command(flatten)]
        which: Which,
    },
    /// Verify every line and the rows it speaks of; prints the number of lines and the last hash. Exit code 1 if
    /// something is missing or was changed: which sample, session and row, what differs, since when.
    Verify {
        /// A hash printed by an earlier run: the trail must still have a line with it.
        #[arg(long, value_name = "HASH")]
        known: Option<String>,
    },
}

/// Which lines, and in which language.
#[derive(Debug, Args)]
pub struct Which {
    /// Only lines of this session.
    #[arg(long, value_name = "NUMBER", value_parser = flags::session)]
    pub session: Option<i64>,
    /// Only lines of samples whose id holds this.
    #[arg(long, value_name = "ID")]
    pub sample: Option<String>,
    /// Only lines of people and programs whose name holds this.
    #[arg(long, value_name = "NAME")]
    pub person: Option<String>,
    /// Only lines of this action, such as sign.
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// Only lines of this day and later, as in 2026-11-29, by the clock of the station.
    #[arg(long, value_name = "DAY")]
    pub from: Option<Date>,
    /// Only lines of this day and earlier.
    #[arg(long, value_name = "DAY")]
    pub to: Option<Date>,
    /// Language of the sentences, such as en, es or fr. Default: as configured.
    #[arg(long, value_name = "LANGUAGE")]
    pub language: Option<String>,
}
