//! Which contact changes are presses, and which lights are on. No hardware and no clock: times are passed in.

use std::time::Duration;

use crate::config::Controls;
use crate::counting::session::snapshot::{Command, Phase, Snapshot};

/// Debounce time: how long a contact must rest before it counts.
pub(crate) const SETTLE: Duration = Duration::from_millis(20);

/// Half the period of a blinking light.
const BLINK: Duration = Duration::from_millis(500);

/// The buttons of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Button {
    Start,
    Stop,
    NewSample,
}

impl Button {
    pub const ALL: [Self; 3] = [Self::Start, Self::Stop, Self::NewSample];

    /// Command of a press.
    #[must_use]
    pub const fn command(self) -> Command {
        match self {
            Self::Start => Command::Start,
            Self::Stop => Command::Stop,
            Self::NewSample => Command::NewSample(None),
        }
    }

    /// Its GPIO line, if it is wired.
    #[must_use]
    pub const fn line(self, config: &Controls) -> Option<u32> {
        match self {
            Self::Start => config.start_line,
            Self::Stop => config.stop_line,
            Self::NewSample => config.new_sample_line,
        }
    }
}

/// The lights of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Light {
    Running,
    Trouble,
}

impl Light {
    /// All lights, in the order of [`lights`].
    pub const ALL: [Self; 2] = [Self::Running, Self::Trouble];

    /// Its GPIO line, if it is wired.
    #[must_use]
    pub const fn line(self, config: &Controls) -> Option<u32> {
        match self {
            Self::Running => config.running_led_line,
            Self::Trouble => config.trouble_led_line,
        }
    }
}

/// Which lights are on: running while cells are counted; trouble blinks once a second while there is any.
#[must_use]
pub fn lights(snapshot: &Snapshot, elapsed: Duration) -> [bool; 2] {
    let lit_half = (elapsed.as_millis() / BLINK.as_millis()).is_multiple_of(2);
    [snapshot.phase == Phase::Counting, snapshot.trouble.is_some() && lit_half]
}

/// A debounced contact: its state changes once it has rested for the debounce time.
#[derive(Clone, Copy, Debug)]
struct Contact {
    settled: bool,
    now: bool,
    since: Duration,
}

impl Contact {
    /// Whether the contact has just settled as pressed.
    fn settle(&mut self, settle: Duration, at: Duration) -> bool {
        if self.now == self.settled || at.saturating_sub(self.since) < settle {
            return false;
        }
        self.settled = self.now;
        self.settled
    }
}

/// All buttons. A press counts once, when the button goes down, however long it is held. Bounces and pulses shorter
/// than the debounce time do not count, nor does a button that was down from the beginning.
#[derive(Clone, Debug)]
pub struct Buttons {
    settle: Duration,
    contacts: [Contact; Button::ALL.len()],
}

impl Buttons {
    /// Buttons, of which `down` are held. `settle` is zero if the kernel debounces.
    #[must_use]
    pub fn new(settle: Duration, down: &[Button]) -> Self {
        let contacts = Button::ALL.map(|button| {
            let down = down.contains(&button);
            Contact { settled: down, now: down, since: Duration::ZERO }
        });
        Self { settle, contacts }
    }

    /// Takes a contact change at `at`, counted from any fixed moment. Returns the press this completes.
    pub fn edge(&mut self, button: Button, down: bool, at: Duration) -> Option<Button> {
        let contact = &mut self.contacts[button as usize];
        let mut pressed = contact.settle(self.settle, at);
        if down != contact.now {
            contact.now = down;
            contact.since = at;
            pressed |= contact.settle(self.settle, at);
        }
        pressed.then_some(button)
    }

    /// Advances time to `at`. Returns the presses that have settled.
    pub(crate) fn settled(&mut self, at: Duration) -> Vec<Button> {
        let settle = self.settle;
        let settled = |button: &Button, contacts: &mut [Contact; 3]| contacts[*button as usize].settle(settle, at);
        Button::ALL.into_iter().filter(|button| settled(button, &mut self.contacts)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn a_press_that_bounces_counts_once_when_it_has_settled() {
        let mut buttons = Buttons::new(SETTLE, &[]);
        for (down, at) in [(true, 100), (false, 101), (true, 103), (false, 104), (true, 106)] {
            assert_eq!(buttons.edge(Button::Start, down, ms(at)), None);
        }
        assert_eq!(buttons.settled(ms(125)), []);
        assert_eq!(buttons.settled(ms(126)), [Button::Start]);
        assert_eq!(buttons.settled(ms(500)), [], "held");
    }

    #[test]
    fn letting_go_after_a_long_press_is_no_press_however_it_bounces() {
        let mut buttons = Buttons::new(SETTLE, &[]);
        assert_eq!(buttons.edge(Button::Stop, true, ms(0)), None);
        assert_eq!(buttons.settled(ms(5000)), [Button::Stop]);
        for (down, at) in [(false, 6000), (true, 6002), (false, 6003), (true, 6005), (false, 6009)] {
            assert_eq!(buttons.edge(Button::Stop, down, ms(at)), None);
        }
        assert_eq!(buttons.settled(ms(7000)), []);
    }

    #[test]
    fn a_short_disturbance_is_no_press() {
        let mut buttons = Buttons::new(SETTLE, &[]);
        assert_eq!(buttons.edge(Button::Start, true, ms(10)), None);
        assert_eq!(buttons.edge(Button::Start, false, ms(12)), None);
        assert_eq!(buttons.settled(ms(100)), []);
    }

    #[test]
    fn a_button_held_at_the_beginning_must_be_let_go_first() {
        let mut buttons = Buttons::new(Duration::ZERO, &[Button::NewSample]);
        assert_eq!(buttons.settled(ms(50)), []);
        assert_eq!(buttons.edge(Button::NewSample, false, ms(60)), None);
        assert_eq!(buttons.edge(Button::NewSample, true, ms(90)), Some(Button::NewSample));
    }

    #[test]
    fn what_the_kernel_settled_counts_at_once() {
        let mut buttons = Buttons::new(Duration::ZERO, &[]);
        assert_eq!(buttons.edge(Button::Start, true, ms(1)), Some(Button::Start));
    }

    proptest! {
        #[test]
        fn presses_are_never_closer_than_two_times_settling(steps in prop::collection::vec((0u64..60, any::<bool>()), 0..80)) {
            let mut buttons = Buttons::new(SETTLE, &[]);
            let (mut now, mut last): (u64, Option<u64>) = (0, None);
            for (pause, down) in steps {
                // Time is checked every millisecond, as a thread would at best.
                for at in now..now + pause {
                    if !buttons.settled(ms(at)).is_empty() {
                        prop_assert!(last.is_none_or(|last| at - last >= 40));
                        last = Some(at);
                    }
                }
                now += pause;
                if buttons.edge(Button::Start, down, ms(now)).is_some() {
                    prop_assert!(last.is_none_or(|last| now - last >= 40));
                    last = Some(now);
                }
            }
        }

        #[test]
        fn clean_presses_all_count(holds in prop::collection::vec((20u64..3000, 20u64..3000), 0..30)) {
            let mut buttons = Buttons::new(SETTLE, &[]);
            let (mut now, mut presses) = (0, 0);
            for &(held, free) in &holds {
                presses += usize::from(buttons.edge(Button::Start, true, ms(now)).is_some());
                now += held;
                presses += usize::from(buttons.edge(Button::Start, false, ms(now)).is_some());
                now += free;
            }
            prop_assert_eq!(presses, holds.len());
        }
    }
}
