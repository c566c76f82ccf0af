"""The colour of the red cells around each cell, by the detector, as the program measures it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

import stain
from data import Cell, whole
from detect import run, suppress
from nets import Detector, DetectorForExport

ENOUGH, SURE = 5, 0.6
"""Whole red cells, found with this score, from which a picture's own colour is believed."""


class RedCells:
    """Measures pictures once. kept: a file that measurements are taken from and written to, by the pictures' paths."""

    def __init__(self, detector: Detector | Callable[[Tensor], Tensor], kept: Path | None = None) -> None:
        self.net = DetectorForExport(detector).eval() if isinstance(detector, Detector) else detector
        self.kept = kept
        self.measured: dict[str, list[float] | None] = json.loads(kept.read_text()) if kept and kept.exists() else {}

    def measure(self, c: Cell) -> list[float] | None:
        """Median optical density of the whole red cells in the cell's picture, if there are enough."""
        boxes, kinds, scores = run(self.net, c.image, c.um_per_px, SURE)
        keep = suppress(boxes, kinds, scores, [0.4, 0.6, 0.4])
        found = stain.red_cells(c.image, boxes[keep[(kinds[keep] == 1) & whole(boxes[keep], *c.image.size)]])
        return np.median(found, 0).tolist() if len(found) >= ENOUGH else None

    def colour(self, cells: list[Cell]) -> list[Cell]:
        """The cells with the colour of their picture's red cells; where it shows too few, with the median of the pictures of its
        source."""
        for c in tqdm(cells, desc="colour of red cells", mininterval=5):
            if str(c.path) not in self.measured:
                self.measured[str(c.path)] = self.measure(c)
        if self.kept:
            self.kept.write_text(json.dumps(self.measured) + "\n")
        of_source: dict[str, dict[str, list[float]]] = defaultdict(dict)
        for c in cells:
            if found := self.measured[str(c.path)]:
                of_source[c.source][str(c.path)] = found
        usual = {source: np.median(list(of.values()), 0) for source, of in of_source.items()}
        return [replace(c, red=np.array(self.measured[str(c.path)] or usual[c.source])
                        if self.measured[str(c.path)] or c.source in usual else None) for c in cells]
