//! The pixels of one JPEG image. An image that lacks a piece of its pixels is refused: decoders fill it with grey.

use std::borrow::Cow;
use std::ops::Range;

use image::RgbImage;
use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::walk::{Walk, Walked};

const END: [u8; 2] = [0xff, 0xd9];
const PROGRESSIVE: u8 = 0xc2;
const HUFFMAN_TABLES: u8 = 0xc4;
const SCAN: u8 = 0xda;
/// An APP0 segment with the mark of Motion JPEG in AVI files. It makes the decoder take the Huffman tables of ITU-T T.81,
/// annex K, for those that the image lacks.
const MOTION_JPEG: [u8; 16] = [0xff, 0xe0, 0, 14, b'A', b'V', b'I', b'1', 0, 0, 0, 0, 0, 0, 0, 0];
/// Fillers that stand for what may be missing of a scan, without a byte that begins a marker.
const FILLERS: [u8; 2] = [0x55, 0xaa];
/// Length of a filler, bytes: more than one row of blocks of the widest image that ends in nothing but end-of-block codes.
const FILLER_LENGTH: usize = 4096;
/// Width, px, from which one row of blocks fills more bytes than the decoder reads ahead.
const WIDE: u32 = 64;

/// An image whose headers were read.
#[derive(Debug)]
pub(in crate::camera) struct Jpeg<'a> {
    /// From the start marker to the end of the scan, without the end marker.
    data: Cow<'a, [u8]>,
    /// Whether it had its end marker.
    ends: bool,
    progressive: bool,
    grey: bool,
    /// Width and height, px.
    pub size: (u32, u32),
    /// How a viewer turns it.
    pub orientation: Orientation,
}

impl<'a> Jpeg<'a> {
    /// Reads the headers. Bytes after the image do not matter; an end marker, Huffman tables (as in Motion JPEG of USB
    /// cameras, where both are optional) and stray bytes between segments are made up for.
    ///
    /// # Errors
    /// Says what is wrong when the bytes hold no JPEG image, or end before its scan.
    pub fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let missing = || "its end or a piece of it is missing".to_owned();
        if !bytes.starts_with(&[0xff, 0xd8]) {
            return Err(missing());
        }
        let (data, ends) = match Walk::default().go_on(bytes) {
            Walked::Ends(end) => (&bytes[..end - END.len()], true),
            Walked::NextBegins(next) => (&bytes[..next], false),
            Walked::Unfinished { scanned: true } => (bytes, false),
            Walked::Unfinished { scanned: false } => return Err(missing()),
            Walked::Damaged(why) => return Err(why.to_owned()),
        };
        // Half a marker would make one with what follows.
        let data = &data[..data.iter().rposition(|byte| *byte != 0xff).map_or(0, |last| last + 1)];
        let segments = segments(data);
        let data = repaired(data, &segments);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&data[..]), DecoderOptions::default());
        decoder.decode_headers().map_err(|error| error.to_string())?;
        let info = decoder.info().ok_or_else(missing)?;
        let exif = info.exif_data.as_deref();
        Ok(Self {
            ends,
            progressive: segments.iter().any(|(marker, _)| *marker == PROGRESSIVE),
            grey: decoder.input_colorspace() == Some(ColorSpace::Luma),
            size: (u32::from(info.width), u32::from(info.height)),
            orientation: exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms),
            data,
        })
    }

    /// The pixels as stored, with `orientation` not applied. `thorough` decodes three times, which also notices
    /// when only the last blocks are missing; otherwise an image with an end marker may lack the last 20 bytes of its scan.
    ///
    /// # Errors
    /// Says what is wrong when a piece of the scan is missing or damaged.
    pub fn decode(&self, thorough: bool) -> Result<RgbImage, String> {
        // Without an end marker the decoder says when it runs out of bytes; at the marker it goes on with zeros.
        let runs_out = !self.progressive && self.size.0 >= WIDE;
        let pixels = if runs_out { self.pixels(&self.data)? } else { self.pixels(&self.filled(FILLERS[0]))? };
        if thorough || !self.ends || !runs_out {
            // The same pixels whatever follows the scan: nothing of it is missing.
            for filler in FILLERS {
                if pixels != self.pixels(&self.filled(filler))? {
                    return Err("its end or a piece of it is missing".to_owned());
                }
            }
        }
        let pixels = if self.grey { pixels.iter().flat_map(|value| [*value; 3]).collect() } else { pixels };
        RgbImage::from_raw(self.size.0, self.size.1, pixels)
            .ok_or_else(|| "its size is not that of its pixels".to_owned())
    }

    fn filled(&self, filler: u8) -> Vec<u8> {
        [&self.data[..], &[filler; FILLER_LENGTH], &END].concat()
    }

    /// Interleaved RGB, or grey.
    fn pixels(&self, data: &[u8]) -> Result<Vec<u8>, String> {
        let colours = if self.grey { ColorSpace::Luma } else { ColorSpace::RGB };
        // Strict: what is no more than a warning otherwise means that pixels are made up.
        let options = DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(colours);
        JpegDecoder::new_with_options(ZCursor::new(data), options).decode().map_err(|error| {
            // The library quotes some of its words.
            let error = error.to_string().replace('"', "");
            if error.contains("Exhausted") || error.contains("Premature") {
                "its end or a piece of it is missing".to_owned()
            } else {
                error
            }
        })
    }
}

/// The segments before the first scan's pixels: marker and place.
fn segments(data: &[u8]) -> Vec<(u8, Range<usize>)> {
    let mut segments = Vec::new();
    let mut at = 2;
    while let Some(&[first, marker]) = data.get(at..at + 2) {
        if first != 0xff || marker == 0xff {
            at += 1;
            continue;
        }
        let length = match (marker, data.get(at + 2..at + 4)) {
            (0xc0..=0xcf | 0xda..=0xfe, Some(&[high, low])) => usize::from(u16::from_be_bytes([high, low])),
            _ => 0,
        };
        let end = (at + 2 + length).min(data.len());
        segments.push((marker, at..end));
        at = end;
        if marker == SCAN {
            break;
        }
    }
    segments
}

/// The image without stray bytes between `segments`, which some cameras leave there, and with Huffman tables.
fn repaired<'a>(data: &'a [u8], segments: &[(u8, Range<usize>)]) -> Cow<'a, [u8]> {
    let tables = segments.iter().any(|(marker, _)| *marker == HUFFMAN_TABLES);
    let starts = segments.iter().map(|(_, place)| place.start);
    let ends = segments.iter().map(|(_, place)| place.end);
    if tables && std::iter::once(2).chain(ends).zip(starts).all(|(end, start)| end == start) {
        return Cow::Borrowed(data);
    }
    let mut whole = data[..2].to_vec();
    if !tables {
        whole.extend(MOTION_JPEG);
    }
    for (_, place) in segments {
        whole.extend(&data[place.clone()]);
    }
    whole.extend(&data[segments.last().map_or(2, |(_, place)| place.end)..]);
    Cow::Owned(whole)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn jpeg() -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = RgbImage::from_fn(80, 60, |x, y| image::Rgb([x as u8 * 3, (y * x) as u8, 90]));
        picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Jpeg).unwrap();
        bytes
    }

    fn read(bytes: &[u8], thorough: bool) -> Result<RgbImage, String> {
        Jpeg::open(bytes)?.decode(thorough)
    }

    #[test]
    fn a_jpeg_without_a_byte_of_its_pixels_is_refused_and_without_its_end_marker_alone_it_is_read() {
        let mut bytes = jpeg();
        let whole = read(&bytes, true).unwrap();
        for cut in 1..bytes.len() - 3 {
            assert!(read(&bytes[..cut], false).is_err(), "cut at {cut} of {}", bytes.len());
        }
        assert_eq!(read(&bytes[..bytes.len() - 2], false).unwrap(), whole);
        bytes.extend([0; 64]);
        assert_eq!(read(&bytes, false).unwrap(), whole, "padding after the end is what many cameras send");
    }

    #[test]
    fn a_scan_cut_short_before_an_end_marker_is_refused() {
        let bytes = jpeg();
        for missing in [20, 100, bytes.len() / 3] {
            let torn = [&bytes[..bytes.len() - 2 - missing], &END[..]].concat();
            assert!(read(&torn, false).is_err(), "{missing} bytes missing");
        }
        for missing in 1..20 {
            let torn = [&bytes[..bytes.len() - 2 - missing], &END[..]].concat();
            assert!(read(&torn, true).is_err(), "{missing} bytes missing");
        }
    }

    #[test]
    fn a_frame_without_huffman_tables_is_read_with_the_standard_ones() {
        // This encoder writes the tables of annex K.
        let bytes = jpeg();
        let mut bare = Vec::new();
        let mut at = 2;
        bare.extend(&bytes[..2]);
        while bytes[at + 1] != 0xda {
            let end = at + 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            if bytes[at + 1] != 0xc4 {
                bare.extend(&bytes[at..end]);
            }
            at = end;
        }
        bare.extend(&bytes[at..]);
        assert!(bare.len() < bytes.len());
        assert_eq!(read(&bare, false).unwrap(), read(&bytes, false).unwrap());
    }

    #[test]
    fn stray_bytes_between_segments_do_not_matter() {
        let bytes = jpeg();
        let stray = [&bytes[..2], &[7, 0, 9, 1, 1, 1, 1, 0][..], &bytes[2..]].concat();
        assert_eq!(read(&stray, false).unwrap(), read(&bytes, false).unwrap());
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_jpeg_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..400), header in any::<bool>()) {
            let front = if header { jpeg()[..620].to_vec() } else { vec![0xff, 0xd8] };
            let _ = read(&[&front[..], &bytes, &END].concat(), true);
        }
    }
}
