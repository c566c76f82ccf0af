//! Every kind of camera as a user selects it: in a file that `check-config` reads, in a variable, and as a flag of
//! `run`.

use std::path::Path;
use std::process::{Command, Output};

use leukoscope::config::CameraSource;

use crate::common::{complained, models_folder, said};

/// An empty folder to run in, so that no stray files are picked up.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_leukoscope"));
        program
            .args(arguments)
            .current_dir(self.path())
            .env("LEUKOSCOPE_MODELS", models_folder())
            .env("LEUKOSCOPE_STATION_STATE", self.path().join("state"))
            .env("LEUKOSCOPE_WEB_LISTEN", "none")
            .env("LEUKOSCOPE_DISPLAY_KIND", "none")
            .env("LEUKOSCOPE_SERIAL_PORT", "none");
        program
    }

    /// Runs `run --camera … --for 4`, which must succeed; returns its log.
    fn run(&self, camera: &str) -> String {
        let output = self.program(&["run", "--camera", camera, "--for", "4"]).output().unwrap();
        assert!(output.status.success(), "{camera}: {}", complained(&output));
        complained(&output)
    }

    fn check_config(&self, text: &str) -> Output {
        std::fs::write(self.path().join("l.toml"), text).unwrap();
        self.program(&["check-config", "l.toml"]).output().unwrap()
    }

    /// Asserts that `check-config` accepts a file with this camera.
    fn is_good(&self, camera: &str) {
        let output = self.check_config(&format!("[camera]\nsource = {camera:?}\n"));
        assert_eq!(said(&output), "l.toml: good\n", "{camera}: {}", complained(&output));
    }

    /// Asserts that `check-config` refuses a file with this camera; returns the message.
    fn is_refused(&self, camera: &str) -> String {
        let output = self.check_config(&format!("[camera]\nsource = {camera:?}\n"));
        assert_eq!(output.status.code(), Some(2), "{camera}: {}", said(&output));
        complained(&output)
    }

    fn picture(&self, name: &str) {
        let path = self.path().join(name);
        image::RgbImage::from_pixel(320, 240, image::Rgb([220, 210, 225])).save(path).unwrap();
    }
}

#[test]
fn the_simulated_microscope_is_run_and_taken_by_the_file() {
    let place = Place::new();
    let log = place.run("simulated");
    assert!(log.contains("camera: simulated microscope, 640 x 480 px"), "{log}");
    place.is_good("simulated");
    assert!(place.is_refused("simulate").contains("write: source = \"simulated\""));
}

#[test]
fn a_recording_is_run_and_taken_by_the_file() {
    let place = Place::new();
    place.picture("a.png");
    let log = place.run("replay:a.png");
    assert!(log.contains("camera: recording a.png, 1 pictures"), "{log}");
    place.is_good("replay:a.png");
    let said = place.is_refused("replay:elsewhere/*.jpg");
    assert!(said.starts_with("leukoscope: l.toml:2:1: elsewhere/*.jpg: no pictures here"), "{said}");
    assert!(place.is_refused("replay:").contains("write: source = \"replay:/path/to/images\""));
}

#[test]
fn a_recording_that_is_not_there_ends_the_run_with_its_path() {
    let output = Place::new().program(&["run", "--camera", "replay:nowhere", "--for", "4"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(complained(&output).contains("nowhere: there is no such file or folder"), "{}", complained(&output));
}

#[test]
fn a_stage_over_a_large_picture_is_run_and_taken_by_the_file() {
    let place = Place::new();
    place.picture("scan.png");
    let log = place.run("pan:scan.png");
    assert!(log.contains("320 x 240 px"), "{log}");
    place.is_good("pan:scan.png");
    assert!(place.is_refused("pan:").contains("write: source = \"pan:/path/to/scan.png\""));
}

#[cfg(feature = "camera-v4l")]
#[test]
fn a_v4l_camera_that_is_not_plugged_in_is_waited_for_by_any_of_its_names() {
    let place = Place::new();
    for device in ["/dev/video987", "/dev/v4l/by-id/usb-none-video-index0"] {
        let log = place.run(&format!("v4l:{device}"));
        assert!(log.contains(&format!("camera: {device}: no such device; plug the camera in")), "{log}");
    }
}

#[cfg(not(feature = "camera-v4l"))]
#[test]
fn a_build_without_v4l_cameras_refuses_them_with_what_to_build() {
    let output = Place::new().program(&["run", "--camera", "v4l:/dev/video0", "--for", "4"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(complained(&output).contains("build with `--features device`"), "{}", complained(&output));
}

#[test]
fn the_file_takes_a_v4l_camera_by_number_or_by_its_lasting_name_and_nothing_else() {
    let place = Place::new();
    place.is_good("v4l:/dev/video0");
    place.is_good("v4l:/dev/v4l/by-id/usb-046d_HD_Webcam-video-index0");
    for wrong in ["v4l:0", "v4l:/dev/video", "v4l:/dev/sda", "/dev/video0"] {
        assert!(place.is_refused(wrong).contains("write: source = \"v4l:/dev/video0\""), "{wrong}");
    }
}

#[cfg(feature = "camera-nokhwa")]
#[test]
fn a_nokhwa_camera_that_is_not_plugged_in_is_tried_again_until_the_run_ends() {
    let place = Place::new();
    for camera in ["nokhwa:987", "nokhwa:No Such Microscope"] {
        let log = place.run(camera);
        assert!(
            log.contains(&format!("camera: {camera}: no such camera; plug it in, or see `leukoscope devices`")),
            "{log}"
        );
    }
}

#[cfg(not(feature = "camera-nokhwa"))]
#[test]
fn a_build_without_nokhwa_refuses_its_cameras_with_what_to_build() {
    let output = Place::new().program(&["run", "--camera", "nokhwa:0", "--for", "4"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = complained(&output);
    assert!(said.contains("no nokhwa cameras") && said.contains("build with `--features device`"), "{said}");
}

#[test]
fn the_file_takes_a_nokhwa_camera_by_number_or_name() {
    let place = Place::new();
    place.is_good("nokhwa:0");
    place.is_good("nokhwa:USB Microscope");
    assert!(place.is_refused("nokhwa:").contains("write: source = \"nokhwa:0\""));
}

#[test]
fn another_programs_motion_jpeg_is_run_and_taken_by_file_flag_and_variable() {
    let place = Place::new();
    place.picture("a.jpg");
    let camera = "command:while cat a.jpg; do sleep 0.1; done";
    let log = place.run(camera);
    assert!(log.contains("camera: Motion JPEG from `while cat a.jpg"), "{log}");
    place.is_good(camera);
    let output = place.program(&["run", "--for", "4"]).env("LEUKOSCOPE_CAMERA_SOURCE", camera).output().unwrap();
    assert!(complained(&output).contains("camera: Motion JPEG from `while cat a.jpg"), "{}", complained(&output));
    assert!(place.is_refused("command:").contains("write: source = \"command:rpicam-vid"));
}

#[test]
fn a_program_that_is_missing_is_named_while_it_is_tried_again() {
    let log = Place::new().run("command:no-such-camera-program -o -");
    assert!(log.contains("no-such-camera-program") && log.contains("not found"), "{log}");
}

#[test]
fn the_raspberry_pi_camera_of_the_readme_runs_from_the_file_and_as_a_flag() {
    let place = Place::new();
    place.picture("a.jpg");
    // Stands in for the program of the same name.
    let bin = place.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("rpicam-vid"), "#!/bin/sh\nwhile cat a.jpg; do sleep 0.1; done\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(bin.join("rpicam-vid"), executable).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());

    let readme = include_str!("../../README.md");
    let block = readme.split("```toml\n").find(|block| block.contains("command:rpicam-vid")).expect("the example");
    let block = block.split("```").next().unwrap();
    assert_eq!(said(&place.check_config(block)), "l.toml: good\n");
    let source = block.lines().find_map(|line| line.strip_prefix("source = \"")?.strip_suffix('"')).unwrap();
    for arguments in [["--config", "l.toml"], ["--camera", source]] {
        let all = [&["run", "--for", "4"], &arguments[..]].concat();
        let output = place.program(&all).env("PATH", &path).output().unwrap();
        assert!(complained(&output).contains("camera: Motion JPEG from `rpicam-vid"), "{}", complained(&output));
    }
}

#[test]
fn words_that_name_no_camera_are_answered_with_every_form_by_file_flag_and_variable() {
    let place = Place::new();
    let file = place.is_refused("usb");
    assert!(file.starts_with("leukoscope: l.toml:2:1: source = \"usb\" is no camera"), "{file}");
    assert!(file.contains("2 | source = \"usb\"") && file.contains("write: source = \"v4l:/dev/video0\""), "{file}");
    let flag = place.program(&["run", "--camera", "usb"]).output().unwrap();
    let variable = place.program(&["run"]).env("LEUKOSCOPE_CAMERA_SOURCE", "usb").output().unwrap();
    assert_eq!((flag.status.code(), variable.status.code()), (Some(2), Some(2)));
    assert!(complained(&flag).contains("--camera"), "{}", complained(&flag));
    assert!(complained(&flag).contains("write: --camera v4l:/dev/video0"), "{}", complained(&flag));
    assert!(complained(&variable).contains("LEUKOSCOPE_CAMERA_SOURCE"), "{}", complained(&variable));
    for said in [file, complained(&flag), complained(&variable)] {
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for form in [
            "\"simulated\"",
            "\"replay:PATH\"",
            "\"pan:FILE\"",
            "\"v4l:/dev/videoN\"",
            "\"nokhwa:INDEX\"",
            "\"command:PROGRAM ARGUMENTS\"",
        ] {
            assert!(said.contains(form), "{form} in {said}");
        }
    }
    assert!("usb".parse::<CameraSource>().is_err());
}
