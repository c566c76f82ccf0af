//! Finds the end of a JPEG image. Pure.

/// The result of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::camera) enum Walked {
    /// The bytes end before the image does.
    Unfinished {
        /// Whether a scan (pixel data) has begun, so that only the end marker may be missing.
        scanned: bool,
    },
    /// The image has its end marker and ends before this byte.
    Ends(usize),
    /// Another image begins at this byte, after the scan of this one, whose end marker is missing.
    NextBegins(usize),
    /// The image is damaged; the text says how.
    Damaged(&'static str),
}

/// A walk from an image's start marker to its end marker by segment lengths (ITU-T T.81, annex B), so that the end
/// marker of a preview inside a header does not end the image.
#[derive(Clone, Copy, Debug)]
pub(in crate::camera) struct Walk {
    /// Offset of the next byte to check, from the start marker. It may lie beyond the bytes received so far.
    at: usize,
    /// Whether a scan (pixel data) has begun.
    scanned: bool,
    /// The next expected restart marker, 0..=7.
    restart: u8,
}

impl Default for Walk {
    fn default() -> Self {
        // After the start marker.
        Self { at: 2, scanned: false, restart: 0 }
    }
}

impl Walk {
    /// Continues through `bytes`, which hold the image from its start marker and grow from call to call.
    pub(in crate::camera) fn go_on(&mut self, bytes: &[u8]) -> Walked {
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let &[first, marker, ..] = rest else { return Walked::Unfinished { scanned: self.scanned } };
            if first != 0xff {
                // Entropy-coded data, or the stray bytes that some cameras leave between segments.
                self.at += rest.iter().position(|byte| *byte == 0xff).unwrap_or(rest.len());
                continue;
            }
            match marker {
                // Fill byte before a marker.
                0xff => self.at += 1,
                // Entropy-coded data never holds a start marker.
                0xd8 if self.scanned => return Walked::NextBegins(self.at),
                0xd8 => return Walked::Damaged("an image began inside another"),
                0xd9 if self.scanned => return Walked::Ends(self.at + 2),
                0xd9 => return Walked::Damaged("it ends before its pixels"),
                // Restart markers count 0 to 7 cyclically: a gap means that data is missing.
                0xd0..=0xd7 if self.scanned => {
                    if marker & 7 != self.restart {
                        return Walked::Damaged("a piece of it is missing");
                    }
                    self.restart = (self.restart + 1) & 7;
                    self.at += 2;
                }
                // A stuffed byte, or a marker without a segment.
                0x00..=0xbf | 0xd0..=0xd7 => self.at += 2,
                0xc0..=0xfe => {
                    let Some(&[high, low]) = rest.get(2..4) else {
                        return Walked::Unfinished { scanned: self.scanned };
                    };
                    let length = usize::from(u16::from_be_bytes([high, low]));
                    if length < 2 {
                        return Walked::Damaged("a segment says that it is shorter than its own length");
                    }
                    if marker == 0xda {
                        (self.scanned, self.restart) = (true, 0);
                    }
                    self.at += 2 + length;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn jpeg() -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 5, y as u8 * 7, 90]));
        picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Jpeg).unwrap();
        bytes
    }

    fn is_whole(bytes: &[u8]) -> bool {
        matches!(Walk::default().go_on(bytes), Walked::Ends(_))
    }

    #[test]
    fn a_jpeg_with_a_restart_mark_out_of_turn_lacks_a_piece() {
        let scan = |marks: &[u8]| {
            let mut bytes = vec![0xff, 0xd8, 0xff, 0xda, 0, 2];
            for mark in marks {
                bytes.extend([0x11, 0xff, 0x00, 0xff, *mark]);
            }
            bytes.extend([0x22, 0xff, 0xd9]);
            bytes
        };
        assert!(is_whole(&scan(&[0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd0])));
        assert!(!is_whole(&scan(&[0xd0, 0xd2])));
    }

    #[test]
    fn the_walk_ends_at_the_same_byte_in_whatever_pieces_the_image_comes() {
        let bytes = [jpeg(), vec![0; 9]].concat();
        let whole = Walk::default().go_on(&bytes);
        assert_eq!(whole, Walked::Ends(bytes.len() - 9));
        let mut walk = Walk::default();
        let found = (0..=bytes.len())
            .map(|length| walk.go_on(&bytes[..length]))
            .find(|at| !matches!(at, Walked::Unfinished { .. }));
        assert_eq!(found, Some(whole));
    }
}
