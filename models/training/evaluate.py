"""Measures the shipped files (detector.onnx, cells.onnx, model.toml) on the pack, by ONNX Runtime.

`python evaluate.py --data PACK --models ..` prints every figure of MODEL_CARD.md. No source names its patients, so no
split is by patient.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from tqdm import tqdm

from data import Cell, Field, read_cells, read_fields, white_cell_classes, window
from detect import Matches, find_scale, run, suppress
from settings import GROUPS, KINDS, RED_CELL_UM
from train_classifier import field_cells

PBC_CLASSES = ["BAS", "EBO", "EOS", "LYT", "MMZ", "MON", "MYB", "NGB", "NGS", "PMO", "PLT"]
RESAMPLES = 2000
"""Bootstrap resamples behind each 95 % interval (percentile method, Efron 1979)."""
GUESSES = [0.06, 0.09, 0.13, 0.19, 0.28]
"""Scales tried where an image's own is taken as unknown, um per px."""


WHITE_CELL_UM = 13.4
"""Median size of the white cells of txl's training fields, on the red cells' ruler."""


class Onnx:
    """An ONNX file as a function of one tensor, on one thread."""

    def __init__(self, model: bytes | Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(model) if isinstance(model, Path) else model, options)
        self.name = self.session.get_inputs()[0].name

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.session.run(None, {self.name: x.numpy()})[0])


def crops(cells: list[Cell], size: int, um: float) -> torch.Tensor:
    """The classifier's inputs, [n,3,size,size] 0..1."""
    images = np.stack([window(c.image, c.x, c.y, size * um / c.um_per_px, size) for c in cells])
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def logits_of(net: object, x: torch.Tensor) -> np.ndarray:
    """[n,classes], 64 crops at a time."""
    with torch.no_grad():
        return np.concatenate([net(part).numpy() for part in x.split(64)])


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities [n,classes]."""
    e = np.exp((logits - logits.max(1, keepdims=True)) / temperature)
    return e / e.sum(1, keepdims=True)


def grouped(names: np.ndarray, groups: list[str]) -> np.ndarray:
    """Class names with the members of `groups` joined under the group's name."""
    table = {member: g for g in groups for member in GROUPS[g]}
    return np.array([table.get(n, n) for n in names])


def balanced_accuracy(truth: np.ndarray, right: np.ndarray, classes: list[str]) -> float:
    """Mean over classes of the share that is right."""
    return float(np.mean([right[truth == c].mean() for c in classes if (truth == c).any()]))


def bootstrap(truth: np.ndarray, right: np.ndarray, classes: list[str]) -> tuple[float, float]:
    """95 % interval of the balanced accuracy, resampling within each class."""
    rng = np.random.default_rng(0)
    present = [right[truth == c].astype(float) for c in classes if (truth == c).any()]
    values = np.mean([rng.choice(r, (RESAMPLES, len(r))).mean(1) for r in present], 0)
    return tuple(np.percentile(values, [2.5, 97.5]))


def calibration_error(p: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the top probability [n], equal-width bins (Guo et al. 2017)."""
    which = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs(p[which == b].mean() - right[which == b].mean()) * (which == b).mean()
                     for b in range(bins) if (which == b).any()))


def report_cells(title: str, cells: list[Cell], logits: np.ndarray, model: dict, classes: list[str], groups: list[str],
                 table: bool = False) -> None:
    """Prints the figures of one set of labelled cells; `classes` as labelled, the answer's `groups` joined."""
    p = softmax(logits, model["temperature"])
    truth = np.array([c.label for c in cells])
    answer = grouped(np.array(model["classes"])[p.argmax(1)], groups)
    top = p.max(1) if not groups else np.array(
        [row[[grouped(np.array([c]), groups)[0] == a for c in model["classes"]]].sum() for row, a in zip(p, answer)])
    used = np.isin(truth, classes)
    truth, answer, top, best = truth[used], answer[used], top[used], p.max(1)[used]
    right = truth == answer
    low, high = bootstrap(truth, right, classes)
    said = (answer != "UNK") & (best >= model["unknown_below"])
    print(f"\n## {title}: {len(truth)} cells")
    print(f"balanced accuracy {balanced_accuracy(truth, right, classes):.4f} [{low:.4f}, {high:.4f}], "
          f"accuracy {right.mean():.4f}, ECE {calibration_error(top, right):.4f}")
    print(f"answered {said.mean():.4f} of cells, right in {right[said].mean():.4f} of these")
    if not table:
        print("recall: " + ", ".join(f"{c} {right[truth == c].mean():.3f} (n={int((truth == c).sum())})"
                                     for c in classes if (truth == c).any()))
        return
    print("class  n  sensitivity  precision  taken for")
    for c in classes:
        mine, called = truth == c, answer == c
        wrong, counts = np.unique(answer[mine & ~right], return_counts=True)
        mistakes = " ".join(f"{w}:{k}" for k, w in sorted(zip(counts, wrong), reverse=True))
        precision = right[called].mean() if called.any() else float("nan")
        print(f"{c}  {mine.sum()}  {right[mine].mean():.3f}  {precision:.3f}  {mistakes}")


def report_fields(title: str, net: object, fields: list[Field], model: dict, kinds: list[int], off: float = 1.0) -> None:
    """Prints precision, recall, F1 and AP50 by kind, F1 with its interval over images."""
    matches = [Matches() for _ in KINDS]
    for f in fields:
        boxes, kind, scores = run(net, f.image, f.um_per_px * off)
        keep = suppress(boxes, kind, scores, model["nms_iou"])
        for k in kinds:
            mine = keep[kind[keep] == k]
            matches[k].add(f.boxes[f.kinds == k], boxes[mine], scores[mine])
    print(f"\n## {title}: {len(fields)} fields")
    rng = np.random.default_rng(0)
    for k in kinds:
        m, t = matches[k], model["thresholds"][k]
        f1s = [m.at(t, rng.integers(0, len(fields), len(fields)))[2] for _ in range(500)]
        low, high = np.percentile(f1s, [2.5, 97.5])
        precision, recall, f1 = m.at(t)
        print(f"{KINDS[k]}: F1 {f1:.4f} [{low:.4f}, {high:.4f}], precision {precision:.4f}, recall {recall:.4f}, "
              f"AP50 {m.ap50():.4f}, boxes {sum(m.truths)}, "
              f"found without a box {sum(s > t and not hit for s, hit in zip(m.scores, m.hits))}")


def rescaled(net: object, cells: list[Cell], model: dict) -> list[Cell]:
    """Cells with the scale the detector itself finds in each image, as the program does with an unknown camera."""
    done = []
    for c in tqdm(cells, desc="scale of each image", mininterval=5):
        um, reds = find_scale(net, c.image, GUESSES, model["thresholds"][1], model["nms_iou"][1])
        done.append(replace(c, um_per_px=um) if reds >= 2 else c)
    return done


def by_white_cells(net: object, cells: list[Cell], model: dict) -> list[Cell]:
    """Cells with one scale for all, for a source whose red cells are lysed: its median white cell measures WHITE_CELL_UM."""
    sizes = []
    for c in tqdm(cells, desc="white cells", mininterval=5):
        best = (model["thresholds"][0], 0.0)
        for guess in GUESSES:
            boxes, kinds, scores = run(net, c.image, guess)
            sides = (boxes[:, 2:] - boxes[:, :2]).mean(1)
            best = max([best, *zip(scores[kinds == 0].tolist(), sides[kinds == 0].tolist())])
        sizes.append(best[1])
    um = WHITE_CELL_UM / float(np.median([s for s in sizes if s]))
    print(f"\nscale by white cells: {um:.3f} um per px")
    return [replace(c, um_per_px=um) for c in cells]


def boxed(fields: list[Field], data: Path) -> list[Cell]:
    """The classed white cells of the fields, at their boxes."""
    return [c for c in field_cells(fields, white_cell_classes(data), data) if c.label != "PLT"]


def main() -> None:
    """Prints every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    here = Path(__file__).resolve().parent
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SMEAR_DATA", here / "../../../shared/data")))
    parser.add_argument("--models", type=Path, default=here.parent)
    parser.add_argument("--split", default="test", choices=["val", "test"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data, split = arguments.data, arguments.split
    model = tomllib.loads((arguments.models / "model.toml").read_text())
    detector, classifier = (Onnx(arguments.models / model[k]["file"]) for k in ("detector", "classifier"))
    d, c = model["detector"], model["classifier"]
    txl = read_fields(data, "txl", split)
    report_fields(f"txl {split}, own scale", detector, txl, d, [0, 1, 2])
    for off in (0.625, 0.8, 1.25, 1.6):
        report_fields(f"txl {split}, scale given {off} times the true one", detector, txl, d, [0, 1, 2], off)
    ratio = np.array([f.um_per_px / find_scale(detector, f.image, GUESSES, d["thresholds"][1], d["nms_iou"][1])[0]
                      for f in txl])
    print(f"\n## txl {split}: scale found by the detector against the boxes' own")
    print("ratio at 2.5 %, median, 97.5 %: " + ", ".join(f"{v:.3f}" for v in np.percentile(ratio, [2.5, 50, 97.5])))
    pbc = read_cells(data, "pbc", split)

    def cells_at(cells: list[Cell]) -> np.ndarray:
        return logits_of(classifier, crops(cells, c["size"], c["um_per_px"]))

    logits = cells_at(pbc)
    report_cells(f"pbc {split}, 11 classes", pbc, logits, c, PBC_CLASSES, [], table=True)
    joined = [replace(x, label=grouped(np.array([x.label]), ["NEU", "IG"])[0]) for x in pbc]
    report_cells(f"pbc {split}, neutrophils and immature granulocytes joined", joined, logits, c,
                 ["BAS", "EBO", "EOS", "LYT", "IG", "MON", "NEU", "PLT"], ["NEU", "IG"])
    found = rescaled(detector, pbc, d)
    report_cells(f"pbc {split}, scale found by the detector", found, cells_at(found), c, PBC_CLASSES, [])
    five = ["NEU", "LYT", "MON", "EOS", "BAS"]
    bccd = boxed(txl, data)
    report_cells(f"BCCD white cells, {split}, at their boxes", bccd, cells_at(bccd), c, five, ["NEU", "IG"])
    if split == "test":
        chula_fields = read_fields(data, "chula", "test")
        ums = {f.path: find_scale(detector, f.image, GUESSES, d["thresholds"][1], d["nms_iou"][1])[0] for f in chula_fields}
        chula = [replace(x, um_per_px=ums[x.path]) for x in boxed(chula_fields, data)]
        print("\nchula: red cells found to measure (px; 2.5 %, median, 97.5 % of fields) "
              + ", ".join(f"{v:.1f}" for v in np.percentile([RED_CELL_UM / u for u in ums.values()], [2.5, 50, 97.5])))
        report_cells("chula test white cells, at their boxes", chula, cells_at(chula), c, five, ["NEU", "IG"])
        report_fields("chula test (boxes incomplete: recall only)", detector, chula_fields, d, [0])
        zheng = by_white_cells(detector, read_cells(data, "zheng1", "test"), d)
        report_cells("zheng1 (red cells lysed), a laboratory never trained on", zheng, cells_at(zheng), c, five, ["NEU", "IG"])
    iml = read_fields(data, "iml", "train")
    report_fields("iml train (seen in training; red boxes incomplete)", detector, iml, d, [0, 1])


if __name__ == "__main__":
    main()
