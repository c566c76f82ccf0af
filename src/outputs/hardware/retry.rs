//! Keeps a device running: retries with growing pauses, and reports trouble once instead of at every attempt.

use std::fmt::Display;
use std::time::Duration;

use crate::system::backoff::Backoff;
use crate::system::stop::Stop;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Calls `once` until it succeeds or `stop` is told, with a pause after each error.
///
/// `once` calls the function it is given as soon as the device works; that clears the trouble and resets the pauses.
/// `trouble` gets a sentence when an error appears or changes, and none when the device works again.
pub fn retry<E: Display>(
    device: &str,
    stop: &Stop,
    trouble: &dyn Fn(Option<String>),
    mut once: impl FnMut(&mut dyn FnMut()) -> Result<(), E>,
) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut reported: Option<String> = None;
    while !stop.requested() {
        let result = once(&mut || {
            backoff.reset();
            if reported.take().is_some() {
                log::info!("{device} works again");
                trouble(None);
            }
        });
        let Err(error) = result else { break };
        let words = error.to_string();
        if reported.as_ref() != Some(&words) {
            log::warn!("{words}");
            trouble(Some(words.clone()));
            reported = Some(words);
        }
        if stop.wait(backoff.pause()) {
            break;
        }
    }
    if reported.is_some() {
        trouble(None);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let pauses: Vec<_> = (0..7).map(|_| backoff.pause().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn trouble_is_told_once_and_its_end_too() {
        let reported = RefCell::new(Vec::new());
        let mut turns = 0;
        retry("display", &Stop::new(), &|words| reported.borrow_mut().push(words), |works| {
            turns += 1;
            if turns < 3 {
                return Err("no answer");
            }
            works();
            works();
            Ok(())
        });
        assert_eq!(*reported.borrow(), [Some("no answer".to_owned()), None]);
    }

    #[test]
    fn nothing_is_tried_after_the_signal() {
        let stop = Stop::new();
        stop.request();
        retry("display", &stop, &|_| panic!("no trouble"), |_| -> Result<(), String> { panic!("no try") });
    }
}
