//! The values of a picture as 8-bit RGB: which value is white is found from the file's own word or from the values.

use image::{DynamicImage, RgbImage};

/// Interleaved values, row by row.
#[derive(Debug)]
pub(super) enum Values {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
    Float(Vec<f32>),
}

/// What the last of two or four channels is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alpha {
    /// Opacity; the colours are as they would be seen.
    Straight,
    /// Opacity; the colours are already multiplied by it.
    Associated,
}

/// A decoded picture.
#[derive(Debug)]
pub(super) struct Samples {
    /// Width and height, px.
    pub size: (u32, u32),
    /// 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha).
    pub channels: usize,
    pub values: Values,
    pub alpha: Alpha,
    /// The highest value that the file's own tags allow.
    pub highest: Option<u32>,
}

/// Depths of cameras, bits, that store their values in 16.
const DEPTHS: [u32; 5] = [8, 10, 12, 14, 16];

impl Samples {
    /// Values as the decoder left them; other kinds than 8 bits, 16 bits and floats become 8 bits.
    pub fn of(picture: DynamicImage) -> Self {
        let size = (picture.width(), picture.height());
        let channels = usize::from(picture.color().channel_count());
        let (channels, values) = match picture {
            DynamicImage::ImageLuma8(values) => (channels, Values::Eight(values.into_raw())),
            DynamicImage::ImageLumaA8(values) => (channels, Values::Eight(values.into_raw())),
            DynamicImage::ImageRgb8(values) => (channels, Values::Eight(values.into_raw())),
            DynamicImage::ImageRgba8(values) => (channels, Values::Eight(values.into_raw())),
            DynamicImage::ImageLuma16(values) => (channels, Values::Sixteen(values.into_raw())),
            DynamicImage::ImageLumaA16(values) => (channels, Values::Sixteen(values.into_raw())),
            DynamicImage::ImageRgb16(values) => (channels, Values::Sixteen(values.into_raw())),
            DynamicImage::ImageRgba16(values) => (channels, Values::Sixteen(values.into_raw())),
            DynamicImage::ImageRgb32F(values) => (channels, Values::Float(values.into_raw())),
            DynamicImage::ImageRgba32F(values) => (channels, Values::Float(values.into_raw())),
            other => (3, Values::Eight(other.into_rgb8().into_raw())),
        };
        Self { size, channels, values, alpha: Alpha::Straight, highest: None }
    }

    /// A picture of single-channel pictures, one a channel; none if they differ in size or kind.
    pub fn of_channels(channels: &[Self]) -> Option<Self> {
        let first = channels.first()?;
        let count = channels.len();
        if channels.iter().any(|one| one.channels != 1 || one.size != first.size) {
            return None;
        }
        let (size, highest) = (first.size, channels.iter().map(|one| one.highest).max()?);
        macro_rules! joined {
            ($kind:ident) => {{
                let planes: Vec<_> = channels
                    .iter()
                    .map(|one| match &one.values {
                        Values::$kind(values) => Some(values),
                        _ => None,
                    })
                    .collect::<Option<_>>()?;
                let pixels = planes.first()?.len();
                Values::$kind((0..pixels).flat_map(|at| planes.iter().map(move |plane| plane[at])).collect())
            }};
        }
        let values = match first.values {
            Values::Eight(_) => joined!(Eight),
            Values::Sixteen(_) => joined!(Sixteen),
            Values::Float(_) => joined!(Float),
        };
        Some(Self { size, channels: count, values, alpha: Alpha::Straight, highest })
    }

    /// The picture over white, and a note when its values are not 8 bits or the full 16.
    ///
    /// # Errors
    /// Says what is wrong when no range of the values makes sense.
    pub fn into_rgb(self) -> Result<(RgbImage, Option<String>), String> {
        let (width, height) = self.size;
        let wrong = || "its size is not that of its pixels".to_owned();
        match self.values {
            Values::Eight(values) if self.channels == 3 => {
                Ok((RgbImage::from_raw(width, height, values).ok_or_else(wrong)?, None))
            }
            Values::Eight(values) => {
                let pixels = over_white(&values, self.channels, self.alpha, |value| value);
                Ok((RgbImage::from_raw(width, height, pixels).ok_or_else(wrong)?, None))
            }
            Values::Sixteen(values) => {
                let most = colours(&values, self.channels).max().unwrap_or(0);
                let bits = depth(self.highest.unwrap_or(0).max(u32::from(most)));
                let white = (1_u32 << bits) - 1;
                let eight = |value: u16| ((u32::from(value) * 255 + white / 2) / white).min(255) as u8;
                let pixels = over_white(&values, self.channels, self.alpha, eight);
                let note = (bits < 16).then(|| format!("values up to {most} of 65535, read as {bits} bits"));
                Ok((RgbImage::from_raw(width, height, pixels).ok_or_else(wrong)?, note))
            }
            Values::Float(values) => {
                if colours(&values, self.channels).any(|value| !value.is_finite()) {
                    return Err("some of its values are no numbers".to_owned());
                }
                let most = colours(&values, self.channels).fold(0.0, f32::max);
                let white =
                    white_of(most).ok_or_else(|| format!("its values go up to {most}, which is no usual range"))?;
                let eight = |value: f32| (value / white * 255.0).round().clamp(0.0, 255.0) as u8;
                let pixels = over_white(&values, self.channels, self.alpha, eight);
                let note = format!("floating-point values up to {most}, read as 0 to {white}");
                Ok((RgbImage::from_raw(width, height, pixels).ok_or_else(wrong)?, Some(note)))
            }
        }
    }
}

/// The values without those of the alpha channel.
fn colours<T: Copy>(values: &[T], channels: usize) -> impl Iterator<Item = T> {
    let alpha = channels.is_multiple_of(2);
    values.iter().enumerate().filter(move |(at, _)| !alpha || at % channels != channels - 1).map(|(_, value)| *value)
}

/// The smallest usual depth, bits, that holds `highest`. Brightfield pictures use most of their camera's range, so a picture
/// that stays below a sixteenth of 16 bits comes from a camera of fewer.
fn depth(highest: u32) -> u32 {
    DEPTHS.into_iter().find(|bits| highest < 1 << bits).unwrap_or(16)
}

/// The value of white for floating-point values up to `most`.
fn white_of(most: f32) -> Option<f32> {
    match most {
        // Resampling overshoots a little.
        ..=1.05 => Some(1.0),
        ..=270.0 => Some(255.0),
        ..=65535.5 => Some(((1_u32 << depth(most as u32)) - 1) as f32),
        _ => None,
    }
}

/// Interleaved 8-bit RGB. Transparent pixels become white; an alpha channel that is 0 everywhere says nothing, as when a paint
/// program left it unset.
fn over_white<T: Copy + Default + PartialEq>(
    values: &[T],
    channels: usize,
    alpha: Alpha,
    eight: impl Fn(T) -> u8,
) -> Vec<u8> {
    let opaque =
        !channels.is_multiple_of(2) || values.chunks_exact(channels).all(|pixel| pixel[channels - 1] == T::default());
    let mut pixels = Vec::with_capacity(values.len() / channels * 3);
    for pixel in values.chunks_exact(channels) {
        let colour = if channels < 3 { [eight(pixel[0]); 3] } else { [pixel[0], pixel[1], pixel[2]].map(&eight) };
        if opaque {
            pixels.extend(colour);
            continue;
        }
        let opacity = u32::from(eight(pixel[channels - 1]));
        pixels.extend(colour.map(|value| {
            let own = match alpha {
                Alpha::Straight => u32::from(value) * opacity,
                Alpha::Associated => u32::from(value) * 255,
            };
            ((own + 255 * (255 - opacity) + 127) / 255).min(255) as u8
        }));
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(channels: usize, values: Values) -> Samples {
        Samples { size: (2, 1), channels, values, alpha: Alpha::Straight, highest: None }
    }

    #[test]
    fn the_range_of_deep_values_is_found_and_said() {
        for (most, bits) in [(255, 8), (1023, 10), (4000, 12), (16_000, 14)] {
            let (picture, note) = samples(1, Values::Sixteen(vec![0, most])).into_rgb().unwrap();
            assert!(picture.get_pixel(1, 0)[0] > 230, "{most}");
            assert_eq!(note, Some(format!("values up to {most} of 65535, read as {bits} bits")));
        }
        let (picture, note) = samples(1, Values::Sixteen(vec![0, 32_768])).into_rgb().unwrap();
        assert_eq!((picture.get_pixel(1, 0)[0], note), (128, None));
        let told = Samples { highest: Some(4095), ..samples(1, Values::Sixteen(vec![0, 512])) };
        assert_eq!(told.into_rgb().unwrap().0.get_pixel(1, 0)[0], 32);
    }

    #[test]
    fn floating_point_values_are_read_from_0_to_1_or_to_255() {
        for most in [1.0, 255.0, 4095.0] {
            let (picture, note) = samples(1, Values::Float(vec![most / 2.0, most])).into_rgb().unwrap();
            assert_eq!((picture.get_pixel(0, 0)[0], picture.get_pixel(1, 0)[0]), (128, 255), "{most}");
            assert!(note.unwrap().contains("floating-point"));
        }
        assert!(samples(1, Values::Float(vec![1.0, f32::NAN])).into_rgb().is_err());
        assert!(samples(1, Values::Float(vec![1.0, 1e9])).into_rgb().is_err());
    }

    #[test]
    fn an_alpha_channel_of_zeros_says_nothing() {
        let (picture, _) = samples(4, Values::Eight(vec![9, 8, 7, 0, 6, 5, 4, 0])).into_rgb().unwrap();
        assert_eq!(picture.into_raw(), [9, 8, 7, 6, 5, 4]);
        let (picture, _) = samples(2, Values::Eight(vec![9, 0, 6, 255])).into_rgb().unwrap();
        assert_eq!(picture.into_raw(), [255, 255, 255, 6, 6, 6]);
    }
}
