//! The one walk through a JPEG, for files, for a camera's buffers and for streams. Pure.

/// What a walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walked {
    /// The bytes end before the image does.
    Unfinished,
    /// The image is whole and ends before this byte.
    Ends(usize),
    /// It is damaged; the words say how.
    Damaged(&'static str),
}

/// A walk from an image's start marker to its end marker, by the lengths of its segments (ITU-T T.81, annex B), so that
/// the end marker of a preview inside a header ends nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// The next byte to look at, counted from the start marker on. It may lie behind the bytes that have come.
    at: usize,
    /// Whether a scan, with pixels, has begun.
    scanned: bool,
    /// Number of the restart marker that comes next, 0..=7.
    restart: u8,
}

impl Default for Walk {
    fn default() -> Self {
        // Behind the start marker.
        Self { at: 2, scanned: false, restart: 0 }
    }
}

impl Walk {
    /// Goes on as far as `bytes` reach: the image from its start marker on, each time with more at the end.
    pub(super) fn go_on(&mut self, bytes: &[u8]) -> Walked {
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let &[first, marker, ..] = rest else { return Walked::Unfinished };
            if first != 0xff {
                // The picture's own bytes; between segments, stray ones, which some cameras leave.
                self.at += rest.iter().position(|byte| *byte == 0xff).unwrap_or(rest.len());
                continue;
            }
            match marker {
                // Padding before a marker.
                0xff => self.at += 1,
                0xd8 => return Walked::Damaged("an image began inside another"),
                0xd9 if self.scanned => return Walked::Ends(self.at + 2),
                0xd9 => return Walked::Damaged("it ends before its pixels"),
                // They count 0 to 7 round and round: one out of turn means that a piece is missing.
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
                    let Some(&[high, low]) = rest.get(2..4) else { return Walked::Unfinished };
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

/// Whether these bytes are a JPEG up to its end marker. The decoder shows one that is cut short with grey for what is
/// missing. Bytes after the end do no harm.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8]) && matches!(Walk::default().go_on(bytes), Walked::Ends(_))
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

    #[test]
    fn a_jpeg_is_whole_only_with_its_last_marker_after_its_pixels() {
        let mut bytes = jpeg();
        assert!(is_whole(&bytes));
        for cut in 1..bytes.len() {
            assert!(!is_whole(&bytes[..cut]), "cut at {cut} of {}", bytes.len());
        }
        bytes.extend([0; 64]);
        assert!(is_whole(&bytes), "padding after the end is what many cameras send");
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
        let found = (0..=bytes.len()).map(|length| walk.go_on(&bytes[..length])).find(|at| *at != Walked::Unfinished);
        assert_eq!(found, Some(whole));
    }
}
