"""Red cells with something inside (IML malaria, label 3) and without (label 1, and the red cells of other sources), and the batches
drawn of them.

IML names neither slides nor patients: its fields fall into three looks by stain and number, which are taken for slides.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from augment import degrade
from data import WHOLE_RED_PX, read_balanced, read_boxes, scale_of, whole, window
from red_types import CACHE
from settings import RED_CELL_UM, RED_SIZE, RED_UM

SOURCE, INFECTED, RED = "iml", 3, 1
LOOKS = (1810, 1900)
"""Where the last four digits of a field's name begin another look: grey, dark pink, pale pink cells."""
ZOOM, SHIFT = 0.12, 0.03
"""Spread of the drawn sizes in natural logarithms, and of the drawn middles in parts of the cache's side."""
FIELDS = {"train": {"txl": 150, "chula_rbc": 120, "bionet": 60}, "val": {"bionet": 60}, "test": {"bionet": 60}}
"""Fields read of a split of another source, where not all are."""
CELLS = {"txl": 20, "bionet": 12}
"""Red cells read of one of its fields, where not all are."""


@dataclass
class Screened:
    """images [n,CACHE,CACHE,3] u8; infected [n]; look [n]: 0 to 2 for iml's, -1 for the others; source, split and field [n]: names."""

    images: np.ndarray
    infected: np.ndarray
    look: np.ndarray
    source: np.ndarray
    split: np.ndarray
    field: np.ndarray

    def of(self, source: str, split: str) -> np.ndarray:
        """The positions of a source's split."""
        return np.flatnonzero((self.source == source) & (self.split == split))


def look_of(name: str) -> int:
    """The look of an iml field by its name, PA171706."""
    return sum(int(name[-4:]) >= first for first in LOOKS)


def middles(path: Path, source: str, image: Image.Image) -> tuple[np.ndarray, np.ndarray, float]:
    """Middles [n,2] px of the labelled red cells of a field, whether each is infected [n], and micrometres per pixel."""
    if source == "chula_rbc":
        with path.with_suffix(".csv").open() as f:
            places = np.array([(float(row["x"]), float(row["y"])) for row in csv.DictReader(f)]).reshape(-1, 2)
        return places, np.zeros(len(places), bool), RED_CELL_UM / WHOLE_RED_PX[source]
    boxes, labels = read_boxes(path.with_suffix(".txt"), *image.size)
    origin = path.name.split("_")[0] if source == "txl" else source
    um = scale_of(boxes, labels, *image.size, WHOLE_RED_PX[origin])
    used = np.isin(labels, (RED, INFECTED)) if source == SOURCE else (labels == RED) & whole(boxes, *image.size)
    return ((boxes[:, :2] + boxes[:, 2:]) / 2)[used], labels[used] == INFECTED, um


def read(data: Path, seed: int) -> Screened:
    """iml's fields, and fields of the others, of every split."""
    rng = np.random.default_rng(seed)
    images, rows = [], []
    parts = [(SOURCE, "train")] + [(s, split) for s in ("txl", "chula_rbc", "bionet") for split in ("train", "val", "test")]
    for source, split in parts:
        paths = sorted((data / "fields" / source / split).glob("*.[jp][pn]g"))
        most = FIELDS[split].get(source, len(paths))
        for path in tqdm([paths[k] for k in np.sort(rng.permutation(len(paths))[:most])], desc=f"{source} {split}", mininterval=5):
            image = read_balanced(path)
            places, infected, um = middles(path, source, image)
            chosen = rng.permutation(len(places))[:CELLS.get(source, len(places))] if source != SOURCE else range(len(places))
            for k in chosen:
                images.append(window(image, float(places[k][0]), float(places[k][1]), CACHE * RED_UM / um, CACHE))
                rows.append((infected[k], look_of(path.stem) if source == SOURCE else -1, source, split, f"{source}/{path.stem}"))
    infected, look, source, split, field = (np.array(column) for column in zip(*rows, strict=True))
    return Screened(np.stack(images), infected, look, source, split, field)


def draw(cells: Screened, infected: np.ndarray, clean: np.ndarray, others: np.ndarray, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A batch: images [n,3,S,S] 0..1 and whether each is infected [n]; a quarter of the positions `infected`, three eighths of
    `clean`, the rest of `others`. Turned by any angle, flipped, shifted and zoomed, most of them degraded."""
    parts = [rng.choice(infected, n // 4), rng.choice(clean, 3 * n // 8)]
    chosen = np.concatenate([*parts, rng.choice(others, n - sum(map(len, parts)))])
    x = torch.from_numpy(np.ascontiguousarray(cells.images[chosen].transpose(0, 3, 1, 2))).float() / 255
    turn, zoom = torch.rand(n) * 2 * np.pi, torch.exp(torch.randn(n) * ZOOM)
    flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    k = RED_SIZE / CACHE * zoom
    place = torch.stack([torch.stack([turn.cos() * k * flip, -turn.sin() * k, torch.randn(n) * SHIFT], 1),
                         torch.stack([turn.sin() * k * flip, turn.cos() * k, torch.randn(n) * SHIFT], 1)], 1)
    grid = F.affine_grid(place, [n, 3, RED_SIZE, RED_SIZE], align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False).clamp(0.0, 1.0)
    rough = torch.rand(n) < 0.8
    x[rough] = degrade(x[rough], 1.3, 1.2)
    return x, torch.from_numpy(cells.infected[chosen].astype(int))


def middle(cells: Screened, at: np.ndarray) -> Tensor:
    """What the network sees of the cells at these positions: [n,3,S,S] 0..1."""
    margin = (CACHE - RED_SIZE) // 2
    inner = cells.images[at, margin:margin + RED_SIZE, margin:margin + RED_SIZE]
    return torch.from_numpy(np.ascontiguousarray(inner.transpose(0, 3, 1, 2))).float() / 255
