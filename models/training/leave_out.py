"""What to expect in a laboratory nobody trained on: the classifier trained without one, measured on that one's cells.

Trained at half the resolution only, which takes a tenth of the time; the detector has seen all of them. No source names its
patients.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import metrics
from cells import boxed
from data import Cell, read_cells, read_fields
from distance import Distance, Sample, calibrated, features_of, temper
from drawing import Pool, mask_of
from evaluate import FIVE, MARROW
from inference import crops, logits_of
from make_files import temperature_of
from metrics import Figure, balanced, ece, grouped, share, softmax
from nets import Classifier, Detector
from red_cells import RedCells
from settings import CLASSES, CLASSIFIER_SIZE, CLASSIFIER_UM, TEMPER_FROM, TEMPER_RATE
from train_classifier import Prepared, distance_of, fit

LABORATORIES = ["chula", "bionet", "marrow", "bccd", "pbc"]
TRAINED = 12
"""Epochs of the network without a laboratory."""


def cells_of(data: Path, laboratory: str) -> list[Cell]:
    """All classed cells of a laboratory; of pbc those that are not for training, which are enough."""
    if laboratory in ("marrow", "pbc"):
        splits = ("val", "test") if laboratory == "pbc" else ("train", "val", "test")
        return [c for split in splits for c in read_cells(data, laboratory, split)]
    source = "txl" if laboratory == "bccd" else laboratory
    splits = [p.name for p in sorted((data / "fields" / source).iterdir()) if p.is_dir()]
    return [c for split in splits for c in boxed(read_fields(data, source, split), data) if c.source == laboratory]


def without(p: Prepared, laboratory: str) -> list[Pool]:
    """The pools of the other laboratories; what fields of txl give besides (platelets, red cells, ground) stays: it names no
    white cell."""
    return [pool for pool in p.pools if pool.source != laboratory]


def halved(cells: list[Cell]) -> Tensor:
    """The network's inputs."""
    return F.avg_pool2d(crops(cells, CLASSIFIER_SIZE, CLASSIFIER_UM), 2)


def sample_of(net: Classifier, cells: list[Cell], distance: Distance, home: float | None) -> Sample:
    """What the network says of white cells, and how far they lie from what it learned; without `home` they are it."""
    cells = [c for c in cells if mask_of(c.label).any() and c.label != "PLT"]
    x = halved(cells)
    median = float(np.median(distance.of(features_of(net.convs, x))))
    return Sample(logits_of(net, x), np.stack([mask_of(c.label) for c in cells]), median, home or median)


def figures_of(net: Callable[[Tensor], Tensor], cells: list[Cell], laboratory: str, temperature: float) -> list[Figure]:
    """Accuracy, balanced accuracy and calibration error over the classes of the laboratory; marrow's stages one by one, elsewhere
    neutrophils and immature granulocytes joined."""
    groups = ["BLA"] if laboratory == "marrow" else ["NEU", "IG", "BLA"]
    classes = {"marrow": MARROW, "pbc": [*FIVE, "EBO", "IG", "PLT"]}.get(laboratory, FIVE)
    truth = grouped(np.array([c.label for c in cells]), groups)
    cells = [c for c, t in zip(cells, truth, strict=True) if t in classes]
    truth = truth[np.isin(truth, classes)]
    p = softmax(logits_of(net, halved(cells)), temperature)
    joined = grouped(np.array(CLASSES), groups)
    names = sorted(set(joined))
    summed = np.stack([p[:, joined == n].sum(1) for n in names], 1)
    answer = np.array(names)[summed.argmax(1)]
    right, note = truth == answer, f"trained without {laboratory}, half resolution, {TRAINED} epochs"
    metrics.print_table(metrics.class_table(truth, answer, classes))
    return [share(f"{laboratory} left out, accuracy", right, note), balanced(f"{laboratory} left out, balanced accuracy", truth, right, classes, note),
            ece(f"{laboratory} left out, ECE", summed.max(1), right, truth, note)]


def run(p: Prepared, detector: Detector | Callable[[Tensor], Tensor], data: Path, work: Path, laboratories: list[str], seed: int,
        length: float) -> None:
    """Trains without each laboratory, prints its figures and keeps them in work/left_out.json."""
    kept = work / "left_out.json"
    reds = RedCells(detector, work / "red_cells.json")
    recipe = replace(p.recipe, epochs=max(1, round(TRAINED * length)))
    known = reds.colour([c for c in read_cells(data, "pbc", "val") if c.label in CLASSES])
    samples: list[tuple[Sample, float]] = []
    for laboratory in laboratories:
        torch.manual_seed(seed)
        pools = without(p, laboratory)
        net = fit(Classifier(len(CLASSES)), pools, recipe, seed, f"without {laboratory}",
                  work / f"without_{laboratory}_unfinished.pt").eval()
        distance = distance_of(net.convs, pools, half=True)
        home = sample_of(net, known, distance, None)
        temperature = temperature_of(home.logits, home.allowed) if laboratory != "pbc" else 1.0
        cells = reds.colour(cells_of(data, laboratory))
        sample = sample_of(net, cells, distance, home.distance)
        # Without pbc the network has no home that it could be measured at.
        if laboratory != "pbc":
            samples += [(sample, temperature), (home, temperature)]
        tempered = temperature * temper(sample.distance, sample.home, TEMPER_FROM, TEMPER_RATE)
        print(f"{laboratory}: {sample.distance / sample.home:.3f} times the distance of home")
        found = [*figures_of(net, cells, laboratory, temperature),
                 *(replace(f, name=f"{f.name}, tempered") for f in figures_of(net, cells, laboratory, tempered) if f.name.endswith("ECE"))]
        for f in found:
            print(f)
        before = json.loads(kept.read_text()) if kept.exists() else {}
        kept.write_text(json.dumps(before | {laboratory: [f.as_dict() for f in found]}, indent=1) + "\n")
    if samples:
        print("TEMPER_FROM, TEMPER_RATE that fit best:", calibrated(samples))
