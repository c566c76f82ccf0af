//! Plan of a simulated stage: a small TOML file, or the defaults for a bare picture.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::system::file;

/// Largest plan, bytes: a longer file is something else.
const LARGEST_FILE: u64 = 1 << 20;

/// What stage, lamp and camera do. Lengths are in px of the scan.
///
/// In a file every key but `image` may be left out. Shares are 0..=1.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// The scan, a large picture; relative to the plan's own folder.
    pub image: PathBuf,
    /// Width of the field of view, 16..=8192; never wider than the scan.
    pub width: u32,
    /// Height of the field of view, 16..=8192; never higher than the scan.
    pub height: u32,
    /// Stage motion per frame, 0..=8192.
    pub step: f64,
    /// Places that the field's top-left corner moves through, in straight lines; places beyond the scan's edge are
    /// moved to the edge. Empty: an endless random walk.
    pub way: Vec<Waypoint>,
    /// Seed for the random walk, and for which frames are dim, noisy or out of focus.
    pub seed: u64,
    /// Frames in the recording; `None`: to the end of the way, or without end.
    pub frames: Option<u64>,
    /// The stage pauses once in this many frames; 0: never.
    pub pause_every: u32,
    /// Frames that a pause lasts.
    pub pause_frames: u32,
    /// Largest share by which the light of a frame is brighter or dimmer.
    pub flicker: f64,
    /// Standard deviation of the sensor noise, grey levels, 0..=50.
    pub noise: f64,
    /// Share of frames that are out of focus.
    pub defocus: f64,
    /// Blur of these frames, standard deviation in px, 0..=50.
    pub blur: f64,
    /// Frames per second; 0: as fast as they are used, skipping none. `None`: as configured.
    pub frame_rate: Option<f64>,
}

/// A place on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waypoint {
    /// Left edge of the field.
    pub x: f64,
    /// Top edge of the field.
    pub y: f64,
    /// Further frames that the stage stays there.
    #[serde(default)]
    pub rest: u32,
    /// Whether the stage jumps here without showing what lies between.
    #[serde(default)]
    pub jump: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            image: PathBuf::new(),
            width: 640,
            height: 480,
            step: 36.0,
            way: Vec::new(),
            seed: 1,
            frames: None,
            pause_every: 80,
            pause_frames: 10,
            flicker: 0.03,
            noise: 1.0,
            defocus: 0.05,
            blur: 2.5,
            frame_rate: None,
        }
    }
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read.
    #[error("{}: the plan of the simulated stage cannot be read ({problem}); check the path and its permissions", path.display())]
    Unreadable {
        path: PathBuf,
        /// Error from the system.
        problem: std::io::Error,
    },
    /// Larger than any plan.
    #[error("{}: too large for the plan of a simulated stage; a plan has at most 1 MiB", .0.display())]
    TooLarge(PathBuf),
    /// Not TOML, or an unknown key or invalid value. The text gives line and column.
    #[error("the plan of the simulated stage is not understood: {0}")]
    Text(String),
    /// A value out of its range.
    #[error("the plan of the simulated stage has `{key} = {value}`; it takes {range}")]
    Range {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// Its allowed range.
        range: String,
    },
    /// The plan names no picture.
    #[error("the plan of the simulated stage names no picture; write for example image = \"scan.png\"")]
    NoImage,
}

impl Plan {
    /// Reads a plan file; makes `image` relative to the file's folder.
    ///
    /// # Errors
    /// If the file cannot be read or [`Plan::parse`] refuses it.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let unreadable = |problem| PlanError::Unreadable { path: path.to_owned(), problem };
        if fs::metadata(path).map_err(unreadable)?.len() > LARGEST_FILE {
            return Err(PlanError::TooLarge(path.to_owned()));
        }
        let mut plan = Self::parse(&file::read_to_string(path).map_err(unreadable)?)?;
        if let Some(folder) = path.parent() {
            plan.image = folder.join(&plan.image);
        }
        Ok(plan)
    }

    /// Parses a plan.
    ///
    /// # Errors
    /// If it is not TOML, has an unknown key or a value out of range, or lacks `image`.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let plan: Self = toml::from_str(text).map_err(|error| {
            // The parser's message has the place in its first line and the problem in its last ones.
            let said = error.to_string();
            let place = said.lines().next().unwrap_or_default();
            PlanError::Text(format!("{place}: {}", error.message().split_whitespace().collect::<Vec<_>>().join(" ")))
        })?;
        if plan.image.as_os_str().is_empty() {
            return Err(PlanError::NoImage);
        }
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), PlanError> {
        let within = |key, value: f64, low: f64, high: f64| {
            let good = (low..=high).contains(&value);
            let range = format!("{low} to {high}");
            if good { Ok(()) } else { Err(PlanError::Range { key, value, range }) }
        };
        within("width", self.width.into(), 16.0, 8192.0)?;
        within("height", self.height.into(), 16.0, 8192.0)?;
        within("step", self.step, 0.0, 8192.0)?;
        within("flicker", self.flicker, 0.0, 1.0)?;
        within("noise", self.noise, 0.0, 50.0)?;
        within("defocus", self.defocus, 0.0, 1.0)?;
        within("blur", self.blur, 0.0, 50.0)?;
        within("frame_rate", self.frame_rate.unwrap_or(0.0), 0.0, 240.0)?;
        for point in &self.way {
            within("way x", point.x, 0.0, 65_536.0)?;
            within("way y", point.y, 0.0, 65_536.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_needs_a_picture_and_nothing_else() {
        let plan = Plan::parse("image = \"scan.png\"").unwrap();
        assert_eq!(plan, Plan { image: "scan.png".into(), ..Plan::default() });
        assert!(matches!(Plan::parse("step = 10"), Err(PlanError::NoImage)));
    }

    #[test]
    fn a_way_is_a_list_of_places() {
        let plan = Plan::parse(
            "image = \"scan.png\"\nstep = 10\nway = [{ x = 0, y = 0 }, { x = 600, y = 0.5, rest = 20 }, \
             { x = 0, y = 400, jump = true }]",
        )
        .unwrap();
        assert_eq!(plan.way[1], Waypoint { x: 600.0, y: 0.5, rest: 20, jump: false });
        assert!(plan.way[2].jump);
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_what_can() {
        let said = |line: &str| Plan::parse(&format!("image = \"scan.png\"\n{line}")).unwrap_err().to_string();
        assert!(said("defocus = 20").ends_with("`defocus = 20`; it takes 0 to 1"), "{}", said("defocus = 20"));
        assert!(said("noise = nan").contains("it takes 0 to 50"));
        assert!(said("speed = 3").contains("line 2") && said("speed = 3").contains("`speed`"), "{}", said("speed = 3"));
        assert!(said("width = 0").contains("it takes 16 to 8192"));
    }
}
