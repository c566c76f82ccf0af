"""Reads labelled single cells from every place they may lie: the pack, the full public sets, a person's own folder, the
device's export. Files are listed and judged here; pixels are read only when a cell is asked for.
"""

from __future__ import annotations

import csv
import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from data import CELL_RED_PX, MIN_RED_CELLS, WHOLE_RED_PX, Cell, read_balanced
from settings import BOX_MARGIN, CLASSES, CODES, RED_CELL_UM, SOURCES, UNNAMED

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}
LABELS = [*CLASSES, "NEU", "IG", *UNNAMED]
"""What a folder of cells may be called."""
PEOPLES = ["ART", "LBL", "LYR", "PLC", "TWO"]
"""Classes that only a person gives on the device; no network learns them."""
LMU_SIDE, PBC_WIDTH = 400, 360
"""Size of the public sets' images as published, px."""
LMU_PACK_SIDE = 360
"""The pack's LMU images are taken to be the published ones at 0.9 of their size. CELL_RED_PX, measured on those, gives 0.0704 um
per published px; the publication's 29 um a side give 0.0725. The pack's and the full set's cells must lie on one ruler, so
the first counts; the 3 % between them are less than a quarter of what training varies the scale by."""

PBC_PREFIXES = {"BA": "BAS", "EO": "EOS", "ERB": "EBO", "LY": "LYT", "MO": "MON", "PLATELET": "PLT", "IG": "IG", "MMY": "MMZ",
                "MY": "MYB", "PMY": "PMO", "NEUTROPHIL": "NEU", "BNE": "NGB", "SNE": "NGS"}
PBC_FOLDERS = {"basophil": {"BAS"}, "eosinophil": {"EOS"}, "erythroblast": {"EBO"}, "ig": {"IG", "MMZ", "MYB", "PMO"},
               "lymphocyte": {"LYT"}, "monocyte": {"MON"}, "neutrophil": {"NEU", "NGB", "NGS"}, "platelet": {"PLT"}}
EXPORT_COLUMNS = ["file", "class", "model_class", "reviewer", "session", "um_per_px", "date", "source"]


class Wrong(Exception):
    """Something the person must put right; the message says what, where and how."""


@dataclass(frozen=True)
class Entry:
    """One labelled cell image, not yet read. um_per_px: on the training's ruler (boxes of red cells measure 7.2 um), None when
    the detector is to measure it. name: the file's own within its source."""

    path: Path
    source: str
    label: str
    split: str
    um_per_px: float | None
    name: str

    def read(self, measure: Callable[[Image.Image], float | None] | None = None) -> Cell:
        """The cell, in the image's middle. `measure` gives an image's scale where no file does."""
        try:
            image = read_balanced(self.path)
        except (OSError, UnidentifiedImageError, ValueError) as error:
            raise Wrong(f"{self.path}: not a readable image ({error}). Take it out or replace it.") from error
        um = self.um_per_px or (measure(image) if measure else None)
        if um is None:
            raise Wrong(f"{self.path}: its scale is unknown and fewer than {MIN_RED_CELLS} whole red cells are in it to measure it "
                        "by. Give --um-per-px, or put a scale.toml with the line 'um_per_px = 0.1' into the folder.")
        return Cell(self.path, self.source, image, image.width / 2, image.height / 2, um, self.label)


@dataclass
class Source:
    """Cells of one source. licence "" is unknown; notes tell the person what was left out and why."""

    name: str
    what: str
    licence: str
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def part(self, split: str, most: int | None = None) -> list[Entry]:
        """The entries of a split, by name; at most `most` a label, the same ones every time."""
        kept: list[Entry] = []
        count: dict[str, int] = {}
        for e in sorted((e for e in self.entries if e.split == split), key=lambda e: digest(e.name)):
            count[e.label] = count.get(e.label, 0) + 1
            if most is None or count[e.label] <= most:
                kept.append(e)
        return sorted(kept, key=lambda e: (e.label, e.name))


@dataclass
class Reading:
    """Entries read one at a time, so that a large set does not lie in memory at full size."""

    entries: list[Entry]
    measure: Callable[[Image.Image], float | None] | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Cell]:
        return (e.read(self.measure) for e in self.entries)


def digest(name: str) -> int:
    """A number 0..2^32-1 that depends on nothing but `name`."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def split_of(name: str) -> str:
    """train, val or test (80, 10, 10 %) by a hash of `name`: the same on every machine, whatever other files are there."""
    place = digest(name) % 10
    return "val" if place == 8 else "test" if place == 9 else "train"


def folder(path: Path, what: str) -> Path:
    """`path` if it is a folder."""
    if not path.is_dir():
        raise Wrong(f"{path}: no such folder ({what}).")
    return path


def images_in(path: Path) -> list[Path]:
    """Image files right inside `path`, by name; refuses a folder without one."""
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not files:
        raise Wrong(f"{path}: no image in it ({', '.join(sorted(SUFFIXES))}). Add cells or remove the folder.")
    return files


def named_folders(root: Path, names: list[str]) -> dict[str, Path]:
    """The folders below `root` that bear one of `names`; refuses a name that comes twice. Archives made on a Mac carry a
    shadow of themselves, which is passed over."""
    found: dict[str, Path] = {}
    for path in sorted(p for p in root.rglob("*") if p.name in names and p.is_dir() and "__MACOSX" not in p.parts):
        if path.name in found:
            raise Wrong(f"{root}: two folders {path.name}, {found[path.name]} and {path}. Name the one to read.")
        found[path.name] = path
    return found


def width_of(path: Path) -> int:
    """An image's width from its header."""
    try:
        with Image.open(path) as image:
            return image.width
    except (OSError, UnidentifiedImageError) as error:
        raise Wrong(f"{path}: not a readable image ({error}). Take it out or replace it.") from error


def original_names(data: Path, source: str) -> set[str]:
    """What the files of one source of the pack were called in the public set, without the folder's name and the suffix. The
    pack's LMU files carry more numbers behind the cell's own; only the cell's own count: BAS_0045_0_96_106 is BAS_0045."""
    names = set()
    manifest = data / "manifest.csv"
    if not manifest.exists():
        return names
    with manifest.open() as f:
        for row in csv.DictReader(f):
            if row["kind"] == "cells" and row["source"] == source:
                name = re.split(r"[ /\\]|___", row["original"])[-1].rsplit(".", 1)[0]
                names.add("_".join(name.split("_")[:2]))
    return names


def pack(data: Path) -> list[Source]:
    """The pack's own cells, its splits as they stand."""
    folder(data / "cells", "the image pack; name its place by --data or SMEAR_DATA")
    found = []
    for path in sorted((data / "cells").iterdir()):
        if path.is_dir():
            _, what, licence = SOURCES.get(path.name, ("", f"cells/{path.name} of the pack", ""))
            source = Source(path.name, what, licence)
            um = RED_CELL_UM / CELL_RED_PX.get(path.name, CELL_RED_PX["pbc"])
            for p in sorted(path.glob("*/*/*")):
                if p.suffix.lower() in SUFFIXES:
                    check_label(p.parent, LABELS)
                    source.entries.append(Entry(p, path.name, p.parent.name, p.parent.parent.name, um, p.stem))
            found.append(source)
    return found


def check_label(path: Path, allowed: list[str]) -> None:
    """Refuses a folder that is no class."""
    if path.name not in allowed:
        raise Wrong(f"{path}: '{path.name}' is no class. A folder may be called {', '.join(allowed)}.")


def lmu(root: Path, data: Path) -> Source:
    """AML-Cytomorphology_LMU (Matek et al. 2019) as TCIA unpacks it: CLASS/CLASS_0001.tiff somewhere below `root`, and
    annotations.dat, whose lines are `CLASS/FILE first second third`: the label, and two later labels of some cells.

    A cell whose two later labels agree with each other and not with the first is left out, and so is a cell that is in the pack.
    """
    source = Source("lmu", "AML-Cytomorphology_LMU, the full set", SOURCES["lmu"][2])
    folder(root, "AML-Cytomorphology_LMU as unpacked")
    classes = named_folders(root, CODES)
    if not classes:
        raise Wrong(f"{root}: no folder BAS, EBO, … in it: not AML-Cytomorphology_LMU as unpacked.")
    later = annotations(root, classes)
    known = original_names(data, "lmu")
    doubtful, twice, unlisted = 0, 0, 0
    um_at_full_size = RED_CELL_UM / (CELL_RED_PX["lmu"] * LMU_SIDE / LMU_PACK_SIDE)
    for label, path in classes.items():
        for file in images_in(path):
            others = later.get((label, file.stem))
            unlisted += others is None
            doubtful_here = others is not None and others[0] == others[1] and others[0] not in ("nan", label)
            doubtful += doubtful_here
            twice += file.stem in known
            if not doubtful_here and file.stem not in known:
                um = um_at_full_size * LMU_SIDE / width_of(file)
                source.entries.append(Entry(file, "lmu", label, split_of(file.stem), um, file.stem))
    if unlisted:
        raise Wrong(f"{root}: {unlisted} images have no line in annotations.dat. Unpack the set again.")
    source.notes += [f"{doubtful} cells left out: labelled otherwise twice by a later annotation"] * bool(doubtful)
    source.notes += [f"{twice} cells left out: the same cells are in the pack"] * bool(twice)
    source.notes.append("the set does not name its patients: splits are by file name, cells of one patient lie in all of them")
    return source


def annotations(root: Path, classes: dict[str, Path]) -> dict[tuple[str, str], tuple[str, str]]:
    """(class, file name without suffix) -> the two later labels, from annotations.dat anywhere below `root`."""
    files = sorted(root.rglob("annotations.dat"))
    if not files:
        raise Wrong(f"{root}: annotations.dat is missing. It is published beside the images; put it into this folder.")
    later = {}
    for number, line in enumerate(files[0].read_text().splitlines(), 1):
        words = line.split()
        if not words:
            continue
        where = f"{files[0]}, line {number}"
        if len(words) != 4:
            raise Wrong(f"{where}: {len(words)} words instead of 4 (file, label, two later labels or nan): '{line.strip()}'.")
        path = Path(words[0])
        if words[1] not in CODES or path.parent.name != words[1]:
            raise Wrong(f"{where}: '{words[1]}' is not the class of {words[0]}. Allowed: {', '.join(CODES)}.")
        for word in words[2:]:
            if word not in [*CODES, "UNC", "nan"]:
                raise Wrong(f"{where}: '{word}' is no class, UNC or nan.")
        if path.parent.name in classes:
            later[path.parent.name, path.stem] = (words[2], words[3])
    return later


def pbc(root: Path, data: Path) -> Source:
    """Acevedo et al. 2020 as Mendeley unpacks it: PBC_dataset_normal_DIB/GROUP/PREFIX_number.jpg; the prefix is the class.
    Images that are in the pack are left out: its splits hold for them."""
    source = Source("pbc", "Acevedo et al. 2020, the full set", SOURCES["pbc"][2])
    folder(root, "PBC_dataset_normal_DIB as unpacked")
    groups = named_folders(root, list(PBC_FOLDERS))
    if not groups:
        raise Wrong(f"{root}: no folder {', '.join(PBC_FOLDERS)} in it: not PBC_dataset_normal_DIB as unpacked.")
    known, twice = original_names(data, "pbc"), 0
    for group, path in groups.items():
        for file in images_in(path):
            label = PBC_PREFIXES.get(file.stem.split("_")[0].upper())
            if label not in PBC_FOLDERS[group]:
                raise Wrong(f"{file}: '{file.stem.split('_')[0]}' is no class of the folder {group}. "
                            f"Prefixes known: {', '.join(PBC_PREFIXES)}.")
            if file.stem in known:
                twice += 1
                continue
            um = RED_CELL_UM / WHOLE_RED_PX["pbc"] * PBC_WIDTH / width_of(file)
            source.entries.append(Entry(file, "pbc", label, split_of(file.stem), um, file.stem))
    if twice:
        source.notes.append(f"{twice} images left out: they are in the pack, whose splits hold for them")
    source.notes.append("the set does not name its patients: splits are by file name, cells of one patient lie in all of them")
    return source


def own(root: Path, um_per_px: float | None = None, licence: str = "") -> Source:
    """A person's DIR/CLASS/*.png. Scale: `um_per_px`, else manifest.csv (file, um_per_px and, to keep one patient's cells in one
    split, group), else scale.toml (um_per_px), else by the red cells when the cell is read. Scales given are true ones."""
    source = Source("own", f"own cells, {root.name}", licence)
    folder(root, "DIR/CLASS/*.png")
    rows = {row["file"]: row for _, row in table(root / "manifest.csv", ["file"])} if (root / "manifest.csv").exists() else {}
    general = um_per_px or scale_file(root / "scale.toml")
    grouped = False
    for path in class_folders(root):
        for file in images_in(path):
            name = f"{path.name}/{file.name}"
            row = rows.get(name, {})
            um = um_per_px or number(row.get("um_per_px"), root / "manifest.csv") or general
            group = row.get("group") or name
            grouped |= group != name
            source.entries.append(Entry(file, "own", path.name, split_of(group), um and um / BOX_MARGIN, name))
    if not grouped:
        source.notes.append("no column 'group' in manifest.csv: cells of one patient may lie in several splits")
    return source


def device(root: Path) -> Source:
    """The device's export: DIR/CLASS/*.png and manifest.csv (EXPORT_COLUMNS). Only cells a person has reviewed; one session
    (one patient's sample) lies in one split."""
    source = Source("device", f"reviewed cells of the device, {root.name}", "")
    folder(root, "the device's export")
    path, listed, unreviewed, others, simulated = root / "manifest.csv", set(), 0, 0, 0
    # Exports of earlier versions do not name the source.
    for line, row in table(path, EXPORT_COLUMNS[:-1]):
        where = f"{path}, line {line}"
        file = root / row["file"]
        listed.add(file)
        if not row["reviewer"]:
            unreviewed += 1
            continue
        if row["class"] in PEOPLES:
            others += 1
            continue
        if row.get("source") == "simulated":
            simulated += 1
            continue
        if not file.is_file() or ".." in Path(row["file"]).parts:
            raise Wrong(f"{where}: {row['file']} is not in {root}.")
        if row["class"] not in LABELS or file.parent.name != row["class"]:
            raise Wrong(f"{where}: class '{row['class']}' of {row['file']}: it must be the folder's name, one of {', '.join(LABELS)}.")
        if not row["session"]:
            raise Wrong(f"{where}: no session. Cells without one cannot be kept out of two splits; export again.")
        um = number(row["um_per_px"], where)
        source.entries.append(Entry(file, "device", row["class"], split_of(row["session"]), um and um / BOX_MARGIN, row["file"]))
    for folder_ in class_folders(root, [*LABELS, *PEOPLES]):
        for file in images_in(folder_):
            if file not in listed:
                raise Wrong(f"{file}: not in {path}. Export again, or move cells of your own to a folder for --own.")
    if unreviewed:
        source.notes.append(f"{unreviewed} cells left out: no reviewer")
    if others:
        source.notes.append(f"{others} cells left out: artefacts, or of a class that only people give ({', '.join(PEOPLES)})")
    if simulated:
        source.notes.append(f"{simulated} cells left out: drawn by the simulated microscope")
    return source


def class_folders(root: Path, labels: list[str] = LABELS) -> list[Path]:
    """The class folders of `root`, at least one; refuses others."""
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    for path in folders:
        check_label(path, labels)
    if not folders:
        raise Wrong(f"{root}: no class folder in it. Cells lie in folders called {', '.join(LABELS)}.")
    return folders


def table(path: Path, columns: list[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with their line numbers; refuses a missing file or column."""
    if not path.is_file():
        raise Wrong(f"{path}: missing. Its columns are {', '.join(columns)}.")
    with path.open(newline="", encoding="utf-8-sig") as f:
        reader = csv.DictReader(f)
        missing = [c for c in columns if c not in (reader.fieldnames or [])]
        if missing:
            raise Wrong(f"{path}, line 1: no column {', '.join(missing)}. Needed: {', '.join(columns)}.")
        return [(reader.line_num, {k: (v or "").strip() for k, v in row.items() if k is not None}) for row in reader]


def number(text: str | None, where: object) -> float | None:
    """A scale, 0.01 to 1 um per px, or None where there is none."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 1.0:
        raise Wrong(f"{where}: um_per_px '{text}' is not a number from 0.01 to 1.")
    return value


def scale_file(path: Path) -> float | None:
    """um_per_px of a scale.toml, or None when there is none."""
    if not path.is_file():
        return None
    try:
        value = tomllib.loads(path.read_text()).get("um_per_px")
    except tomllib.TOMLDecodeError as error:
        raise Wrong(f"{path}: {error}. It needs one line: um_per_px = 0.1") from error
    if value is None:
        raise Wrong(f"{path}: no um_per_px. It needs one line: um_per_px = 0.1")
    return number(str(value), path)


