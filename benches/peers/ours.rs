//! This program's side of `benches/peers`: runs what a line on standard input asks for, and answers each with a line when
//! it is done, so that the other side, which reads the processor time, takes turns with it.
//! `cargo run --release --example peers_ours -- PICTURE…`
//!
//! | line | runs |
//! |---|---|
//! | `classifier CROPS floats TIMES` | the classifier on so many crops at once, from `f32` (`bytes`: from a picture's) |
//! | `detector WIDTH HEIGHT floats TIMES` | the detector on a field of this size |
//! | `alone PICTURE` | a field on its own, from pixels to named cells, its scale found first; PICTURE counts from 0 |
//! | `known PICTURE` | the same with the scale known, as while a station counts |
//! | `red PICTURE` | the same, and every whole red cell that lies by itself named by its shape |

use std::io::{BufRead as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use image::RgbImage;
use leukoscope::domain::class::Kind;
use leukoscope::vision::Vision;
use leukoscope::vision::detect::scale::Scale;
use leukoscope::vision::models::Models;
use leukoscope::vision::net::{Array, Net};

/// A network with one input, run from numbers or from a picture's bytes.
struct Timed {
    net: Net,
    pixels: Vec<u8>,
    input: Array<4>,
}

impl Timed {
    fn new(onnx: &[u8], [images, height, width]: [usize; 3]) -> anyhow::Result<Self> {
        let mut random = fastrand::Rng::with_seed(1);
        let pixels: Vec<u8> = (0..images * height * width * 3).map(|_| random.u8(..)).collect();
        let values = pixels.iter().map(|byte| f32::from(*byte) / 255.0).collect();
        Ok(Self { net: Net::read(onnx)?, pixels, input: Array { shape: [images, 3, height, width], values } })
    }

    fn run<const RANK: usize>(&self, form: &str, times: usize) -> anyhow::Result<()> {
        let [images, _, height, width] = self.input.shape;
        for _ in 0..times {
            match form {
                "floats" => self.net.run::<RANK>(&self.input)?,
                "bytes" => self.net.run_pixels::<RANK>(&self.pixels, [images, height, width])?,
                _ => bail!("`{form}` is neither floats nor bytes"),
            };
        }
        Ok(())
    }
}

/// A decoded field, and the scale that was found in it.
struct Picture {
    image: RgbImage,
    scale: Option<Scale>,
}

fn main() -> anyhow::Result<()> {
    let models = Models::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models"))?;
    let vision = Vision::new(&models, None, None)?;
    let naming = vision.clone().naming_red_cells(&models)?;
    let read = |path: String| {
        let image = image::open(&path).with_context(|| path)?.to_rgb8();
        let scale = vision.scale(&vision.balanced(&image))?;
        anyhow::Ok(Picture { image, scale })
    };
    let pictures: Vec<Picture> = std::env::args().skip(1).map(read).collect::<Result<_, _>>()?;
    let side = models.card.classifier.size as usize;
    let mut networks: Vec<(Vec<String>, Timed)> = Vec::new();

    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let number =
            |at: usize| words.get(at).and_then(|word| word.parse::<usize>().ok()).context("a number is missing");
        let picture = |at: usize| pictures.get(number(at)?).context("there is no such picture");
        match words[..] {
            ["classifier", crops, form, _] => {
                let net = kept(&mut networks, &["classifier", crops], &models.classifier, [number(1)?, side, side])?;
                net.run::<2>(form, number(3)?)?;
                println!("done");
            }
            ["detector", width, height, form, _] => {
                let shape = [1, number(2)?, number(1)?];
                kept(&mut networks, &["detector", width, height], &models.detector, shape)?
                    .run::<4>(form, number(4)?)?;
                println!("done");
            }
            ["alone", _] => {
                let field = vision.analyze(&picture(1)?.image)?;
                println!("{} white cells", field.cells.iter().filter(|cell| cell.kind() == Kind::Wbc).count());
            }
            ["known" | "red", _] => {
                let Picture { image, scale } = picture(1)?;
                let scale = scale.context("no scale was found in this picture")?;
                let vision = if words[0] == "red" { &naming } else { &vision };
                let balanced = vision.balanced(image);
                let cells = vision.name(&balanced, scale, vision.detect(&balanced, scale)?)?;
                println!("{} white cells", cells.iter().filter(|cell| cell.kind() == Kind::Wbc).count());
            }
            _ => bail!("`{line}` is no line of the table"),
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// The network made ready for this shape; made at its first use.
fn kept<'a>(
    networks: &'a mut Vec<(Vec<String>, Timed)>,
    name: &[&str],
    onnx: &[u8],
    shape: [usize; 3],
) -> anyhow::Result<&'a Timed> {
    let known = networks.iter().position(|(known, _)| known == name);
    let at = known.unwrap_or(networks.len());
    if known.is_none() {
        networks.push((name.iter().map(ToString::to_string).collect(), Timed::new(onnx, shape)?));
    }
    Ok(&networks[at].1)
}
