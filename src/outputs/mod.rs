//! What leaves the station, a folder for each medium: display, serial line, MQTT, metrics, page, report; buttons and lights.
//! What a receiver of results still lacks stands in `delivery`.

pub mod delivery;
pub mod display;
pub mod hardware;
pub mod metrics;
pub mod mqtt;
pub mod report;
pub mod serial;
pub mod web;
pub mod words;
