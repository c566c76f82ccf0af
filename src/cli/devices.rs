//! `devices`: what this machine has that a microscope station could use.

use serde::Serialize;

use crate::camera::{self, VideoDevice};
use crate::cli::failure::{Blame, Failure};
use crate::hardware::devices::{self, Devices};

/// What `devices --json` prints.
#[derive(Serialize)]
struct Found {
    cameras: Vec<VideoDevice>,
    #[serde(flatten)]
    others: Devices,
}

/// Lists cameras, buses, GPIO chips and serial ports.
///
/// # Errors
/// With exit code 1 when the list cannot be written as JSON.
pub fn devices(json: bool) -> Result<(), Failure> {
    let found = Found { cameras: camera::devices(), others: devices::list() };
    if json {
        println!("{}", serde_json::to_string(&found).blame_run()?);
        return Ok(());
    }
    if found.cameras.is_empty() {
        println!("cameras: none; plug one in, or use --camera simulated or --camera replay:PATH");
    } else {
        println!("cameras:");
        for camera in &found.cameras {
            println!("  {camera}");
        }
    }
    print!("{}", found.others);
    Ok(())
}
