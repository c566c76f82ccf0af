"""Decodes the detector's output and scores boxes, exactly as the program does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nets import STRIDE, Detector
from settings import DETECTOR_UM, RED_CELL_UM, WHITE_LEVEL

Boxes = np.ndarray
"""[n,4] x0, y0, x1, y1."""
GUESSES = [0.06, 0.09, 0.13, 0.19, 0.28]
"""Scales tried where an image's own is unknown, um per px on the training's ruler."""


def iou(a: Boxes, b: Boxes) -> np.ndarray:
    """Intersection over union, [len(a),len(b)]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(2)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(1), (b[:, 2:] - b[:, :2]).prod(1)
    return both / np.maximum(area_a[:, None] + area_b[None] - both, 1e-9)


def greedy_nms(boxes: Boxes, scores: np.ndarray, limit: float) -> np.ndarray:
    """Indices kept, best first: a box goes when it overlaps a better one by more than `limit`."""
    order = np.argsort(-scores, kind="stable")
    overlap = iou(boxes, boxes)
    kept: list[int] = []
    for i in order:
        if all(overlap[i, k] <= limit for k in kept):
            kept.append(int(i))
    return np.array(kept, int)


def to_input(image: Image.Image, um_per_px: float, multiple: int = Detector.SIZE_MULTIPLE,
             um: float = DETECTOR_UM) -> tuple[np.ndarray, float, float]:
    """A white-balanced image at the detector's scale, padded right and bottom: [3,H,W] 0..1, and image px per input px."""
    k = um_per_px / um
    w, h = max(1, round(image.width * k)), max(1, round(image.height * k))
    pixels = np.asarray(image.resize((w, h), Image.BILINEAR))
    out = np.full((-(-h // multiple) * multiple, -(-w // multiple) * multiple, 3), WHITE_LEVEL, np.uint8)
    out[:h, :w] = pixels
    return out.transpose(2, 0, 1).astype(np.float32) / 255, image.width / w, image.height / h


def peaks(y: Tensor, lowest: float) -> tuple[Boxes, np.ndarray, np.ndarray]:
    """Peaks of an exported output [7,h,w] (heat already 0..1) above `lowest`: boxes in input px, kinds, scores."""
    heat = y[:3]
    top = (heat == F.max_pool2d(heat[None], 3, 1, 1)[0]) & (heat > lowest)
    kind, iy, ix = torch.nonzero(top, as_tuple=True)
    dx, dy, lw, lh = y[3:, iy, ix]
    cx, cy = (ix + 0.5 + dx) * STRIDE, (iy + 0.5 + dy) * STRIDE
    w, h = lw.exp(), lh.exp()
    boxes = torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], 1)
    return boxes.numpy(), kind.numpy(), heat[kind, iy, ix].numpy()


def suppress(boxes: Boxes, kinds: np.ndarray, scores: np.ndarray, nms_iou: list[float]) -> np.ndarray:
    """Indices kept by NMS within each kind and by the rule that a white cell hides the red cell or platelet under it."""
    kept = []
    for kind in range(3):
        mine = np.flatnonzero(kinds == kind)
        if len(mine):
            kept.append(mine[greedy_nms(boxes[mine], scores[mine], nms_iou[kind])])
    keep = np.concatenate(kept) if kept else np.zeros(0, int)
    white = keep[kinds[keep] == 0]
    if len(white):
        over = (iou(boxes[keep], boxes[white]) > 0.5) & (scores[white][None] > scores[keep][:, None])
        keep = keep[~(over.any(1) & (kinds[keep] != 0))]
    return keep


def run(net: torch.nn.Module, image: Image.Image, um_per_px: float, lowest: float = 0.05) -> tuple[Boxes, np.ndarray, np.ndarray]:
    """Peaks of one white-balanced image, boxes in its pixels (clipped to it), before NMS. `net` is a DetectorForExport."""
    x, kx, ky = to_input(image, um_per_px)
    with torch.no_grad():
        boxes, kinds, scores = peaks(net(torch.from_numpy(x)[None])[0].float(), lowest)
    boxes = boxes * np.array([kx, ky, kx, ky], np.float32)
    boxes[:, 0::2] = boxes[:, 0::2].clip(0, image.width)
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, image.height)
    good = (boxes[:, 2:] - boxes[:, :2] > 1).all(1)
    return boxes[good], kinds[good], scores[good]


def find_scale(net: torch.nn.Module, image: Image.Image, guesses: list[float], threshold: float, limit: float,
               ) -> tuple[float, int]:
    """Micrometres per pixel by the detector itself, and how many whole red cells said so.

    Tries every guess, keeps the one whose red cells, weighted by their scores, cover most of the image (counting them would
    favour guesses so large that mere texture looks like many small cells), reads the median red box there, and repeats
    once at the scale that gives.
    """
    from data import whole

    def reds(um: float) -> tuple[np.ndarray, float]:
        boxes, kinds, scores = run(net, image, um, threshold)
        keep = suppress(boxes, kinds, scores, [limit] * 3)
        keep = keep[(kinds[keep] == 1) & whole(boxes[keep], *image.size)]
        sides = boxes[keep, 2:] - boxes[keep, :2]
        return sides.mean(1), float((scores[keep] * sides.prod(1)).sum())

    um = max(guesses, key=lambda g: reds(g)[1])
    for _ in range(2):
        sizes, _score = reds(um)
        if len(sizes) == 0:
            return um, 0
        um = RED_CELL_UM / float(np.median(sizes))
    return um, len(sizes)


def measure_by(net: torch.nn.Module, thresholds: list[float], nms_iou: list[float]) -> Callable[[Image.Image], float | None]:
    """Gives an image's scale by its red cells, or None when too few whole ones are in it."""
    from data import MIN_RED_CELLS

    def measure(image: Image.Image) -> float | None:
        um, reds = find_scale(net, image, GUESSES, thresholds[1], nms_iou[1])
        return um if reds >= MIN_RED_CELLS else None
    return measure


AS_GOOD = 0.002
"""Difference in F1 that means nothing."""


class Matches:
    """Detections of many images against their boxes at IoU 0.5, one kind: gives precision, recall, F1, AP50."""

    def __init__(self) -> None:
        self.scores: list[float] = []
        self.hits: list[bool] = []
        self.image: list[int] = []
        self.truths: list[int] = []

    def add(self, truth: Boxes, boxes: Boxes, scores: np.ndarray) -> None:
        """One image: best score first, each takes the free truth it overlaps most (Everingham et al. 2010, VOC)."""
        n = len(self.truths)
        self.truths.append(len(truth))
        free = np.ones(len(truth), bool)
        overlap = iou(boxes, truth) if len(truth) and len(boxes) else np.zeros((len(boxes), len(truth)))
        for i in np.argsort(-scores, kind="stable"):
            best = int(np.argmax(overlap[i] * free)) if len(truth) else -1
            hit = best >= 0 and bool(free[best]) and overlap[i, best] >= 0.5
            if hit:
                free[best] = False
            self.scores.append(float(scores[i]))
            self.hits.append(hit)
            self.image.append(n)

    def at(self, threshold: float, images: np.ndarray | None = None) -> tuple[float, float, float]:
        """Precision, recall, F1 of what scores above `threshold`; `images` may repeat image numbers (bootstrap)."""
        weight = np.ones(len(self.truths)) if images is None else np.bincount(images, minlength=len(self.truths))
        taken = (np.array(self.scores) > threshold) * weight[np.array(self.image, int)] if self.scores else np.zeros(0)
        hits = float((taken * np.array(self.hits, bool)).sum())
        precision = hits / max(float(taken.sum()), 1e-9)
        recall = hits / max(float((weight * np.array(self.truths)).sum()), 1e-9)
        return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)

    def best_threshold(self) -> float:
        """The highest threshold (0.10, 0.12, ... 0.80) whose F1 is as good as the best one's: where few cells tell, F1 is the same
        over a wide range, and in other laboratories the lower end of it finds cells where there are none."""
        grid = np.arange(0.10, 0.81, 0.02)
        scores = np.array([self.at(t)[2] for t in grid])
        return float(grid[scores >= scores.max() - AS_GOOD].max())

    def ap50(self) -> float:
        """Area under the precision-recall curve, every point, precision made falling (VOC 2010)."""
        order = np.argsort(-np.array(self.scores), kind="stable")
        hits = np.array(self.hits, bool)[order]
        tp, fp = np.cumsum(hits), np.cumsum(~hits)
        recall, precision = tp / max(sum(self.truths), 1), tp / np.maximum(tp + fp, 1)
        falling = np.maximum.accumulate(precision[::-1])[::-1]
        return float(np.sum(np.diff(np.concatenate([[0.0], recall])) * falling))
