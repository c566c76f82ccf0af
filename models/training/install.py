"""Puts checked files where the program looks for them, and keeps the ones before."""

from __future__ import annotations

import hashlib
import os
import shutil
import tomllib
from datetime import datetime
from itertools import count
from pathlib import Path

import numpy as np
import onnxruntime

from card import KEY, seal
from sources import Wrong

CARD = "model.toml"


def run_once(path: Path, image: np.ndarray, expected: dict[str, tuple[int, ...]]) -> None:
    """Runs a file on one image; refuses other outputs than `expected` (name -> shape) and anything not finite."""
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [o.name for o in session.get_outputs()]
        outputs = dict(zip(names, session.run(None, {session.get_inputs()[0].name: image}), strict=True))
    except Exception as error:  # onnxruntime raises types of its own for every kind of broken file.
        raise Wrong(f"{path}: does not run ({error}). Make it again with 'quantize'.") from error
    for name, shape in expected.items():
        if name not in outputs or outputs[name].shape != shape:
            found = ", ".join(f"{n} {list(v.shape)}" for n, v in outputs.items())
            raise Wrong(f"{path}: its outputs are {found}, but {name} {list(shape)} is needed.")
        if not np.isfinite(outputs[name]).all():
            raise Wrong(f"{path}: {name} is not finite. The training failed; do not use it.")


def check(folder: Path) -> list[str]:
    """The names of the files in `folder`, found whole, fitting together and running."""
    try:
        card = tomllib.loads((folder / CARD).read_text())
        if card.get(KEY) != seal(card):
            raise Wrong(f"{folder / CARD}: changed since it was written ({KEY} differs). Make it again with 'quantize'.")
        d, c, red, screen = card["detector"], card["classifier"], card.get("red_cells"), card.get("parasites")
        for table in (d, c, *([red] if red else []), *([screen] if screen else [])):
            path = folder / table["file"]
            if hashlib.sha256(path.read_bytes()).hexdigest() != table["sha256"]:
                raise Wrong(f"{path}: not the file {CARD} was written with (sha256 differs). Make them again with 'quantize'.")
        m, stride, n, s = d["size_multiple"], d["stride"], len(c["classes"]), c["size"]
        prior, classes = c.get("prior"), c["classes"]
    except FileNotFoundError as error:
        raise Wrong(f"{error.filename}: missing. Run 'quantize' first, or name the files' folder by --from.") from error
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise Wrong(f"{folder / CARD}: {error} is missing or wrong. Make it again with 'quantize'.") from error
    if prior is not None and (len(prior) != len(classes) or abs(sum(prior) - 1) > 0.01):
        raise Wrong(f"{folder / CARD}: prior must be {len(classes)} shares that add up to 1, one a class.")
    rng = np.random.default_rng(0)
    side = 4 * m
    run_once(folder / d["file"], rng.random((1, 3, side, side), np.float32), {"cells": (1, 7, side // stride, side // stride)})
    # Files from before the prior had logits alone; going back to them must stay possible.
    evidence = {"evidence": (2, n, s // 16, s // 16)} if prior is not None else {}
    run_once(folder / c["file"], rng.random((2, 3, s, s), np.float32), {"logits": (2, n)} | evidence)
    for table, answers in ((red, len(red["classes"]) if red else 0), (screen, 2)):
        if table:
            s = table["size"]
            run_once(folder / table["file"], rng.random((2, 3, s, s), np.float32), {"logits": (2, answers)})
    return [d["file"], c["file"], *(table["file"] for table in (red, screen) if table), CARD]


def install(source: Path, to: Path, now: datetime) -> Path | None:
    """Checks the files of `source` and copies them into `to`; returns the folder that keeps the ones before, if any.

    Each file appears whole or not at all, model.toml last: stopped in between, its checksums tell the program.
    """
    names = check(source)
    to.mkdir(parents=True, exist_ok=True)
    if source.resolve() == to.resolve():
        raise Wrong(f"{source}: the files are already there.")
    before = [to / n for n in names if (to / n).exists()]
    backup = None
    if before:
        name = f"before-{now:%Y-%m-%dT%H%M%S}"
        backup = next(p for p in (to / (name + "-again" * k) for k in count()) if not p.exists())
        backup.mkdir()
        for path in before:
            shutil.copy2(path, backup / path.name)
    for name in names:
        temporary = to / f".{name}.tmp"
        shutil.copyfile(source / name, temporary)
        with temporary.open("rb") as f:
            os.fsync(f.fileno())
        os.replace(temporary, to / name)
    return backup
