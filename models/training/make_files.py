"""Makes detector.onnx, cells.onnx and model.toml from trained weights. Temperature and thresholds are picked on `val`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import torch

import red_types
from cells import boxed
from data import Field, read_cells, read_fields
from detect import Matches, iou
from distance import MOST, Distance, features_of
from drawing import mask_of
from evaluate_fields import found_in
from export import FILES, cells_onnx, detector_onnx, save
from inference import Onnx, crops, logits_of
from metrics import balanced_accuracy, softmax
from nets import STRIDE, Classifier, Detector, DetectorForExport, multiply_adds
from quantize import QuantClassifier, QuantDetector
from red_cells import RedCells
from settings import (CLASSES, CLASSIFIER_SIZE, CLASSIFIER_UM, CODES, DETECTOR_UM, KINDS, SOURCES, STAIN_HOME, STAIN_LIMITS, STAIN_WAY,
                      TEMPER_FROM, TEMPER_RATE, TRUSTED_FROM, WHITE_LEVEL, WHITE_PERCENTILE)
from sources import Wrong

PBC_CLASSES = ["BAS", "EBO", "EOS", "LYT", "MMZ", "MON", "MYB", "NGB", "NGS", "PMO", "PLT"]
FIELD_SOURCES = ["txl", "chula", "iml", "bionet", "taleqani", "marrow", "lmu"]
"""What the detector learns from."""
ANSWERED_RIGHT, ANSWERED_SHARE = 0.99, 0.92
"""What `unknown_below` aims at: this share of answers right, at least this share of cells answered (0.90 is wanted of the program,
which measures the scale itself and so is a little less sure)."""


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


def source_of(path: Path, data: Path, source: str = "") -> str:
    """Which key of SOURCES a file that was read belongs to."""
    inside = path.resolve().relative_to(data.resolve()).parts if path.resolve().is_relative_to(data.resolve()) else ()
    return inside[1] if len(inside) > 2 and inside[1] in SOURCES else source


def training_rows(data: Path, detector: list[Path], cells: list[tuple[str, Path, str]], kept: list[dict],
                  ) -> list[dict[str, object]]:
    """The rows of [[training]]: every source with the number of different images that either network learned from. kept: the
    rows of the card whose detector stays; its images are not listed, so of two numbers the larger counts."""
    files = {(source_of(p, data), p) for p in detector} | {(source_of(p, data, source), p) for source, p, _ in cells}
    count = Counter(source for source, _ in files)
    for k, (name, _, _) in SOURCES.items():
        if k in FIELD_SOURCES or k == red_types.SOURCE:
            count[k] = max([count[k], *(row["images"] for row in kept if row["source"] == name)])
    return [{"source": SOURCES[k][0], "what": SOURCES[k][1], "licence": SOURCES[k][2] or "not stated", "images": count[k]}
            for k in SOURCES if count[k]]


def experimental(cells: list[tuple[str, Path, str]]) -> list[str]:
    """Classes with too few training images labelled with just them."""
    count = Counter(label for _, _, label in cells)
    return [c for c in CODES if count[c] < TRUSTED_FROM]


def detector_file(detector: Detector, int8: QuantDetector, data: Path, thresholds: list[float], nms_iou: list[float]) -> bytes:
    """The int8 detector as ONNX; prints how it agrees with the float one on the validation fields."""
    file = detector_onnx(int8).SerializeToString()
    image = torch.rand(1, 3, 160, 208, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        difference = (Onnx(file)(image) - int8(image)).abs().mean().item()
    print(f"detector: {multiply_adds(detector, image) / 1e6:.0f} M multiply-adds at 208x160, "
          f"{sum(p.numel() for p in detector.parameters())} parameters, {len(file)} bytes in int8; "
          f"file against simulated: {difference:.1e} on average")
    fields = read_fields(data, "txl", "val")
    found = {name: [found_in(net, f, {"nms_iou": nms_iou}) for f in fields]
             for name, net in (("float", DetectorForExport(detector).eval()), ("int8 file", Onnx(file)))}
    for name, answers in found.items():
        print(f"{name}: txl val " + ", ".join(kind_scores(k, fields, answers, thresholds[k]) for k in range(len(KINDS))))
    for k, kind in enumerate(KINDS):
        # Of the float boxes that count, the overlap with the nearest of the int8 ones.
        overlaps = [iou(a[(of == k) & (score > thresholds[k])], b[other == k]).max(1, initial=0)
                    for (a, of, score), (b, other, _) in zip(*found.values(), strict=True)]
        overlap = np.concatenate([*overlaps, np.zeros(0)])
        if len(overlap):
            print(f"{kind}: {len(overlap)} boxes of float, {(overlap > 0.5).mean():.4f} of them found by int8 at IoU 0.5, "
                  f"mean IoU of these {overlap[overlap > 0.5].mean() if (overlap > 0.5).any() else 0:.4f}")
    return file


def kind_scores(kind: int, fields: list[Field], answers: list[tuple[np.ndarray, np.ndarray, np.ndarray]], threshold: float) -> str:
    """AP50, recall and count error (see evaluate_fields.boxes) of one kind in words."""
    matches, off = Matches(), 0
    for f, (boxes, kinds, scores) in zip(fields, answers, strict=True):
        mine, truth = kinds == kind, f.boxes[f.kinds == kind]
        matches.add(truth, boxes[mine], scores[mine])
        off += abs(int((scores[mine] > threshold).sum()) - len(truth))
    error = off / max(sum(matches.truths), 1)
    return f"{KINDS[kind]} AP50 {matches.ap50():.4f} recall {matches.at(threshold)[1]:.4f} count error {error:.4f}"


def write(out: Path, data: Path, detector: bytes, thresholds: list[float], nms_iou: list[float], net: Classifier,
          int8: QuantClassifier, distance: Distance, prior: list[float], read: list[tuple[str, Path, str]], detector_read: list[Path],
          kept: list[dict], others: dict[str, tuple[bytes, dict]]) -> None:
    """Writes the files into `out` and prints how int8 agrees with float. read, detector_read, kept: see training_rows; others: the
    networks that go with them, by their tables."""
    cells = read_cells(data, "pbc", "val") + boxed(read_fields(data, "txl", "val"), data)
    if not cells:
        raise Wrong(f"{data}: no cells in cells/pbc/val nor classed ones in fields/txl/val to pick the temperature on.")
    file = cells_onnx(int8, CLASSIFIER_SIZE, distance).SerializeToString()
    allowed = np.stack([mask_of(c.label) for c in cells])
    truth = np.array([c.label for c in cells])
    x = crops(RedCells(Onnx(detector)).colour(cells), CLASSIFIER_SIZE, CLASSIFIER_UM)
    answers = {"float": logits_of(net, x), "int8 simulated": logits_of(int8, x), "int8 file": logits_of(Onnx(file), x)}
    print(f"classifier: {multiply_adds(net, x[:1]) / 1e6:.0f} M multiply-adds, {sum(p.numel() for p in net.parameters())} "
          f"parameters, {len(file)} bytes in int8")
    for name, logits in answers.items():
        right = allowed[np.arange(len(cells)), logits.argmax(1)]
        same = (logits.argmax(1) == answers["float"].argmax(1)).mean()
        print(f"{name}: pbc val balanced accuracy {balanced_accuracy(truth, right, PBC_CLASSES):.4f}, "
              f"same answer as float {same:.4f}, logits differ by {np.abs(logits - answers['float']).mean():.3f} on average")
    logits = answers["int8 file"]
    temperature = temperature_of(logits, allowed)
    unknown_below = unknown_below_of(softmax(logits, temperature), allowed)
    home = float(np.median(distance.of(features_of(int8.convs, x[[c.label != "PLT" for c in cells]]))))
    print(f"thresholds {thresholds}, nms_iou {nms_iou}, temperature {temperature}, unknown_below {unknown_below}, "
          f"median distance {home:.3f}")
    out.mkdir(parents=True, exist_ok=True)
    networks = {"detector": detector, "classifier": file} | {kind: file for kind, (file, _) in others.items()}
    save(out, networks, {
        "white_balance": {"percentile": WHITE_PERCENTILE, "level": WHITE_LEVEL},
        "stain": {"red_cell": list(STAIN_HOME), "gains": list(STAIN_LIMITS), "way": STAIN_WAY},
        "detector": {"file": "", "sha256": "", "um_per_px": DETECTOR_UM, "size_multiple": Detector.SIZE_MULTIPLE,
                     "stride": STRIDE, "kinds": KINDS, "thresholds": thresholds, "nms_iou": nms_iou},
        "classifier": {"file": "", "sha256": "", "um_per_px": CLASSIFIER_UM, "size": CLASSIFIER_SIZE, "classes": CLASSES,
                       "prior": prior, "temperature": temperature, "unknown_below": unknown_below,
                       "experimental": experimental(read)},
        "distance": {"home": round(home, 4), "from": TEMPER_FROM, "rate": TEMPER_RATE, "most": MOST},
    } | {kind: table for kind, (_, table) in others.items()}, training_rows(data, detector_read, read, kept))
    print(f"wrote {', '.join(FILES[table] for table in networks)} and model.toml into {out}")
