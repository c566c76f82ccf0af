//! Which camera: the words a person writes for it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A camera by name: `simulated`, `replay:PATH`, `pan:FILE`, `v4l:/dev/videoN` or `command:PROGRAM ARGUMENTS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraSource {
    /// The simulated microscope.
    Simulated,
    /// Recorded pictures: folder, pattern or single file; relative to the working folder.
    Replay(PathBuf),
    /// A simulated stage over a large picture: the picture, or a plan (`.toml`) that names it.
    Pan(PathBuf),
    /// A V4L2 device, N of `/dev/videoN`.
    V4l(u32),
    /// A program that writes Motion JPEG to its standard output, with its arguments as a shell takes them.
    Command(String),
}

/// Words that name no camera.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no camera; write `simulated`, `replay:PATH` (folder, pattern or picture), `pan:FILE` (picture or plan of a \
     simulated stage), `v4l:/dev/videoN` (see `leukoscope devices`) or `command:PROGRAM ARGUMENTS` (Motion JPEG on its \
     standard output)"
)]
pub struct UnknownSource(String);

impl FromStr for CameraSource {
    type Err = UnknownSource;

    fn from_str(words: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownSource(words.to_owned());
        match words.split_once(':') {
            None if words == "simulated" => Ok(Self::Simulated),
            Some(("replay", path)) if !path.is_empty() => Ok(Self::Replay(path.into())),
            Some(("pan", path)) if !path.is_empty() => Ok(Self::Pan(path.into())),
            Some(("command", program)) if !program.trim().is_empty() => Ok(Self::Command(program.to_owned())),
            Some(("v4l", device)) => {
                let number = device.strip_prefix("/dev/video").ok_or_else(unknown)?;
                let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
                digits.then(|| number.parse().ok()).flatten().map(Self::V4l).ok_or_else(unknown)
            }
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for CameraSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simulated => f.write_str("simulated"),
            Self::Replay(path) => write!(f, "replay:{}", path.display()),
            Self::Pan(path) => write!(f, "pan:{}", path.display()),
            Self::Command(program) => write!(f, "command:{program}"),
            Self::V4l(number) => write!(f, "v4l:/dev/video{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_camera_is_written_as_it_is_read() {
        for words in [
            "simulated",
            "replay:slides/*.jpg",
            "replay:C:odd",
            "pan:scans/a.toml",
            "v4l:/dev/video0",
            "v4l:/dev/video12",
            "command:rpicam-vid --codec mjpeg -t 0 -o -",
        ] {
            assert_eq!(words.parse::<CameraSource>().unwrap().to_string(), words);
        }
    }

    #[test]
    fn other_words_are_answered_with_what_to_write() {
        for words in [
            "",
            "simulate",
            "replay:",
            "pan:",
            "command: ",
            "v4l:0",
            "v4l:/dev/video",
            "v4l:/dev/video+1",
            "/dev/video0",
            "v4l:/dev/video99999999999",
        ] {
            let error = words.parse::<CameraSource>().unwrap_err().to_string();
            assert!(error.contains("write `simulated`"), "{error}");
        }
    }
}
