//! Whether a camera's frames can be read. A camera that delivers only damaged frames is alive, but it does not work.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Time over which frames are judged: longer than a knock at the cable, shorter than a person takes to change a slide.
const WINDOW: Duration = Duration::from_secs(10);

/// Frames that are judged at least, however long ago a slow camera delivered them. Many USB cameras begin with two or
/// three torn frames, which is no trouble.
const FEWEST: usize = 10;

/// Frames that are remembered at most: [`WINDOW`] at the highest configurable rate, 240 a second.
const MOST: usize = 2400;

/// The frames of the last [`WINDOW`], and what is wrong if more than half of them are damaged.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// When each frame arrived, and what was wrong with it.
    frames: VecDeque<(Instant, Option<String>)>,
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    cause: String,
    words: String,
}

impl Health {
    /// Records a frame; `damage` says what was wrong with it.
    pub(super) fn note(&mut self, at: Instant, damage: Option<String>) {
        self.frames.push_back((at, damage));
        while self.frames.len() > MOST
            || self.frames.len() > FEWEST && self.frames.front().is_some_and(|(then, _)| at - *then > WINDOW)
        {
            self.frames.pop_front();
        }
        if self.frames.len() >= FEWEST {
            self.judge();
        }
    }

    /// The recording is over: even a few frames are all there will be.
    pub(super) fn end(&mut self) {
        if !self.frames.is_empty() {
            self.judge();
        }
    }

    /// The camera is gone, which is a trouble of its own.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// What is wrong with the frames, in words for the person at the device.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|trouble| trouble.words.as_str())
    }

    fn judge(&mut self) {
        let damaged = self.frames.iter().filter(|(_, damage)| damage.is_some()).count();
        if 2 * damaged <= self.frames.len() {
            if self.trouble.take().is_some() {
                log::info!("camera: its frames can be read again");
            }
            return;
        }
        let Some(newest) = self.most_frequent() else { return };
        let cause = without_numbers(newest);
        // The words change only with the cause, because every change is sent to all outputs.
        if self.trouble.as_ref().is_none_or(|trouble| trouble.cause != cause) {
            // The cause of a picture file brings its own remedy.
            let remedy = if newest.contains("; ") { "" } else { "; check the camera's cable and its settings" };
            let words = format!("the camera's frames cannot be read ({newest}){remedy}");
            log::warn!("camera: {damaged} of the last {} frames were damaged: {words}", self.frames.len());
            self.trouble = Some(Trouble { cause, words });
        }
    }

    /// The newest damage of the most frequent kind.
    fn most_frequent(&self) -> Option<&str> {
        let mut kinds: Vec<(String, usize, &str)> = Vec::new();
        for damage in self.frames.iter().filter_map(|(_, damage)| damage.as_deref()) {
            let kind = without_numbers(damage);
            match kinds.iter_mut().find(|(known, ..)| *known == kind) {
                Some((_, count, newest)) => (*count, *newest) = (*count + 1, damage),
                None => kinds.push((kind, 1, damage)),
            }
        }
        // Of several that are equally frequent, the first.
        let most = kinds.iter().rev().max_by_key(|(_, count, _)| *count);
        most.map(|(_, _, newest)| *newest)
    }
}

/// The damage without its numbers: sizes and the numbers of files differ from frame to frame.
fn without_numbers(damage: &str) -> String {
    damage.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes frames at this rate; `T` is a torn one.
    fn noted(frames: &str, rate: f64) -> Health {
        let (mut health, began) = (Health::default(), Instant::now());
        for (number, frame) in frames.chars().enumerate() {
            let at = began + Duration::from_secs_f64(number as f64 / rate);
            health.note(at, (frame == 'T').then(|| format!("a buffer of {number} bytes lacks its end")));
        }
        health
    }

    #[test]
    fn more_than_half_of_the_frames_damaged_is_trouble_and_half_is_none() {
        assert_eq!(noted("TTTTTTTTT", 10.0).trouble(), None, "too few to judge by");
        let words = noted("TTTTTTTTTT", 10.0).trouble().map(str::to_owned).unwrap();
        assert!(words.starts_with("the camera's frames cannot be read (a buffer of 9 bytes lacks its end)"), "{words}");
        assert_eq!(noted("T.T.T.T.T.", 10.0).trouble(), None);
        assert!(noted("TT.TT.TT.TT.", 10.0).trouble().is_some());
    }

    #[test]
    fn a_few_torn_frames_at_the_start_or_in_between_are_no_trouble() {
        assert_eq!(noted("TTT.......", 30.0).trouble(), None);
        assert_eq!(noted(&format!("{}TTTTTT{}", ".".repeat(60), ".".repeat(60)), 10.0).trouble(), None);
    }

    #[test]
    fn the_trouble_ends_once_frames_can_be_read_again() {
        let frames = format!("{}{}", "T".repeat(200), ".".repeat(99));
        assert_eq!(noted(&frames, 10.0).trouble(), None);
        assert!(noted(&frames[..240], 10.0).trouble().is_some());
    }

    #[test]
    fn a_slow_camera_is_judged_by_its_last_frames_and_a_fast_one_in_bounded_memory() {
        assert!(noted("TTTTTTTTTTTT", 0.3).trouble().is_some());
        assert_eq!(noted(&".".repeat(9000), 1e9).frames.len(), MOST);
    }

    #[test]
    fn the_words_name_the_most_frequent_damage_and_stay_while_only_its_numbers_change() {
        let (mut health, now) = (Health::default(), Instant::now());
        for number in 0..20 {
            let damage = if number % 3 == 0 { "of another size".into() } else { format!("torn at {number}") };
            health.note(now, Some(damage));
        }
        let words = health.trouble().unwrap().to_owned();
        assert!(words.contains("(torn at "), "{words}");
        health.note(now, Some("torn at 99".into()));
        assert_eq!(health.trouble(), Some(words.as_str()));
    }

    #[test]
    fn a_recording_of_a_few_damaged_pictures_is_trouble_at_its_end() {
        let mut health = noted("TT.", 10.0);
        assert_eq!(health.trouble(), None);
        health.end();
        assert!(health.trouble().is_some());
        health.forget();
        assert_eq!(health.trouble(), None);
    }
}
