//! Quality of a single picture as JSON.

use serde::Serialize;

use crate::vision::quality::{Quality, Verdict};

/// Quality of a single picture; sharpness relative to a stream does not apply here.
#[derive(Serialize)]
pub(super) struct QualityLine {
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
    /// What makes the cells doubtful.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
    sharpness: f64,
    background: f64,
    saturated: f64,
    covered: f64,
    overlap: f64,
    free: f64,
}

impl QualityLine {
    pub(super) fn new(quality: &Quality) -> Self {
        let rounded = |value: f64, parts: f64| (value * parts).round() / parts;
        Self {
            verdict: quality.verdict,
            advice: quality.verdict.advice(),
            warning: quality.warning(),
            sharpness: rounded(quality.sharpness, 1e4),
            background: rounded(quality.background, 10.0),
            saturated: rounded(quality.saturated, 1e4),
            covered: rounded(quality.covered, 1e4),
            overlap: rounded(quality.overlap, 1e4),
            free: rounded(quality.free, 1e4),
        }
    }
}
