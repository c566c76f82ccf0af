//! Arguments of `control`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct ControlArguments {
    #[command(subcommand)]
    pub command: ControlCommand,
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum ControlCommand {
    /// Check the reference cells of `[quality_control] reference` against their lot, and keep the run. Exit code 1 if it failed.
    /// A slide is counted by the station: begin that on the page.
    Run {
        /// Name of the lot of cells; may be left out if only one is in use.
        lot: Option<String>,
        /// Take the cells as a new lot of this name, with the share of each label that is named right now as its reference.
        #[arg(long, value_name = "NAME", conflicts_with = "lot")]
        new_lot: Option<String>,
    },
    /// List the control runs, oldest first, with the rules they broke.
    List {
        /// JSON Lines, one run per line.
        #[arg(long, conflicts_with = "csv")]
        json: bool,
        /// CSV, a line for each point of a chart.
        #[arg(long)]
        csv: bool,
    },
}
