"""The classical way with OpenCV: nuclei by colour, red cells by Otsu's threshold, distance transform and watershed.

A plain baseline, no contest: its four numbers are chosen on the val fields by `tuned`, and never looked at on test.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import cv2
import numpy as np

from boxes import Boxes, average_precision


@dataclass(frozen=True)
class Settings:
    purple: int = 30
    """Saturation less green from which a pixel is nucleus, grey levels."""
    nucleus: float = 0.4
    """Least area of a white cell's nucleus, of a red cell's."""
    around: float = 1.3
    """How much larger a white cell's box is than its nucleus."""
    apart: float = 0.6
    """A red cell's middle is deeper than this share of the usual radius."""


def find(image: np.ndarray, settings: Settings) -> list[Boxes]:
    """White and red cells of a BGR picture, each with scores."""
    green = cv2.GaussianBlur(image[:, :, 1], (5, 5), 0)
    saturation = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2HSV)[:, :, 1], (5, 5), 0)
    _, purple = cv2.threshold(cv2.subtract(saturation, green), settings.purple, 255, cv2.THRESH_BINARY)
    # Nuclei are so dark that Otsu's threshold would part them from everything else.
    rest = green[purple == 0]
    level, _ = cv2.threshold(rest if len(rest) else green.ravel(), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    stained = filled(cv2.threshold(green, level, 255, cv2.THRESH_BINARY_INV)[1])
    depth = cv2.distanceTransform(stained, cv2.DIST_L2, 5)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(stained)
    deepest = np.zeros(count, np.float32)
    np.maximum.at(deepest, labels.ravel(), depth.ravel())
    # The usual red cell: the usual depth of blobs that are no specks.
    sizes = deepest[1:][stats[1:, cv2.CC_STAT_AREA] > 200]
    radius = float(np.median(sizes)) if len(sizes) else 20.0

    opened, closed = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
                      for side in (max(3, int(radius / 6) | 1), max(3, int(radius / 1.5) | 1)))
    purple = cv2.morphologyEx(cv2.morphologyEx(purple, cv2.MORPH_OPEN, opened), cv2.MORPH_CLOSE, closed)
    count, _, stats, _ = cv2.connectedComponentsWithStats(purple)
    white = []
    for x, y, w, h, area in stats[1:count]:
        if area >= settings.nucleus * np.pi * radius**2:
            more_x, more_y = w * (settings.around - 1) / 2, h * (settings.around - 1) / 2
            white.append((x - more_x, y - more_y, x + w + more_x, y + h + more_y, area))
    white = Boxes.of(white, image.shape)

    for x1, y1, x2, y2 in white.corners:
        cv2.rectangle(stained, (int(x1), int(y1)), (int(x2), int(y2)), 0, -1)
    depth = cv2.distanceTransform(stained, cv2.DIST_L2, 5)
    middles = (depth > settings.apart * radius).astype(np.uint8)
    count, markers = cv2.connectedComponents(middles)
    markers = markers + 1
    markers[(stained > 0) & (middles == 0)] = 0
    markers = cv2.watershed(image, markers)
    red = []
    for label, (x, y, w, h) in enumerate(boxes_of(markers, count + 1)):
        if label > 1 and w * h > radius**2:
            # Best first: those of the usual size.
            red.append((x, y, x + w, y + h, -abs(np.log(w * h / (2 * radius) ** 2))))
    return [white, Boxes.of(red, image.shape)]


def filled(mask: np.ndarray) -> np.ndarray:
    """The mask without small holes: the pale middles of red cells."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.bitwise_not(mask), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < 0.004 * mask.size
    small[0] = False
    return np.where(small[labels], np.uint8(255), mask)


def boxes_of(labels: np.ndarray, count: int) -> np.ndarray:
    """x, y, width, height of each label from 0."""
    rows, columns = np.indices(labels.shape)
    kept = labels >= 0
    low, high = np.full((count + 1, 2), 1 << 30), np.full((count + 1, 2), -1)
    for axis, places in enumerate((columns, rows)):
        np.minimum.at(low[:, axis], labels[kept], places[kept])
        np.maximum.at(high[:, axis], labels[kept], places[kept])
    return np.hstack([low, high - low + 1])


def tuned(fields: list[tuple[np.ndarray, list[np.ndarray]]]) -> Settings:
    """The settings that find white cells, then red cells, best in these fields with their boxes."""
    def score(settings: Settings, kind: int) -> float:
        return average_precision([(find(image, settings)[kind], truth[kind]) for image, truth in fields])

    white = [Settings(purple, nucleus, around) for purple, nucleus, around in
             product((0, 20, 40, 60), (0.3, 0.6), (1.0, 1.15, 1.3, 1.5))]
    best = max(white, key=lambda settings: score(settings, 0))
    return max((replace(best, apart=apart) for apart in (0.4, 0.5, 0.6, 0.7)), key=lambda settings: score(settings, 1))
