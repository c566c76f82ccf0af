//! From camera pixels to comparable ones: field of view, flat field, white balance from the background, resampling, scale
//! from red cells; and the calibration stored per camera and objective.

pub mod calibration;
pub mod empty_field;
pub mod exposure;
pub mod field_of_view;
pub mod flat_field;
pub mod focus;
pub(crate) mod grey;
pub mod resample;
pub mod white_balance;
