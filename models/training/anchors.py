"""Writes `anchors.toml` beside the models: pooled features of some training cells of every class. `leukoscope adapt` learns with
them, so that classes of which a laboratory labelled no cell keep being recognised. Run it whenever `cells.onnx` changes:

    python anchors.py --data DIR --models DIR
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch

from cells import weak_cells
from data import Cell, read_cells, read_fields
from evaluate import Model, no_cells
from export import write_atomically
from inference import Onnx

EACH = 20
"""Cells of a class, at most."""

BATCH = 32


def with_features(path: Path) -> Onnx:
    """The classifier, answering with the input of its last layer, [N,features,h,w]."""
    model = onnx.load(path)
    last = next(node for node in model.graph.node if "evidence" in node.output)
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(last.input[0], onnx.TensorProto.FLOAT, None))
    return Onnx(model.SerializeToString())


def training_cells(data: Path, detector: Onnx, rng: np.random.Generator) -> dict[str, list[Cell]]:
    """Cells of the pack's `train` by class, UNK for what is no cell, BLA for lymphoblasts by their patient's diagnosis."""
    cells = read_cells(data, "pbc", "train") + read_cells(data, "lmu", "train")
    cells += [replace(c, label="BLA") for c in weak_cells(data, detector) if c.label == "LYMPHOBLAST"]
    fields = read_fields(data, "txl", "train")
    others = no_cells([fields[i] for i in rng.permutation(len(fields))[:40]], rng)
    # Platelets have a class of their own.
    cells += [cell for name, found in others.items() if name != "platelets" for cell in found[:EACH // 2]]
    found: dict[str, list[Cell]] = {}
    for i in rng.permutation(len(cells)):
        found.setdefault(cells[i].label, []).append(cells[i])
    return found


def main() -> None:
    """Reads, runs, writes."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, required=True, help="the image pack")
    arguments.add_argument("--models", type=Path, required=True, help="folder with model.toml")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    model = Model.read(given.models)
    net = with_features(given.models / model.c["file"])
    found = training_cells(given.data, model.detector, np.random.default_rng(0))
    features = {}
    for name in model.c["classes"]:
        cells = found.get(name, [])[:EACH]
        if cells:
            maps = [net(part) for part in model.crops(cells).split(BATCH)]
            features[name] = torch.cat(maps).mean((2, 3)).numpy()
    step = max(float(f.max()) for f in features.values()) / 255
    lines = [
        "# Pooled features of training cells by class, in steps of `step`: written by training/anchors.py. `leukoscope adapt` learns",
        "# with them, so that classes without labelled cells keep being recognised. They belong to one classifier.",
        f'classifier_sha256 = "{model.c["sha256"]}"',
        f"step = {step!r}",
        "",
        "[cells]",
    ]
    for name, rows in features.items():
        whole = np.rint(np.clip(rows / step, 0, 255)).astype(int)
        lines.append(f"{name} = [")
        lines += ["  [" + ",".join(map(str, row)) + "]," for row in whole]
        lines.append("]")
    write_atomically(given.models / "anchors.toml", ("\n".join(lines) + "\n").encode())
    print({name: len(rows) for name, rows in features.items()})


if __name__ == "__main__":
    main()
