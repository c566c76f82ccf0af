"""Boxes with scores, and their average precision at IoU 0.5, as `leukoscope validate fields` computes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass
class Boxes:
    """Left, top, right, bottom in px, and a score each."""

    corners: np.ndarray
    scores: np.ndarray

    @staticmethod
    def of(rows: list[tuple[float, ...]], shape: tuple[int, ...]) -> Boxes:
        """From rows of corners and score, cut at the picture's edge."""
        values = np.array(rows, np.float64).reshape(-1, 5)
        corners = np.clip(values[:, :4], 0, [shape[1], shape[0], shape[1], shape[0]])
        return Boxes(corners, values[:, 4])


def marked(path: Path, width: int, height: int) -> list[np.ndarray]:
    """Corners of the white cells, red cells and platelets that a YOLO text file marks."""
    rows = np.loadtxt(path, ndmin=2).reshape(-1, 5)
    middle, size = rows[:, 1:3] * [width, height], rows[:, 3:5] * [width, height]
    corners = np.hstack([middle - size / 2, middle + size / 2])
    return [corners[rows[:, 0] == kind] for kind in range(3)]


def overlaps(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """IoU of a box with others."""
    inner = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
    shared = np.prod(np.clip(inner, 0, None), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1) + np.prod(one[2:] - one[:2])
    return shared / np.maximum(areas - shared, 1e-9)


def average_precision(fields: list[tuple[Boxes, np.ndarray]]) -> float:
    """All-point average precision at IoU 0.5 over (found, marked) of each field."""
    scores, hits, truth = [], [], 0
    for found, corners in fields:
        truth += len(corners)
        free = np.ones(len(corners), bool)
        for at in np.argsort(-found.scores, kind="stable"):
            overlap = np.where(free, overlaps(found.corners[at], corners), 0.0) if len(corners) else np.zeros(0)
            hit = bool(len(overlap)) and overlap.max() >= 0.5
            if hit:
                free[overlap.argmax()] = False
            scores.append(found.scores[at])
            hits.append(hit)
    order = np.argsort(-np.array(scores), kind="stable")
    good = np.cumsum(np.array(hits, float)[order])
    precision = good / np.arange(1, len(good) + 1)
    recall = good / max(truth, 1)
    # The highest precision at this recall or above.
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))
