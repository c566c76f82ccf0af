"""Colour by the red cell: the optical density of whole red cells is the ruler for colour, as their diameter is the one for scale.

Optical density here is ln(235 / value) of a white-balanced image, so that its background has none and stains add (Beer-Lambert).
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from settings import BOX_MARGIN, STAIN_HOME, STAIN_LIMITS, STAIN_WAY, WHITE_LEVEL

RING = (0.45, 0.8)
"""The part of a red cell that is measured, in radii: inside its rim, outside its pallor."""
FEWEST_PIXELS = 20
"""A ring of fewer pixels tells nothing."""
DARKEST = 5
"""Values below this count as this."""


def density(image: Image.Image) -> np.ndarray:
    """Optical density of a white-balanced image, [H,W,3]."""
    return -np.log(np.maximum(np.asarray(image, np.float32), DARKEST) / WHITE_LEVEL)


def red_cells(image: Image.Image, boxes: np.ndarray) -> np.ndarray:
    """Each red cell's own optical density, [n,3]: the median over its ring. boxes [m,4] of whole red cells, px."""
    od, found = density(image), []
    for x0, y0, x1, y1 in boxes:
        left, right, top, bottom = max(0, int(x0)), min(image.width, int(x1) + 1), max(0, int(y0)), min(image.height, int(y1) + 1)
        yy, xx = np.mgrid[top:bottom, left:right] + 0.5
        r = np.hypot((xx - (x0 + x1) / 2) / (x1 - x0), (yy - (y0 + y1) / 2) / (y1 - y0)) * 2 * BOX_MARGIN
        ring = (r > RING[0]) & (r < RING[1])
        if ring.sum() >= FEWEST_PIXELS:
            found.append(np.median(od[top:bottom, left:right][ring], 0))
    return np.array(found, np.float32).reshape(-1, 3)


def gains(red: np.ndarray) -> np.ndarray:
    """What optical densities are multiplied by where red cells have the density `red` [...,3]: [...,3]. A part STAIN_WAY of what
    brings their hue home; the amount of stain stays, so the three have a geometric mean of 1."""
    whole = np.log(np.clip(np.array(STAIN_HOME) / np.maximum(red, 0.02), *STAIN_LIMITS))
    return np.exp(STAIN_WAY * (whole - whole.mean(-1, keepdims=True)))


def mapped(pixels: np.ndarray, red: np.ndarray | None) -> np.ndarray:
    """Pixels [...,3] u8 of a white-balanced image with its red cells' density `red` [3] brought towards home, by a table a channel:
    value -> 235 (value / 235) ** gain. Without `red` as they are."""
    if red is None:
        return pixels
    values = np.maximum(np.arange(256), 1e-3) / WHITE_LEVEL
    tables = np.minimum(255, np.floor(WHITE_LEVEL * values[None] ** gains(red)[:, None] + 0.5)).astype(np.uint8)
    return np.stack([tables[c][pixels[..., c]] for c in range(3)], -1)
