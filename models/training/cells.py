"""Which cells the classifier learns from and is measured on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from data import Cell, Field, read_balanced, read_cells, read_fields, white_cell_classes, whole
from detect import find_scale, run, suppress
from nets import Detector, DetectorForExport
from red_cells import RedCells

CHULA = ["NEU", "EOS", "BAS", "LYT", "MON"]
"""What the labels of chula's boxes stand for."""


def field_cells(fields: list[Field], classes: dict[str, str], data: Path) -> list[Cell]:
    """Classed white cells of BCCD and Bio-net (only fields with one white cell, its class by file) and of chula, Raabin's and the
    rest of Bio-net's as white cells of some class, and all platelets."""
    cells = []
    for f in fields:
        known = classes.get(str(f.path.relative_to(data)))
        white = np.flatnonzero(f.kinds == 0)
        for i, (x0, y0, x1, y1) in enumerate(f.boxes):
            where = (f.image, (x0 + x1) / 2, (y0 + y1) / 2, f.um_per_px)
            if f.source == "chula":
                cells.append(Cell(f.path, "chula", *where, CHULA[f.labels[i]]))
            elif f.kinds[i] == 0 and known and len(white) == 1:
                cells.append(Cell(f.path, "bionet" if f.source == "bionet" else "bccd", *where, known))
            elif f.kinds[i] == 0 and f.source in ("raabin", "bionet"):
                cells.append(Cell(f.path, f.source, *where, "WBC"))
            elif f.kinds[i] == 2:
                cells.append(Cell(f.path, "field", *where, "PLT"))
    return cells


def boxed(fields: list[Field], data: Path) -> list[Cell]:
    """The classed white cells of the fields, at their boxes."""
    return [c for c in field_cells(fields, white_cell_classes(data), data) if c.label not in ("PLT", "WBC")]


def not_cells(fields: list[Field], per_field: int, edge: float, rng: np.random.Generator) -> list[Cell]:
    """UNK: red cells, background and slivers of white cells, their middles at least 5 um from any white cell or platelet. edge:
    how near the border the background is taken, in image sides."""
    cells = []
    for f in fields:
        near = 5.0 / f.um_per_px
        named = f.boxes[(f.kinds == 0) | (f.kinds == 2)].reshape(-1, 4)
        red = f.boxes[(f.kinds == 1) | (f.kinds == 3)]
        points = [b.reshape(2, 2).mean(0) for b in red[rng.permutation(len(red))[:per_field]]]
        points += list(rng.uniform(edge, 1 - edge, (per_field // 2 + 1, 2)) * f.image.size)
        for x, y in points:
            # Distance to the nearest edge of a box: 0 inside it.
            away = np.maximum(np.maximum(named[:, :2] - (x, y), (x, y) - named[:, 2:]), 0)
            if len(named) == 0 or np.hypot(*away.T).min() > near * 0.6:
                cells.append(Cell(f.path, "field", f.image, float(x), float(y), f.um_per_px, "UNK"))
    return cells


def weak_cells(data: Path, detector: Detector | Callable[[Tensor], Tensor], kept_back: bool = False, reds_needed: int = 10,
               least_um: float = 9.5) -> list[Cell]:
    """White cells of taleqani, found by the detector, labelled by their patient: LYMPHOBLAST where a leukaemia was diagnosed (cells
    under `least_um` may be normal lymphocytes and are left out), LYM where it was benign. Every fifth image is kept back from
    training (the pack has no other split of them): `kept_back` gives those instead. detector: a network or an exported file."""
    export = DetectorForExport(detector).eval() if isinstance(detector, Detector) else detector
    cells = []
    paths = sorted((data / "fields/taleqani/train").glob("*/*.jpg"))
    paths = [p for i, p in enumerate(paths) if (i % 5 == 0) == kept_back]
    for path in tqdm(paths, desc="white cells of taleqani", mininterval=5):
        image = read_balanced(path)
        um, reds = find_scale(export, image, [0.24, 0.34, 0.48], 0.4, 0.6)
        if reds < reds_needed:
            continue
        boxes, kinds, scores = run(export, image, um, 0.4)
        keep = suppress(boxes, kinds, scores, [0.4, 0.6, 0.4])
        keep = keep[(kinds[keep] == 0) & whole(boxes[keep], *image.size, margin=-1.0)]
        for x0, y0, x1, y1 in boxes[keep]:
            label = "LYM" if path.parent.name == "BENIGN" else "LYMPHOBLAST"
            if label == "LYM" or (x1 - x0 + y1 - y0) / 2 * um >= least_um:
                cells.append(Cell(path, "taleqani", image, float(x0 + x1) / 2, float(y0 + y1) / 2, um, label))
    return cells


def training_cells(data: Path, detector: Detector, edge: float, seed: int, kept: Path | None = None) -> list[Cell]:
    """Every training cell of the pack. edge: see not_cells; kept: where the colours of red cells are kept."""
    rng = np.random.default_rng(seed)
    txl, chula, iml, bionet = (read_fields(data, source, "train") for source in ("txl", "chula", "iml", "bionet"))
    cells = [c for source in ("pbc", "lmu", "marrow") for c in read_cells(data, source, "train")]
    cells += field_cells(txl + chula + bionet, white_cell_classes(data), data)
    cells += not_cells(txl, 2, edge, rng) + not_cells(iml, 20, edge, rng) + not_cells(bionet, 1, edge, rng)
    return RedCells(detector, kept).colour(cells + weak_cells(data, detector))
