//! Commands on pictures: `analyze`, `classify`, `count` and `validate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::light_form::LightForm;
use crate::counting::statistics::per_red_cell::RedCount;
use crate::domain::prevalence_mode::PrevalenceMode;

/// Arguments of every command that analyses fields.
#[derive(Clone, Debug, Default, Args)]
pub struct FieldArguments {
    /// Uneven light: `none`, `own` (each picture by its own background), `shared` (learned from pictures of one
    /// microscope; count: from the frames so far), or a calibration file. Default: `own`; for count `shared`.
    #[arg(long, value_name = "FORM")]
    pub flat_field: Option<LightForm>,
}

/// Arguments of every command that analyses pictures.
#[derive(Clone, Debug, Default, Args)]
pub struct VisionArguments {
    /// Folder with model.toml.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Profile of the pictures' laboratory, as written by `leukoscope adapt`.
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Micrometres per pixel. Default: measured from the red cells (7.2 um).
    #[arg(long, value_name = "UM")]
    pub um_per_px: Option<f64>,
    /// Probability below which a cell is called UNK. Default: the model's own.
    #[arg(long, value_name = "P")]
    pub unknown_below: Option<f64>,
    /// Prevalence that white cell classes are adjusted to: none, blood (usual blood) or sample (estimated from these
    /// cells). Default: sample; for analyze and classify blood if there are fewer than 20 white cells in all.
    #[arg(long, value_name = "FORM")]
    pub prevalence: Option<PrevalenceMode>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, Args)]
pub struct AnalyzeArguments {
    /// Pictures or folders.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Also read the folders in a folder.
    #[arg(long)]
    pub recursive: bool,
    /// JSON Lines, one object per picture.
    #[arg(long)]
    pub json: bool,
    /// Write each picture, with boxes and classes drawn in, to this folder.
    #[arg(long, value_name = "DIR")]
    pub annotate: Option<PathBuf>,
    /// Write a PNG for each white cell: its crop, and where the evidence for its class lies.
    #[arg(long, value_name = "DIR")]
    pub saliency: Option<PathBuf>,
    /// Leave red cells without names: faster.
    #[arg(long)]
    pub no_red_cells: bool,
    /// Name red cells that a person should look at for parasites: an experiment. Where it names none, that means nothing.
    #[arg(long)]
    pub parasites: bool,
    #[command(flatten)]
    pub field: FieldArguments,
    #[command(flatten)]
    pub vision: VisionArguments,
}

#[derive(Debug, Args)]
pub struct ClassifyArguments {
    /// Single-cell pictures or folders of them.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Also read the folders in a folder.
    #[arg(long)]
    pub recursive: bool,
    /// JSON Lines, one object per picture.
    #[arg(long)]
    pub json: bool,
    /// Write a PNG for each cell: its crop, and where the evidence for its class lies.
    #[arg(long, value_name = "DIR")]
    pub saliency: Option<PathBuf>,
    #[command(flatten)]
    pub vision: VisionArguments,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, Args)]
pub struct CountArguments {
    /// Folder of pictures, taken in the order of their names.
    pub path: PathBuf,
    /// Also read the folders in it.
    #[arg(long)]
    pub recursive: bool,
    /// Red count of the sample, 10^12 per litre (millions per microlitre); gives estimates of white cells and
    /// platelets per microlitre. Only for fields that were not picked for their cells.
    #[arg(long, value_name = "COUNT")]
    pub red_count: Option<RedCount>,
    /// Configuration of a station, for its flag limits, its confusion matrix and its precision of red counts.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Confusion matrix to correct with, as written by `validate cells --confusion`. Default: the configured one, or
    /// that in the models' folder.
    #[arg(long, value_name = "FILE")]
    pub confusion: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
    /// Also count frames that are blurred, badly lit, too thick, too thin or empty.
    #[arg(long)]
    pub no_gate: bool,
    /// Do not grade red cells: a little faster.
    #[arg(long)]
    pub no_red_cells: bool,
    #[command(flatten)]
    pub field: FieldArguments,
    #[command(flatten)]
    pub vision: VisionArguments,
}

#[derive(Debug, Subcommand)]
pub enum ValidateCommand {
    /// Single-cell pictures in folders named by class: DIR/CLASS/*.
    Cells {
        #[command(flatten)]
        arguments: ValidateArguments,
        /// Write a confusion matrix of the raw predictions for these cells, to correct counts with.
        #[arg(long, value_name = "FILE")]
        confusion: Option<PathBuf>,
        /// Description of the cells in that file. Default: the folder.
        #[arg(long, value_name = "WORDS", requires = "confusion")]
        measured_on: Option<String>,
    },
    /// Fields with YOLO boxes in a .txt beside each picture.
    Fields {
        #[command(flatten)]
        arguments: ValidateArguments,
        /// Box classes 0, 1, 2 …: WBC, RBC, PLT, a class code, NEU, IG, or - to leave out. Default: WBC,RBC,PLT.
        #[arg(long, value_name = "NAMES")]
        classes: Option<String>,
        #[command(flatten)]
        field: FieldArguments,
    },
    /// Red cells of fields, named in a .csv beside each picture: lines of x,y,type, with a header; x and y are the middle in
    /// px, type is a number (Chula RBC-12: 0 normal, 1 macrocyte, 2 microcyte, 3 spherocyte, 4 target cell, 5 stomatocyte,
    /// 6 ovalocyte, 7 teardrop, 8 burr cell, 9 schistocyte, 10 not categorised, 11 hypochromic, 12 elliptocyte) or a code.
    RedCells {
        /// Folder of labelled pictures.
        dir: PathBuf,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        field: FieldArguments,
        #[command(flatten)]
        vision: VisionArguments,
    },
}

#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// Folder of labelled pictures.
    pub dir: PathBuf,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
    /// Write a page with matrices, curves and the worst mistakes as pictures.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub vision: VisionArguments,
}
