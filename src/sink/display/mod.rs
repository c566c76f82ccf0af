//! The small display.
