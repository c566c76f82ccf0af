//! Any text is a plan of a simulated stage or is refused; a plan that is taken stays on the scan.
//!
//! `cargo +nightly fuzz run pan`

#![no_main]

use image::RgbImage;
use leukoscope::camera::pan::Pan;
use leukoscope::camera::pan::plan::Plan;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Plan::parse(text) {
        Ok(plan) => {
            let pan = Pan::new(RgbImage::new(90, 70), plan);
            let (width, height) = pan.size();
            for (frame, at) in (0..).zip(pan.course().take(40)) {
                assert!(
                    (0.0..=f64::from(90 - width)).contains(&at.0) && (0.0..=f64::from(70 - height)).contains(&at.1)
                );
                assert_eq!(pan.draw(frame, at).dimensions(), (width, height));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
