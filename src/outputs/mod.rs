//! What leaves the station, a folder for each medium: display, serial line, metrics, page, report; buttons and lights.

pub mod display;
pub mod hardware;
pub mod metrics;
pub mod report;
pub mod serial;
pub mod web;
pub mod words;
