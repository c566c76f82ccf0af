//! JPEG images of files, camera buffers and streams: where one ends, and its pixels.

mod decode;
mod walk;

pub(super) use decode::Jpeg;
pub(super) use walk::{Walk, Walked};
