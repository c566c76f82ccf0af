"""The two tables: rows from answers, and the folder of Parquet files that holds them. Only the job writes there.

A batch is two files of one name, `cells/NAME.parquet` and then `pictures/NAME.parquet`: with the second it is done.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from listing import Picture, Usage, opened
from worker import Answer, Versions

_share = pa.list_(pa.struct([("class", pa.string()), ("probability", pa.float64())]))

PICTURES = pa.schema([
    pa.field("path", pa.string(), nullable=False),
    pa.field("field", pa.int32(), nullable=False),
    pa.field("size", pa.int64(), nullable=False),
    pa.field("stamp", pa.string(), nullable=False),
    ("sha256", pa.string()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("um_per_px", pa.float64()),
    ("scale_from", pa.string()),
    ("verdict", pa.string()),
    ("warning", pa.string()),
    ("wbc", pa.int32()),
    ("rbc", pa.int32()),
    ("plt", pa.int32()),
    ("error", pa.string()),
    pa.field("program", pa.string(), nullable=False),
    pa.field("model_sha256", pa.string(), nullable=False),
    ("profile_sha256", pa.string()),
    pa.field("arguments", pa.string(), nullable=False),
    pa.field("finished", pa.timestamp("us", tz="UTC"), nullable=False),
])

CELLS = pa.schema([
    pa.field("path", pa.string(), nullable=False),
    pa.field("field", pa.int32(), nullable=False),
    pa.field("cell", pa.int32(), nullable=False),
    pa.field("kind", pa.string(), nullable=False),
    pa.field("x", pa.float64(), nullable=False),
    pa.field("y", pa.float64(), nullable=False),
    pa.field("w", pa.float64(), nullable=False),
    pa.field("h", pa.float64(), nullable=False),
    pa.field("score", pa.float64(), nullable=False),
    ("class", pa.string()),
    ("probability", pa.float64()),
    ("top", _share),
    ("uncorrected_class", pa.string()),
    ("uncorrected_probability", pa.float64()),
    ("note", pa.string()),
])

KEY = ["path", "size", "stamp", *Versions._fields]
"""What an answer depends on: the picture as it was, and what analysed it."""


class Held(NamedTuple):
    """What the tables hold of a picture."""

    key: bytes
    failed: bool
    """Whether the answer, or that on one of its fields, is an error."""
    finished: datetime
    batch: str


def digest(*values: Any) -> bytes:
    """A short digest: a job remembers it of every picture."""
    return hashlib.blake2b(repr(values).encode(), digest_size=16).digest()


def key_of(picture: Picture, versions: Versions) -> bytes:
    return digest(picture.name, picture.size, picture.stamp, *versions)


def name_of(batch: list[Picture], versions: Versions) -> str:
    """A name for a batch, by what it holds."""
    return digest(sorted(key_of(picture, versions) for picture in batch)).hex()


def rows(batch: list[Picture], answers: list[Answer], versions: Versions) -> tuple[pa.Table, pa.Table]:
    """Both tables for one batch."""
    finished = datetime.now(UTC)
    pictures, cells = [], []
    for picture, answer in zip(batch, answers, strict=True):
        common = {"path": picture.name, "size": picture.size, "stamp": picture.stamp, "sha256": answer.sha256}
        common |= {**versions._asdict(), "finished": finished}
        for field, line in answer.lines:
            kinds = [cell["kind"] for cell in line["cells"]]
            pictures.append({
                **common,
                "field": field,
                "width": line["width"],
                "height": line["height"],
                "um_per_px": line["scale_um_per_px"],
                "scale_from": line["scale_from"],
                "verdict": line["quality"]["verdict"],
                "warning": line["quality"].get("warning"),
                **{kind.lower(): kinds.count(kind) for kind in ("WBC", "RBC", "PLT")},
            })
            cells += [_cell(picture, field, number, cell) for number, cell in enumerate(line["cells"], 1)]
        pictures += [{**common, "field": field, "error": error} for field, error in answer.errors]
    return pa.Table.from_pylist(pictures, PICTURES), pa.Table.from_pylist(cells, CELLS)


def _cell(picture: Picture, field: int, number: int, cell: dict[str, Any]) -> dict[str, Any]:
    alone = cell.get("uncorrected") or {}
    return {
        **cell,
        "path": picture.name,
        "field": field,
        "cell": number,
        "top": [{"class": name, "probability": probability} for name, probability in cell["top"]] or None,
        "uncorrected_class": alone.get("class"),
        "uncorrected_probability": alone.get("probability"),
    }


class Tables:
    """The folder that holds both tables."""

    def __init__(self, address: str) -> None:
        self.store, self.root = opened(address)
        try:
            for folder in ("pictures", "cells"):
                self.store.makedirs(f"{self.root}/{folder}", exist_ok=True)
            self.store.pipe_file(f"{self.root}/.written", b"")
            self.store.rm_file(f"{self.root}/.written")
        except Exception as problem:  # Each store has errors of its own.
            raise Usage(f"{address}: nothing can be written there ({problem})") from problem

    def write(self, name: str, pictures: pa.Table, cells: pa.Table) -> None:
        """Adds a batch, whole or not at all."""
        for folder, table in (("cells", cells), ("pictures", pictures)):
            sink = pa.BufferOutputStream()
            pq.write_table(table, sink, compression="zstd")
            # Written beside and renamed; readers pass over hidden files.
            beside = f"{self.root}/{folder}/.{name}"
            self.store.pipe_file(beside, sink.getvalue().to_pybytes())
            self.store.mv(beside, self._file(folder, name))

    def tidy(self) -> dict[bytes, Held]:
        """Leaves the newest answer for each picture, and no half of a batch. Gives what is left by `digest(path)`."""
        pictures, cells = self._names("pictures"), self._names("cells")
        for name in pictures ^ cells:
            self._remove(name)
        newest: dict[bytes, Held] = {}
        replaced: dict[str, set[str]] = defaultdict(set)
        for name in sorted(pictures & cells):
            table = self._read(name)
            columns = [] if table is None else [table[column].to_pylist() for column in (*KEY, "error", "finished")]
            for *values, error, finished in zip(*columns, strict=True):
                held = Held(digest(*values), error is not None, finished, name)
                former = newest.setdefault(digest(values[0]), held)
                if former.batch == name:
                    # Another field of the same file.
                    newest[digest(values[0])] = held._replace(failed=former.failed or held.failed)
                else:
                    older, newer = sorted((former, held), key=lambda held: (held.finished, held.batch))
                    newest[digest(values[0])] = newer
                    replaced[older.batch].add(values[0])
        for name, paths in replaced.items():
            self._rewrite(name, pa.array(sorted(paths), pa.string()))
        return newest

    def _names(self, folder: str) -> set[str]:
        try:
            files = self.store.ls(f"{self.root}/{folder}", detail=False)
        except FileNotFoundError:
            return set()  # An object store has no empty folders.
        # Files of other names are not the job's, and left alone.
        found = (re.fullmatch(r"([0-9a-f]{32})\.parquet", path.rsplit("/", 1)[-1]) for path in files)
        return {name[1] for name in found if name}

    def _file(self, folder: str, name: str) -> str:
        return f"{self.root}/{folder}/{name}.parquet"

    def _read(self, name: str) -> pa.Table | None:
        """What is done of a batch; one that a power cut left damaged is removed, to be done again.

        Raises Usage for a table of another kind.
        """
        try:
            for folder, schema in (("cells", CELLS), ("pictures", PICTURES)):
                with self.store.open(self._file(folder, name), "rb") as opened:
                    file = pq.ParquetFile(opened)
                    if not file.schema_arrow.equals(schema):
                        raise Usage(f"{self._file(folder, name)} is a table of another kind; name another output")
                    if folder == "pictures":
                        return file.read([*KEY, "error", "finished"])
        except pa.ArrowInvalid:
            self._remove(name)
        return None

    def _rewrite(self, name: str, without: pa.Array) -> None:
        files = [self.store.cat_file(self._file(folder, name)) for folder in ("pictures", "cells")]
        tables = [pq.read_table(pa.BufferReader(file)) for file in files]
        pictures, cells = (table.filter(pc.invert(pc.is_in(table["path"], without))) for table in tables)
        if pictures.num_rows:
            left = sorted(set(pictures["path"].to_pylist()))
            self.write(digest(name, left).hex(), pictures, cells)
        self._remove(name)

    def _remove(self, name: str) -> None:
        for folder in ("pictures", "cells"):
            if self.store.exists(self._file(folder, name)):
                self.store.rm_file(self._file(folder, name))
