//! A stream of JPEG images one after the other (Motion JPEG) cut into its images. Pure.

/// Bytes of one image at most: eight times what a camera of 8192 x 8192 px at usual quality would send of itself.
const LARGEST: usize = 32 << 20;

/// What comes out of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// One image, from its start marker to its end marker.
    Image(Vec<u8>),
    /// Bytes that are no whole image were passed over; the words say why.
    Damaged(&'static str),
}

/// Where the walk through an image is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ParseState {
    /// Before a start marker.
    #[default]
    Outside,
    /// At the next segment's marker.
    Marker,
    /// In the picture's own bytes.
    Scan,
}

/// Cuts a stream, whatever pieces its bytes come in.
///
/// Segments are walked by their lengths (ITU-T T.81, annex B), so that the end marker of a preview inside a header ends
/// nothing.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    bytes: Vec<u8>,
    /// How far `bytes` was walked.
    at: usize,
    place: ParseState,
}

impl Splitter {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next image that is whole, or what was passed over; none until more bytes come.
    pub fn next_piece(&mut self) -> Option<Piece> {
        loop {
            match self.place {
                ParseState::Outside => {
                    let start = self.bytes.windows(3).position(|three| three == [0xff, 0xd8, 0xff]);
                    let Some(start) = start else {
                        // The last two bytes may begin a start marker.
                        let keep = self.bytes.len().min(2);
                        self.bytes.drain(..self.bytes.len() - keep);
                        return None;
                    };
                    self.bytes.drain(..start);
                    (self.at, self.place) = (2, ParseState::Marker);
                }
                ParseState::Marker => match self.bytes.get(self.at..self.at + 2) {
                    Some([0xff, 0xff]) => self.at += 1,
                    Some([0xff, 0xd9]) => return Some(self.image()),
                    Some([0xff, 0x01 | 0xd0..=0xd7]) => self.at += 2,
                    Some([0xff, 0xd8]) => return Some(self.give_up("an image began inside another")),
                    Some([0xff, marker @ 0xc0..=0xfe]) => {
                        let scan = *marker == 0xda;
                        let Some(&[high, low]) = self.bytes.get(self.at + 2..self.at + 4) else { return self.wait() };
                        let length = usize::from(u16::from_be_bytes([high, low]));
                        if length < 2 {
                            return Some(self.give_up("a segment says that it is shorter than its own length"));
                        }
                        if self.bytes.len() < self.at + 2 + length {
                            return self.wait();
                        }
                        self.at += 2 + length;
                        self.place = if scan { ParseState::Scan } else { ParseState::Marker };
                    }
                    Some(_) => return Some(self.give_up("bytes between its segments")),
                    None => return self.wait(),
                },
                ParseState::Scan => {
                    let rest = &self.bytes[self.at..];
                    // A marker that is no stuffed byte, no restart and no padding ends the scan.
                    let end =
                        rest.windows(2).position(|two| two[0] == 0xff && !matches!(two[1], 0 | 0xd0..=0xd7 | 0xff));
                    let Some(end) = end else {
                        self.at += rest.len().saturating_sub(1);
                        return self.wait();
                    };
                    (self.at, self.place) = (self.at + end, ParseState::Marker);
                }
            }
        }
    }

    fn image(&mut self) -> Piece {
        let rest = self.bytes.split_off(self.at + 2);
        let image = std::mem::replace(&mut self.bytes, rest);
        (self.at, self.place) = (0, ParseState::Outside);
        Piece::Image(image)
    }

    /// Looks for another image behind the start of this one.
    fn give_up(&mut self, why: &'static str) -> Piece {
        self.bytes.drain(..2.min(self.bytes.len()));
        (self.at, self.place) = (0, ParseState::Outside);
        Piece::Damaged(why)
    }

    fn wait(&mut self) -> Option<Piece> {
        (self.bytes.len() > LARGEST).then(|| {
            self.bytes.clear();
            (self.at, self.place) = (0, ParseState::Outside);
            Piece::Damaged("it does not end")
        })
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
            // A segment cut short takes its length, 64 KiB at most, out of the images behind it.
            assert!(found >= 199 - (1 << 16) / whole.len(), "{found} after a cut to {length} bytes");
            assert!(found == 200 || length < whole.len() - 100, "in the scan the next image's start is seen: {length}");
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
