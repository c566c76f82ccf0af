"""Pictures for the tests: of the image pack where there is one, else drawn."""

from __future__ import annotations

import os
import random
import struct
import sys
import zlib
from pathlib import Path

PACK = Path(os.environ.get("SMEAR_DATA", Path(__file__).parents[4] / "shared" / "data"))


def fields(folder: Path, count: int) -> list[Path]:
    """So many pictures in the folder, under names of their own: links to fields of two laboratories, or drawn ones."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [sorted((PACK / "fields" / part).glob("*.jpg")) for part in ("txl/val", "chula/test")]
    if not all(found):
        print(f"no image pack at {PACK}: the pictures are drawn", file=sys.stderr)
        return [_written(folder / f"field-{number}.png", png(number)) for number in range(count)]
    both = [picture for pair in zip(*found) for picture in pair][:count]
    return [_written(folder / f"field-{number}.jpg", picture.read_bytes()) for number, picture in enumerate(both)]


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def pixels(seed: int, side: int = 128) -> list[bytes]:
    """Rows of RGB: pale discs as wide as red cells on a bright ground."""
    draw = random.Random(seed)
    discs = [(draw.randrange(side), draw.randrange(side)) for _ in range(5)]
    red = lambda x, y: any((x - at) ** 2 + (y - down) ** 2 < 18**2 for at, down in discs)  # noqa: E731
    return [b"".join(b"\xd2\x96\xa0" if red(x, y) else b"\xeb\xe6\xe8" for x in range(side)) for y in range(side)]


def png(seed: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = pixels(seed)
    head = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def tiff(seeds: list[int], damaged: int | None = None) -> bytes:
    """A TIFF with a field for each seed; the pixels of field number `damaged` lie beyond the end of the file."""
    out = bytearray(b"II*\0" + bytes(4))
    link = 4
    for number, seed in enumerate(seeds, 1):
        rows = pixels(seed)
        data = b"".join(rows)
        at, depths = len(out), len(out) + len(data)
        out += data + struct.pack("<3H", 8, 8, 8) + bytes(2)
        struct.pack_into("<I", out, link, len(out))
        if number == damaged:
            at = 1 << 30
        side = len(rows)
        tags = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 3, depths), (259, 3, 1, 1), (262, 3, 1, 2)]
        tags += [(273, 4, 1, at), (277, 3, 1, 3), (278, 4, 1, side), (279, 4, 1, len(data))]
        out += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        link = len(out)
        out += bytes(4)
    return bytes(out)
