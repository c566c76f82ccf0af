//! Terminal as display: half blocks if it is wide and high enough, braille dots if it is smaller, and one plain line
//! per change if standard output is not a terminal or it is too small.
//!
//! The picture occupies the last rows; everything else (addresses, the log) scrolls above it.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::terminal;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;

use super::canvas::Canvas;
use super::draw::Theme;
use super::{DisplayError, Screen, words};
use crate::counting::session::snapshot::Snapshot;
use crate::system::printable::printable;

/// Rows left for the log above the picture.
const LOG_ROWS: u16 = 4;

/// How dots are mapped to characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// One column and two rows of dots per character.
    HalfBlocks,
    /// Two columns and four rows of dots per character.
    Braille,
    /// Plain text line.
    Line,
}

/// Layout for a picture of `width` x `height` dots in a terminal of (columns, rows), `None` without a terminal.
fn form(width: u32, height: u32, terminal: Option<(u16, u16)>) -> Layout {
    let Some((columns, rows)) = terminal else { return Layout::Line };
    let room = u32::from(rows.saturating_sub(LOG_ROWS));
    if u32::from(columns) >= width && room > height.div_ceil(2) {
        Layout::HalfBlocks
    } else if u32::from(columns) >= width.div_ceil(2) && room > height.div_ceil(4) {
        Layout::Braille
    } else {
        Layout::Line
    }
}

/// The picture in half blocks, one string per row of characters.
#[must_use]
pub(crate) fn half_blocks(canvas: &Canvas<BinaryColor>) -> Vec<String> {
    let Size { width, height } = canvas.size();
    let lit = |x, y| canvas.at(x, y) == Some(BinaryColor::On);
    let character = |x, y| match (lit(x, y), lit(x, y + 1)) {
        (false, false) => ' ',
        (true, false) => '▀',
        (false, true) => '▄',
        (true, true) => '█',
    };
    (0..height).step_by(2).map(|y| (0..width).map(|x| character(x, y)).collect()).collect()
}

/// The picture in braille dots, one string per row of characters.
#[must_use]
pub fn braille(canvas: &Canvas<BinaryColor>) -> Vec<String> {
    // Unicode's dot order in a braille cell.
    const DOTS: [(u32, u32); 8] = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
    let Size { width, height } = canvas.size();
    let character = |x, y| {
        let lit = |(dx, dy): &(u32, u32)| canvas.at(x + dx, y + dy) == Some(BinaryColor::On);
        let bits = DOTS.iter().enumerate().filter(|(_, dot)| lit(dot)).fold(0, |bits, (i, _)| bits | 1 << i);
        char::from_u32(0x2800 + bits).unwrap_or(' ')
    };
    (0..height).step_by(4).map(|y| (0..width).step_by(2).map(|x| character(x, y)).collect()).collect()
}

/// The snapshot as one plain line.
#[must_use]
pub fn line(snapshot: &Snapshot) -> String {
    let state = words::state(snapshot, "", u32::MAX).to_lowercase();
    let mut line = words::marks(snapshot).map(|marks| format!("{marks}  ")).unwrap_or_default();
    let _ = write!(line, "{}: {state}", snapshot.sample);
    if snapshot.ending.is_some() {
        let _ = write!(line, " ({})", words::ending(snapshot));
    }
    let _ = write!(line, " {}/{}  {}", snapshot.counted, snapshot.target, words::kinds(snapshot)[0]);
    for class in words::lines(snapshot) {
        let _ = write!(line, "  {} {}", class.code, class.value);
    }
    if let Some((_, Some((_, advice)))) = words::quality(snapshot) {
        let _ = write!(line, "  ! {advice}");
    }
    for critical in &snapshot.critical {
        let _ = write!(line, "  !! CRITICAL {critical}");
    }
    for flag in &snapshot.flags {
        let _ = write!(line, "  ! {}", flag.short());
    }
    if let Some(trouble) = &snapshot.trouble {
        let _ = write!(line, "  trouble: {}", printable(trouble));
    }
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Output that draws the picture in the last rows of a terminal of `rows` rows, and restores the cursor.
fn in_place(picture: &[String], rows: u16) -> String {
    let first = usize::from(rows).saturating_sub(picture.len()) + 1;
    let mut text = String::from("\x1b7");
    for (i, row) in picture.iter().enumerate() {
        let _ = write!(text, "\x1b[{};1H{row}\x1b[K", first + i);
    }
    text.push_str("\x1b8");
    text
}

/// Reserves the last `height` rows: what is there scrolls up, and from now on the rest scrolls above them.
fn reserve(height: u16, rows: u16) -> String {
    let above = rows.saturating_sub(height).max(1);
    format!("{}\x1b[1;{above}r\x1b[{above};1H", "\n".repeat(usize::from(height)))
}

/// Releases the whole terminal, with the cursor below the picture.
fn release() -> io::Result<()> {
    let rows = terminal::size().map_or(1, |(_, rows)| rows);
    let mut out = io::stdout();
    writeln!(out, "\x1b[r\x1b[{rows};1H")?;
    out.flush()
}

/// Whether rows are reserved: a panic must release them.
static RESERVED: AtomicBool = AtomicBool::new(false);

fn release_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if RESERVED.swap(false, Ordering::SeqCst) {
                let _ = release();
            }
            before(panic);
        }));
    });
}

/// The terminal of standard output.
#[derive(Debug)]
pub struct TerminalScreen {
    width: u32,
    height: u32,
    /// Columns, rows and layout of the last picture.
    layout: Option<(u16, u16, Layout)>,
    shown: Vec<String>,
}

impl TerminalScreen {
    /// A picture of `width` x `height` dots; writes nothing yet.
    #[must_use]
    pub fn open(width: u32, height: u32) -> Self {
        Self { width, height, layout: None, shown: Vec::new() }
    }

    fn render(&self, snapshot: &Snapshot, form: Layout) -> Vec<String> {
        let canvas = || Canvas::of(snapshot, self.width, self.height, &Theme::ONE_COLOUR);
        let mut picture = match form {
            Layout::HalfBlocks => half_blocks(&canvas()),
            Layout::Braille => braille(&canvas()),
            Layout::Line => return vec![line(snapshot)],
        };
        if io::stdin().is_terminal() {
            picture.push("s start   x stop   n new sample   q quit".into());
        }
        picture
    }

    fn write(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let size = if io::stdout().is_terminal() { terminal::size().ok() } else { None };
        let form = form(self.width, self.height, size);
        let picture = self.render(snapshot, form);
        let (columns, rows) = size.unwrap_or_default();
        let moved = self.layout != Some((columns, rows, form));
        if !moved && picture == self.shown {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        if form == Layout::Line {
            if RESERVED.swap(false, Ordering::SeqCst) {
                out.write_all(b"\x1b[r")?;
            }
            writeln!(out, "{}", picture.concat())?;
        } else {
            if moved {
                release_on_panic();
                RESERVED.store(true, Ordering::SeqCst);
                out.write_all(reserve(picture.len() as u16, rows).as_bytes())?;
            }
            out.write_all(in_place(&picture, rows).as_bytes())?;
        }
        out.flush()?;
        self.layout = Some((columns, rows, form));
        self.shown = picture;
        Ok(())
    }
}

impl Screen for TerminalScreen {
    fn show(&mut self, snapshot: &Snapshot) -> Result<(), DisplayError> {
        self.write(snapshot)
            .map_err(|error| DisplayError::Lost { device: "terminal".into(), problem: error.to_string() })
    }
}

impl Drop for TerminalScreen {
    fn drop(&mut self) {
        if RESERVED.swap(false, Ordering::SeqCst) {
            // If this fails the terminal is gone, and there is nothing to restore.
            let _ = release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_the_room_of_the_terminal() {
        assert_eq!(form(128, 64, Some((200, 50))), Layout::HalfBlocks);
        assert_eq!(form(128, 64, Some((200, 24))), Layout::Braille);
        assert_eq!(form(128, 64, Some((80, 24))), Layout::Braille);
        assert_eq!(form(128, 64, Some((60, 24))), Layout::Line);
        assert_eq!(form(128, 64, Some((80, 10))), Layout::Line);
        assert_eq!(form(128, 64, None), Layout::Line);
    }

    #[test]
    fn dots_become_half_blocks_and_braille() {
        let mut canvas = Canvas::new(4, 4, BinaryColor::Off);
        let dots = [(0, 0), (1, 1), (2, 0), (2, 1), (3, 3)];
        let Ok(()) = canvas.draw_iter(dots.map(|(x, y)| Pixel(Point::new(x, y), BinaryColor::On)));
        assert_eq!(half_blocks(&canvas), ["▀▄█ ", "   ▄"]);
        assert_eq!(braille(&canvas), ["⠑⢃"]);
    }

    #[test]
    fn the_picture_is_written_into_the_last_rows_and_the_cursor_returns() {
        let picture = ["ab".to_owned(), "cd".to_owned()];
        assert_eq!(in_place(&picture, 24), "\x1b7\x1b[23;1Hab\x1b[K\x1b[24;1Hcd\x1b[K\x1b8");
        assert_eq!(reserve(2, 24), "\n\n\x1b[1;22r\x1b[22;1H");
    }
}
