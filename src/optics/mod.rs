//! From the camera's pixels to comparable ones: white balance from the background, resampling, scale from red cells.

pub mod focus;
pub mod resample;
pub mod scale;
pub mod shared;
pub mod white_balance;
