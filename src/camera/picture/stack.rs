//! How the images of one TIFF belong together, by what `ImageJ` and OME write into its description. Pure.

/// One image of the file.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Its place in the file, from 0.
    pub index: usize,
    /// Width and height, px.
    pub size: (u32, u32),
    /// Samples per pixel.
    pub samples: u32,
    /// A thumbnail, a smaller copy or a mask.
    pub aside: bool,
}

/// What the images of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stack {
    /// Each is a field of its own.
    Fields,
    /// Three after another are the red, green and blue of one field.
    Composites,
}

/// What a description says about its file's images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Described {
    program: &'static str,
    /// Images that are channels of the same field.
    channels: usize,
    /// All images.
    images: usize,
    /// Whether the channels of a field follow each other.
    channels_first: bool,
}

/// Says what `pages` are.
///
/// # Errors
/// Names a composite that cannot be put together as colours, and how to save it instead.
pub(super) fn of(description: &str, pages: &[Page]) -> Result<Stack, String> {
    let Some(described) = imagej(description).or_else(|| ome(description)) else { return Ok(Stack::Fields) };
    let Described { program, channels, images, channels_first } = described;
    if images > pages.len() && pages.len() == 1 {
        return Err(format!("{program} stack of {images} images in one; save the images as files of their own"));
    }
    let grey = pages.iter().all(|page| page.samples == 1);
    if channels <= 1 || !grey {
        return Ok(Stack::Fields);
    }
    if channels == 3 && channels_first && pages.len().is_multiple_of(3) {
        return Ok(Stack::Composites);
    }
    Err(format!("{program} composite of {channels} channels; save it as an RGB picture"))
}

/// `ImageJ=1.54f`, then lines such as `channels=3`.
fn imagej(description: &str) -> Option<Described> {
    description.starts_with("ImageJ=").then(|| {
        let number = |key: &str| {
            let lines = description.lines().filter_map(|line| line.split_once('='));
            let value = lines.filter(|(name, _)| name.trim() == key).find_map(|(_, value)| value.trim().parse().ok());
            value.unwrap_or(1_usize)
        };
        Described { program: "an ImageJ", channels: number("channels"), images: number("images"), channels_first: true }
    })
}

/// The OME-XML of a file: attributes of its first `Pixels` element.
fn ome(description: &str) -> Option<Described> {
    let pixels = description.split_once("<OME")?.1.split_once("<Pixels")?.1.split_once('>')?.0;
    let attribute = |name: &str| {
        let value = pixels.split_once(&format!(" {name}=\""))?.1;
        Some(value.split_once('"')?.0.to_owned())
    };
    let number = |name: &str| attribute(name).and_then(|value| value.parse::<usize>().ok()).unwrap_or(1);
    let (channels, others) = (number("SizeC"), number("SizeZ").saturating_mul(number("SizeT")));
    let order = attribute("DimensionOrder").unwrap_or_default();
    // Files of a set name each other; what counts here is what this one holds.
    Some(Described { program: "an OME", channels, images: 1, channels_first: others == 1 || order.starts_with("XYC") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(count: usize, samples: u32) -> Vec<Page> {
        (0..count).map(|index| Page { index, size: (640, 480), samples, aside: false }).collect()
    }

    #[test]
    fn three_grey_channels_are_one_colour_picture() {
        let imagej = "ImageJ=1.54f\nimages=6\nchannels=3\nslices=2\nhyperstack=true\nmode=composite\n";
        assert_eq!(of(imagej, &pages(6, 1)), Ok(Stack::Composites));
        let ome = r#"<?xml version="1.0"?><OME><Image><Pixels DimensionOrder="XYCZT" SizeC="3" SizeZ="1" SizeT="1" SizeX="640">"#;
        assert_eq!(of(ome, &pages(3, 1)), Ok(Stack::Composites));
        assert_eq!(of(ome, &pages(1, 3)), Ok(Stack::Fields), "colours side by side");
    }

    #[test]
    fn other_composites_are_refused_by_name_and_plain_stacks_are_fields() {
        for channels in [2, 4] {
            let said = of(&format!("ImageJ=1.54f\nimages={channels}\nchannels={channels}\n"), &pages(channels, 1));
            assert!(said.unwrap_err().contains(&format!("ImageJ composite of {channels} channels")));
        }
        let apart = r#"<OME><Pixels DimensionOrder="XYZCT" SizeC="3" SizeZ="2" SizeT="1">"#;
        assert!(of(apart, &pages(6, 1)).unwrap_err().contains("OME composite"));
        assert_eq!(of("ImageJ=1.54f\nimages=4\nslices=4\n", &pages(4, 1)), Ok(Stack::Fields));
        assert!(of("ImageJ=1.54f\nimages=4\nslices=4\n", &pages(1, 1)).is_err(), "images without directories");
        assert_eq!(of("three fields", &pages(3, 3)), Ok(Stack::Fields));
    }
}
