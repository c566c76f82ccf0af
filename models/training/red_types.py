"""Red cells that people named (Chula RBC-12), as the program finds and sees them, and the batches drawn of them.

An unlabelled cell says nothing: only labelled ones are read.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from augment import degrade
from data import WHOLE_RED_PX, read_balanced, window
from detect import run, suppress
from settings import RED_CELL_UM, RED_GROUPS, RED_SIZE, RED_TYPES, RED_UM

SOURCE = "chula_rbc"
CACHE = 80
"""Side of a cached image, px of the network's scale: room for turning and shifting around the 64 it sees."""
ZOOM, SHIFT = 0.03, 0.02
"""Spread of the drawn sizes in natural logarithms: size tells macrocytes from others, so it is small; and of the drawn middles, in
parts of the cache's side."""
EVENED = 0.5
"""A type of n cells is drawn n ** (1 - EVENED) times as often as a type of one."""
UNCATEGORISED = RED_TYPES.index("UNK")


@dataclass
class RedCellSet:
    """images [n,CACHE,CACHE,3] u8; types [n], positions in RED_TYPES; fields: how many they are of; found [n]: whether the detector
    found the cell, whose box is the middle then; else the label is."""

    images: np.ndarray
    types: np.ndarray
    fields: int
    found: np.ndarray

    def __add__(self, other: RedCellSet) -> RedCellSet:
        return RedCellSet(np.concatenate([self.images, other.images]), np.concatenate([self.types, other.types]),
                          self.fields + other.fields, np.concatenate([self.found, other.found]))

    def middle(self) -> Tensor:
        """What the network sees of each cell: [n,3,S,S] 0..1."""
        margin = (CACHE - RED_SIZE) // 2
        inner = self.images[:, margin:margin + RED_SIZE, margin:margin + RED_SIZE]
        return torch.from_numpy(np.ascontiguousarray(inner.transpose(0, 3, 1, 2))).float() / 255


def read(data: Path, split: str, detector: Callable[[Tensor], Tensor], thresholds: list[float], nms_iou: list[float]) -> RedCellSet:
    """The labelled cells of a split. The pictures are of one microscope, so one scale holds for all."""
    um = RED_CELL_UM / WHOLE_RED_PX[SOURCE]
    images, types, found, fields = [], [], [], 0
    for path in tqdm(sorted((data / "fields" / SOURCE / split).glob("*.jpg")), desc=f"red cells of {split}", mininterval=5):
        image = read_balanced(path)
        boxes, kinds, scores = run(detector, image, um, thresholds[1])
        keep = suppress(boxes, kinds, scores, nms_iou)
        boxes = boxes[keep[kinds[keep] == 1]]
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        fields += 1
        with path.with_suffix(".csv").open() as f:
            for row in csv.DictReader(f):
                x, y = float(row["x"]), float(row["y"])
                inside = np.flatnonzero((boxes[:, 0] <= x) & (x <= boxes[:, 2]) & (boxes[:, 1] <= y) & (y <= boxes[:, 3]))
                if len(inside):
                    x, y = middles[inside[np.hypot(*(middles[inside] - (x, y)).T).argmin()]]
                images.append(window(image, float(x), float(y), CACHE * RED_UM / um, CACHE))
                types.append(int(row["type"]))
                found.append(len(inside) > 0)
    return RedCellSet(np.stack(images), np.array(types), fields, np.array(found))


def draw(cells: RedCellSet, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A batch: images [n,3,S,S] 0..1 and types [n]; turned by any angle, flipped, a little shifted and zoomed, most of them
    degraded."""
    count = np.bincount(cells.types, minlength=len(RED_TYPES))
    share = (1 / np.maximum(count, 1) ** EVENED)[cells.types]
    chosen = rng.choice(len(cells.types), n, p=share / share.sum())
    x = torch.from_numpy(np.ascontiguousarray(cells.images[chosen].transpose(0, 3, 1, 2))).float() / 255
    turn, zoom = torch.rand(n) * 2 * np.pi, torch.exp(torch.randn(n) * ZOOM)
    flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    k = RED_SIZE / CACHE * zoom
    place = torch.stack([torch.stack([turn.cos() * k * flip, -turn.sin() * k, torch.randn(n) * SHIFT], 1),
                         torch.stack([turn.sin() * k * flip, turn.cos() * k, torch.randn(n) * SHIFT], 1)], 1)
    grid = F.affine_grid(place, [n, 3, RED_SIZE, RED_SIZE], align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False).clamp(0.0, 1.0)
    rough = torch.rand(n) < 0.7
    x[rough] = degrade(x[rough], 1.0, 1.2)
    return x, torch.from_numpy(cells.types[chosen])


def balanced_accuracies(logits: np.ndarray, cells: RedCellSet) -> tuple[float, float]:
    """Mean recall over the named types, and over the groups of look-alikes, of the cells that the detector found. [n,types]."""
    used = cells.found & (cells.types != UNCATEGORISED)
    truth, named = cells.types[used], logits[used].copy()
    named[:, UNCATEGORISED] = -np.inf
    p = np.exp(named - named.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    members = [[RED_TYPES.index(name) for name in names] for names in RED_GROUPS.values()]
    group_of = {k: g for g, of in enumerate(members) for k in of}
    groups = np.array([group_of[k] for k in truth])
    answer, group_answer = p.argmax(1), np.stack([p[:, of].sum(1) for of in members], 1).argmax(1)
    return (float(np.mean([(answer[truth == k] == k).mean() for k in np.unique(truth)])),
            float(np.mean([(group_answer[groups == g] == g).mean() for g in np.unique(groups)])))
