//! Arguments of `adapt`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use crate::cli::flags;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("cells").required(true).args(["dir", "sessions"])))]
pub struct AdaptArguments {
    /// Single-cell pictures of one microscope in folders named by class: DIR/CLASS/*.
    pub dir: Option<PathBuf>,
    /// Numbers of stored sessions, such as 3,7: the cells in them that a reviewer looked at.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = flags::session)]
    pub sessions: Vec<i64>,
    /// File for the profile.
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Name of the profile in results, 1 to 64 characters. Default: the file's name.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Labels to leave out, such as BAS,IG, because there are too few cells of them.
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    pub without: Vec<String>,
    /// Camera that took the pictures, as `leukoscope devices` and `[optics] camera` name it; `run` takes the profile for
    /// this one only. Sessions name theirs.
    #[arg(long, value_name = "NAME")]
    pub camera: Option<String>,
    /// Objective that took the pictures, as `[optics] objective` names it.
    #[arg(long, value_name = "NAME", requires = "camera")]
    pub objective: Option<String>,
    /// Configuration file of the station, for its store.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder with model.toml.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Micrometres per pixel. Default: measured from the cells.
    #[arg(long, value_name = "UM", conflicts_with = "sessions")]
    pub um_per_px: Option<f64>,
    /// Probability below which a cell is called UNK. Default: the model's own.
    #[arg(long, value_name = "P")]
    pub unknown_below: Option<f64>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}
