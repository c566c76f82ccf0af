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
    nucleus: float = 0.008
    """Least area of a white cell's nucleus, of the picture's."""
    joined: float = 0.04
    """Parts of a nucleus closer than this are one, of the picture's side."""
    around: float = 1.3
    """How much larger a white cell's box is than its nucleus."""
    apart: float = 0.5
    """A red cell's middle is deeper than this share of the usual radius."""


def otsu(values: np.ndarray) -> float:
    return cv2.threshold(values, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0] if values.size else 255.0


def disc(side: float) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(3, int(side) | 1),) * 2)


def find(image: np.ndarray, settings: Settings) -> list[Boxes]:
    """White and red cells of a BGR picture, each with scores."""
    side = (image.shape[0] * image.shape[1]) ** 0.5
    green = cv2.GaussianBlur(image[:, :, 1], (5, 5), 0)
    blue = cv2.bitwise_not(cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2Lab)[:, :, 2], (5, 5), 0))
    # Of what is stained at all, nuclei are the blue part.
    dark = green < otsu(green)
    nuclei = (dark & (blue > otsu(blue[dark]))).astype(np.uint8)
    nuclei = cv2.morphologyEx(nuclei, cv2.MORPH_OPEN, disc(0.01 * side))
    nuclei = cv2.morphologyEx(nuclei, cv2.MORPH_CLOSE, disc(settings.joined * side))
    _, _, stats, _ = cv2.connectedComponentsWithStats(nuclei)
    white = []
    for x, y, w, h, area in stats[1:]:
        if area >= settings.nucleus * side**2:
            more_x, more_y = w * (settings.around - 1) / 2, h * (settings.around - 1) / 2
            white.append((x - more_x, y - more_y, x + w + more_x, y + h + more_y, area))
    white = Boxes.of(white, image.shape)

    # Nuclei are so dark that Otsu's threshold would part them from everything else.
    stained = filled(cv2.threshold(green, otsu(green[nuclei == 0]), 255, cv2.THRESH_BINARY_INV)[1])
    for x1, y1, x2, y2 in white.corners:
        cv2.rectangle(stained, (int(x1), int(y1)), (int(x2), int(y2)), 0, -1)
    depth = cv2.distanceTransform(stained, cv2.DIST_L2, 5)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(stained)
    deepest = np.zeros(count, np.float32)
    np.maximum.at(deepest, labels.ravel(), depth.ravel())
    # The usual red cell: the usual depth of blobs that are no specks.
    sizes = deepest[1:][stats[1:, cv2.CC_STAT_AREA] > 0.0007 * side**2]
    radius = float(np.median(sizes)) if len(sizes) else 20.0
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

    white = [Settings(*numbers) for numbers in product((0.004, 0.008, 0.015), (0.02, 0.04), (1.15, 1.3, 1.4))]
    best = max(white, key=lambda settings: score(settings, 0))
    return max((replace(best, apart=apart) for apart in (0.4, 0.5, 0.6, 0.7)), key=lambda settings: score(settings, 1))
