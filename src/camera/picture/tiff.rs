//! TIFF files: which of their images are fields of view, and the values of one.

use std::io::{self, Read, Seek, SeekFrom};

use image::metadata::Orientation;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::limits::{LARGEST_SIDE, MOST_PIXELS, fits};
use super::samples::{Alpha, Samples, Values};
use super::stack::{self, Page, Stack};

/// Values of `NewSubfileType`: a smaller copy of another image, a mask of one.
const SMALLER_COPY: u32 = 1;
const MASK: u32 = 4;
/// Value of the old `SubfileType`: a smaller copy.
const OLD_SMALLER_COPY: u32 = 2;
/// Images of one file that are looked at.
const MOST_IMAGES: usize = 10_000;
/// Values of `PhotometricInterpretation`.
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u32 = 3;

/// Why a TIFF gives no picture.
#[derive(Debug)]
pub(super) enum TiffProblem {
    /// It is of a kind that is not read; the text names it.
    Kind(String),
    /// It is damaged; the text says how.
    Damaged(String),
    /// It is too small or too large; width and height, px.
    Size(u32, u32),
}

impl From<TiffError> for TiffProblem {
    fn from(error: TiffError) -> Self {
        match error {
            TiffError::UnsupportedError(kind) => Self::Kind(kind.to_string()),
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// A field of view: the images it is made of, one, or one each for red, green and blue.
pub(super) type FieldPages = Vec<Page>;

/// The fields of view of a file, in its order. Thumbnails, smaller copies and masks are none.
///
/// # Errors
/// When the file is no TIFF, damaged, or a composite that cannot be put together.
pub(super) fn fields(file: impl Read + Seek) -> Result<Vec<FieldPages>, TiffProblem> {
    let mut decoder = Decoder::new(file)?;
    let description = decoder.get_tag_ascii_string(Tag::ImageDescription).unwrap_or_default();
    let mut pages = Vec::new();
    loop {
        let mut number = |tag| decoder.find_tag_unsigned::<u32>(tag).ok().flatten();
        let kind = number(Tag::NewSubfileType).unwrap_or(0);
        let aside = kind & (SMALLER_COPY | MASK) != 0 || number(Tag::SubfileType) == Some(OLD_SMALLER_COPY);
        let samples = number(Tag::SamplesPerPixel).unwrap_or(1);
        pages.push(Page { index: pages.len(), size: decoder.dimensions()?, samples, aside });
        if !decoder.more_images() || pages.len() >= MOST_IMAGES {
            break;
        }
        decoder.next_image()?;
    }
    let largest =
        pages.iter().map(|page| page.size).max_by_key(|(width, height)| u64::from(*width) * u64::from(*height));
    if let Some((width, height)) = largest {
        // Scanners of slides also write previews that no tag tells from a field.
        for page in &mut pages {
            page.aside |= page.size.0 < width / 2 && page.size.1 < height / 2;
        }
    }
    pages.retain(|page| !page.aside);
    match stack::of(&description, &pages).map_err(TiffProblem::Kind)? {
        Stack::Fields => Ok(pages.into_iter().map(|page| vec![page]).collect()),
        Stack::Composites => Ok(pages.chunks(3).map(<[Page]>::to_vec).collect()),
    }
}

/// The values of one field, and how a viewer turns it.
///
/// # Errors
/// When it is damaged, too small or too large, or of a kind that is not read.
pub(super) fn read(file: &mut (impl Read + Seek), field: &FieldPages) -> Result<(Samples, Orientation), TiffProblem> {
    for page in field {
        if !fits(page.size) {
            return Err(TiffProblem::Size(page.size.0, page.size.1));
        }
    }
    let mut channels = Vec::new();
    for page in field {
        channels.push(image(file, page)?);
    }
    if channels.len() == 1 {
        return channels.pop().ok_or_else(|| TiffProblem::Damaged("it has no image".to_owned()));
    }
    let orientation = channels.first().map_or(Orientation::NoTransforms, |(_, orientation)| *orientation);
    let channels: Vec<Samples> = channels.into_iter().map(|(samples, _)| samples).collect();
    let colour = Samples::of_channels(&channels);
    Ok((colour.ok_or_else(|| TiffProblem::Damaged("its channels differ in kind".to_owned()))?, orientation))
}

fn open<R: Read + Seek>(mut file: R, index: usize) -> Result<Decoder<R>, TiffProblem> {
    let mut limits = Limits::default();
    // Floats of four channels at the most; the size was checked.
    limits.decoding_buffer_size = MOST_PIXELS as usize * 16;
    limits.intermediate_buffer_size = MOST_PIXELS as usize * 16;
    // The decoder begins where the file stands.
    file.rewind().map_err(TiffError::from)?;
    let mut decoder = Decoder::new(file)?.with_limits(limits);
    decoder.seek_to_image(index)?;
    Ok(decoder)
}

/// One image of the file.
fn image(file: &mut (impl Read + Seek), page: &Page) -> Result<(Samples, Orientation), TiffProblem> {
    let mut decoder = open(&mut *file, page.index)?;
    let mut number = |tag| decoder.find_tag_unsigned::<u32>(tag).ok().flatten();
    let turned = number(Tag::Orientation).and_then(|value| u8::try_from(value).ok());
    let orientation = turned.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
    let tile = number(Tag::TileWidth).max(number(Tag::TileLength));
    if tile.is_some_and(|side| side > 2 * LARGEST_SIDE) {
        return Err(TiffProblem::Damaged("its tiles are larger than any picture".to_owned()));
    }
    let palette = number(Tag::PhotometricInterpretation) == Some(PALETTE);
    let highest = decoder.find_tag_unsigned_vec::<u32>(Tag::MaxSampleValue).ok().flatten();
    let highest = highest.and_then(|values| values.into_iter().max());
    let samples = if palette {
        let map = decoder.get_tag_u16_vec(Tag::ColorMap)?;
        let directory = decoder.ifd_pointer().map(|pointer| pointer.0).unwrap_or_default();
        drop(decoder);
        let patch = photometric(file, directory).map_err(|problem| TiffProblem::Damaged(problem.to_string()))?;
        // The decoder refuses a palette, so it reads the numbers of the colours as if they were grey.
        let mut decoder = open(Patched { inner: file, patch, at: 0 }, page.index)?;
        coloured(values(&mut decoder, page.size)?, &map)?
    } else {
        Samples { highest, ..values(&mut decoder, page.size)? }
    };
    Ok((samples, orientation))
}

/// The values of the decoder's current image.
fn values<R: Read + Seek>(decoder: &mut Decoder<R>, size: (u32, u32)) -> Result<Samples, TiffProblem> {
    let kind = decoder.colortype()?;
    let refused = || TiffProblem::Kind(format!("{kind:?}"));
    let associated = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten() == Some(vec![1]);
    let channels = match kind {
        ColorType::Gray(8..) => 1,
        ColorType::GrayA(_) | ColorType::Multiband { num_samples: 2, bit_depth: 8.. } => 2,
        ColorType::RGB(_) | ColorType::YCbCr(8) | ColorType::Multiband { num_samples: 3, bit_depth: 8.. } => 3,
        ColorType::RGBA(_) | ColorType::CMYK(8) => 4,
        _ => return Err(refused()),
    };
    let mut result = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut result)?;
    let planes = layout.planes > 1;
    let pixels = size.0 as usize * size.1 as usize;
    let values = match result {
        DecodingResult::U8(values) => Values::Eight(interleaved(values, channels, pixels, planes)?),
        DecodingResult::U16(values) => Values::Sixteen(interleaved(values, channels, pixels, planes)?),
        DecodingResult::I16(values) => {
            let values = values.into_iter().map(|value| value.max(0).unsigned_abs()).collect();
            Values::Sixteen(interleaved(values, channels, pixels, planes)?)
        }
        DecodingResult::F32(values) => Values::Float(interleaved(values, channels, pixels, planes)?),
        DecodingResult::F64(values) => {
            let values = values.into_iter().map(|value| value as f32).collect();
            Values::Float(interleaved(values, channels, pixels, planes)?)
        }
        _ => return Err(refused()),
    };
    let values = match (kind, values) {
        (ColorType::YCbCr(_), Values::Eight(values)) => Values::Eight(rgb_of_ycbcr(&values)),
        (ColorType::CMYK(_), Values::Eight(values)) => Values::Eight(rgb_of_cmyk(&values)),
        (_, values) => values,
    };
    let channels = if matches!(kind, ColorType::CMYK(_)) { 3 } else { channels };
    let alpha = if associated { Alpha::Associated } else { Alpha::Straight };
    Ok(Samples { size, channels, values, alpha, highest: None })
}

/// Channels side by side for each pixel, also when the file has them one after the other.
fn interleaved<T: Copy + Default>(
    values: Vec<T>,
    channels: usize,
    pixels: usize,
    planes: bool,
) -> Result<Vec<T>, TiffProblem> {
    if values.len() != pixels * channels {
        return Err(TiffProblem::Damaged("its size is not that of its pixels".to_owned()));
    }
    if !planes {
        return Ok(values);
    }
    let mut whole = vec![T::default(); values.len()];
    for (channel, plane) in values.chunks_exact(pixels).enumerate() {
        whole.iter_mut().skip(channel).step_by(channels).zip(plane).for_each(|(to, from)| *to = *from);
    }
    Ok(whole)
}

/// ITU-R BT.601 with the full range, which JPEG in TIFF uses.
fn rgb_of_ycbcr(values: &[u8]) -> Vec<u8> {
    let rgb = |pixel: &[u8]| {
        let [y, cb, cr] = [f32::from(pixel[0]), f32::from(pixel[1]) - 128.0, f32::from(pixel[2]) - 128.0];
        [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb]
            .map(|value| value.round().clamp(0.0, 255.0) as u8)
    };
    values.chunks_exact(3).flat_map(rgb).collect()
}

fn rgb_of_cmyk(values: &[u8]) -> Vec<u8> {
    let rgb = |pixel: &[u8]| {
        [pixel[0], pixel[1], pixel[2]].map(|ink| ((255 - u32::from(ink)) * (255 - u32::from(pixel[3])) / 255) as u8)
    };
    values.chunks_exact(4).flat_map(rgb).collect()
}

/// The colours that 8-bit numbers stand for. `map` holds all reds, then all greens, then all blues, 16 bits each.
fn coloured(numbers: Samples, map: &[u16]) -> Result<Samples, TiffProblem> {
    let Values::Eight(values) = numbers.values else {
        return Err(TiffProblem::Kind("a palette of other than 8 bits".to_owned()));
    };
    let length = map.len() / 3;
    // Some writers give 8 bits where 16 are meant.
    let shift = if map.iter().all(|value| *value < 256) { 0 } else { 8 };
    let colour = |number: u8| {
        [0, 1, 2]
            .map(|channel| map.get(channel * length + usize::from(number)).map_or(0, |value| (value >> shift) as u8))
    };
    let values = Values::Eight(values.into_iter().flat_map(colour).collect());
    Ok(Samples { channels: 3, values, ..numbers })
}

/// Bytes that are read instead of those in the file: their place, and the bytes.
type Patch = (u64, [u8; 2]);

/// What makes the image of the directory at `place` grey.
fn photometric(file: &mut (impl Read + Seek), place: u64) -> io::Result<Patch> {
    let mut head = [0; 4];
    file.rewind()?;
    file.read_exact(&mut head)?;
    let little = head[0] == b'I';
    let big = head[2..].contains(&43);
    let number = |bytes: &[u8]| {
        let bytes = bytes.iter();
        let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if little { bytes.rev().fold(0, fold) } else { bytes.fold(0, fold) }
    };
    let (count_length, entry_length, value_at) = if big { (8, 20, 12) } else { (2, 12, 8) };
    file.seek(SeekFrom::Start(place))?;
    let mut count = vec![0; count_length];
    file.read_exact(&mut count)?;
    for entry in 0..number(&count) {
        let mut bytes = [0; 20];
        file.read_exact(&mut bytes[..entry_length])?;
        if number(&bytes[..2]) == u64::from(Tag::PhotometricInterpretation.to_u16()) {
            let at = place + count_length as u64 + entry * entry_length as u64 + value_at;
            return Ok((at, if little { BLACK_IS_ZERO.to_le_bytes() } else { BLACK_IS_ZERO.to_be_bytes() }));
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// A file with some bytes exchanged.
struct Patched<R> {
    inner: R,
    patch: Patch,
    at: u64,
}

impl<R: Read> Read for Patched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        for (place, byte) in (self.patch.0..).zip(self.patch.1) {
            let at = place.checked_sub(self.at).and_then(|at| usize::try_from(at).ok());
            if let Some(there) = at.and_then(|at| buffer[..length].get_mut(at)) {
                *there = byte;
            }
        }
        self.at += length as u64;
        Ok(length)
    }
}

impl<R: Seek> Seek for Patched<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.inner.seek(to)?;
        Ok(self.at)
    }
}
