//! The laboratory above the title of every page: name, address, telephone, logo.

use super::letterhead::Letterhead;
use super::paper::{INK, LEFT, RIGHT, RULE, SMALL, STRONG, Shared, Sheet, Type};
use super::typeface;

/// Height of it, points.
pub(super) const HEAD: f32 = 44.0;

/// Top of the printed area.
const TOP: f32 = 828.0;

/// Largest logo, points.
const LOGO: (f32, f32) = (140.0, 40.0);

pub(super) fn draw(sheet: &mut Sheet, letterhead: &Letterhead, logo: Option<Shared>) {
    let mut right = RIGHT;
    if let Some(logo) = logo {
        sheet.shared((RIGHT, TOP), LOGO, logo);
        right -= LOGO.0 + 8.0;
    }
    let mut y = TOP - 11.0;
    for (how, text) in [
        (Type { size: 12.0, colour: INK, ..STRONG }, &letterhead.name),
        (SMALL, &letterhead.address),
        (SMALL, &letterhead.phone),
    ] {
        // What does not fit on one line is set smaller, never cut.
        let width = typeface::width(how.face, how.size, text);
        let size = how.size * ((right - LEFT) / width.max(1.0)).min(1.0);
        if !text.is_empty() {
            sheet.text(LEFT, y, Type { size, ..how }, text);
            y -= 12.0;
        }
    }
    sheet.rule(LEFT, RIGHT, TOP - HEAD, 0.6, RULE);
}
