//! What `check-config` refuses or doubts comes with its line and a remedy.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::common::{complained, leukoscope, models_folder, said};

/// Checks a file with this text in this folder.
fn checked(folder: &Path, text: &str) -> Output {
    std::fs::write(folder.join("l.toml"), text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(["check-config", "l.toml"])
        .current_dir(folder)
        .env("LEUKOSCOPE_MODELS", models_folder())
        .output()
        .unwrap()
}

#[test]
fn what_a_file_names_and_is_not_there_is_refused_in_its_line() {
    let folder = tempfile::tempdir().unwrap();
    for (text, place, what) in [
        ("[models]\nfolder = \"/nowhere/models\"\n", "l.toml:2:1: ", "cannot read /nowhere/models/model.toml"),
        ("[models]\nconfusion = \"/nowhere/c.toml\"\n", "l.toml:2:1: ", "/nowhere/c.toml"),
        ("[camera]\nsource = \"replay:slides\"\n", "l.toml:2:1: ", "slides: there is no such file or folder"),
        ("[camera]\nsource = \"pan:scan.png\"\n", "l.toml:2:1: ", "scan.png"),
        ("[web]\nlanguage = \"xx\"\n", "l.toml:2:1: ", "there is no such language; there are en, es, fr"),
        ("[laboratory]\nlogo = \"/nowhere/logo.png\"\n", "l.toml:2:1: ", "logo /nowhere/logo.png: No such file"),
        ("[laboratory]\nlogo = \"l.toml\"\n", "l.toml:2:1: ", "is no PNG or JPEG picture"),
        ("[laboratory]\nranges = \"/nowhere/r.toml\"\n", "l.toml:2:1: ", "/nowhere/r.toml: No such file"),
        ("[laboratory]\nphrases = \"/nowhere/p.txt\"\n", "l.toml:2:1: ", "phrases /nowhere/p.txt: No such file"),
        ("[laboratory]\nname = \"a\u{378}b\"\n", "l.toml:2:1: ", "U+0378"),
        ("[serial]\nport = \"/etc/passwd\"\n", "l.toml:2:1: ", "is a file, not a serial port"),
        ("[serial]\nport = \"/dev/null\"\n", "l.toml:2:1: ", "is another kind of device, not a serial port"),
        ("[station]\nstate = \"l.toml\"\n", "l.toml:2:1: ", "l.toml is no folder"),
        ("[station]\nstate = \"l.toml/state\"\n", "l.toml:2:1: ", "l.toml/state"),
        ("[display]\nkind = \"png\"\npng = \"..\"\n", "l.toml:3:1: ", "is a folder"),
        ("[station]\nstate = \"state\"\n[optics]\nflat_field = \"stored\"\n", "l.toml:4:1: ", "leukoscope calibrate"),
        ("[mqtt]\nbroker = \"mqtts://localhost\"\nca = \"/nowhere/ca.pem\"\n", "l.toml:3:1: ", "/nowhere/ca.pem"),
        (
            "[mqtt]\nbroker = \"mqtt://localhost\"\nuser = \"w\"\npassword_file = \"/nowhere/p\"\n",
            "l.toml:4:1: ",
            "/nowhere/p",
        ),
        ("[mqtt]\nbroker = \"localhost:1883\"\n", "l.toml:2:1: ", "write: broker = \"mqtt://localhost:1883\""),
        (
            "[mqtt]\nbroker = \"mqtt://broker\"\nca = \"/etc/passwd\"\n",
            "l.toml:2:1: ",
            "write: broker = \"mqtts://broker:8883\"",
        ),
        ("[mqtt]\ntopic = \"lab/#\"\n", "l.toml:2:1: ", "is no first part of a topic"),
        ("[mqtt]\npassword_file = \"/etc/passwd\"\n", "l.toml:2:1: ", "user is not set"),
        ("[mqtt]\ncertificate = \"/etc/passwd\"\n", "l.toml:2:1: ", "key is not set"),
        (
            "[web]\nlisten = \"0.0.0.0:8321\"\ncertificate = \"/nowhere/c.pem\"\nkey = \"/nowhere/k.pem\"\n",
            "l.toml:3:1: ",
            "/nowhere/c.pem",
        ),
    ] {
        let output = checked(folder.path(), text);
        let complaint = complained(&output);
        assert_eq!(output.status.code(), Some(2), "{text}{complaint}");
        assert!(complaint.starts_with(&format!("leukoscope: {place}")) && complaint.contains(what), "{complaint}");
        assert!(complaint.contains("\n  write: "), "{complaint}");
    }
}

#[test]
fn a_connection_that_cannot_work_is_refused_in_its_line() {
    let folder = tempfile::tempdir().unwrap();
    for (text, place, what) in [
        ("[hl7]\nhost = \"lis\"\n", "l.toml:2:1: ", "is no host"),
        ("[hl7]\nhost = \"lis:0\"\n", "l.toml:2:1: ", "is no host"),
        ("[hl7]\nsample_field = \"OBR-4\"\n", "l.toml:2:1: ", "is not one of"),
        ("[hl7]\nhost = \"lis:2575\"\ntls = true\nca = \"/nowhere/ca.pem\"\n", "l.toml:3:1: ", "/nowhere/ca.pem"),
        ("[hl7]\ncertificate = \"/nowhere/c.pem\"\n", "l.toml:", "key is not set"),
        ("[hl7]\nlisten = \"0.0.0.0:2576\"\ntls = true\n", "l.toml:2:1: ", "a certificate is missing"),
        ("[codes]\nngs = \"a b\"\n", "l.toml:2:1: ", "is no code"),
        ("[fhir]\nurl = \"ftp://fhir/r4\"\n", "l.toml:2:1: ", "is no address of a server"),
        ("[fhir]\nurl = \"https://rita:secret@fhir/r4\"\n", "l.toml:2:1: ", "is no address of a server"),
        ("[fhir]\nurl = \"http://fhir/r4\"\ntoken_file = \"t\"\n", "l.toml:2:1: ", "in the clear"),
        ("[fhir]\nurl = \"https://fhir/r4\"\nfolder = \"out\"\n", "l.toml:2:1: ", "both set"),
        ("[fhir]\nurl = \"https://fhir/r4\"\ntoken_file = \"/nowhere/t\"\n", "l.toml:3:1: ", "/nowhere/t"),
        ("[fhir]\nfolder = \"/nowhere/out\"\n", "l.toml:2:1: ", "there is no such folder"),
    ] {
        let output = checked(folder.path(), text);
        let complaint = complained(&output);
        assert_eq!(output.status.code(), Some(2), "{text}{complaint}");
        assert!(complaint.starts_with(&format!("leukoscope: {place}")) && complaint.contains(what), "{complaint}");
        assert!(complaint.contains("\n  write: "), "{complaint}");
    }
    let good = "[codes]\nngs = \"\"\nlyt = \"LYM%\"\n[hl7]\nhost = \"[::1]:2575\"\n[fhir]\nurl = \"none\"\n";
    let output = checked(folder.path(), good);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
}

#[test]
fn what_can_hardly_be_meant_is_good_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    for (text, what) in [
        ("[flags]\nblasts_percent = 100\n", "l.toml:2:1: blasts_percent = 100: the flag is raised only where"),
        ("[metrics]\nfile = \"/nowhere/m.prom\"\n", "l.toml:2:1: file = \"/nowhere/m.prom\": its folder must be there"),
        (
            "[models]\ntrusted_keys = \"/nowhere/keys.pub\"\n",
            "l.toml:2:1: [models] trusted_keys, /nowhere/keys.pub: No such file",
        ),
        (
            "[mqtt]\nbroker = \"mqtt://10.0.0.4\"\n",
            "l.toml:2:1: mqtt://10.0.0.4:1883 is not encrypted: sample ids with their results can be read",
        ),
    ] {
        let output = checked(folder.path(), text);
        assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), "l.toml: good\n"), "{text}");
        assert!(complained(&output).starts_with(&format!("warning: {what}")), "{}", complained(&output));
    }
    let output = checked(folder.path(), "[flags]\nnucleated_red_per_100 = 100\n");
    assert_eq!(complained(&output), "", "there may be more nucleated red cells than white ones");
}

#[test]
fn a_pipe_or_a_circle_of_links_ends_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    let (pipe, circle) = (place("pipe"), place("circle"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink(&circle, &circle).unwrap();
    std::fs::create_dir(place("models")).unwrap();
    std::fs::rename(&pipe, place("models/model.toml")).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (replay, models) = (format!("replay:{pipe}"), place("models"));
    for (arguments, words) in [
        (vec!["check-config", &pipe], "it is a pipe, not a file"),
        (vec!["check-config", &circle], "links lead in a circle"),
        (vec!["analyze", &pipe], "it is a pipe, not a file"),
        (vec!["count", &pipe], "it is a pipe, not a file"),
        (vec!["run", "--display", "none", "--serial", "none", "--for", "1", "--camera", &replay], "it is a pipe"),
        (vec!["analyze", "--models", &models, &circle], "it is a pipe"),
    ] {
        let began = Instant::now();
        let output = leukoscope(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", complained(&output));
        assert!(complained(&output).contains(words), "{arguments:?}: {}", complained(&output));
        assert!(began.elapsed() < Duration::from_mins(1));
    }
}

#[test]
fn a_name_with_control_characters_is_printed_with_escapes() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("a\u{1b}[31mb\n2026 ERROR forged.toml");
    std::fs::write(&odd, "[camera]\nsource = \"replay:x\\u001B[31m\"\n").unwrap();
    let config = odd.display().to_string();
    let gone = format!("{config}.gone");
    for arguments in [
        vec!["check-config", &config],
        vec!["check-config", &gone],
        vec!["run", "--config", &gone],
        vec!["run", "--camera", &gone],
        vec!["analyze", &gone],
        vec!["report", &gone],
    ] {
        let output = leukoscope(&arguments);
        let all = said(&output) + &complained(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {all}");
        assert!(!all.contains('\u{1b}'), "{arguments:?}: {all:?}");
        assert!(!all.lines().any(|line| line.starts_with("2026 ERROR")), "{arguments:?}: {all:?}");
        assert!(all.contains("\\u{1b}[31m"), "{arguments:?}: {all:?}");
    }
    std::fs::write(&odd, "[session]\ntarget = 100\n").unwrap();
    let output = leukoscope(["check-config", &config]);
    assert!(said(&output).contains("a\\u{1b}[31mb\\n2026 ERROR forged.toml: good\n"), "{}", said(&output));
}

#[test]
fn a_wrong_value_of_a_flag_has_the_remedy_of_its_key() {
    for (arguments, write) in [
        (["run", "--serial", "ttyUSB3"], "write: --serial /dev/ttyUSB3"),
        (["run", "--serial", "PTY"], "write: --serial pty"),
        (["run", "--camera", "/dev/video2"], "write: --camera v4l:/dev/video2"),
        (["calibrate", "--camera", "simulate"], "write: --camera simulated"),
        (["run", "--display", "oled"], "is not one of \"none\", \"terminal\""),
        (["run", "--display", "ssd1309"], "write: --display ssd1306"),
    ] {
        let output = leukoscope(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(complained(&output).contains(write), "{arguments:?}: {}", complained(&output));
    }
}

#[test]
fn the_files_of_stations_that_were_refused_or_not_checked_are_answered_rightly() {
    let folder = tempfile::tempdir().unwrap();
    for (text, good) in [
        ("[camera]\nsource = \"command:rpicam-vid --codec mjpeg -t 0 -o -\"\n", true),
        ("[camera]\nsource = \"v4l:/dev/v4l/by-id/usb-ToupTek_UCMOS-video-index0\"\n", true),
        ("[display]\nkind = \"ssd1306\"\nwidth = 128\nheight = 32\n", true),
        ("[display]\nkind = \"st7789\"\nwidth=320\nheight=240\n", false),
        ("[display]\nkind = \"ili9341\"\nwidth=240\nheight=320\ninvert = true", true),
    ] {
        let output = checked(folder.path(), text);
        assert_eq!(output.status.success(), good, "{text}{}", complained(&output));
    }
}

#[test]
fn a_secret_for_collectors_that_cannot_be_used_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let text = format!("[metrics]\ntoken = \"{}\"\n", file.display());
    let complaint = |content: Option<&str>| {
        content.inspect(|content| std::fs::write(&file, content).unwrap());
        let output = checked(folder.path(), &text);
        (output.status.code(), complained(&output))
    };
    let (code, missing) = complaint(None);
    assert_eq!(code, Some(2), "{missing}");
    assert!(missing.contains("l.toml:2:1: ") && missing.contains("cannot be read"), "{missing}");
    let (code, short) = complaint(Some("short\n"));
    assert_eq!(code, Some(2), "{short}");
    assert!(short.contains("openssl rand -hex 32") && !short.contains("short"), "{short}");
    assert_eq!(complaint(Some("0123456789abcdef0123\n")), (Some(0), String::new()));
}

#[test]
fn a_folder_for_practice_without_cells_is_doubtful_and_no_reason_to_refuse() {
    let folder = tempfile::tempdir().unwrap();
    for cells in ["/nowhere/cells", "."] {
        let run = checked(folder.path(), &format!("[practice]\ncells = \"{cells}\"\n"));
        let told = format!("{}{}", said(&run), complained(&run));
        assert_eq!(run.status.code(), Some(0), "{told}");
        assert!(told.contains("l.toml:2:1: ") && told.contains("leukoscope export"), "{told}");
    }
    image::RgbImage::new(20, 20)
        .save({
            std::fs::create_dir(folder.path().join("NGS")).unwrap();
            folder.path().join("NGS/1-1.png")
        })
        .unwrap();
    let run = checked(folder.path(), "[practice]\ncells = \".\"\n");
    assert!(!format!("{}{}", said(&run), complained(&run)).contains("practice"), "{run:?}");
}

#[test]
fn an_own_class_that_cannot_be_given_is_refused_in_its_line_with_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let many = |last: char| ('A'..=last).map(|n| format!("XX{n} LYA cell")).collect::<Vec<_>>().join(", ");
    let long = format!("HCL LYA {}", "n".repeat(41));
    let example = "write: own_classes = \"HCL LYA hairy cell, SEZ LYA Sezary cell\"";
    for (text, what, write) in [
        ("LYA LYA hairy cell", "LYA is a fixed class", example),
        ("hcl lya hairy cell", "a code is three capital letters", "write: own_classes = \"HCL LYA hairy cell\""),
        (
            "HCL LYA hairy cell; SEZ LYA Sezary cell",
            "semicolon",
            "write: own_classes = \"HCL LYA hairy cell, SEZ LYA Sezary cell\"",
        ),
        ("HCL LYA hairy cell, HCL LYT another", "HCL twice", example),
        ("HCL ABC hairy cell", "is no class that a person gives", example),
        ("HCL UNK hairy cell", "is no class that a person gives", example),
        ("HCL", "which is no own class", example),
        ("", "which is no own class", example),
        (&long, "has 41 characters", example),
        ("HCL LYA hairy\\u0007cell", "control character", example),
        ("HCL LYA a\u{378}b", "cannot print", example),
        (&many('J'), "10 own classes", example),
    ] {
        let output = checked(folder.path(), &format!("[review]\nown_classes = \"{text}\"\n"));
        let complaint = complained(&output);
        assert_eq!(output.status.code(), Some(2), "{text}: {complaint}");
        assert!(complaint.starts_with("leukoscope: l.toml:2:1: own_classes = "), "{complaint}");
        assert!(complaint.contains(what) && complaint.contains(write), "{text}: {complaint}");
    }
    for good in ["none", "HCL LYA hairy cell", &many('I'), "HCL LYA célula peluda (variante)"] {
        let output = checked(folder.path(), &format!("[review]\nown_classes = \"{good}\"\n"));
        assert_eq!(output.status.code(), Some(0), "{good}: {}", complained(&output));
    }
    let output = checked(folder.path(), "[review]\nown_classes = [\"HCL LYA hairy cell\", \"SEZ LYA Sezary cell\"]\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(complained(&output).contains(example), "{}", complained(&output));
}
