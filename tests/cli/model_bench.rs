//! A station that takes networks from signed bundles, and the one who makes and signs them. The cells are drawn.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::common::drawn::drawn;
use crate::common::{models_folder, models_with};
use leukoscope::store::Store;
use leukoscope::store::records::AuditEntry;
use leukoscope::vision::models::Models;
use minisign::KeyPair;
use serde_json::Value;

/// A station with a key that it trusts, and the one who holds the secret key.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub keys: KeyPair,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyPair::generate_unencrypted_keypair().unwrap();
        let public = format!("# whom we trust\n\n{}", keys.pk.to_box().unwrap());
        fs::write(folder.path().join("model-keys.pub"), public).unwrap();
        let config = format!("[models]\ntrusted_keys = \"{}\"\n", folder.path().join("model-keys.pub").display());
        fs::write(folder.path().join("leukoscope.toml"), config).unwrap();
        Self { folder, keys }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leukoscope"));
        command
            .args(arguments)
            .env("LEUKOSCOPE_STATION_STATE", self.state())
            .env_remove("LEUKOSCOPE_MODELS")
            .stdin(Stdio::null());
        command
    }

    pub fn model(&self, arguments: &[&str]) -> Output {
        let config = self.path("leukoscope.toml");
        self.command(&[&["model"], arguments, &["--config", config.to_str().unwrap()]].concat()).output().unwrap()
    }

    pub fn install(&self, file: &Path) -> Output {
        self.model(&["install", file.to_str().unwrap()])
    }

    /// Writes these bytes as a bundle with a signature by `keys`.
    pub fn signed_by(&self, keys: &KeyPair, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        let signature = minisign::sign(Some(&keys.pk), &keys.sk, Cursor::new(bytes), Some("networks"), None).unwrap();
        fs::write(self.path(&format!("{name}.minisig")), signature.to_string()).unwrap();
        path
    }

    pub fn signed(&self, name: &str, bytes: &[u8]) -> PathBuf {
        self.signed_by(&self.keys, name, bytes)
    }

    /// The networks with another limit, which makes them others, bundled and signed.
    pub fn bundle(&self, name: &str, unknown_below: &str) -> PathBuf {
        let models = other_models(unknown_below);
        let cells = cells(self.folder.path(), &[]);
        let unsigned = self.path("unsigned.tar");
        let made = self.model(&[
            "bundle",
            models.path().to_str().unwrap(),
            "--reference",
            cells.to_str().unwrap(),
            "--output",
            unsigned.to_str().unwrap(),
        ]);
        assert!(said(&made).contains("reference cells right"), "{made:?}");
        self.signed(name, &fs::read(unsigned).unwrap())
    }

    pub fn trail(&self) -> Vec<AuditEntry> {
        let Some(store) = Store::open_to_read(&self.state()).unwrap() else { return Vec::new() };
        let mut lines = store.audit(None, None, 1000).unwrap();
        lines.reverse();
        lines
    }

    /// The networks that `run` would take.
    pub fn in_use(&self) -> Models {
        Models::read(&Models::folder(None, &self.state())).unwrap()
    }
}

/// The shipped networks with another limit in their card.
pub fn other_models(unknown_below: &str) -> tempfile::TempDir {
    let limit = Models::read(&models_folder()).unwrap().card.classifier.unknown_below;
    models_with(|card| {
        let changed = card.replace(&format!("unknown_below = {limit}"), &format!("unknown_below = {unknown_below}"));
        assert_ne!(changed, card);
        changed
    })
}

/// Drawn cells in folders by what the shipped networks take them for, those of `wrong` under a name of another.
pub fn cells(folder: &Path, wrong: &[&str]) -> PathBuf {
    let (drawings, sorted) = (folder.join("drawings"), folder.join(format!("cells{}", wrong.len())));
    if sorted.exists() {
        return sorted;
    }
    fs::create_dir_all(&drawings).unwrap();
    for number in 0..12 {
        let class = ["LYT", "EOS", "MON", "NGS"][number % 4];
        drawn(class, number as u64).save(drawings.join(format!("{number:02}.png"))).unwrap();
    }
    let answers = crate::common::leukoscope(["classify", "--json", "--prevalence", "none", drawings.to_str().unwrap()]);
    for line in said(&answers).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let class = answer(&line["top"]);
        let image = Path::new(line["image"].as_str().unwrap());
        let name = image.file_name().unwrap();
        let label = if wrong.contains(&name.to_str().unwrap()) { other_than(&class) } else { class.as_str() };
        fs::create_dir_all(sorted.join(label)).unwrap();
        fs::copy(image, sorted.join(label).join(name)).unwrap();
    }
    sorted
}

/// The most probable of these classes, with all blasts as one.
pub fn answer(top: &Value) -> String {
    let mut shares: Vec<(&str, f64)> = vec![("BLA", 0.0)];
    for pair in top.as_array().unwrap() {
        let (class, share) = (pair[0].as_str().unwrap(), pair[1].as_f64().unwrap());
        if ["MYO", "MOB", "PMB"].contains(&class) {
            shares[0].1 += share;
        } else {
            shares.push((class, share));
        }
    }
    shares.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0.to_owned()
}

pub fn other_than(class: &str) -> &'static str {
    if class == "BAS" { "EOS" } else { "BAS" }
}

pub fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The error message of a command, which must end with this exit code.
pub fn refusal(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A tar archive of these files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // As bytes: a path that leads out of the archive is refused by the library that writes it.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}
