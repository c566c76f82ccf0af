//! Writes the input of `benches/arm_cost`: the shipped models with their networks in `f32`, and pictures of the
//! simulated microscope, whole frames and single white cells. `cargo run --example cost_material FOLDER FRAMES`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use leukoscope::vision::card_seal::sealed;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

#[expect(dead_code, reason = "the network is written here; tests run it")]
#[path = "../../tests/common/float_twin.rs"]
mod float_twin;

/// Side of a cell picture, px.
const SIDE: u32 = 200;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("name a folder to write into")?);
    let frames: u64 = arguments.next().context("say how many frames")?.parse()?;
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    std::fs::create_dir_all(&folder)?;

    let mut card = std::fs::read_to_string(shipped.join("model.toml"))?;
    for file in std::fs::read_dir(&shipped)? {
        let (path, name) = file.map(|file| (file.path(), file.file_name()))?;
        match path.extension().and_then(|end| end.to_str()) {
            Some("onnx") => {
                let onnx = std::fs::read(&path)?;
                let floats = float_twin::float_model(&onnx)?.encode_to_vec();
                card = card.replace(&digest(&onnx), &digest(&floats));
                std::fs::write(folder.join(name), floats)?;
            }
            Some("toml") => drop(std::fs::copy(&path, folder.join(name))?),
            _ => {}
        }
    }
    let card = sealed(&card).context("the card is no TOML")?;
    std::fs::write(folder.join("model.toml"), card)?;

    pictures(&folder, frames)
}

/// SHA-256 in hexadecimal digits, as the card has it.
fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Writes `folder/frames` of a moving stage, `folder/rest` of a resting one, `folder/fields` that overlap nothing, and `folder/cells`:
/// as many of each. TIFF, because reading it costs least: a BMP file takes a quarter of a frame's instructions.
fn pictures(folder: &Path, frames: u64) -> anyhow::Result<()> {
    // A field is 640 px wide, and the stage goes 36 px a frame.
    const APART: u64 = 40;
    for kind in ["frames", "rest", "fields", "cells"] {
        std::fs::create_dir_all(folder.join(kind))?;
    }
    let moving = SimulatedMicroscope::new(SimulatedSettings::default());
    let resting = SimulatedMicroscope::new(SimulatedSettings { step_px: 0.0, ..SimulatedSettings::default() });
    for number in 0..frames {
        let save = |kind: &str, picture: image::RgbImage| picture.save(folder.join(format!("{kind}/{number:05}.tif")));
        save("frames", moving.draw(number).0)?;
        save("rest", resting.draw(number).0)?;
        save("fields", moving.draw(number * APART).0)?;
    }
    let mut cells = 0;
    for number in 0_u64.. {
        if cells >= frames {
            break;
        }
        let (picture, truth) = moving.draw(number);
        for cell in truth.iter().filter(|cell| cell.whole && cell.class.is_some()) {
            let left = (cell.x + cell.w / 2.0 - SIDE as f32 / 2.0).max(0.0) as u32;
            let top = (cell.y + cell.h / 2.0 - SIDE as f32 / 2.0).max(0.0) as u32;
            if cells < frames && left + SIDE <= picture.width() && top + SIDE <= picture.height() {
                let cell = image::imageops::crop_imm(&picture, left, top, SIDE, SIDE).to_image();
                cell.save(folder.join(format!("cells/{cells:05}.tif")))?;
                cells += 1;
            }
        }
    }
    Ok(())
}
