//! Arguments of `backup` and `restore`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub struct BackupArguments {
    /// A new file, or a folder such as that of a USB stick: then the file is named after station and time.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// FILE is a folder: leave this many backups of this station in it, the newest, and remove the older ones.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: Option<u16>,
    /// Encrypt to this public key of age, `age1…`; may be given more than once. `age-keygen` makes a pair of keys: keep
    /// the secret one off the station.
    #[arg(long, value_name = "KEY")]
    pub recipient: Vec<String>,
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// The backup.
    pub file: PathBuf,
    /// File with the secret key of an encrypted backup, as `age-keygen` writes it.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Configuration file of the station.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
