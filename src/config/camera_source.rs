//! The grammar of a camera source, as written in the file, a variable or a flag.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::source::Source;

/// Jaro-Winkler similarity (0..1) from which a word is taken for a misspelt `simulated`.
const ALIKE: f64 = 0.78;

/// A camera source. [`fmt::Display`] writes what [`FromStr`] parses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CameraSource {
    /// `choose`: the one that was chosen on the page; none until then.
    Choose,
    /// `simulated`: the simulated microscope.
    #[default]
    Simulated,
    /// `replay:PATH`: recorded pictures; a folder, pattern or single file, relative to the working folder.
    Replay(PathBuf),
    /// `pan:FILE`: a simulated stage over a large picture; FILE is the picture or a plan (`.toml`) that names it.
    Pan(PathBuf),
    /// `v4l:/dev/videoN`, or a udev link below `/dev/v4l`, which keeps its name when N changes.
    V4l(PathBuf),
    /// `nokhwa:INDEX` or `nokhwa:NAME`: a camera opened through the nokhwa library, by number or driver name.
    Nokhwa(String),
    /// `command:PROGRAM ARGUMENTS`: a shell command that writes Motion JPEG to its standard output.
    Command(String),
}

impl CameraSource {
    /// How real its pictures are. What a program sends is taken for a camera's.
    #[must_use]
    pub const fn kind(&self) -> Source {
        match self {
            Self::Simulated => Source::Simulated,
            Self::Replay(_) | Self::Pan(_) => Source::Replayed,
            Self::Choose | Self::V4l(_) | Self::Nokhwa(_) | Self::Command(_) => Source::Camera,
        }
    }
}

/// The text names no camera source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no camera; a camera is \"simulated\", \"replay:PATH\" (folder, pattern or picture), \"pan:FILE\" (picture or \
     plan of a simulated stage), \"v4l:/dev/videoN\" (see `leukoscope devices`), \"nokhwa:INDEX\" or \"nokhwa:NAME\" \
     (the same by another library), or \"command:PROGRAM ARGUMENTS\" (Motion JPEG on its standard output); \
     \"choose\" is the one that was chosen on the page"
)]
pub struct UnknownSource(String);

impl UnknownSource {
    /// The camera source that was probably meant, or else an example.
    pub(super) fn probably(&self) -> String {
        let text = &self.0;
        match text.split_once(':') {
            Some(("replay", _)) => "replay:/path/to/images".to_owned(),
            Some(("pan", _)) => "pan:/path/to/scan.png".to_owned(),
            Some(("nokhwa", _)) => "nokhwa:0".to_owned(),
            Some(("command", _)) => "command:rpicam-vid --codec mjpeg -t 0 -o -".to_owned(),
            None if is_video_device(Path::new(text)) => format!("v4l:{text}"),
            None if text.starts_with(['/', '.', '~']) && !text.starts_with("/dev/") && !text.contains('\0') => {
                format!("replay:{text}")
            }
            None if strsim::jaro_winkler(&text.to_lowercase(), "simulated") >= ALIKE => "simulated".to_owned(),
            _ => "v4l:/dev/video0".to_owned(),
        }
    }
}

impl FromStr for CameraSource {
    type Err = UnknownSource;

    fn from_str(words: &str) -> Result<Self, Self::Err> {
        match words.split_once(':') {
            // Neither a path nor a program argument can contain NUL.
            _ if words.contains('\0') => Err(UnknownSource(words.to_owned())),
            None if words == "simulated" => Ok(Self::Simulated),
            None if words == "choose" => Ok(Self::Choose),
            Some(("replay", path)) if !path.is_empty() => Ok(Self::Replay(path.into())),
            Some(("pan", path)) if !path.is_empty() => Ok(Self::Pan(path.into())),
            Some(("v4l", path)) if is_video_device(Path::new(path)) => Ok(Self::V4l(path.into())),
            Some(("nokhwa", camera)) if !camera.trim().is_empty() => Ok(Self::Nokhwa(camera.to_owned())),
            Some(("command", program)) if !program.trim().is_empty() => Ok(Self::Command(program.to_owned())),
            _ => Err(UnknownSource(words.to_owned())),
        }
    }
}

/// Accepts `/dev/videoN`, or a path below `/dev/v4l` without `..`.
fn is_video_device(path: &Path) -> bool {
    if let Ok(link) = path.strip_prefix("/dev/v4l") {
        let inside = link.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        return inside && !link.as_os_str().is_empty();
    }
    let number = path.to_str().and_then(|path| path.strip_prefix("/dev/video")).unwrap_or_default();
    number.bytes().all(|byte| byte.is_ascii_digit()) && number.parse::<u32>().is_ok()
}

impl fmt::Display for CameraSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Choose => f.write_str("choose"),
            Self::Simulated => f.write_str("simulated"),
            Self::Replay(path) => write!(f, "replay:{}", path.display()),
            Self::Pan(path) => write!(f, "pan:{}", path.display()),
            Self::V4l(path) => write!(f, "v4l:{}", path.display()),
            Self::Nokhwa(camera) => write!(f, "nokhwa:{camera}"),
            Self::Command(program) => write!(f, "command:{program}"),
        }
    }
}

impl TryFrom<String> for CameraSource {
    type Error = UnknownSource;

    fn try_from(words: String) -> Result<Self, Self::Error> {
        words.parse()
    }
}

impl From<CameraSource> for String {
    fn from(source: CameraSource) -> Self {
        source.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_camera_is_written_as_it_is_read() {
        for words in [
            "simulated",
            "choose",
            "replay:slides/*.jpg",
            "replay:C:odd",
            "pan:scans/a.toml",
            "v4l:/dev/video0",
            "v4l:/dev/video12",
            "v4l:/dev/v4l/by-id/usb-046d_HD_Webcam-video-index0",
            "nokhwa:0",
            "nokhwa:USB Microscope: 2.0",
            "command:rpicam-vid --codec mjpeg -t 0 -o -",
        ] {
            assert_eq!(words.parse::<CameraSource>().unwrap().to_string(), words);
        }
    }

    #[test]
    fn other_words_are_answered_with_every_form() {
        for words in [
            "",
            "simulate",
            "replay:",
            "replay:a\0b",
            "pan:",
            "nokhwa:",
            "command: ",
            "v4l:0",
            "v4l:/dev/video",
            "v4l:/dev/video+1",
            "v4l:/dev/video99999999999",
            "v4l:/dev/v4l/",
            "v4l:/dev/v4l/../sda",
            "/dev/video0",
        ] {
            let error = words.parse::<CameraSource>().unwrap_err();
            let said = error.to_string();
            for form in ["simulated", "replay:PATH", "pan:FILE", "v4l:/dev/videoN", "nokhwa:INDEX", "command:PROGRAM"] {
                assert!(said.contains(form), "{said}");
            }
            assert!(error.probably().parse::<CameraSource>().is_ok(), "{said} -> {}", error.probably());
        }
    }

    fn source() -> impl Strategy<Value = CameraSource> {
        let path = || "[^\0]+".prop_map(PathBuf::from);
        prop_oneof![
            Just(CameraSource::Simulated),
            Just(CameraSource::Choose),
            path().prop_map(CameraSource::Replay),
            path().prop_map(CameraSource::Pan),
            any::<u32>().prop_map(|number| CameraSource::V4l(format!("/dev/video{number}").into())),
            "[A-Za-z0-9_-]{1,20}".prop_map(|link| CameraSource::V4l(format!("/dev/v4l/by-id/{link}").into())),
            "[^\0]*[^\0 \\s][^\0]*".prop_map(CameraSource::Nokhwa),
            "[^\0]*[^\0 \\s][^\0]*".prop_map(CameraSource::Command),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same_camera(source in source()) {
            prop_assert_eq!(source.to_string().parse(), Ok(source));
        }

        #[test]
        fn for_any_words_there_is_a_camera_or_a_suggestion_that_is_one(words in "(simulated|replay:|pan:|v4l:/dev/|nokhwa:|command:|)\\PC*") {
            match words.parse::<CameraSource>() {
                Ok(source) => prop_assert_eq!(source.to_string(), words),
                Err(error) => prop_assert!(error.probably().parse::<CameraSource>().is_ok()),
            }
        }
    }
}
