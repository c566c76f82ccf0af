//! Splits a stream of consecutive JPEG images (Motion JPEG) into single images. Pure.

use super::jpeg::{Walk, Walked};

/// Size limit of one image, bytes: eight times what an 8192 x 8192 px camera would send at usual quality.
const LARGEST: usize = 32 << 20;

/// A piece of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// One image, from its start marker to its end marker, or to the next start marker if the camera left that out.
    Image(Vec<u8>),
    /// Bytes that form no complete image were skipped; the text says why.
    Damaged(&'static str),
}

/// Splits a stream that arrives in pieces of any size.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    bytes: Vec<u8>,
    /// The walk through the image at the front of `bytes`; none until its start marker is found.
    walk: Option<Walk>,
}

impl Splitter {
    /// Appends the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete image, or a note of what was skipped; none until more bytes arrive.
    pub fn next_piece(&mut self) -> Option<Piece> {
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            None => self.find_start()?,
        };
        match walk.go_on(&self.bytes) {
            Walked::Ends(end) | Walked::NextBegins(end) => {
                let rest = self.bytes.split_off(end);
                Some(Piece::Image(std::mem::replace(&mut self.bytes, rest)))
            }
            Walked::Damaged(why) => {
                // Another image may start right after this start marker.
                self.bytes.drain(..2);
                Some(Piece::Damaged(why))
            }
            Walked::Unfinished { .. } if self.bytes.len() > LARGEST => {
                self.bytes.clear();
                Some(Piece::Damaged("it does not end"))
            }
            Walked::Unfinished { .. } => {
                self.walk = Some(walk);
                None
            }
        }
    }

    /// Discards the bytes before the next start marker.
    fn find_start(&mut self) -> Option<Walk> {
        let start = self.bytes.windows(3).position(|three| three == [0xff, 0xd8, 0xff]);
        // The last two bytes may be part of a start marker.
        let passed = start.unwrap_or_else(|| self.bytes.len().saturating_sub(2));
        self.bytes.drain(..passed);
        start.map(|_| Walk::default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jpeg(shade: u8) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = image::RgbImage::from_fn(40, 24, |x, y| image::Rgb([(x * 5) as u8, (y * 9) as u8, shade]));
        picture.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
        bytes.into_inner()
    }

    fn cut(chunks: &[&[u8]]) -> Vec<Piece> {
        let mut splitter = Splitter::default();
        let mut pieces = Vec::new();
        for chunk in chunks {
            splitter.push(chunk);
            pieces.extend(std::iter::from_fn(|| splitter.next_piece()));
        }
        pieces
    }

    #[test]
    fn a_preview_inside_a_header_ends_nothing() {
        let (whole, preview) = (jpeg(3), jpeg(200));
        let mut with_preview = whole[..2].to_vec();
        with_preview.extend([0xff, 0xe1]);
        with_preview.extend(u16::try_from(preview.len() + 2).unwrap().to_be_bytes());
        with_preview.extend(&preview);
        with_preview.extend(&whole[2..]);
        assert_eq!(cut(&[&with_preview, &whole]), [Piece::Image(with_preview.clone()), Piece::Image(whole)]);
    }

    #[test]
    fn an_image_cut_short_costs_itself_or_a_segments_length_of_what_follows() {
        let whole = jpeg(3);
        let after: Vec<u8> = whole.repeat(200);
        for length in (3..whole.len()).step_by(5) {
            let pieces = cut(&[&whole[..length], &after]);
            let found = pieces.iter().filter(|piece| **piece == Piece::Image(whole.clone())).count();
            // A truncated segment swallows its length, at most 64 KiB, from the images after it.
            assert!(found >= 199 - (1 << 16) / whole.len(), "{found} after a cut to {length} bytes");
            assert!(found == 200 || length < whole.len() - 100, "in the scan the next image's start is seen: {length}");
        }
    }

    #[test]
    fn a_frame_that_a_file_is_read_with_is_read_in_a_stream_too() {
        let whole = jpeg(3);
        let mut stray = whole[..2].to_vec();
        stray.extend([0xff, 0xe1, 0, 4, 1, 2]);
        // Bytes outside any segment.
        stray.extend([0, 7, 0]);
        stray.extend(&whole[2..]);
        for frame in [&whole, &stray] {
            assert!(crate::camera::picture::decode_jpeg(frame, Some((40, 24))).is_ok());
            assert_eq!(cut(&[frame, &whole]), [Piece::Image(frame.clone()), Piece::Image(whole.clone())]);
        }
    }

    proptest! {
        #[test]
        fn the_same_images_come_out_in_whatever_pieces_they_came(sizes in prop::collection::vec(1_usize..400, 1..60), noise in prop::collection::vec(0_u8..0xff, 0..40)) {
            let images = [jpeg(1), jpeg(90), jpeg(250)];
            let stream = [&noise[..], &images[0][..], &images[1][..], &noise[..], &images[2][..]].concat();
            let mut rest = &stream[..];
            let mut chunks = Vec::new();
            for size in sizes.iter().cycle() {
                if rest.is_empty() { break }
                let (chunk, behind) = rest.split_at((*size).min(rest.len()));
                chunks.push(chunk);
                rest = behind;
            }
            let found: Vec<Piece> = cut(&chunks);
            prop_assert_eq!(found, images.map(Piece::Image).to_vec());
        }

        #[test]
        fn any_bytes_are_cut_or_passed_over(bytes in prop::collection::vec(prop_oneof![Just(0xff_u8), Just(0xd8), Just(0xda), Just(0xd9), any::<u8>()], 0..600)) {
            let pieces = cut(&[&bytes]);
            prop_assert!(pieces.len() <= bytes.len());
        }
    }
}
