//! Arguments of `worklist`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct WorklistArguments {
    #[command(subcommand)]
    pub command: WorklistCommand,
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum WorklistCommand {
    /// Put the samples of a table on the worklist: one id a line, or a header row with columns `sample`, `order` and `urgent`.
    /// Bad lines are named with their number; the good ones are taken once you agree.
    Import {
        /// The table (CSV).
        file: PathBuf,
        /// Take the good lines without asking.
        #[arg(long)]
        yes: bool,
    },
    /// List the samples that wait to be counted.
    List,
}
