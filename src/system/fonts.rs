//! Typefaces installed on this machine, for letters that no PDF reader brings along: Debian's Noto and whatever else
//! lies in the system's font folders. They are looked up letter by letter and read only when one is needed, so a
//! station that writes western letters reads none.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustybuzz::ttf_parser::{Face as Tables, Tag};
use unicode_script::{Script, UnicodeScript as _};

/// Where Debian and people put typefaces.
const FOLDERS: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];

/// A larger file is not read, bytes. The largest of Debian's Noto has 27 MB.
const LARGEST: u64 = 64 << 20;

/// How long a list of the folders holds: a typeface that was just installed is found by then.
const LISTED: Duration = Duration::from_secs(5);

/// Clusters remembered at most.
const REMEMBERED: usize = 20_000;

/// Folders within folders that are searched.
const DEEPEST: usize = 6;

/// Cuts other than the upright regular one.
const OTHER_CUTS: [&str; 9] = ["bold", "italic", "oblique", "thin", "light", "black", "medium", "condensed", "emoji"];

/// A typeface that was needed.
#[derive(Debug)]
pub struct Typeface {
    /// Name of its file without the ending, letters, digits and hyphens only.
    pub name: String,
    /// The whole file; the first face of a collection is meant.
    pub data: Vec<u8>,
}

/// The typefaces below some folders.
#[derive(Debug)]
pub struct Fonts {
    folders: Vec<PathBuf>,
    found: Mutex<Found>,
}

/// What is known of them.
#[derive(Debug, Default)]
struct Found {
    /// Files, in the order in which they are tried.
    files: Vec<FontFile>,
    listed: Option<Instant>,
    /// What was looked up since then.
    clusters: HashMap<String, Option<Arc<Typeface>>>,
}

/// A file that holds a typeface, perhaps.
#[derive(Debug)]
struct FontFile {
    path: PathBuf,
    /// Letters it has, once it was read; none if it cannot be used.
    covers: Option<Vec<RangeInclusive<u32>>>,
    face: Option<Arc<Typeface>>,
}

/// The typefaces of this machine.
pub fn installed() -> &'static Fonts {
    static INSTALLED: OnceLock<Fonts> = OnceLock::new();
    INSTALLED.get_or_init(|| Fonts::below(FOLDERS.map(PathBuf::from).to_vec()))
}

/// Shows nothing by itself but shapes its neighbours: variation selectors and the joiners of Persian and of Indian
/// scripts. A typeface need not have them.
#[must_use]
pub fn shapes_neighbours(letter: char) -> bool {
    matches!(letter, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Debian's package with a typeface for a letter; none if no package is known to have one.
pub(crate) fn package(letter: char) -> Option<&'static str> {
    match letter.script() {
        Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul | Script::Bopomofo => Some("fonts-noto-cjk"),
        Script::Unknown => None,
        // Signs; small pictures have no outline.
        Script::Common | Script::Inherited if u32::from(letter) >= 0x1_f000 => None,
        _ => Some("fonts-noto-core"),
    }
}

impl Fonts {
    /// The typefaces below these folders; what is not there is passed over.
    pub(crate) fn below(folders: Vec<PathBuf>) -> Self {
        Self { folders, found: Mutex::default() }
    }

    /// A typeface with every letter of a cluster (a letter and the marks on it); none if no file has them all. One that
    /// was installed since the last look is found.
    pub fn find(&self, cluster: &str) -> Option<Arc<Typeface>> {
        let letters: Vec<u32> = cluster.chars().filter(|letter| !shapes_neighbours(*letter)).map(u32::from).collect();
        if letters.is_empty() {
            return None;
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Some(face)) = found.clusters.get(cluster) {
            return Some(Arc::clone(face));
        }
        if found.listed.is_none_or(|listed| listed.elapsed() > LISTED) {
            found.list(&self.folders);
        }
        if let Some(face) = found.clusters.get(cluster) {
            return face.clone();
        }
        let face = first_with(&mut found.files, &letters);
        if found.clusters.len() >= REMEMBERED {
            found.clusters.clear();
        }
        found.clusters.insert(cluster.to_owned(), face.clone());
        face
    }
}

impl Found {
    /// Looks for new files; forgets what was not found before if there are any.
    fn list(&mut self, folders: &[PathBuf]) {
        self.listed = Some(Instant::now());
        let known: HashSet<PathBuf> = self.files.iter().map(|file| file.path.clone()).collect();
        let mut paths = Vec::new();
        for folder in folders {
            collect(folder, DEEPEST, &mut paths);
        }
        let fresh: Vec<PathBuf> = paths.into_iter().filter(|path| !known.contains(path)).collect();
        if !fresh.is_empty() {
            self.clusters.retain(|_, face| face.is_some());
            self.files.extend(fresh.into_iter().map(|path| FontFile { path, covers: None, face: None }));
            self.files.sort_by_cached_key(|file| rank(&file.path));
        }
    }
}

fn collect(folder: &Path, deeper: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(about) = fs::metadata(&path) else { continue };
        if about.is_dir() && deeper > 0 {
            collect(&path, deeper - 1, found);
        }
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        let font = ["ttf", "otf", "ttc", "otc"].contains(&ending.as_str());
        if about.is_file() && font && about.len() <= LARGEST && !OTHER_CUTS.iter().any(|cut| name.contains(cut)) {
            found.push(path);
        }
    }
}

/// Order in which typefaces are tried: those without serifs first, as the rest of a report has none.
fn rank(path: &Path) -> (u8, PathBuf) {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let rank = match name.as_ref() {
        "NotoSans-Regular" => 0,
        name if name.contains("Mono") || name.contains("Display") => 4,
        name if name.starts_with("NotoSans") => 1,
        "DejaVuSans" => 2,
        name if name.contains("Sans") => 3,
        _ => 5,
    };
    (rank, path.to_owned())
}

fn first_with(files: &mut [FontFile], letters: &[u32]) -> Option<Arc<Typeface>> {
    files.iter_mut().find_map(|file| {
        let data = if file.covers.is_none() { file.read() } else { None };
        let covers = file.covers.get_or_insert_with(|| data.as_deref().map(covers).unwrap_or_default());
        if !letters.iter().all(|letter| has(covers, *letter)) {
            return None;
        }
        if file.face.is_none() {
            let data = data.or_else(|| file.read())?;
            let stem = file.path.file_stem().unwrap_or_default().to_string_lossy();
            let name = stem.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
            file.face = Some(Arc::new(Typeface { name, data }));
        }
        file.face.clone()
    })
}

impl FontFile {
    fn read(&self) -> Option<Vec<u8>> {
        fs::read(&self.path).inspect_err(|problem| log::warn!("{}: {problem}", self.path.display())).ok()
    }
}

fn has(covers: &[RangeInclusive<u32>], letter: u32) -> bool {
    let after = covers.partition_point(|range| *range.start() <= letter);
    after.checked_sub(1).and_then(|place| covers.get(place)).is_some_and(|range| range.contains(&letter))
}

/// The letters of a typeface, in order; none if it has no outlines that a PDF can hold.
fn covers(data: &[u8]) -> Vec<RangeInclusive<u32>> {
    let Ok(face) = Tables::parse(data, 0) else { return Vec::new() };
    let outlines = [b"glyf", b"CFF "].iter().any(|name| face.raw_face().table(Tag::from_bytes(name)).is_some());
    let mut letters = Vec::new();
    for table in
        face.tables().cmap.iter().flat_map(|cmap| cmap.subtables).filter(|table| table.is_unicode() && outlines)
    {
        table.codepoints(|letter| {
            if table.glyph_index(letter).is_some_and(|glyph| glyph.0 != 0) {
                letters.push(letter);
            }
        });
    }
    letters.sort_unstable();
    let mut ranges: Vec<RangeInclusive<u32>> = Vec::new();
    for letter in letters {
        match ranges.last_mut() {
            Some(last) if letter <= last.end().saturating_add(1) => *last = *last.start()..=letter,
            _ => ranges.push(letter..=letter),
        }
    }
    ranges
}

impl Typeface {
    /// Whether it has every letter of a cluster.
    #[must_use]
    pub fn has(&self, cluster: &str) -> bool {
        let Ok(face) = Tables::parse(&self.data, 0) else { return false };
        let has = |letter| face.glyph_index(letter).is_some_and(|glyph| glyph.0 != 0);
        cluster.chars().filter(|letter| !shapes_neighbours(*letter)).all(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_typefaces_finds_none_and_every_script_has_a_package() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Broken.ttf"), b"no font").unwrap();
        let fonts = Fonts::below(vec![folder.path().to_owned(), "/nowhere".into()]);
        assert!(["ж", "血", "\u{200c}", ""].iter().all(|cluster| fonts.find(cluster).is_none()));
        for (letter, name) in [('ж', "core"), ('λ', "core"), ('م', "core"), ('अ', "core"), ('ก', "core"), ('→', "core")]
        {
            assert_eq!(package(letter), Some(format!("fonts-noto-{name}").as_str()), "{letter}");
        }
        assert!(['血', 'あ', '혈'].iter().all(|letter| package(*letter) == Some("fonts-noto-cjk")));
        assert!(['\u{378}', '\u{e000}', '😀'].iter().all(|letter| package(*letter).is_none()));
    }

    #[test]
    fn ranges_hold_their_letters_and_no_others() {
        let ranges = [5..=9, 12..=12];
        let held: Vec<u32> = (0..20).filter(|letter| has(&ranges, *letter)).collect();
        assert_eq!(held, [5, 6, 7, 8, 9, 12]);
    }
}
