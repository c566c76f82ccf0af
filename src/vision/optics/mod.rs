//! From the camera's pixels to comparable ones: uneven light taken out, white balance from the background, resampling,
//! scale from red cells; and what is kept of them, by camera and objective.

pub mod calibration;
pub mod empty_field;
pub mod exposure;
pub mod flat_field;
pub mod focus;
pub mod resample;
pub mod white_balance;
