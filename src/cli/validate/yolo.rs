//! YOLO label files: one box per line, `class cx cy w h`, lengths as shares of the image's width and height. Pure.

use crate::domain::geometry::Rect;

/// A box of a label file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct YoloBox {
    /// Class number, from 0.
    pub class: u32,
    /// Centre and size as shares of the image, 0..=1; inside the image.
    area: Rect,
}

impl YoloBox {
    /// The box in pixels of an image of `width` x `height`.
    #[must_use]
    pub fn in_pixels(&self, width: f64, height: f64) -> Rect {
        Rect::new(self.area.x * width, self.area.y * height, self.area.w * width, self.area.h * height)
    }
}

/// A line that is not a box.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}; a box is written `class cx cy w h` with the lengths as shares of the image, 0 to 1")]
pub struct YoloError {
    /// From 1.
    pub line: usize,
    pub problem: String,
}

/// Rounding of the last digit may put an edge this far outside, which is not an error.
const ROUNDING: f64 = 0.01;

/// Longest part of a line that is quoted in an error.
const QUOTED: usize = 24;

/// Parses a label file; empty lines are skipped, and an empty file is a field without cells.
///
/// # Errors
/// If a line is not five numbers, a length is not within 0 to 1, or a box has no area or leaves the image.
pub fn parse(text: &str) -> Result<Vec<YoloBox>, YoloError> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(at, line)| parse_line(line).map_err(|problem| YoloError { line: at + 1, problem })).collect()
}

fn parse_line(line: &str) -> Result<YoloBox, String> {
    let words: Vec<&str> = line.split_whitespace().take(6).collect();
    let &[class, cx, cy, w, h] = words.as_slice() else {
        let count = if words.len() > 5 { "more than 5".to_owned() } else { words.len().to_string() };
        return Err(format!("{count} values instead of 5"));
    };
    let class = class.parse().map_err(|_| format!("the class `{}` is no whole number from 0", quoted(class)))?;
    let share = |name: &str, word: &str| match word.parse::<f64>() {
        Ok(value) if (0.0..=1.0 + ROUNDING).contains(&value) => Ok(value),
        Ok(_) => Err(format!("{name} is {}, not 0 to 1", quoted(word))),
        Err(_) => Err(format!("{name} is `{}`, no number", quoted(word))),
    };
    let (cx, cy, w, h) = (share("cx", cx)?, share("cy", cy)?, share("w", w)?, share("h", h)?);
    if w <= 0.0 || h <= 0.0 {
        return Err("the box has no area".into());
    }
    let area = Rect::around((cx, cy), w, h);
    if !area.inside(1.0, 1.0, -ROUNDING) {
        return Err("the box leaves the image".into());
    }
    let area = area.clipped(1.0, 1.0);
    if area.area() <= 0.0 {
        return Err("the box has no area in the image".into());
    }
    Ok(YoloBox { class, area })
}

fn quoted(word: &str) -> String {
    let mut short: String = word.chars().take(QUOTED).collect();
    if short.len() < word.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_a_box_around_its_middle() {
        let boxes = parse("\u{feff}1 0.5 0.25 0.2 0.5\r\n\r\n").unwrap();
        assert_eq!(boxes.len(), 1);
        assert_eq!(boxes[0].class, 1);
        let area = boxes[0].in_pixels(640.0, 480.0);
        for (got, wanted) in [(area.x, 256.0), (area.y, 0.0), (area.w, 128.0), (area.h, 240.0)] {
            assert!((got - wanted).abs() < 1e-9, "{area:?}");
        }
    }

    #[test]
    fn an_empty_file_is_a_field_without_cells() {
        assert_eq!(parse(""), Ok(Vec::new()));
        assert_eq!(parse("\n  \n"), Ok(Vec::new()));
    }

    #[test]
    fn a_wrong_line_is_named_with_what_is_wrong() {
        for (text, line, said) in [
            ("0 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1", 2, "4 values instead of 5"),
            ("0 0.5 0.5 0.1 0.1 0.9", 1, "more than 5 values"),
            ("-1 0.5 0.5 0.1 0.1", 1, "the class `-1`"),
            ("cell 0.5 0.5 0.1 0.1", 1, "the class `cell`"),
            ("\n0 320 0.5 0.1 0.1", 2, "cx is 320, not 0 to 1"),
            ("0 0.5 NaN 0.1 0.1", 1, "cy is NaN, not 0 to 1"),
            ("0 0.5 x 0.1 0.1", 1, "cy is `x`, no number"),
            ("0 0.5 0.5 0 0.1", 1, "no area"),
            ("0 0.95 0.5 0.4 0.1", 1, "leaves the image"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}");
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9eEinfNa.\\- \\n\\x00-\\xff]{0,80}") {
            if let Ok(boxes) = parse(&text) {
                for found in boxes {
                    let area = found.in_pixels(100.0, 100.0);
                    prop_assert!(area.inside(100.0, 100.0, -1e-9) && area.area() > 0.0);
                }
            }
        }

        #[test]
        fn a_box_that_was_written_is_read_back(
            class in 0_u32..90, cx in 0.3..0.7_f64, cy in 0.3..0.7_f64, w in 0.01..0.6_f64, h in 0.01..0.6_f64,
        ) {
            let boxes = parse(&format!("{class} {cx:.6} {cy:.6} {w:.6} {h:.6}")).unwrap();
            let wanted = Rect::around((cx, cy), w, h);
            prop_assert_eq!(boxes[0].class, class);
            prop_assert!(boxes[0].in_pixels(1.0, 1.0).iou(&wanted) > 0.99);
        }
    }
}
