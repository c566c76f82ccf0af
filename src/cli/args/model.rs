//! Arguments of `model`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct ModelArguments {
    #[command(subcommand)]
    pub command: ModelCommand,
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Take networks from a signed bundle into use, once they have named its reference cells; FILE.minisig lies beside it.
    Install {
        /// The bundle.
        file: PathBuf,
    },
    /// List the networks that came with the program and those installed, and which are in use.
    List,
    /// Go back to the networks that were in use before.
    Back,
    /// Make a bundle of networks and reference cells, for `minisign -Sm`; for whoever trains them.
    Bundle {
        /// Folder of model.toml and the networks.
        folder: PathBuf,
        /// Single cells of known class, DIR/CLASS/*.
        #[arg(long, value_name = "DIR")]
        reference: PathBuf,
        /// Share of them that a station must name correctly, 0.5 to 1.
        #[arg(long, value_name = "SHARE", default_value_t = 0.9)]
        right: f64,
        /// Scale of their pictures, micrometres per pixel. Without it it is found as in `classify`.
        #[arg(long, value_name = "NUMBER")]
        um_per_px: Option<f64>,
        /// File for the bundle.
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
}
