"""Draws a tiny image pack and every other layout the readers know: discs for red cells, blobs with nuclei for white cells."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

RED = (228, 170, 165)
NUCLEUS = {"NGS": (90, 50, 140), "NGB": (95, 60, 150), "LYT": (70, 50, 120), "MON": (120, 90, 160), "EOS": (110, 70, 130),
           "BAS": (40, 30, 90), "MYO": (130, 60, 150), "NEU": (90, 50, 140), "IG": (120, 50, 120)}
BODY = {"EOS": (220, 130, 110), "BAS": (120, 100, 160), "PLT": (170, 130, 180)}


class Painter:
    """Draws cells with random places and sizes; the same seed draws the same."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def blank(self, width: int, height: int) -> Image.Image:
        """A field of plasma with a little noise."""
        noise = self.rng.normal(0, 3, (height, width, 3)) + (238, 232, 228)
        return Image.fromarray(noise.clip(0, 255).astype(np.uint8))

    def disc(self, image: Image.Image, x: float, y: float, r: float, colour: tuple[int, int, int]) -> None:
        """A filled circle."""
        ImageDraw.Draw(image).ellipse([x - r, y - r, x + r, y + r], fill=colour)

    def white(self, image: Image.Image, x: float, y: float, r: float, label: str) -> None:
        """A white cell: a body, a nucleus in lobes, a few granules."""
        self.disc(image, x, y, r, BODY.get(label, (205, 190, 215)))
        lobes = {"NGS": 4, "NEU": 4, "NGB": 2, "EOS": 2}.get(label, 1)
        for k in range(lobes if label != "PLT" else 0):
            turn = 2 * np.pi * k / lobes + self.rng.uniform(0, 1)
            away = 0.0 if lobes == 1 else 0.4 * r
            self.disc(image, x + away * np.cos(turn), y + away * np.sin(turn), r * (0.7 if lobes == 1 else 0.35),
                      NUCLEUS.get(label, (110, 60, 140)))
        for dx, dy in self.rng.uniform(-0.6, 0.6, (12, 2)) * r:
            self.disc(image, x + dx, y + dy, 1.0, (150, 60, 90))

    def cell(self, width: int, height: int, red_px: float, label: str) -> Image.Image:
        """A single-cell image: the cell in the middle, red cells around it."""
        image = self.blank(width, height)
        for turn in self.rng.uniform(0, 2 * np.pi, 7):
            self.disc(image, width / 2 + 1.7 * red_px * np.cos(turn), height / 2 + 1.7 * red_px * np.sin(turn), red_px / 2, RED)
        if label == "UNK":
            self.disc(image, width / 2, height / 2, red_px / 2, RED)
        else:
            self.white(image, width / 2, height / 2, red_px * (0.25 if label == "PLT" else 0.9), label)
        return image

    def field(self, width: int, height: int, red_px: float, labels: list[str]) -> tuple[Image.Image, list[tuple[str, float, float, float]]]:
        """A field on a jittered grid: white cells of `labels`, two platelets, red cells; and (label, x, y, size) of each."""
        image, cells = self.blank(width, height), []
        step = red_px * 2.1
        places = [(x, y) for y in np.arange(step * 0.6, height - step * 0.3, step) for x in np.arange(step * 0.6, width - step * 0.3, step)]
        order = self.rng.permutation(len(places))
        kinds = [*labels, "PLT", "PLT", *["RBC"] * len(places)]
        for i, label in zip(order, kinds, strict=False):
            x, y = np.array(places[i]) + self.rng.uniform(-0.1, 0.1, 2) * red_px
            r = red_px * {"RBC": 0.5, "PLT": 0.2}.get(label, 0.85)
            if label == "RBC":
                self.disc(image, x, y, r, RED)
            else:
                self.white(image, x, y, r, label)
            cells.append((label, float(x), float(y), 2 * r))
        return image, cells


def yolo(path: Path, size: tuple[int, int], cells: list[tuple[str, float, float, float]], number: dict[str, int]) -> None:
    """Writes the boxes of those cells whose label has a number."""
    lines = [f"{number[c]} {x / size[0]:.5f} {y / size[1]:.5f} {d / size[0]:.5f} {d / size[1]:.5f}" for c, x, y, d in cells if c in number]
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n")


def save(image: Image.Image, path: Path) -> None:
    """Writes an image and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def pack(root: Path, seed: int = 1) -> Path:
    """The image pack with all its sources; returns `root`."""
    p, rows = Painter(seed), []
    prefixes = {"BAS": "BA", "EOS": "EO", "LYT": "LY", "MON": "MO", "NGS": "SNE", "NGB": "BNE", "PLT": "PLATELET", "IG": "IG"}
    for split, count in (("train", 3), ("val", 2), ("test", 3)):
        for label, prefix in prefixes.items():
            for k in range(count):
                name = f"{prefix}_{split}{k}.jpg"
                path = root / "cells/pbc" / split / label / name
                save(p.cell(252, 254, 56, label), path)
                rows.append(("cells", "pbc", split, label, path.relative_to(root), f"Acevedo PBC {name}", 252, 254))
    for label in ("MYO", "NGS"):
        path = root / f"cells/lmu/train/{label}/{label}_0001_0_96_106.jpg"
        save(p.cell(360, 360, 92, label), path)
        rows.append(("cells", "lmu", "train", label, path.relative_to(root), f"AML-Cytomorphology_LMU {label}___{path.stem}.tiff", 360, 360))
    for split in ("train", "val", "test"):
        for label in ("BLA", "NGS", "PLASMA"):
            save(p.cell(137, 137, 31, label), root / f"cells/marrow/{split}/{label}/{label}1.png")
    for label in ("NEU", "LYT"):
        save(p.cell(120, 120, 40, label), root / f"cells/zheng1/test/{label}/{label}1.png")
    classed = []
    for split, count in (("train", 12), ("val", 3), ("test", 3)):
        for k in range(count):
            path = root / f"fields/txl/{split}/{'bccd' if k % 3 < 2 else 'pbc'}_{split}{k}.png"
            red = 97 if path.name.startswith("bccd") else 72
            label = "NEU" if k % 2 else "LYT"
            image, cells = p.field(640 if red == 97 else 366, 480 if red == 97 else 369, red, [label])
            save(image, path)
            yolo(path, image.size, cells, {"NEU": 0, "LYT": 0, "RBC": 1, "PLT": 2})
            if red == 97:
                classed.append((path.relative_to(root), label))
    with (root / "fields/txl/white_cell_classes.csv").open("w", newline="") as f:
        csv.writer(f).writerows([("path", "class"), *classed])
    classed = []
    for split, count in (("train", 3), ("val", 1), ("test", 2)):
        for k in range(count):
            path = root / f"fields/bionet/{split}/b{k}.png"
            image, cells = p.field(640, 480, 57, ["NEU"] if k < 2 else ["LYT", "LYT"])
            save(image, path)
            yolo(path, image.size, cells, {"NEU": 0, "LYT": 0, "RBC": 1, "PLT": 2})
            if k < 2:
                classed.append((path.relative_to(root), "NEU"))
    with (root / "fields/bionet/white_cell_classes.csv").open("w", newline="") as f:
        csv.writer(f).writerows([("path", "class"), *classed])
    for split, count in (("train", 3), ("test", 2)):
        for k in range(count):
            path = root / f"fields/chula/{split}/c{k}.png"
            image, cells = p.field(720, 450, 70, ["NEU", "MON"])
            save(image, path)
            yolo(path, image.size, cells, {"NEU": 0, "MON": 4})
    for k in range(2):
        path = root / f"fields/iml/train/i{k}.png"
        image, cells = p.field(640, 480, 82, ["parasite"])
        save(image, path)
        yolo(path, image.size, [c for c in cells if c[0] != "PLT"], {"parasite": 3, "RBC": 1})
    for split, count in (("train", 2), ("val", 1)):
        for k in range(count):
            # Chula's fields hold red cells of many types, some of which are named; here each has another pale middle.
            path = root / f"fields/chula_rbc/{split}/r{k}.jpg"
            image, cells = p.field(640, 480, 44, [])
            named = [(x, y, i % 13) for i, (label, x, y, _) in enumerate(cells) if label == "RBC" and i % 4]
            for x, y, kind in named:
                p.disc(image, x, y, 1 + kind, (240, 225, 220))
            save(image, path)
            with path.with_suffix(".csv").open("w", newline="") as f:
                csv.writer(f).writerows([("x", "y", "type"), *named])
    for stage in ("BENIGN", "EARLY"):
        for k in range(3):
            save(p.field(224, 224, 26, ["LYT" if stage == "BENIGN" else "MYO"] * 4)[0], root / f"fields/taleqani/train/{stage}/t{k}.jpg")
    with (root / "manifest.csv").open("w", newline="") as f:
        csv.writer(f).writerows([("kind", "source", "split", "class", "path", "original", "width", "height"), *rows])
    return root


def lmu(root: Path) -> Path:
    """AML-Cytomorphology_LMU as unpacked: MYO_0001 is in the pack, LYT_0002 was labelled otherwise twice later."""
    p, lines = Painter(2), []
    for label in ("MYO", "LYT"):
        for k in range(1, 7):
            name = f"{label}/{label}_{k:04}.tiff"
            save(p.cell(400, 400, 102, label), root / "AML-Cytomorphology" / name)
            later = "MON MON" if name == "LYT/LYT_0002.tiff" else "UNC LYT" if k == 3 else "nan nan"
            lines.append(f"{name} {label} {later}")
    (root / "annotations.dat").write_text("\n".join(lines) + "\n")
    return root


def pbc(root: Path) -> Path:
    """PBC_dataset_normal_DIB as unpacked: SNE_train0 is in the pack."""
    p = Painter(3)
    for group, prefix, label in (("neutrophil", "SNE", "NGS"), ("neutrophil", "NEUTROPHIL", "NEU"), ("ig", "MMY", "MMZ"), ("ig", "MY", "MYB"),
                                 ("ig", "PMY", "PMO"), ("ig", "IG", "IG"), ("erythroblast", "ERB", "EBO"), ("platelet", "PLATELET", "PLT")):
        for k in range(2):
            save(p.cell(360, 363, 79.5, label), root / "PBC_dataset_normal_DIB" / group / f"{prefix}_{100 + k}.jpg")
    save(p.cell(360, 363, 79.5, "NGS"), root / "PBC_dataset_normal_DIB/neutrophil/SNE_train0.jpg")
    return root


def own(root: Path, um_per_px: float | None = 0.1) -> Path:
    """A laboratory's own cells, with scale.toml where a scale is given."""
    p = Painter(4)
    for label in ("MYO", "NEU", "UNK"):
        for k, suffix in enumerate(("png", "jpg", "bmp", "tif")):
            save(p.cell(260, 260, 80, label), root / label / f"{label.lower()}{k}.{suffix}")
    if um_per_px:
        (root / "scale.toml").write_text(f"um_per_px = {um_per_px}\n")
    return root


def device(root: Path) -> Path:
    """The device's export: three sessions; one cell nobody has reviewed."""
    p, rows = Painter(5), []
    for session in ("a1", "b2", "c3"):
        for label in ("EOS", "MON"):
            name = f"{label}/{session}-1.png"
            save(p.cell(200, 200, 66, label), root / name)
            reviewer = "" if (session, label) == ("c3", "MON") else "mh"
            rows.append((name, label, "UNK", reviewer, session, 0.122, "2026-03-01"))
    with (root / "manifest.csv").open("w", newline="") as f:
        csv.writer(f).writerows([("file", "class", "model_class", "reviewer", "session", "um_per_px", "date"), *rows])
    return root
