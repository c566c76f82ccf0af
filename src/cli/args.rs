//! The command line, as other tools depend on it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::cli::lighting::LightForm;
use crate::config::CameraSource;
use crate::counting::statistics::per_red_cell::RedCount;
use crate::domain::prevalence_mode::PrevalenceMode;
use crate::store::records::Role;

/// Counts the blood cells of a stained smear, live from a microscope or from pictures.
///
/// Research and screening support, not a diagnosis.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<CliCommand>,
    #[command(flatten)]
    pub run: RunArguments,
    /// Say more in the log (twice: everything).
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Count from a camera until told to stop (what happens without a command, too).
    Run(RunArguments),
    /// Find and name the cells of pictures, each on its own.
    Analyze(AnalyzeArguments),
    /// Name the cell in the middle of single-cell pictures.
    Classify(ClassifyArguments),
    /// Count a folder's sorted pictures as one recorded session, every cell once.
    Count(CountArguments),
    /// Take the light of an empty field, or the scale of red cells, and keep it for this camera and objective.
    Calibrate(CalibrateArguments),
    /// Measure the models against labelled pictures.
    #[command(subcommand)]
    Validate(ValidateCommand),
    /// Check a configuration file: exit code 0, or 2 with file, line and what to write instead.
    CheckConfig {
        /// The file.
        file: PathBuf,
    },
    /// List the sessions this station kept, with their numbers.
    Sessions {
        /// Configuration file of the station.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// JSON Lines, one result each, without sessions that have none.
        #[arg(long)]
        json: bool,
    },
    /// Who may log in on the page: add, change or list users. The password is asked for, or read from standard input.
    User(UserArguments),
    /// Tokens, by which programs use the interface of the page: add, list or remove them.
    Token(TokenArguments),
    /// The audit trail: who changed or looked at what, and whether a line is missing or was changed.
    Audit(AuditArguments),
    /// Write the report of a session. A view of a signed one goes into the audit trail.
    Report(ReportArguments),
    /// Write cells that persons reviewed as pictures to train by: DIR/CLASS/*.png and DIR/manifest.csv.
    Export(ExportArguments),
    /// List the cameras, serial ports, I2C and SPI buses and GPIO chips of this machine.
    Devices {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub struct UserArguments {
    #[command(subcommand)]
    pub command: UserCommand,
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user.
    Add {
        /// 1 to 32 letters, digits, `.`, `-` or `_`.
        name: String,
        /// operator (counts and looks), reviewer (also reclassifies and signs) or admin (also users, limits, audit trail).
        #[arg(long, value_name = "ROLE")]
        role: Role,
    },
    /// Change a user. Users are never deleted: the audit trail names them.
    Set {
        /// The user.
        name: String,
        /// Another role: operator, reviewer or admin.
        #[arg(long, value_name = "ROLE")]
        role: Option<Role>,
        /// Ask for another password.
        #[arg(long)]
        password: bool,
        /// Do not let the user log in any more.
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// Let the user log in again.
        #[arg(long)]
        enable: bool,
    },
    /// List the users.
    List,
}

#[derive(Debug, Args)]
pub struct TokenArguments {
    #[command(subcommand)]
    pub command: TokenCommand,
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print its secret, which is not kept and cannot be shown again.
    Add {
        /// 1 to 32 letters, digits, `.`, `-` or `_`.
        name: String,
        /// What the program may do: operator, reviewer or admin.
        #[arg(long, value_name = "ROLE")]
        role: Role,
    },
    /// Take a token back.
    Remove {
        /// The token.
        name: String,
    },
    /// List the tokens, without their secrets.
    List,
}

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
    /// Print the trail, oldest first.
    List {
        /// Lines of this session only.
        #[arg(long, value_name = "NUMBER")]
        session: Option<i64>,
        /// JSON Lines, one object a line.
        #[arg(long)]
        json: bool,
    },
    /// Look at every line; prints their number and the last hash. Exit code 1 when one is missing or was changed.
    Verify {
        /// A hash that was printed and written down earlier: the trail must still have a line with it.
        #[arg(long, value_name = "HASH")]
        known: Option<String>,
    },
}

#[derive(Debug, Args)]
pub struct ReportArguments {
    /// Number of the session, as the page and `sessions` show it.
    pub session: i64,
    /// Where to: a name that ends with .pdf, .csv or .json. Without it leukoscope-SESSION.pdf in this folder.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Language, such as en, es or fr; without it that of the configuration.
    #[arg(long, value_name = "LANGUAGE")]
    pub language: Option<String>,
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ExportArguments {
    /// A folder that is new or empty.
    pub dir: PathBuf,
    /// Only of this session; may be given more than once.
    #[arg(long, value_name = "NUMBER")]
    pub session: Vec<i64>,
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Args)]
pub struct RunArguments {
    /// Configuration file; every key has a default.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Camera: `simulated`, `replay:PATH`, `pan:FILE` (a simulated stage over a large picture, or its plan in TOML),
    /// `v4l:/dev/videoN`, `nokhwa:INDEX` or `nokhwa:NAME` (the same by another library), or `command:PROGRAM ARGUMENTS`
    /// (Motion JPEG on its standard output).
    #[arg(long, value_name = "CAMERA")]
    pub camera: Option<CameraSource>,
    /// Display: terminal, none, png, ssd1306, sh1106, st7789 or ili9341.
    #[arg(long, value_name = "DISPLAY")]
    pub display: Option<String>,
    /// Serial port: pty, none or a device such as /dev/ttyUSB0.
    #[arg(long, value_name = "PORT")]
    pub serial: Option<String>,
    /// Folder of model.toml.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Prevalence brought into the names of white cells: none, blood (usual blood) or sample (as these cells show it).
    /// Without it what the configuration says: sample.
    #[arg(long, value_name = "FORM")]
    pub prevalence: Option<PrevalenceMode>,
    /// Cells of the differential to count.
    #[arg(long, value_name = "CELLS")]
    pub target: Option<u32>,
    /// Sample id of the first count, 1 to 64 characters.
    #[arg(long, value_name = "ID")]
    pub sample: Option<String>,
    /// Red count of the first sample, 10^12 a litre (millions per microlitre): gives estimates per microlitre.
    #[arg(long, value_name = "COUNT")]
    pub red_count: Option<RedCount>,
    /// End after this many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    pub seconds: Option<f64>,
}

#[derive(Clone, Debug, Default, Args)]
pub struct CalibrateArguments {
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Camera, as `run` takes it. Without it the configured one.
    #[arg(long, value_name = "CAMERA")]
    pub camera: Option<CameraSource>,
    /// Name of the objective, such as 100x. Without it the configured one.
    #[arg(long, value_name = "NAME")]
    pub objective: Option<String>,
    /// Frames to take, 1 to 200.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub frames: u32,
    /// Take the scale by red cells, of a field with cells, instead of the light of an empty one.
    #[arg(long)]
    pub scale: bool,
    /// Folder of model.toml.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
}

/// What every command that looks at fields takes.
#[derive(Clone, Debug, Default, Args)]
pub struct FieldArguments {
    /// Uneven light: `none`, `own` (each picture by its own background), `shared` (as many pictures of one microscope tell;
    /// count: as the frames so far tell), or the file of a calibration. Without it `own`; for count `shared`.
    #[arg(long, value_name = "FORM")]
    pub flat_field: Option<LightForm>,
}

/// What every command that looks at pictures takes.
#[derive(Clone, Debug, Default, Args)]
pub struct VisionArguments {
    /// Folder of model.toml.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Micrometres a pixel; without it the scale is taken from the red cells (7.2 um).
    #[arg(long, value_name = "UM")]
    pub um_per_px: Option<f64>,
    /// Probability under which a cell is called UNK; without it the model's own.
    #[arg(long, value_name = "P")]
    pub unknown_below: Option<f64>,
    /// Prevalence brought into the names of white cells: none, blood (usual blood) or sample (as these cells show it).
    /// Without it sample; for analyze and classify blood where there are fewer than 20 white cells in all.
    #[arg(long, value_name = "FORM")]
    pub prevalence: Option<PrevalenceMode>,
}

#[derive(Debug, Args)]
pub struct AnalyzeArguments {
    /// Pictures or folders.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// JSON Lines, one object a picture.
    #[arg(long)]
    pub json: bool,
    /// Write each picture with its boxes and classes drawn in to this folder.
    #[arg(long, value_name = "DIR")]
    pub annotate: Option<PathBuf>,
    /// Write a PNG for each white cell: as the classifier sees it, and where the evidence for its class lies.
    #[arg(long, value_name = "DIR")]
    pub saliency: Option<PathBuf>,
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
    /// JSON Lines, one object a picture.
    #[arg(long)]
    pub json: bool,
    /// Write a PNG for each cell: as the classifier sees it, and where the evidence for its class lies.
    #[arg(long, value_name = "DIR")]
    pub saliency: Option<PathBuf>,
    #[command(flatten)]
    pub vision: VisionArguments,
}

#[derive(Debug, Args)]
pub struct CountArguments {
    /// Folder of pictures, taken in the order of their names.
    pub path: PathBuf,
    /// Red count of the sample, 10^12 a litre (millions per microlitre): gives estimates of white cells and platelets per
    /// microlitre. Only for fields that were not picked for their cells.
    #[arg(long, value_name = "COUNT")]
    pub red_count: Option<RedCount>,
    /// Configuration of a station: its limits of flags, its confusion matrix and how exact red counts are hold here, too.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Confusion matrix to correct by, as `validate cells --confusion` writes it; without it that of the configuration or
    /// of the models' folder.
    #[arg(long, value_name = "FILE")]
    pub confusion: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
    /// Count frames that are blurred, badly lit, too thick, too thin or empty, too.
    #[arg(long)]
    pub no_gate: bool,
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
        /// Write what the network alone answers to these cells as a confusion matrix, to correct counts by.
        #[arg(long, value_name = "FILE")]
        confusion: Option<PathBuf>,
        /// What the cells are, for readers of that file; without it the folder.
        #[arg(long, value_name = "WORDS", requires = "confusion")]
        measured_on: Option<String>,
    },
    /// Fields with YOLO boxes in a .txt beside each picture.
    Fields {
        #[command(flatten)]
        arguments: ValidateArguments,
        /// What the box classes 0, 1, 2 … are: WBC, RBC, PLT, a class code, NEU, IG, or - to leave out.
        /// Without it WBC,RBC,PLT.
        #[arg(long, value_name = "NAMES")]
        classes: Option<String>,
        #[command(flatten)]
        field: FieldArguments,
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
