//! The cameras of this machine: V4L2 devices that the kernel lists, and what nokhwa reports about its cameras.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A camera listed by the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoDevice {
    /// `/dev/videoN`.
    pub path: PathBuf,
    /// The driver's name for it; empty if it gives none.
    pub name: String,
}

/// A camera listed by the nokhwa library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryCamera {
    /// Its source in the configuration, `nokhwa:INDEX`.
    pub source: String,
    /// The driver's name for it.
    pub name: String,
    /// Pixel formats with their sizes and rates, one line each; empty if the camera could not be opened.
    pub formats: Vec<String>,
    /// Exposure, gain and white balance, as far as the camera has them, each with its range.
    pub controls: Vec<String>,
}

/// Lists the V4L2 devices by number. Empty if there are none, or on a system without V4L2.
///
/// Many cameras have a second device for metadata, which delivers no frames; the kernel's list does not distinguish the
/// two.
#[must_use]
pub fn devices() -> Vec<VideoDevice> {
    devices_below(Path::new("/sys/class/video4linux"))
}

fn devices_below(list: &Path) -> Vec<VideoDevice> {
    let Ok(entries) = fs::read_dir(list) else { return Vec::new() };
    let mut found: Vec<(u32, VideoDevice)> = entries
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix("video")?.parse().ok()?;
            let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
            let path = PathBuf::from(format!("/dev/video{number}"));
            Some((number, VideoDevice { path, name: name.trim().to_owned() }))
        })
        .collect();
    found.sort_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, device)| device).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_listed_by_number_with_their_names() {
        let list = tempfile::tempdir().unwrap();
        for (device, name) in [("video10", "Second\n"), ("video2", "USB Microscope\n"), ("v4l-subdev0", "no camera\n")]
        {
            fs::create_dir(list.path().join(device)).unwrap();
            fs::write(list.path().join(device).join("name"), name).unwrap();
        }
        let found = devices_below(list.path());
        let names: Vec<_> = found.iter().map(|d| (d.path.to_str().unwrap(), d.name.as_str())).collect();
        assert_eq!(names, [("/dev/video2", "USB Microscope"), ("/dev/video10", "Second")]);
    }

    #[test]
    fn a_machine_without_cameras_has_an_empty_list() {
        assert!(devices_below(Path::new("/nonexistent/video4linux")).is_empty());
    }
}
