//! Buttons and lights on simulated GPIO lines.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leukoscope::config::{Controls, GpioBackend};
use leukoscope::counting::session::snapshot::Command;
use leukoscope::outputs::hardware::decide::{Button, Light, lights};
use leukoscope::outputs::hardware::{LineError, Lines, devices, open, run, run_once};
use leukoscope::station::drops::Drops;
use leukoscope::station::requests::{Asked, Commands};
use leukoscope::system::latest::Latest;
use leukoscope::system::stop::Stop;

/// Lines that play back edges and record what was switched; they signal stop at the end of the script.
struct Script {
    edges: VecDeque<(Button, bool)>,
    switched: Arc<Mutex<Vec<(Light, bool)>>>,
    stop: Stop,
}

impl Lines for Script {
    fn wait(&mut self, _: Duration) -> Result<Vec<(Button, bool)>, LineError> {
        let edge = self.edges.pop_front();
        if edge.is_none() {
            self.stop.request();
        }
        Ok(edge.into_iter().collect())
    }

    fn switch(&mut self, light: Light, on: bool) -> Result<(), LineError> {
        self.switched.lock().unwrap().push((light, on));
        Ok(())
    }

    fn down(&mut self) -> Result<Vec<Button>, LineError> {
        Ok(Vec::new())
    }

    fn bounces(&self) -> bool {
        false
    }
}

#[test]
fn presses_become_commands_and_lights_follow_the_count() {
    let (stop, switched, newest) = (Stop::new(), Arc::new(Mutex::new(Vec::new())), Latest::default());
    let (commands, received) = Commands::new(Drops::default());
    let edges = [(Button::Start, true), (Button::Start, false), (Button::NewSample, true), (Button::Stop, true)];
    let script = Script { edges: edges.into(), switched: Arc::clone(&switched), stop: stop.clone() };
    newest.put(Arc::new(crate::samples::counting_at_37()));
    let mut worked = false;
    run_once(Box::new(script), &newest, &commands, &stop, &mut || worked = true).unwrap();
    assert!(worked);
    let pressed = [Command::Start, Command::NewSample(None), Command::Stop];
    assert_eq!(received.try_iter().collect::<Vec<_>>(), pressed.map(|command| Asked::by("device:button", command)));
    assert_eq!(
        *switched.lock().unwrap(),
        [(Light::Running, true), (Light::Trouble, false), (Light::Running, false), (Light::Trouble, false)]
    );
}

#[test]
fn the_running_light_burns_while_counting_and_the_trouble_light_blinks_once_a_second() {
    let at = |snapshot, ms| lights(&snapshot, Duration::from_millis(ms));
    assert_eq!(at(crate::samples::waiting(), 0), [false, false]);
    assert_eq!(at(crate::samples::counting_at_37(), 700), [true, false]);
    assert_eq!(at(crate::samples::done_with_flags(), 0), [false, false]);
    let blinking: Vec<_> = [0, 499, 500, 999, 1000].map(|ms| at(crate::samples::trouble(), ms)[1]).into();
    assert_eq!(blinking, [true, true, false, false, true]);
}

#[test]
fn a_missing_chip_is_told_with_a_remedy_and_tried_until_the_end() {
    let config = Controls {
        gpio: GpioBackend::Cdev,
        gpio_chip: "/dev/gpiochip-none".into(),
        start_line: Some(17),
        ..Controls::default()
    };
    let (stop, told) = (Stop::new(), Mutex::new(Vec::new()));
    let (commands, _received) = Commands::new(Drops::default());
    run(&config, &Latest::default(), &commands, &stop, &|trouble| {
        if trouble.is_some() {
            stop.request();
        }
        told.lock().unwrap().extend(trouble);
    });
    let told = told.into_inner().unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("/dev/gpiochip-none lines 17: there is no such chip"), "{told:?}");
    assert!(told[0].contains("leukoscope devices"), "{told:?}");
}

#[test]
fn nothing_is_opened_where_nothing_is_wired() {
    let config = Controls { gpio: GpioBackend::Cdev, gpio_chip: "/dev/gpiochip-none".into(), ..Controls::default() };
    assert!(open(&config).unwrap().is_none());
}

#[test]
#[cfg(not(feature = "gpio-rppal"))]
fn a_build_without_registers_says_what_works_instead() {
    let config = Controls { gpio: GpioBackend::Rppal, start_line: Some(17), ..Controls::default() };
    let words = open(&config).err().unwrap().to_string();
    assert!(words.contains("gpio = \"cdev\""), "{words}");
}

#[test]
fn devices_can_be_listed_as_words_and_as_json_on_any_machine() {
    let found = devices::list();
    assert!(found.to_string().starts_with("Cameras:\n"));
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<devices::Devices>(&json).unwrap(), found);
}
