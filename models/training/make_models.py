"""Makes detector.onnx, cells.onnx and model.toml from the image pack: trains both networks, quantizes, picks thresholds.

Everything is picked on `val`; `test` is read only by evaluate.py.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch

import train_classifier
import train_detector
from data import read_cells, read_fields
from evaluate import PBC_CLASSES, Onnx, balanced_accuracy, boxed, crops, logits_of, softmax
from export import cells_onnx, detector_onnx, save
from nets import STRIDE, Detector, DetectorForExport, multiply_adds
from settings import (CLASSES, CLASSIFIER_SIZE, CLASSIFIER_UM, DETECTOR_UM, EXPERIMENTAL, KINDS, TRAINING, WHITE_LEVEL,
                      WHITE_PERCENTILE)
from train_classifier import mask_of

SEED = 20
ANSWERED_RIGHT, ANSWERED_SHARE = 0.99, 0.90
"""What `unknown_below` aims at: this share of answers right, at least this share of cells answered."""


def temperature_of(logits: np.ndarray, allowed: np.ndarray) -> float:
    """The temperature with the least negative log-likelihood of the allowed classes (Guo et al. 2017). [n,c], [n,c]."""
    grid = np.exp(np.linspace(np.log(0.3), np.log(3.0), 116))
    loss = [-np.log((softmax(logits, t) * allowed).sum(1) + 1e-12).mean() for t in grid]
    return round(float(grid[int(np.argmin(loss))]), 3)


def unknown_below_of(p: np.ndarray, allowed: np.ndarray) -> float:
    """The lowest top probability that is still answered; UNK on top is no answer. p [n,c], allowed [n,c]."""
    answer = p.argmax(1)
    top, right = p.max(1) * (answer != CLASSES.index("UNK")), allowed[np.arange(len(p)), answer]
    best = 0.0
    for limit in np.arange(0.30, 0.96, 0.01):
        said = top >= limit
        if said.mean() < ANSWERED_SHARE:
            break
        best = limit
        if right[said].mean() >= ANSWERED_RIGHT:
            break
    return round(float(best), 2)


def main() -> None:
    """Trains what `--work` does not hold yet, then writes the three files into `--out`."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SMEAR_DATA", here / "../../../shared/data")))
    parser.add_argument("--out", type=Path, default=here.parent)
    parser.add_argument("--work", type=Path, default=Path("work"), help="finished stages are kept here and not repeated")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = arguments.data

    detector, thresholds, nms_iou = train_detector.train(data, arguments.work, SEED)
    net, int8 = train_classifier.train(data, arguments.work, SEED)
    detector_file = detector_onnx(detector).SerializeToString()
    cells_file = cells_onnx(int8.integers(), int8.linear.weight.detach().numpy(), int8.linear.bias.detach().numpy(),
                            CLASSIFIER_SIZE).SerializeToString()

    image = torch.rand(1, 3, 160, 208)
    with torch.no_grad():
        difference = (Onnx(detector_file)(image) - DetectorForExport(detector).eval()(image)).abs().max().item()
    print(f"detector: {multiply_adds(detector, image) / 1e6:.0f} M multiply-adds at 208x160, "
          f"{sum(p.numel() for p in detector.parameters())} parameters, file against network: {difference:.1e}")

    cells = read_cells(data, "pbc", "val") + boxed(read_fields(data, "txl", "val"), data)
    allowed = np.stack([mask_of(c.label) for c in cells])
    truth = np.array([c.label for c in cells])
    x = crops(cells, CLASSIFIER_SIZE, CLASSIFIER_UM)
    answers = {"float": logits_of(net, x), "int8 simulated": logits_of(int8, x), "int8 file": logits_of(Onnx(cells_file), x)}
    print(f"classifier: {multiply_adds(net, x[:1]) / 1e6:.0f} M multiply-adds, {sum(p.numel() for p in net.parameters())} parameters")
    for name, logits in answers.items():
        right = allowed[np.arange(len(cells)), logits.argmax(1)]
        same = (logits.argmax(1) == answers["float"].argmax(1)).mean()
        print(f"{name}: pbc val balanced accuracy {balanced_accuracy(truth, right, PBC_CLASSES):.4f}, "
              f"same answer as float {same:.4f}")
    logits = answers["int8 file"]
    temperature = temperature_of(logits, allowed)
    unknown_below = unknown_below_of(softmax(logits, temperature), allowed)
    print(f"thresholds {thresholds}, nms_iou {nms_iou}, temperature {temperature}, unknown_below {unknown_below}")

    save(arguments.out, detector_file, cells_file, {
        "white_balance": {"percentile": WHITE_PERCENTILE, "level": WHITE_LEVEL},
        "detector": {"file": "", "sha256": "", "um_per_px": DETECTOR_UM, "size_multiple": Detector.SIZE_MULTIPLE,
                     "stride": STRIDE, "kinds": KINDS, "thresholds": thresholds, "nms_iou": nms_iou},
        "classifier": {"file": "", "sha256": "", "um_per_px": CLASSIFIER_UM, "size": CLASSIFIER_SIZE, "classes": CLASSES,
                       "temperature": temperature, "unknown_below": unknown_below, "experimental": EXPERIMENTAL},
    }, TRAINING)
    print(f"wrote detector.onnx, cells.onnx and model.toml; now: python evaluate.py --data {data}")


if __name__ == "__main__":
    main()
