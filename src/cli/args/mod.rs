//! The command line, which other tools depend on.

mod adapt;
mod audit;
mod control;
mod keeping;
mod model;
mod pictures;
mod worklist;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::adapt::AdaptArguments;
pub use self::audit::{AuditArguments, AuditCommand, Which};
pub use self::control::{ControlArguments, ControlCommand};
pub use self::keeping::{BackupArguments, RestoreArguments};
pub use self::model::{ModelArguments, ModelCommand};
pub use self::pictures::{
    AnalyzeArguments, ClassifyArguments, CountArguments, FieldArguments, ValidateArguments, ValidateCommand,
    VisionArguments,
};
pub use self::worklist::{WorklistArguments, WorklistCommand};
use crate::cli::flags;
use crate::config::{CameraSource, DisplayKind, SerialPort};
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
    /// Count from a camera until stopped (also the default without a command).
    Run(RunArguments),
    /// Detect and classify the cells of pictures, each on its own.
    Analyze(AnalyzeArguments),
    /// Classify the cell in the middle of single-cell pictures.
    Classify(ClassifyArguments),
    /// Count a folder's sorted pictures as one recorded session, every cell once.
    Count(CountArguments),
    /// Measure the light of an empty field, or the scale from red cells, and store it for this camera and objective.
    Calibrate(CalibrateArguments),
    /// Measure the models against labelled pictures.
    #[command(subcommand)]
    Validate(ValidateCommand),
    /// Learn a profile of this laboratory from labelled cells: the classifier's last layer anew, for --profile and `[models] profile`.
    Adapt(AdaptArguments),
    /// Check a configuration file: exit code 0, or 2 with file, line and what to write instead.
    CheckConfig {
        /// The file.
        file: PathBuf,
    },
    /// List the sessions stored on this station, with their numbers.
    Sessions {
        /// Configuration file of the station.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// JSON Lines, one result per line, without sessions that have none.
        #[arg(long)]
        json: bool,
        /// Also versions that an amended result replaced.
        #[arg(long)]
        all: bool,
    },
    /// The worklist, samples to count: import a table of them, or list them.
    Worklist(WorklistArguments),
    /// Users of the page: add, change or list them. The password is asked for, or read from standard input.
    User(UserArguments),
    /// Tokens, with which programs use the API of the page: add, list or remove them.
    Token(TokenArguments),
    /// The audit trail: who changed or viewed what, and whether it or what it speaks of was changed or is missing.
    Audit(AuditArguments),
    /// What is kept and for how long, the size of the store, and what will be deleted next, before it is.
    Store {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Configuration file of the station.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Quality control: check the reference cells, or list the control runs.
    Control(ControlArguments),
    /// Write the report of a session. Viewing a signed one is noted in the audit trail.
    Report(ReportArguments),
    /// Write the cells that reviewers looked at as training pictures: DIR/CLASS/*.png and DIR/manifest.csv.
    Export(ExportArguments),
    /// Write the whole store to a file, checked, while the station counts: results, cells, users, trail, calibrations, profiles.
    Backup(BackupArguments),
    /// Put the store of a backup in place of the present one, which is kept beside it. The station must be stopped.
    Restore(RestoreArguments),
    /// Write a file for whoever helps from afar: version, health, configuration, timings, figures and log, without patients,
    /// people, comments, addresses, paths or secrets.
    SupportBundle {
        /// The file, a text to be read before it is sent.
        file: PathBuf,
        /// Configuration file of the station.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Networks from a signed bundle: install them, list them, go back to those before.
    Model(ModelArguments),
    /// Say whether the station believes the clock; nothing is deleted for its age while it does not.
    Clock {
        /// The clock is right: believe it from now on.
        #[arg(long)]
        confirm: bool,
        /// Configuration file of the station.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
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
        /// operator (counts and views), reviewer (also reclassifies and signs) or admin (also users, limits, audit
        /// trail).
        #[arg(long, value_name = "ROLE")]
        role: Role,
    },
    /// Change a user. Users cannot be deleted, because the audit trail names them.
    Set {
        /// The user.
        name: String,
        /// Another role: operator, reviewer or admin.
        #[arg(long, value_name = "ROLE")]
        role: Option<Role>,
        /// Ask for another password.
        #[arg(long)]
        password: bool,
        /// Block the user from logging in.
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
    /// Make a token and print its secret, which is not stored and cannot be shown again.
    Add {
        /// 1 to 32 letters, digits, `.`, `-` or `_`.
        name: String,
        /// What the program may do: operator, reviewer or admin.
        #[arg(long, value_name = "ROLE")]
        role: Role,
    },
    /// Revoke a token.
    Remove {
        /// The token.
        name: String,
    },
    /// List the tokens, without their secrets.
    List,
}

#[derive(Debug, Args)]
pub struct ReportArguments {
    /// Number of the session, as the page and `sessions` show it, or a sample id: then its newest result.
    pub session: String,
    /// Output file: a name that ends with .pdf, .csv or .json. Default: leukoscope-SESSION-SAMPLE.pdf in the current folder.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// A label of 57 x 32 mm instead: the sample id as text and QR code, the date, the leading figures.
    #[arg(long)]
    pub label: bool,
    /// Language, such as en, es or fr. Default: as configured.
    #[arg(long, value_name = "LANGUAGE")]
    pub language: Option<String>,
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ExportArguments {
    /// A new or empty folder.
    pub dir: PathBuf,
    /// Only cells of this session; may be given more than once.
    #[arg(long, value_name = "NUMBER", value_parser = flags::session)]
    pub session: Vec<i64>,
    /// Also cells of signed results that no reviewer looked at, with the program's class and without a reviewer.
    #[arg(long)]
    pub all: bool,
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
    #[arg(long, value_name = "CAMERA", value_parser = flags::camera)]
    pub camera: Option<CameraSource>,
    /// Display: terminal, none, png, ssd1306, sh1106, st7789 or ili9341.
    #[arg(long, value_name = "DISPLAY", value_parser = flags::display)]
    pub display: Option<DisplayKind>,
    /// Serial port: pty, none or a device such as /dev/ttyUSB0.
    #[arg(long, value_name = "PORT", value_parser = flags::serial)]
    pub serial: Option<SerialPort>,
    /// Folder with model.toml.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Profile of this laboratory, as written by `leukoscope adapt`.
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Prevalence that white cell classes are adjusted to: none, blood (usual blood) or sample (estimated from these
    /// cells). Default: as configured, else sample.
    #[arg(long, value_name = "FORM")]
    pub prevalence: Option<PrevalenceMode>,
    /// Cells of the differential to count.
    #[arg(long, value_name = "CELLS")]
    pub target: Option<u32>,
    /// Sample id of the first count, 1 to 64 characters.
    #[arg(long, value_name = "ID")]
    pub sample: Option<String>,
    /// Red count of the first sample, 10^12 per litre (millions per microlitre); gives estimates per microlitre.
    #[arg(long, value_name = "COUNT")]
    pub red_count: Option<RedCount>,
    /// Stop after this many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    pub seconds: Option<f64>,
    /// Reread the limits on SIGHUP, as under systemd; otherwise SIGHUP ends the program, as when its terminal closes.
    #[arg(long)]
    pub reload_on_hangup: bool,
}

#[derive(Clone, Debug, Default, Args)]
pub struct CalibrateArguments {
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Camera, as `run` takes it. Without it the configured one.
    #[arg(long, value_name = "CAMERA", value_parser = flags::camera)]
    pub camera: Option<CameraSource>,
    /// Name of the objective, such as 100x. Without it the configured one.
    #[arg(long, value_name = "NAME")]
    pub objective: Option<String>,
    /// Frames to take, 1 to 200.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub frames: u32,
    /// Measure the scale from red cells, in a field with cells, instead of the light of an empty field.
    #[arg(long)]
    pub scale: bool,
    /// Folder with model.toml.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
}
