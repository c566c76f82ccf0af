"""Looks through all the images before hours of training: what is there, what is broken, what is there twice."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from scipy import ndimage
from tqdm import tqdm

from data import read_boxes, white_balance
from settings import SOURCES
from sources import SUFFIXES, Source, Wrong

SMALLEST_UM = 12.0
"""An image narrower than this cannot hold a white cell and its border."""
BLANK_SPREAD = 3.0
"""Standard deviation of grey values below which an image shows nothing."""
SHARPNESS = 0.06
"""Detail under 0.4 um against all contrast, below which an image is called blurred. Of 816 cells of the pack none has less than
0.084; blurred by a Gaussian of 1 um, 99 of 100 have less than 0.06."""
NO_SCALE = {"zheng1"}
"""Sources of the pack whose scale is known only when evaluated."""
FIELD_LABELS = {"txl": 3, "chula": 5, "iml": 4, "bionet": 3}
"""How many labels the boxes of each source of fields may carry."""


@dataclass
class Seen:
    """One image that was read: where it belongs, and a hash of its pixels."""

    path: Path
    source: str
    split: str
    label: str
    content: str


@dataclass
class Findings:
    """What `check` found. errors: must be put right; leaks: the same image in two splits or sources; doubts: look at them."""

    seen: list[Seen] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def sharpness(grey: np.ndarray, um_per_px: float) -> float:
    """How much of the contrast within [H,W] is finer than 0.4 um."""
    fine = grey - ndimage.gaussian_filter(grey, 0.4 / um_per_px)
    return float(fine.std() / max(float(grey.std()), 1e-6))


def open_pixels(path: Path) -> np.ndarray:
    """[H,W,3] u8, or an error that names the file."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise Wrong(f"{path}: not a readable image ({error}). Take it out or replace it.") from error


def look_at(found: Findings, path: Path, source: str, split: str, label: str, um: float | None, cell: bool = True) -> None:
    """Reads one image and notes what is wrong with it."""
    try:
        pixels = open_pixels(path)
    except Wrong as error:
        found.errors.append(str(error))
        return
    content = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    found.seen.append(Seen(path, source, split, label, content))
    grey = white_balance(pixels).mean(2)
    if grey.std() < BLANK_SPREAD:
        found.doubts.append(f"{path}: blank, all of one grey")
    elif um is not None:
        if min(grey.shape) * um < SMALLEST_UM:
            found.doubts.append(f"{path}: only {min(grey.shape) * um:.0f} um wide at {um:.3f} um per px")
        elif cell and label != "UNK" and sharpness(grey, um) < SHARPNESS:
            found.doubts.append(f"{path}: blurred")


def pack_fields(data: Path, found: Findings) -> None:
    """The pack's whole fields and the boxes beside them."""
    files = [p for p in sorted((data / "fields").rglob("*")) if p.suffix.lower() in SUFFIXES]
    for path in tqdm(files, desc="fields", mininterval=2):
        source, split = path.relative_to(data / "fields").parts[:2]
        look_at(found, path, source, split, "field", None)
        boxes = path.with_suffix(".txt")
        if source not in FIELD_LABELS:
            continue
        if not boxes.exists():
            found.errors.append(f"{boxes}: missing. Every field of {source} needs its boxes beside it, if only an empty file.")
            continue
        try:
            corners, labels = read_boxes(boxes, 1, 1)
        except ValueError as error:
            found.errors.append(f"{boxes}: {error}. A line is 'class cx cy w h', each of the last four 0 to 1.")
            continue
        if len(labels) and (labels.min() < 0 or labels.max() >= FIELD_LABELS[source]):
            found.errors.append(f"{boxes}: label {labels.max()}, but {source} has 0 to {FIELD_LABELS[source] - 1}.")
        if len(corners) and (np.abs(corners - 0.5).max() > 0.6):
            found.errors.append(f"{boxes}: a box outside the image. The last four numbers are shares of its width and height.")


def duplicates(found: Findings) -> None:
    """The same pixels twice: a leak across splits or sources, a doubt within one, an error with two labels."""
    same: dict[str, list[Seen]] = defaultdict(list)
    for s in found.seen:
        same[s.content].append(s)
    for group in same.values():
        if len(group) > 1:
            paths = " = ".join(str(s.path) for s in group)
            if len({(s.source, s.split) for s in group}) > 1:
                found.leaks.append(paths)
            elif len({s.label for s in group}) > 1:
                found.errors.append(f"{paths}: one image with two labels. Decide for one.")
            else:
                found.doubts.append(f"{paths}: the same image twice")


def check(data: Path, sources: list[Source], measure: Callable[[Image.Image], float | None] | None) -> Findings:
    """Reads every image of the pack's fields and of `sources`. `measure` gives a scale where no file does."""
    found = Findings()
    if (data / "fields").is_dir():
        pack_fields(data, found)
    for source in sources:
        for e in tqdm(source.entries, desc=f"cells of {source.name}", mininterval=2):
            um = e.um_per_px
            if um is None:  # Only in a user's folders.
                try:
                    um = e.read(measure).um_per_px
                except Wrong as error:
                    found.errors.append(str(error))
                    continue
            look_at(found, e.path, source.name, e.split, e.label, None if source.name in NO_SCALE else um)
    duplicates(found)
    return found


def report(found: Findings, sources: list[Source], longest: int = 20) -> int:
    """Prints the table and what was found; returns the exit code: 2 when something must be put right."""
    print("\nsource     class   train    val   test")
    count = Counter((s.source, s.label, s.split) for s in found.seen)
    for source, label in sorted({(s, c) for s, c, _ in count}):
        numbers = "  ".join(f"{count[source, label, split]:5}" for split in ("train", "val", "test"))
        few = "  few" if 0 < count[source, label, "train"] < 20 and label != "field" else ""
        print(f"{source:10} {label:6}  {numbers}{few}")
    print("\nlicences")
    licences = {s: SOURCES[s][2] if s in SOURCES else "" for s in sorted({s.source for s in found.seen})}
    licences |= {s.name: s.licence for s in sources if s.licence}
    for name, licence in licences.items():
        print(f"{name:10} {licence or 'UNKNOWN: find out before giving a model trained on it to others'}")
    for source in sources:
        for note in source.notes:
            print(f"note: {source.name}: {note}")
    for title, lines in (("to look at", found.doubts), ("LEAKS: one image in two splits or sources", found.leaks),
                         ("ERRORS", found.errors)):
        if lines:
            print(f"\n{title}: {len(lines)}")
            print("\n".join(f"  {line}" for line in lines[:longest]))
            if len(lines) > longest:
                print(f"  … {len(lines) - longest} more")
    bad = bool(found.leaks or found.errors)
    print("\n" + ("Put the errors and leaks right before training: figures would be wrong." if bad
                  else f"{len(found.seen)} images, no leak, no error."))
    return 2 if bad else 0
