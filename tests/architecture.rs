//! A room may import only rooms below it, and two modules of one room never import each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of `src/`, lowest first. The order is defined only here.
const ROOMS: [&str; 12] = [
    "system", "domain", "config", "camera", "onnx", "int8", "vision", "counting", "store", "station", "outputs", "cli",
];

/// Every source file, by its path below `src/`.
fn sources() -> BTreeMap<PathBuf, String> {
    fn collect(folder: &Path, root: &Path, into: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(folder).expect("src can be read").map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                collect(&entry, root, into);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&entry).unwrap();
                into.insert(entry.strip_prefix(root).unwrap().to_owned(), text);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    collect(&root, &root, &mut found);
    found
}

/// The module path of a file: `vision/detect/mod.rs` is `[vision, detect]`.
fn module(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The crate-absolute paths in a text, cut to two segments: `crate::vision::detect` becomes `(vision, detect)`. Braces
/// after a room are expanded.
fn crate_paths(text: &str) -> BTreeSet<(String, String)> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let room = word(rest);
        let after = rest[room.len()..].strip_prefix("::").unwrap_or("");
        if let Some(list) = after.strip_prefix('{') {
            let list = &list[..list.find('}').unwrap_or(list.len())];
            for item in list.split(',') {
                found.insert((room.clone(), word(item.trim())));
            }
        } else {
            found.insert((room, word(after)));
        }
    }
    found
}

#[test]
fn every_room_has_its_place_in_the_order_and_every_place_its_room() {
    let rooms: BTreeSet<String> = sources().keys().map(|file| module(file)[0].clone()).collect();
    let expected: BTreeSet<String> =
        ROOMS.iter().chain(&["lib", "counter", "main"]).map(|room| (*room).to_owned()).collect();
    assert_eq!(rooms, expected);
}

#[test]
fn a_room_imports_only_rooms_below_it() {
    let height = |room: &str| ROOMS.iter().position(|other| *other == room);
    let sources = sources();
    let mut wrong = Vec::new();
    for (file, text) in &sources {
        let own = module(file);
        let Some(here) = height(&own[0]) else { continue };
        for (room, within) in crate_paths(text) {
            if height(&room).is_none_or(|there| there > here) {
                let target =
                    [format!("{room}/{within}.rs"), format!("{room}/{within}/mod.rs"), format!("{room}/mod.rs")]
                        .into_iter()
                        .find(|path| sources.contains_key(Path::new(path)))
                        .unwrap_or_else(|| room.clone());
                wrong.push(format!("src/{} imports src/{target}, which lies above it", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn two_modules_of_a_room_never_import_each_other() {
    let mut imports: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (file, text) in &sources() {
        let own = module(file);
        // A room's `mod.rs` declares all its modules, and all of them may use what it defines.
        let [room, within, ..] = own.as_slice() else { continue };
        for (other, target) in crate_paths(text) {
            if other == *room && target != *within {
                imports.entry((room.clone(), within.clone())).or_default().insert(target);
            }
        }
    }
    let both = |room: &String, a: &String, b: &String| {
        imports.get(&(room.clone(), b.clone())).is_some_and(|back| back.contains(a))
    };
    let circles: Vec<String> = imports
        .iter()
        .flat_map(|((room, a), targets)| targets.iter().map(move |b| (room, a, b)))
        .filter(|(room, a, b)| a < b && both(room, a, b))
        .map(|(room, a, b)| format!("src/{room}: {a} and {b} import each other"))
        .collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn no_source_file_is_longer_than_400_lines() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| *lines > 400)
        .map(|(file, lines)| format!("src/{}: {lines}", file.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn nothing_is_printed_past_the_door_to_standard_output() {
    let printing = |text: &str| {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        ["println!(", "print!(", "dbg!("].into_iter().any(|door| code.contains(door))
    };
    // `println!` panics where the reader is gone; `cli/output.rs` ends quietly.
    let wrong: Vec<String> =
        sources().iter().filter(|(_, text)| printing(text)).map(|(file, _)| file.display().to_string()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_of_the_house_lists_the_rooms_in_their_order() {
    let sources = sources();
    let map: Vec<&str> = sources[Path::new("lib.rs")]
        .lines()
        .filter_map(|line| line.strip_prefix("//! | [`")?.split('`').next())
        .collect();
    assert_eq!(map, ROOMS);
}
