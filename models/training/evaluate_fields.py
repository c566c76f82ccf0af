"""Figures of the detector: boxes, counts, false white cells, scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from data import Cell, Field
from detect import GUESSES, Matches, find_scale, run, suppress
from metrics import Figure, resampled
from settings import KINDS

WHITE_CELL_UM = 13.4
"""Median size of the white cells of txl's training fields, on the red cells' ruler."""
BOOTSTRAPS = 500
"""Resamples of whole fields."""


def over_fields(name: str, statistic: Callable[[np.ndarray], float], fields: int, note: str = "") -> Figure:
    """A figure of field numbers, fields drawn again."""
    return resampled(name, statistic, np.zeros(fields, int), note, BOOTSTRAPS)


def found_in(net: object, f: Field, model: dict, off: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes, kinds and scores in a field after NMS, before any threshold."""
    boxes, kinds, scores = run(net, f.image, f.um_per_px * off)
    keep = suppress(boxes, kinds, scores, model["nms_iou"])
    return boxes[keep], kinds[keep], scores[keep]


def score(what: str, hits: float, found: float, boxed: float) -> float:
    """Precision, recall or F1 of numbers of boxes."""
    return float({"precision": hits / max(found, 1), "recall": hits / max(boxed, 1), "F1": 2 * hits / max(found + boxed, 1)}[what])


def boxes(title: str, net: object, fields: list[Field], model: dict, kinds: list[int], off: float = 1.0, note: str = "",
          scores_of: tuple[str, ...] = ("precision", "recall", "F1"), counts: bool = False) -> list[Figure]:
    """Precision, recall, F1 at IoU 0.5 by kind. With `counts` AP50, too, and the count error: the sum over fields of the
    differences between cells found and boxed, over the boxes."""
    if not fields:
        return []
    matches = [Matches() for _ in KINDS]
    number = np.zeros((len(fields), len(KINDS), 3))
    for i, f in enumerate(tqdm(fields, desc=title, mininterval=5)):
        found, kind, scores = found_in(net, f, model, off)
        for k in kinds:
            mine, m = kind == k, matches[k]
            before, truth = len(m.scores), f.boxes[f.kinds == k]
            m.add(truth, found[mine], scores[mine])
            taken = np.array(m.scores[before:]) > model["thresholds"][k]
            number[i, k] = (taken & np.array(m.hits[before:], bool)).sum(), taken.sum(), len(truth)
    figures = []
    for k in kinds:
        n = number[:, k]
        if n[:, 2].sum() == 0:
            continue
        for what in scores_of:
            figures.append(over_fields(f"{title}, {KINDS[k]} {what}", lambda i, n=n, w=what: score(w, *n[i].sum(0)),
                                       len(fields), note))
        if counts:
            # No interval for AP50: drawing it again costs more than it tells beside F1's.
            figures.append(Figure(f"{title}, {KINDS[k]} AP50", matches[k].ap50(), float("nan"), float("nan"),
                                  int(n[:, 2].sum()), note))
            figures.append(over_fields(f"{title}, {KINDS[k]} count error", lambda i, n=n: float(
                np.abs(n[i, 1] - n[i, 2]).sum() / max(n[i, 2].sum(), 1)), len(fields), note))
    return figures


def false_white(net: object, fields: list[Field], model: dict, note: str) -> tuple[list[Figure], list[Cell]]:
    """White cells found per field where there are none; and where they were found."""
    number, cells = np.zeros(len(fields)), []
    for i, f in enumerate(fields):
        found, kind, scores = found_in(net, f, model)
        for x0, y0, x1, y1 in found[(kind == 0) & (scores > model["thresholds"][0])]:
            number[i] += 1
            cells.append(Cell(f.path, f.source, f.image, float(x0 + x1) / 2, float(y0 + y1) / 2, f.um_per_px, "UNK"))
    if not fields:
        return [], cells
    return [over_fields("false white cells per iml field", lambda i: float(number[i].mean()), len(fields), note)], cells


def scale_found(net: object, fields: list[Field], model: dict) -> dict[str, float]:
    """The scale by the boxes over the scale the detector finds: 2.5 %, median and 97.5 % of the fields."""
    ratio = [f.um_per_px / find_scale(net, f.image, GUESSES, model["thresholds"][1], model["nms_iou"][1])[0] for f in fields]
    return dict(zip(("2.5 %", "median", "97.5 %"), map(float, np.percentile(ratio, [2.5, 50, 97.5])), strict=True))


def rescaled(net: object, cells: list[Cell], model: dict) -> list[Cell]:
    """Cells with the scale the detector itself finds in each image, as the program does with an unknown camera."""
    scale: dict[int, tuple[float, int]] = {}
    done = []
    for c in tqdm(cells, desc="scale of each image", mininterval=5):
        if id(c.image) not in scale:
            scale[id(c.image)] = find_scale(net, c.image, GUESSES, model["thresholds"][1], model["nms_iou"][1])
        um, reds = scale[id(c.image)]
        done.append(replace(c, um_per_px=um) if reds >= 2 else c)
    return done


def by_white_cells(net: object, cells: list[Cell], model: dict) -> list[Cell]:
    """Cells with one scale for all, for a source whose red cells are lysed: its median white cell measures WHITE_CELL_UM."""
    sizes = []
    for c in tqdm(cells, desc="white cells", mininterval=5):
        best = (model["thresholds"][0], 0.0)
        for guess in GUESSES:
            found, kinds, scores = run(net, c.image, guess)
            sides = (found[:, 2:] - found[:, :2]).mean(1)
            best = max([best, *zip(scores[kinds == 0].tolist(), sides[kinds == 0].tolist(), strict=True)])
        sizes.append(best[1])
    sizes = [s for s in sizes if s]
    return [replace(c, um_per_px=WHITE_CELL_UM / float(np.median(sizes))) for c in cells] if sizes else cells
