"""Measures the three files (detector.onnx, cells.onnx, model.toml) on the pack, by ONNX Runtime: every figure with its 95 %
interval. No source names its patients, so no figure here is by patient."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

import evaluate_fields as ef
import metrics
from cells import boxed, weak_cells
from data import Cell, Field, read_cells, read_fields
from detect import measure_by
from distance import temper
from drawing import heavy_blur
from figures import confusion_picture
from inference import Onnx, crops, logits_of
from make_files import PBC_CLASSES
from metrics import Figure, balanced, ece, grouped, roc, share, softmax
from nets import Classifier
from red_cells import RedCells
from settings import CLASSES, GROUPS
from sources import Reading, Source, Wrong

EIGHT = ["BAS", "EBO", "EOS", "LYT", "IG", "MON", "NEU", "PLT"]
FIVE = ["NEU", "LYT", "MON", "EOS", "BAS"]
MARROW = ["BAS", "BLA", "EBO", "EOS", "LYT", "MMZ", "MON", "MYB", "NGB", "NGS", "PMO"]
"""Marrow's classes that the network has a name for."""
MATURE = ["NGS", "NGB", "LYT", "MON", "EOS", "BAS"]
IMMATURE = ["BLA", "MYO", "MOB", "PMB", "PMO", "MYB", "MMZ"]
"""What peripheral blood holds in health, against the myeloid cells it does not (after Matek et al. 2019, whose second question
is whether a cell is of a kind normally there); erythroblasts, atypical lymphocytes and smudge cells are on neither side."""
SAMPLED = 400
"""How many of each kind of thing that is no white cell are drawn for its ROC."""


@dataclass
class Model:
    """The three files, ready to run."""

    detector: Onnx
    classifier: Onnx
    d: dict
    c: dict
    red_cells: RedCells
    distance: dict | None

    @staticmethod
    def read(folder: Path) -> Model:
        """From a folder with model.toml."""
        try:
            card = tomllib.loads((folder / "model.toml").read_text())
            detector = Onnx(folder / card["detector"]["file"])
            return Model(detector, Onnx(folder / card["classifier"]["file"]), card["detector"], card["classifier"], RedCells(detector),
                         card.get("distance"))
        except FileNotFoundError as error:
            raise Wrong(f"{error.filename}: missing. Name the models' folder by --models.") from error

    def crops(self, cells: list[Cell]) -> torch.Tensor:
        """The classifier's inputs."""
        return crops(self.red_cells.colour(cells), self.c["size"], self.c["um_per_px"])

    def probabilities(self, cells: list[Cell]) -> np.ndarray:
        """Of each cell by itself, [n,classes]."""
        return softmax(logits_of(self.classifier, self.crops(cells)), self.c["temperature"])

    def of_sample(self, cells: list[Cell]) -> np.ndarray:
        """The same, of cells of one laboratory: tempered by how far they lie from what was learned, as the program does where
        there are many."""
        x, factor = self.crops(cells), 1.0
        if self.distance:
            away = np.concatenate([self.classifier.also(part, "distance").numpy()[:, 0] for part in x.split(64)])
            own = np.array([c.label != "PLT" for c in cells])
            median, home = float(np.median(away[own])), self.distance["home"]
            factor = temper(median, home, self.distance["from"], self.distance["rate"])
            print(f"distance {median / home:.3f} times that of home, logits divided by {factor:.2f}")
        return softmax(logits_of(self.classifier, x), self.c["temperature"] * factor)

    def summed(self, p: np.ndarray, names: list[str]) -> np.ndarray:
        """The probability of all of `names` together, [n]."""
        return p[:, [self.c["classes"].index(n) for n in names if n in self.c["classes"]]].sum(1)


@dataclass
class Report:
    """What was measured, for the screen and for JSON."""

    figures: list[Figure] = field(default_factory=list)
    tables: dict[str, list] = field(default_factory=dict)
    confusions: dict[str, dict] = field(default_factory=dict)
    notes: dict[str, object] = field(default_factory=dict)

    def add(self, *figures: Figure) -> None:
        """Keeps figures and prints them."""
        self.figures += figures
        for f in figures:
            print(f)

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps({"figures": [f.as_dict() for f in self.figures], "tables": self.tables,
                                    "confusions": self.confusions, "notes": self.notes}, indent=1) + "\n")


def cells_of(report: Report, title: str, model: Model, cells: list[Cell], classes: list[str], groups: list[str], note: str = "",
             p: np.ndarray | None = None) -> None:
    """The figures of one set of labelled cells; `classes` as labelled, the members of `groups` joined on both sides."""
    labels = grouped(np.array([c.label for c in cells]), groups) if cells else np.array([])
    used = np.isin(labels, classes)
    if not used.any():
        return
    print(f"\n## {title}: {int(used.sum())} cells" + (f" ({note})" if note else ""))
    p = (model.of_sample(cells) if p is None else p)[used]
    truth, names = labels[used], np.array(model.c["classes"])
    joined = grouped(names, groups)
    answer, best = joined[p.argmax(1)], p.max(1)
    top = np.array([row[joined == a].sum() for row, a in zip(p, answer, strict=True)])
    right, said = truth == answer, (answer != "UNK") & (best >= model.c["unknown_below"])
    report.add(balanced(f"{title}, balanced accuracy", truth, right, classes, note), share(f"{title}, accuracy", right, note),
               ece(f"{title}, ECE", top, right, truth, note), share(f"{title}, answered", said, note))
    if said.any():
        report.add(share(f"{title}, accuracy when answered", right[said], note))
    rows = metrics.class_table(truth, answer, classes)
    metrics.print_table(rows)
    report.tables[title] = rows
    answers = [c for c in dict.fromkeys([*classes, *joined]) if c in classes or (answer == c).any()]
    present = [c for c in classes if (truth == c).any()]
    report.confusions[title] = {"classes": present, "answers": answers,
                                "counts": metrics.confusion(truth, answer, present, answers).tolist()}


def mature_or_not(report: Report, title: str, model: Model, cells: list[Cell], note: str) -> None:
    """ROC AUC of mature against immature or blast cells, by the summed probability of the latter."""
    immature = [*IMMATURE, "IG"]
    cells = [c for c in cells if c.label in [*MATURE, "NEU", *immature]]
    if cells:
        p = model.probabilities(cells)
        report.add(roc(f"{title}, mature against immature or blast, ROC AUC", np.array([c.label in immature for c in cells]),
                       model.summed(p, IMMATURE), note))


def blasts(report: Report, model: Model, data: Path) -> None:
    """ROC AUC of blasts against the lymphocytes of benign patients."""
    cells = weak_cells(data, model.detector, kept_back=True)
    if cells:
        report.add(roc("taleqani, blast against lymphocyte, ROC AUC", np.array([c.label == "LYMPHOBLAST" for c in cells]),
                       model.summed(model.probabilities(cells), GROUPS["BLA"]),
                       "images kept back from training; the label is the patient's, not the cell's; "
                       "stain differs between the labels"))


def no_cells(fields: list[Field], rng: np.random.Generator) -> dict[str, list[Cell]]:
    """What a field holds beside white cells, by kind, at most SAMPLED each: red cells, platelets, other objects, empty places."""
    kinds = {1: "red cells", 2: "platelets", 3: "other objects"}
    found: dict[str, list[Cell]] = {name: [] for name in [*kinds.values(), "empty field"]}
    for f in fields:
        middles = (f.boxes[:, :2] + f.boxes[:, 2:]) / 2
        for (x, y), kind in zip(middles, f.kinds, strict=True):
            if kind in kinds:
                found[kinds[kind]].append(Cell(f.path, f.source, f.image, float(x), float(y), f.um_per_px, "UNK"))
        for x, y in rng.uniform(0.1, 0.9, (30, 2)) * f.image.size:
            away = np.maximum(np.maximum(f.boxes[:, :2] - (x, y), (x, y) - f.boxes[:, 2:]), 0)
            if len(away) == 0 or np.hypot(*away.T).min() > 2.0 / f.um_per_px:
                found["empty field"].append(Cell(f.path, f.source, f.image, float(x), float(y), f.um_per_px, "UNK"))
    return {name: [cells[i] for i in rng.permutation(len(cells))[:SAMPLED]] for name, cells in found.items()}


def reds_found(model: Model, fields: list[Field]) -> list[Cell]:
    """Red cells the detector finds in fields whose red cells nobody boxed, away from the boxed white cells."""
    cells = []
    for f in fields:
        boxes, kinds, scores = ef.found_in(model.detector, f, model.d)
        for x0, y0, x1, y1 in boxes[(kinds == 1) & (scores > max(0.6, model.d["thresholds"][1]))][:5]:
            x, y = float(x0 + x1) / 2, float(y0 + y1) / 2
            away = np.hypot(*((f.boxes[:, :2] + f.boxes[:, 2:]) / 2 - (x, y)).T)
            if len(away) == 0 or away.min() > 12.0 / f.um_per_px:
                cells.append(Cell(f.path, f.source, f.image, x, y, f.um_per_px, "UNK"))
    return cells[:SAMPLED]


def not_white(report: Report, model: Model, white: list[Cell], others: dict[str, list[Cell]], blurred: list[Cell],
              note: str) -> None:
    """ROC AUC of white cells against everything else, by 1 - P(PLT) - P(UNK): together and by kind."""
    if not white:
        return
    names = ["PLT", "UNK"]
    yes = 1 - model.summed(model.probabilities(white), names)
    no = {name: 1 - model.summed(model.probabilities(cells), names) for name, cells in others.items() if cells}
    if blurred:
        torch.manual_seed(0)
        x = torch.cat([heavy_blur(model.crops([c])) for c in blurred])
        no["heavy blur"] = 1 - model.summed(softmax(logits_of(model.classifier, x), model.c["temperature"]), names)
    if not no:
        return
    no = {"all": np.concatenate(list(no.values()))} | no
    for name, score in no.items():
        positive = np.repeat([True, False], [len(yes), len(score)])
        report.add(roc(f"white cell against {name if name != 'all' else 'everything else'}, ROC AUC", positive,
                       np.concatenate([yes, score]), note))


def int8_against_float(report: Report, model: Model, cells: list[Cell], path: Path) -> None:
    """How often the int8 file gives the float network's answer, and what it costs in balanced accuracy."""
    net = Classifier(len(CLASSES)).eval()
    net.load_state_dict(torch.load(path))
    cells = [c for c in cells if c.label in PBC_CLASSES]
    x, truth = model.crops(cells), np.array([c.label for c in cells])
    names = np.array(CLASSES)
    a, b = (names[logits_of(n, x).argmax(1)] for n in (net, model.classifier))

    def cost(i: np.ndarray) -> float:
        return metrics.balanced_accuracy(truth[i], b[i] == truth[i], PBC_CLASSES) - metrics.balanced_accuracy(
            truth[i], a[i] == truth[i], PBC_CLASSES)

    print("\n## int8 against float32")
    report.add(share("pbc, int8 gives float's answer", a == b),
               balanced("pbc, 11 classes, float32, balanced accuracy", truth, a == truth, PBC_CLASSES),
               metrics.resampled("pbc, 11 classes, balanced accuracy of int8 less float32", cost, truth))


def run(data: Path, models: Path, split: str, added: list[Source], float_file: Path | None, json_file: Path | None,
        pictures: Path | None) -> int:
    """Prints every figure; writes them as JSON and the confusion matrices as pictures where asked."""
    model, report, test = Model.read(models), Report(), split == "test"
    report.notes = {"split": split, "cells": model.c["sha256"], "detector": model.d["sha256"],
                    "patients": "no source names its patients: no figure is by patient"}
    pbc, txl, iml = read_cells(data, "pbc", split), read_fields(data, "txl", split), read_fields(data, "iml", "train")
    bionet = read_fields(data, "bionet", split)
    chula = read_fields(data, "chula", "test") if test else []
    p = model.of_sample(pbc) if pbc else None
    cells_of(report, f"pbc {split}, 11 classes", model, pbc, PBC_CLASSES, [], p=p)
    cells_of(report, f"pbc {split}, 8 groups", model, pbc, EIGHT, ["NEU", "IG"], p=p)
    if pbc:
        cells_of(report, f"pbc {split}, scale found by the detector", model, ef.rescaled(model.detector, pbc, model.d),
                 PBC_CLASSES, [])
    bccd = boxed(txl, data)
    cells_of(report, f"BCCD {split}, five classes at boxes", model, bccd, FIVE, ["NEU", "IG"])
    chula_cells = ef.rescaled(model.detector, boxed(chula, data), model.d)
    cells_of(report, "chula test, five classes at boxes", model, chula_cells, FIVE, ["NEU", "IG"], "scale found by the detector")
    cells_of(report, f"bionet {split}, five classes at boxes", model, boxed(bionet, data), FIVE, ["NEU", "IG"])
    marrow = read_cells(data, "marrow", split)
    cells_of(report, f"marrow {split}", model, marrow, MARROW, ["BLA"])
    if test:
        zheng = ef.by_white_cells(model.detector, read_cells(data, "zheng1", "test"), model.d)
        cells_of(report, "zheng1, five classes", model, zheng, FIVE, ["NEU", "IG"],
                 "another laboratory, never trained on; scale by its own white cells")
    lmu = read_cells(data, "lmu", "train")
    cells_of(report, "lmu of the pack, 15 classes", model, lmu, sorted({c.label for c in lmu}), [],
             "TRAINING cells: shows only the fit")
    for source in added:
        cells = list(Reading(source.part(split), measure_by(model.detector, model.d["thresholds"], model.d["nms_iou"])))
        labels = sorted({c.label for c in cells})
        cells_of(report, f"{source.name} {split}", model, cells, labels, [g for g in ("NEU", "IG") if g in labels])
        mature_or_not(report, f"{source.name} {split}", model, cells, "")

    print("\n## questions of two answers")
    mature_or_not(report, f"pbc {split}", model, pbc, "erythroblasts left out; no blasts in this set")
    mature_or_not(report, f"marrow {split}", model, marrow, "")
    mature_or_not(report, "lmu of the pack", model, lmu, "TRAINING cells: shows only the fit")
    if test:
        blasts(report, model, data)
    fields = txl + iml
    others = no_cells(fields, np.random.default_rng(0))
    others["red cells"] += reds_found(model, chula)
    others["platelets"] += [c for c in pbc if c.label == "PLT"]
    white = [c for c in pbc if c.label != "PLT"] + bccd + chula_cells
    not_white(report, model, white, others, [c for c in pbc if c.label != "PLT"][::3], "iml fields were seen in training")

    print("\n## fields")
    report.add(*ef.boxes(f"txl {split}", model.detector, txl, model.d, [0, 1, 2], counts=True))
    for off in (0.625, 0.8, 1.25, 1.6):
        report.add(*ef.boxes(f"txl {split}, scale given {off} times the true one", model.detector, txl, model.d, [0, 1, 2], off,
                             scores_of=("F1",)))
    if txl:
        report.notes["txl, scale by the boxes over scale found"] = ef.scale_found(model.detector, txl, model.d)
        print("scale by the boxes over scale found:", report.notes["txl, scale by the boxes over scale found"])
    report.add(*ef.boxes(f"bionet {split}", model.detector, bionet, model.d, [0, 1, 2], counts=True))
    report.add(*ef.boxes("chula test", model.detector, chula, model.d, [0], note="boxes incomplete: recall only",
                         scores_of=("recall",)))
    report.add(*ef.boxes("iml", model.detector, iml, model.d, [1], note="seen in training; red boxes incomplete"))
    figures, false = ef.false_white(model.detector, iml, model.d, "seen in training")
    report.add(*figures)
    if false:
        unknown = np.array(model.c["classes"])[model.probabilities(false).argmax(1)] == "UNK"
        report.add(share("false white cells of iml that the classifier calls UNK", unknown, "seen in training"))
    if float_file and pbc:
        int8_against_float(report, model, pbc, float_file)
    if json_file:
        report.write(json_file)
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
        for title, c in report.confusions.items():
            if title.startswith((f"pbc {split}, 11", "chula", "zheng1", "lmu")) or title.split()[0] in ("own", "device"):
                name = title.split(",")[0].lower().replace(" ", "-")
                confusion_picture(np.array(c["counts"]), c["classes"], c["answers"], title, pictures / f"confusion-{name}.png")
    return 0

