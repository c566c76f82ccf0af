//! Networks from a signed bundle: trusted, tried, taken into use in one step, and taken back.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{NETWORKS, models_folder};
use crate::model_bench::{Bench, cells, other_models, refusal, said, tar};
use leukoscope::store::Store;
use minisign::KeyPair;
use serde_json::Value;

#[test]
fn networks_are_installed_listed_and_taken_back_and_the_trail_says_by_whom() {
    let bench = Bench::new();
    let shipped = bench.in_use().card;
    let (first, second) = (bench.bundle("first.tar", "0.31"), bench.bundle("second.tar", "0.32"));
    let told = said(&bench.install(&first));
    assert!(told.contains("installed first.tar: 12 of 12 reference cells right"), "{told}");
    assert!(told.contains("systemctl restart leukoscope"), "{told}");
    let limit = || bench.in_use().card.classifier.unknown_below;
    assert!((limit() - 0.31).abs() < 1e-9);
    said(&bench.install(&second));
    assert!((limit() - 0.32).abs() < 1e-9);
    let listed = said(&bench.model(&["list"]));
    let of = |word: &str| listed.lines().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {listed}"));
    assert!(of("shipped").starts_with("kept"), "{listed}");
    assert!(of("first.tar").starts_with("before") && of("second.tar").starts_with("in use"), "{listed}");
    assert!(of("second.tar").contains("installed by console"), "{listed}");

    said(&bench.model(&["back"]));
    assert!((limit() - 0.31).abs() < 1e-9);
    said(&bench.model(&["back"]));
    assert_eq!(bench.in_use().card, shipped);
    assert!(refusal(&bench.model(&["back"]), 2).contains("there are none before them"));
    let trail = bench.trail();
    let actions: Vec<&str> = trail.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["install models", "install models", "models back", "models back"]);
    assert!(trail.iter().all(|line| line.by == "console"));
    assert_eq!(trail[1].detail["bundle"], "second.tar");
    assert_eq!(trail[1].detail["reference"]["right"], 12);
    assert_eq!(trail[3].detail["to"], Value::Null);
    let sum = Command::new("sha256sum").arg(&second).output().unwrap();
    assert_eq!(trail[1].detail["sha256"].as_str().unwrap(), &said(&sum)[..64]);
}

#[test]
fn only_a_trusted_key_over_the_very_bytes_counts() {
    let bench = Bench::new();
    let bundle = bench.bundle("good.tar", "0.31");
    let bytes = fs::read(&bundle).unwrap();
    let refused = |file: &Path, wanted: &str| {
        let words = refusal(&bench.install(file), 1);
        assert!(words.contains(wanted), "{wanted}: {words}");
        assert!(!bench.state().join("models/current").exists(), "{words}");
        let last = bench.trail().pop().unwrap();
        assert_eq!((last.action.as_str(), last.by.as_str()), ("models refused", "console"));
        assert!(last.detail["why"].as_str().unwrap().contains(wanted), "{last:?}");
    };
    let stranger = KeyPair::generate_unencrypted_keypair().unwrap();
    refused(&bench.signed_by(&stranger, "stranger.tar", &bytes), "no trusted key made its signature");
    let changed = bench.signed("changed.tar", &bytes);
    let mut other = bytes.clone();
    other[700] ^= 1;
    fs::write(&changed, &other).unwrap();
    refused(&changed, "it was changed or damaged on the way");
    let unsigned = bench.path("alone.tar");
    fs::write(&unsigned, &bytes).unwrap();
    refused(&unsigned, "it is not signed");
    fs::write(bench.path("alone.tar.minisig"), "a signature, honestly").unwrap();
    refused(&unsigned, "this is no signature of minisign");

    // Without any key nothing is trusted, and the sentence says what to do.
    let config = bench.path("leukoscope.toml");
    fs::write(&config, "").unwrap();
    let words = refusal(&bench.install(&bundle), 2);
    assert!(words.contains("[models] trusted_keys") && words.contains("minisign.pub"), "{words}");
    fs::write(&config, "[models]\ntrusted_keys = \"/nowhere/keys\"\n").unwrap();
    assert!(refusal(&bench.install(&bundle), 2).contains("/nowhere/keys"));
    fs::write(bench.path("bad.pub"), "untrusted comment: x\nnot a key\n").unwrap();
    fs::write(&config, format!("[models]\ntrusted_keys = \"{}\"\n", bench.path("bad.pub").display())).unwrap();
    assert!(refusal(&bench.install(&bundle), 2).contains("line 2 is no public key of minisign"));
    // A folder that is named comes first, so that an installation would be without effect.
    fs::write(&config, format!("[models]\nfolder = \"{}\"\n", models_folder().display())).unwrap();
    assert!(refusal(&bench.install(&bundle), 2).contains("[models] folder names the folder of the networks"));
}

#[test]
fn a_bundle_that_fails_its_reference_or_is_none_is_refused_and_changes_nothing() {
    let bench = Bench::new();
    let good = bench.bundle("good.tar", "0.31");
    said(&bench.install(&good));
    let limit = || bench.in_use().card.classifier.unknown_below;
    let before = bench.in_use().card;
    let refused = |name: &str, bytes: &[u8], wanted: &str| {
        let words = refusal(&bench.install(&bench.signed(name, bytes)), 1);
        assert!(words.contains(wanted), "{name}: {wanted}: {words}");
        assert_eq!(bench.in_use().card, before, "{name}");
        let left = fs::read_dir(bench.state().join("models")).unwrap().count();
        assert_eq!(left, 2, "{name}: the networks in use, and the link to them");
        assert_eq!(bench.trail().pop().unwrap().action, "models refused");
    };
    // The same networks, but two of the cells are called something else.
    let models = other_models("0.33");
    let wrong = cells(bench.folder.path(), &["00.png", "05.png"]);
    let made = bench.model(&[
        "bundle",
        models.path().to_str().unwrap(),
        "--reference",
        wrong.to_str().unwrap(),
        "--output",
        bench.path("x.tar").to_str().unwrap(),
    ]);
    assert!(
        refusal(&made, 1).contains("10 of its 12 reference cells"),
        "a bundle that no station would take is not made"
    );
    let path = |name: &str| fs::read(models.path().join(name)).unwrap();
    let contents: Vec<(&str, Vec<u8>)> =
        NETWORKS.into_iter().chain(["model.toml"]).map(|name| (name, path(name))).collect();
    let networks: Vec<(&str, &[u8])> = contents.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    let mut pictures = Vec::new();
    for class in fs::read_dir(&wrong).unwrap().map(|entry| entry.unwrap()) {
        for picture in fs::read_dir(class.path()).unwrap().map(|entry| entry.unwrap()) {
            let name = format!(
                "reference/{}/{}",
                class.file_name().into_string().unwrap(),
                picture.file_name().into_string().unwrap()
            );
            pictures.push((name, fs::read(picture.path()).unwrap()));
        }
    }
    let with = |right: &'static [u8], pictures: &[(String, Vec<u8>)], more: &[(&str, &[u8])]| {
        let mut files = networks.clone();
        files.push(("reference.toml", right));
        files.extend(pictures.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
        files.extend(more);
        tar(&files)
    };
    refused(
        "wrong.tar",
        &with(b"right = 0.9\n", &pictures, &[]),
        "10 of its 12 reference cells correctly here, and 90 %",
    );
    refused("low.tar", &with(b"right = 0.1\n", &pictures, &[]), "right = 0.1 is not 0.5 to 1");
    refused("words.tar", &with(b"write = 0.9\n", &pictures, &[]), "reference.toml");
    refused("few.tar", &with(b"right = 0.5\n", &pictures[..3], &[]), "3 reference cells prove nothing");
    refused("none.tar", &with(b"right = 0.5\n", &[], &[]), "reference");
    for (name, wanted) in [
        ("../escaped.onnx", "belongs in no bundle"),
        ("/tmp/escaped.onnx", "belongs in no bundle"),
        ("reference/../../../escaped.png", "belongs in no bundle"),
        ("install.json", "belongs in no bundle"),
        ("reference/.hidden/a.png", "belongs in no bundle"),
        ("model.toml", "is in it twice"),
    ] {
        refused("path.tar", &with(b"right = 0.5\n", &pictures, &[(name, b"x")]), wanted);
    }
    assert!(!Path::new("/tmp/escaped.onnx").exists() && !bench.path("escaped.onnx").exists());
    refused("alone.tar", &tar(&networks), "reference.toml is not in it");
    refused("text.tar", b"these are no networks, but some text that somebody put here", "the bundle is refused");
    refused("empty.tar", b"", "model.toml is not in it");
    let whole = with(b"right = 0.5\n", &pictures, &[]);
    refused("cut.tar", &whole[..whole.len() / 2], "the bundle is refused");
    let mut swapped = networks.clone();
    swapped[1].1 = networks[0].1;
    swapped.push(("reference.toml", b"right = 0.5\n"));
    refused("swapped.tar", &tar(&swapped), "is not the file that model.toml describes");
    // A link in the place of a file.
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    archive.append_link(&mut header, "model.toml", "/etc/passwd").unwrap();
    refused("link.tar", &archive.into_inner().unwrap(), "is no plain file");
    // A file that claims to be without end.
    let mut endless = tar(&[("cells.onnx", b"x")]);
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..10].copy_from_slice(b"cells.onnx");
    header.set_size(1 << 40);
    header.set_cksum();
    endless[..512].copy_from_slice(header.as_bytes());
    refused("endless.tar", &endless, "is too much");
    assert!((limit() - 0.31).abs() < 1e-9);
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let bench = Bench::new();
    let path = bench.path("large.tar");
    fs::File::create(&path).unwrap().set_len(4 << 30).unwrap();
    let begun = Instant::now();
    assert!(refusal(&bench.install(&path), 2).contains("more than 128 megabytes"));
    assert!(refusal(&bench.install(Path::new("/dev/zero")), 2).contains("this is no file"));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn an_installation_that_is_killed_at_any_moment_leaves_the_old_networks_or_the_new_ones() {
    let bench = Bench::new();
    let (first, second) = (bench.bundle("first.tar", "0.31"), bench.bundle("second.tar", "0.32"));
    said(&bench.install(&first));
    let begun = Instant::now();
    said(&bench.install(&second));
    let longest = u64::try_from(begun.elapsed().as_micros()).unwrap() * 5 / 4;
    let config = bench.path("leukoscope.toml");
    let folders = || fs::read_dir(bench.state().join("models")).unwrap().flatten().map(|entry| entry.file_name());
    let mut chance = fastrand::Rng::with_seed(3);
    let mut switched = 0;
    let mut wanted = 0.32;
    for round in 0..6 {
        let (file, limit) = if wanted > 0.315 { (&first, 0.31) } else { (&second, 0.32) };
        let before = folders().filter(|name| name.to_str().unwrap().starts_with("20")).count();
        let mut child = bench
            .command(&["model", "install", file.to_str().unwrap(), "--config", config.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // While they are tried, when the new networks are there, or when the link that is to take them into use is.
        let (begun, moment) = (Instant::now(), Duration::from_micros(chance.u64(0..longest / 3)));
        while child.try_wait().unwrap().is_none() {
            let now = match round % 3 {
                0 => begun.elapsed() > moment,
                1 => folders().filter(|name| name.to_str().unwrap().starts_with("20")).count() > before,
                _ => folders().any(|name| name == ".leukoscope-next"),
            };
            if now {
                child.kill().unwrap();
            }
        }
        let found = bench.in_use().card.classifier.unknown_below;
        if (found - limit).abs() < 1e-9 {
            switched += 1;
            wanted = limit;
        } else {
            assert!((found - wanted).abs() < 1e-9, "round {round}: {found}");
        }
        said(&bench.model(&["list"]));
    }
    assert!(switched < 6, "none was killed while it was tried");
    said(&bench.install(&first));
    assert!((bench.in_use().card.classifier.unknown_below - 0.31).abs() < 1e-9);
    assert_eq!(folders().filter(|name| name.to_str().unwrap().starts_with('.')).count(), 0);
}

#[test]
fn networks_that_fail_as_they_lie_on_the_disk_give_way_to_those_before_by_themselves() {
    let bench = Bench::new();
    said(&bench.install(&bench.bundle("first.tar", "0.31")));
    let current = bench.state().join("models/current");
    let first = fs::read_link(&current).unwrap();
    let bundle = bench.bundle("second.tar", "0.32");
    // A card that gives back other bytes than it took: the last of the reference cells turn bad once the link is switched, long
    // before the second trial comes to them.
    let watched = current.clone();
    let before = first.clone();
    let spoiler = std::thread::spawn(move || {
        let begun = Instant::now();
        while fs::read_link(&watched).is_ok_and(|link| link == before) {
            assert!(begun.elapsed() < Duration::from_mins(2), "the link was never switched");
        }
        let spoilt = fs::read_dir(watched.join("reference")).unwrap().flatten().flat_map(|class| {
            fs::read_dir(class.path())
                .unwrap()
                .flatten()
                .map(|cell| fs::write(cell.path(), "no picture"))
                .collect::<Vec<_>>()
        });
        assert!(spoilt.map(Result::unwrap).count() >= 8);
    });
    let words = refusal(&bench.install(&bundle), 1);
    spoiler.join().unwrap();
    assert!(words.contains("the networks were taken into use, failed, and those before are in use again"), "{words}");
    assert_eq!(fs::read_link(&current).unwrap(), first);
    assert!((bench.in_use().card.classifier.unknown_below - 0.31).abs() < 1e-9);
    let trail = bench.trail();
    let last = trail.last().unwrap();
    assert_eq!((last.action.as_str(), last.detail["bundle"].as_str()), ("models refused", Some("second.tar")));
    let list = said(&bench.model(&["list"]));
    assert!(list.contains("first.tar") && !list.contains("second.tar"), "{list}");
}

#[test]
fn networks_that_the_profile_in_use_was_not_learned_with_are_refused() {
    let bench = Bench::new();
    let bundle = bench.bundle("good.tar", "0.31");
    fs::create_dir_all(bench.state()).unwrap();
    let profile = bench.path("ours.toml");
    fs::write(&profile, "no profile").unwrap();
    let keys = fs::read_to_string(bench.path("leukoscope.toml")).unwrap();
    fs::write(bench.path("leukoscope.toml"), format!("{keys}profile = \"{}\"\n", profile.display())).unwrap();
    let words = refusal(&bench.install(&bundle), 1);
    assert!(words.contains("the station would not start with these networks"), "{words}");
    assert!(!bench.state().join("models/current").exists());
}

#[test]
fn a_result_keeps_naming_the_networks_that_made_it() {
    let bench = Bench::new();
    let bundle = bench.bundle("good.tar", "0.31");
    // A station that counts, as a service would run it, until it has this many results.
    let count = |results: usize| {
        let mut station = bench
            .command(&["run", "--camera", "simulated", "--display", "none", "--serial", "none", "--target", "2"])
            .env("LEUKOSCOPE_WEB_LISTEN", "none")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let counted =
            || Store::open_to_read(&bench.state()).ok().flatten().map_or(0, |store| store.all().unwrap().len());
        while counted() < results {
            assert!(begun.elapsed() < Duration::from_mins(2) && station.try_wait().unwrap().is_none());
            std::thread::sleep(Duration::from_millis(50));
        }
        // A station that runs goes on with its own, and may be given others meanwhile.
        if results == 1 {
            assert!(said(&bench.install(&bundle)).contains("goes on with its own until it is started again"));
        }
        let pid = station.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        assert!(station.wait().unwrap().success());
    };
    let shipped = bench.in_use().card.card_sha256;
    count(1);
    let installed = bench.in_use().card.card_sha256;
    assert_ne!(installed, shipped);
    count(2);
    said(&bench.model(&["back"]));
    let store = Store::open_to_read(&bench.state()).unwrap().unwrap();
    let made_by = |session| store.session(session).unwrap().unwrap().settings.unwrap().models["card"].clone();
    let results = store.all().unwrap();
    assert_eq!(made_by(results[0].session), shipped);
    assert_eq!(made_by(results[1].session), installed);
}
