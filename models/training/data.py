"""Reads the image pack: white balance, scales, boxes, single cells. Nothing is written anywhere.

Scales follow the program's ruler: micrometres per pixel = 7.2 / median size of an image's whole red cells, a red cell's
size being the mean of its box's width and height.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from settings import RED_CELL_UM, WHITE_LEVEL, WHITE_LOWEST, WHITE_PERCENTILE

WHOLE_RED_PX = {"bccd": 103.5, "bccd416": 81.8, "raabin": 137.5, "pbc": 79.5, "chula": 70.0, "iml": 82.5, "bionet": 57.0, "chula_rbc": 44.3}
"""Median size of whole red cells, px, of every source of fields (chula: measured by hand, it has no red boxes;
chula_rbc: by the detector)."""

CELL_RED_PX = {"pbc": 79.5 * 0.7, "lmu": 92.0, "marrow": 31.0}
"""The same of the single-cell images: `pbc` are the fields of 360 px at 0.7 of their size, `lmu` was measured by hand (it
varies by a tenth from file to file)."""

MIN_RED_CELLS = 3
"""Fewer whole red cells than this do not give an image's scale; its source's median does."""

BIONET_BORDER_UM = 3.5
"""So far from Bio-net's borders a missing box says nothing: the middle of what shows of a red cell that the border cuts."""


def white_balance(image: np.ndarray) -> np.ndarray:
    """Stretches each channel of [H,W,3] u8 so that its 95th percentile becomes 235."""
    out = np.empty_like(image)
    for c in range(3):
        histogram = np.bincount(image[..., c].ravel(), minlength=256)
        p = int(np.searchsorted(np.cumsum(histogram), WHITE_PERCENTILE * histogram.sum()))
        gain = WHITE_LEVEL / max(p, WHITE_LOWEST)
        table = np.minimum(255, np.floor(np.arange(256) * gain + 0.5)).astype(np.uint8)
        out[..., c] = table[image[..., c]]
    return out


def read_balanced(path: Path) -> Image.Image:
    """An image file as RGB, white-balanced."""
    return Image.fromarray(white_balance(np.asarray(Image.open(path).convert("RGB"))))


@dataclass
class Field:
    """A field of view. boxes [n,4]: x0, y0, x1, y1 in px; kinds [n]: 0 WBC, 1 RBC, 2 PLT, 3 something else.
    labels [n]: the file's own numbers. negatives: by kind, 1 where a missing box means a missing cell, 0 where it says
    nothing. ignore [m,4]: boxes that may or may not hold a cell."""

    path: Path
    source: str
    image: Image.Image
    boxes: np.ndarray
    kinds: np.ndarray
    labels: np.ndarray
    um_per_px: float
    negatives: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ignore: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))


def read_boxes(path: Path, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """A YOLO file's boxes [n,4] (x0, y0, x1, y1, px) and labels [n]."""
    rows = np.array([line.split() for line in path.read_text().splitlines() if line.strip()], np.float32).reshape(-1, 5)
    size = rows[:, 3:5] * (width, height)
    middle = rows[:, 1:3] * (width, height)
    return np.concatenate([middle - size / 2, middle + size / 2], 1).astype(np.float32), rows[:, 0].astype(int)


def whole(boxes: np.ndarray, width: int, height: int, margin: float = 2.0) -> np.ndarray:
    """Which boxes [n,4] touch no border."""
    return ((boxes[:, 0] > margin) & (boxes[:, 1] > margin) & (boxes[:, 2] < width - margin)
            & (boxes[:, 3] < height - margin))


def scale_of(boxes: np.ndarray, kinds: np.ndarray, width: int, height: int, fallback_px: float) -> float:
    """Micrometres per pixel from the whole red cells among `boxes`, or from `fallback_px`, a red cell's usual size."""
    reds = boxes[(kinds == 1) & whole(boxes, width, height)]
    sizes = (reds[:, 2:] - reds[:, :2]).mean(1)
    return RED_CELL_UM / float(np.median(sizes) if len(sizes) >= MIN_RED_CELLS else fallback_px)


def borders(width: int, height: int, reach: float) -> np.ndarray:
    """Boxes [n,4] of `reach` px along every side of a picture; none without a reach."""
    w, h = float(width), float(height)
    strips = [[0, 0, w, reach], [0, h - reach, w, h], [0, 0, reach, h], [w - reach, 0, w, h]] if reach else []
    return np.array(strips, np.float32).reshape(-1, 4)


def blue_spots(image: Image.Image, least: float = 0.30, block: int = 8, reach: float = 60.0) -> np.ndarray:
    """Boxes [n,4] around whatever may be a nucleus in a field of chula: `reach` px either side of every spot that is
    darker in red and bluer than its surroundings, in natural logarithms of pixel values (optical density).

    Of chula's boxed training cells none has less than 0.40, and 95 % of the other local maxima have less than 0.24.
    """
    size = (image.width // block, image.height // block)
    rgb = np.log(np.asarray(image.resize(size, Image.BILINEAR)).astype(float) + 1)
    red, blue = rgb[..., 0], rgb[..., 2] - rgb[..., 0]

    def around(v: np.ndarray, percent: int) -> np.ndarray:
        return ndimage.gaussian_filter(ndimage.percentile_filter(v, percent, size=31), 8)

    spot = ndimage.uniform_filter(around(red, 60) - red + blue - around(blue, 40), 5)
    y, x = np.nonzero((spot == ndimage.maximum_filter(spot, 9)) & (spot > least))
    middle = np.stack([x, y], 1) * block + block / 2
    return np.concatenate([middle - reach, middle + reach], 1).astype(np.float32)


def read_fields(data: Path, source: str, split: str) -> list[Field]:
    """The fields of one source and split, in the order of their names."""
    fields = []
    for path in sorted((data / "fields" / source / split).glob("*.[jp][pn]g")):
        image = read_balanced(path)
        boxes, labels = read_boxes(path.with_suffix(".txt"), *image.size)
        origin = path.name.split("_")[0] if source == "txl" else source
        if source == "chula":
            # All five labels are white cells. An unboxed white cell may be there, but only where something is as blue.
            field_ = Field(path, origin, image, boxes, np.zeros(len(boxes), int), labels,
                           RED_CELL_UM / WHOLE_RED_PX["chula"], (1.0, 0.0, 0.0), blue_spots(image))
        else:
            scale = scale_of(boxes, labels, *image.size, WHOLE_RED_PX[origin])
            # Bio-net: most cells that the border cuts are left unboxed, some are not.
            ignore = borders(*image.size, BIONET_BORDER_UM / scale) if source == "bionet" else borders(0, 0, 0)
            # iml: clumped red cells are left unboxed, so there only white cells and platelets are known to be absent.
            field_ = Field(path, origin, image, boxes, labels, labels, scale,
                           (1.0, 0.0, 1.0) if source == "iml" else (1.0, 1.0, 1.0), ignore)
        fields.append(field_)
    return fields


@dataclass
class Cell:
    """A single cell: the white-balanced image, the cell's middle in px, the scale, the label (a class or a group). red: the
    optical density of red cells [3] (stain.py), None where it is not known."""

    path: Path
    source: str
    image: Image.Image
    x: float
    y: float
    um_per_px: float
    label: str
    red: np.ndarray | None = None


def read_cells(data: Path, source: str, split: str) -> list[Cell]:
    """The single-cell images of one source and split; the cell is in the middle."""
    cells = []
    for path in sorted((data / "cells" / source / split).glob("*/*.[jpb][pnm][gp]")):
        image = read_balanced(path)
        um = RED_CELL_UM / CELL_RED_PX.get(source, CELL_RED_PX["pbc"])
        cells.append(Cell(path, source, image, image.width / 2, image.height / 2, um, path.parent.name))
    return cells


def white_cell_classes(data: Path) -> dict[str, str]:
    """Path below the pack -> class, for the fields of BCCD and Bio-net with one classed white cell."""
    found = {}
    for source in ("txl", "bionet"):
        with (data / "fields" / source / "white_cell_classes.csv").open() as f:
            found |= {row["path"]: row["class"] for row in csv.DictReader(f)}
    return found


def window(image: Image.Image, x: float, y: float, side: float, size: int) -> np.ndarray:
    """The square of `side` px around (x, y), resampled to [size,size,3] u8; 235 outside the image.

    The part inside the image is resampled by itself onto the whole pixels it covers, so no filled pixel mixes with it.
    """
    k = size / side
    left, top = x - side / 2, y - side / 2
    # Output pixels that lie wholly inside the image.
    x0, y0 = max(0, int(np.ceil(-left * k - 1e-6))), max(0, int(np.ceil(-top * k - 1e-6)))
    x1 = min(size, int(np.floor((image.width - left) * k + 1e-6)))
    y1 = min(size, int(np.floor((image.height - top) * k + 1e-6)))
    out = np.full((size, size, 3), WHITE_LEVEL, np.uint8)
    if x1 > x0 and y1 > y0:
        box = (max(0.0, left + x0 / k), max(0.0, top + y0 / k),
               min(float(image.width), left + x1 / k), min(float(image.height), top + y1 / k))
        out[y0:y1, x0:x1] = np.asarray(image.resize((x1 - x0, y1 - y0), Image.BILINEAR, box=box))
    return out
