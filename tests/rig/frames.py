"""Frames for an emulated camera, as YUYV: real fields where a folder of them is given, else a drawn smear.

Use: frames.py FRAMES.yuyv LABELLED.json [FOLDER]. The fields are the first of the folder that are 640 x 480 px and have a
white cell in the YOLO label beside them (0 white cell, 1 red cell, 2 platelet); LABELLED.json says how many cells that makes.
"""

import json
import random
import sys
from pathlib import Path

WIDTH, HEIGHT = 640, 480
FIELDS = 4
# Share of a box's side within which it counts as cut.
BORDER = 0.05
# Y, U, V
GROUND, RED, NUCLEUS = (225, 126, 132), (170, 118, 152), (90, 150, 150)


def frame(seed):
    chance = random.Random(seed)
    pixels = [[GROUND] * WIDTH for _ in range(HEIGHT)]
    discs = [(chance.randrange(WIDTH), chance.randrange(HEIGHT), 17, RED) for _ in range(120)]
    discs.append((WIDTH // 2, HEIGHT // 2, 28, NUCLEUS))
    for x, y, radius, colour in discs:
        for j in range(max(0, y - radius), min(HEIGHT, y + radius)):
            half = int((radius**2 - (j - y) ** 2) ** 0.5)
            left, right = max(0, x - half), min(WIDTH, x + half)
            pixels[j][left:right] = [colour] * (right - left)
    data = bytearray()
    for row in pixels:
        for (y0, u, v), (y1, _, _) in zip(row[::2], row[1::2]):
            data += bytes((max(0, y0 + chance.randrange(-2, 3)), u, max(0, y1 + chance.randrange(-2, 3)), v))
    return bytes(data)


def labels(path):
    """Kinds of the labelled cells that are wholly in the field: those cut by its border are not counted while it stays."""
    kinds = []
    for line in filter(str.strip, path.with_suffix(".txt").read_text().splitlines()):
        kind, x, y, w, h = (float(word) for word in line.split()[:5])
        left, top = min(x, 1 - x) - w / 2, min(y, 1 - y) - h / 2
        if left * WIDTH > BORDER * w * WIDTH and top * HEIGHT > BORDER * h * HEIGHT:
            kinds.append(int(kind))
    return kinds


def yuyv(path):
    from PIL import Image

    with Image.open(path) as picture:
        pixels = bytes(picture.convert("YCbCr").tobytes())
    luma, blue, red = pixels[0::3], pixels[1::3], pixels[2::3]
    data = bytearray(2 * len(luma))
    data[0::2] = luma
    data[1::4] = blue[0::2]
    data[3::4] = red[0::2]
    return bytes(data)


def main(frames, labelled, folder=None):
    chosen, counts = [], None
    if folder and Path(folder).is_dir():
        fields = (path for path in sorted(Path(folder).glob("bccd_*.jpg")) if 0 in labels(path))
        chosen = [path for path, _ in zip(fields, range(FIELDS))]
        cells = [kind for path in chosen for kind in labels(path)]
        counts = dict(zip(("WBC", "RBC", "PLT"), (cells.count(kind) for kind in range(3))))
    data = [yuyv(path) for path in chosen] or [frame(seed) for seed in range(FIELDS)]
    assert all(len(frame) == 2 * WIDTH * HEIGHT for frame in data)
    Path(frames).write_bytes(b"".join(data))
    Path(labelled).write_text(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
