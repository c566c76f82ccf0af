"""Retrains the program's networks: check, train, quantize, evaluate, install. README.md says what each needs.

Exit codes: 0 good, 1 failed at run time, 2 wrong input.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import torch

import check
import drawing
import evaluate
import export
import install
import leave_out
import make_files
import parasites
import red_types
import sources
import train_classifier
import train_detector
import train_parasites
import train_red_types
from detect import measure_by
from inference import Onnx
from nets import Classifier, Detector, DetectorForExport
from recipe import RECIPE
from settings import CLASSES, SOURCES
from sources import Reading, Source, Wrong

HERE = Path(__file__).resolve().parent
SEED = 20
MOST = 1500
"""Cells of one class taken from each added source: more cost memory (0.4 MB each) and add little, as classes are drawn evenly."""
REMEMBERED = ["data", "lmu", "pbc", "own", "device", "um_per_px", "own_licence", "seed", "epochs", "most", "only", "from_installed"]
"""What `train` writes down and `quantize` goes by."""


def added(a: argparse.Namespace) -> list[Source]:
    """The sources a user adds to the pack."""
    found = []
    if a.lmu:
        found.append(sources.lmu(Path(a.lmu), Path(a.data)))
    if a.pbc:
        print("note: the pack's cells/pbc are from this set; its images that are in the pack are left out here")
        found.append(sources.pbc(Path(a.pbc), Path(a.data)))
    if a.own:
        found.append(sources.own(Path(a.own), a.um_per_px, a.own_licence))
    if a.device:
        found.append(sources.device(Path(a.device)))
    return found


def installed_card(models: Path) -> dict:
    """The model.toml of the networks the program uses now."""
    if not (models / "model.toml").exists():
        raise Wrong(f"{models}: no model.toml. Train the detector too, or name the models' folder by --models.")
    return tomllib.loads((models / "model.toml").read_text())


def installed_file(models: Path, network: str) -> Path:
    """The file of a network the program uses now."""
    return models / installed_card(models)[network]["file"]


def installed(models: Path) -> tuple[Onnx, list[float], list[float]]:
    """The detector the program uses now, its thresholds and NMS limits."""
    d = installed_card(models)["detector"]
    return Onnx(installed_file(models, "detector")), d["thresholds"], d["nms_iou"]


def run_check(a: argparse.Namespace) -> int:
    """`check`: the table of what would be trained on, and what is wrong with it."""
    everything = sources.pack(Path(a.data)) + added(a)
    missing = any(e.um_per_px is None for s in everything for e in s.entries)
    return check.report(check.check(Path(a.data), everything, measure_by(*installed(a.models)) if missing else None), everything)


def remember(a: argparse.Namespace) -> None:
    """Writes the settings into the work folder; refuses to go on with others than it was begun with."""
    path = a.work / "run.json"
    now = {k: getattr(a, k) for k in REMEMBERED}
    if path.exists():
        before = json.loads(path.read_text())
        other = [k for k in REMEMBERED if before.get(k) != now[k] and k != "only"]
        if other:
            raise Wrong(f"{a.work}: begun with other settings ({', '.join(f'{k}: {before.get(k)}' for k in other)}). "
                        "Delete the folder, or name another by --work.")
    elif any(a.work.glob("*.pt")):
        print(f"note: {a.work} holds weights without run.json: taken as trained with the present settings")
    path.write_text(json.dumps(now, indent=1) + "\n")


def detector_of(a: argparse.Namespace) -> tuple[Callable, list[float], list[float], bytes | None]:
    """The detector to find white cells and scales with: the work folder's own, else the installed one. Its file's bytes where it is
    the installed one."""
    kept, picked = a.work / f"detector_{len(train_detector.STAGES)}.pt", a.work / "detector.json"
    if not kept.exists():
        net, thresholds, nms_iou = installed(a.models)
        print(f"note: no detector in {a.work}: the one in {a.models} stays")
        return net, thresholds, nms_iou, (a.models / "detector.onnx").read_bytes()
    net = Detector()
    net.load_state_dict(torch.load(kept))
    if not picked.exists():
        pick(net, a)
    chosen = json.loads(picked.read_text())
    return net.eval(), chosen["thresholds"], chosen["nms_iou"], None


def pick(net: Detector, a: argparse.Namespace) -> None:
    """Picks the detector's thresholds on the validation fields and keeps them in the work folder."""
    thresholds, nms_iou = train_detector.choose(net, train_detector.read_fields(Path(a.data), "txl", "val"))
    (a.work / "detector.json").write_text(json.dumps({"thresholds": thresholds, "nms_iou": nms_iou}) + "\n")


def prepared(a: argparse.Namespace) -> tuple[train_classifier.Prepared, tuple]:
    """Everything the classifier learns from, and the detector it was found with."""
    found = detector_of(a)
    net, thresholds, nms_iou, _ = found
    entries = [e for s in added(a) for e in s.part("train", a.most)]
    export = DetectorForExport(net).eval() if isinstance(net, Detector) else net
    reading = Reading(entries, measure_by(export, thresholds, nms_iou)) if entries else None
    recipe = RECIPE.scaled(a.epochs)
    return train_classifier.prepare(Path(a.data), net, a.seed, reading, recipe, a.work / "red_cells.json"), found


def run_train(a: argparse.Namespace) -> int:
    """`train`: float weights into the work folder."""
    sources.pack(Path(a.data))
    added(a)  # What is wrong with the folders shows now, not after the detector's hours.
    a.work.mkdir(parents=True, exist_ok=True)
    remember(a)
    if a.only != "classifier":
        fields = len(list((Path(a.data) / "fields").glob("*/train/*.txt")))
        if fields < train_detector.BATCH:
            raise Wrong(f"{a.data}: {fields} boxed fields, but a batch of the detector takes {train_detector.BATCH}. "
                        "Use --only classifier to keep the present detector.")
        start_from = installed_file(a.models, "detector") if a.from_installed else None
        net, thresholds, nms_iou = train_detector.train(Path(a.data), a.work, a.seed, a.epochs, start_from)
        (a.work / "detector.json").write_text(json.dumps({"thresholds": thresholds, "nms_iou": nms_iou}) + "\n")
        print(f"detector: thresholds {thresholds}, nms_iou {nms_iou}")
    if a.only != "detector":
        p, _ = prepared(a)
        start_from = None
        if a.from_installed:
            start_from = installed_file(a.models, "classifier"), installed_card(a.models)["classifier"]["classes"]
        train_classifier.float_net(p, a.work, a.seed, start_from)
    print(f"now: python leukotrain.py quantize --work {a.work}")
    return 0


def run_leave_out(a: argparse.Namespace) -> int:
    """`leave-out`: trains without one laboratory at a time, and measures on it."""
    a.work.mkdir(parents=True, exist_ok=True)
    p, (detector, *_) = prepared(a)
    leave_out.run(p, detector, Path(a.data), a.work, a.laboratory or leave_out.LABORATORIES, a.seed, a.epochs)
    return 0


def run_quantize(a: argparse.Namespace) -> int:
    """`quantize`: the three files from the weights in the work folder."""
    path = a.work / "run.json"
    if path.exists():
        for key, value in json.loads(path.read_text()).items():
            setattr(a, key, value)
    if not (a.work / "classifier.pt").exists():
        raise Wrong(f"{a.work / 'classifier.pt'}: missing. Run 'train' first.")
    p, (detector, thresholds, nms_iou, file) = prepared(a)
    net = Classifier(len(CLASSES)).eval()
    net.load_state_dict(torch.load(a.work / "classifier.pt"))
    int8 = train_classifier.int8_twin(net, p, a.seed)
    listed = a.work / "detector_read.json"
    fields = [Path(f) for f in json.loads(listed.read_text())] if listed.exists() else []
    kept = tomllib.loads((a.models / "model.toml").read_text()).get("training", []) if file else []
    if not file:
        twin = train_detector.int8_twin(detector, Path(a.data), a.seed, a.epochs)
        file = make_files.detector_file(detector, twin, Path(a.data), thresholds, nms_iou)
    make_files.write(a.work / "model", Path(a.data), file, thresholds, nms_iou, net, int8,
                     train_classifier.distance_of(int8.convs, p.pools), drawing.prior_of(p.pools), p.read, fields, kept,
                     installed_others(a.models))
    print(f"now: python leukotrain.py evaluate --models {a.work / 'model'}, then install --work {a.work}")
    return 0


def installed_others(models: Path) -> dict[str, tuple[bytes, dict]]:
    """The networks beside detector and classifier that the program uses now, with their tables."""
    path = models / "model.toml"
    card = tomllib.loads(path.read_text()) if path.exists() else {}
    return {kind: ((models / card[kind]["file"]).read_bytes(), card[kind]) for kind in ("red_cells", "parasites") if kind in card}


def run_red_cells(a: argparse.Namespace) -> int:
    """`red-cells`: trains the network that names red cells and writes it, with the installed other two, into the work folder."""
    detector, thresholds, nms_iou = installed(a.models)
    fields = Path(a.data) / "fields" / red_types.SOURCE
    if not list(fields.glob("train/*.csv")) or not list(fields.glob("val/*.csv")):
        raise Wrong(f"{fields}: no named red cells in train and val. Name the image pack by --data.")
    a.work.mkdir(parents=True, exist_ok=True)
    file, table, images = train_red_types.make(Path(a.data), a.work, detector, thresholds, nms_iou, a.seed, a.epochs)
    name, what, licence = SOURCES[red_types.SOURCE]
    beside(a, "red_cells", file, table, {"source": name, "what": what, "licence": licence, "images": images})
    print(f"now: leukoscope validate red-cells --models {a.work / 'model'} FOLDER, then install --work {a.work}")
    return 0


def beside(a: argparse.Namespace, kind: str, file: bytes, table: dict[str, object], row: dict[str, object]) -> None:
    """Writes one network with its table and its source, and the installed others, into the work folder."""
    card = installed_card(a.models)
    card.pop("card_sha256", None)
    training = [r for r in card.pop("training", []) if r["source"] != row["source"]] + [row]
    networks = {k: installed_file(a.models, k).read_bytes() for k in export.FILES if k != kind and k in card} | {kind: file}
    (a.work / "model").mkdir(exist_ok=True)
    export.save(a.work / "model", networks, card | {kind: table}, training)


def run_parasites(a: argparse.Namespace) -> int:
    """`parasites`: trains the network that screens red cells for parasites and writes it, with the installed others, into the work folder."""
    fields = Path(a.data) / "fields" / parasites.SOURCE
    images = len(list(fields.glob("train/*.txt")))
    if not images:
        raise Wrong(f"{fields}: no boxed fields in train. Name the image pack by --data.")
    for part in (Path(source) / split for source in train_parasites.OTHERS for split in ("train", "val", "test")):
        if not any((fields.parent / part).glob("*.[jp][pn]g")):
            raise Wrong(f"{fields.parent / part}: no fields. What has no parasites is learned and measured there, too.")
    a.work.mkdir(parents=True, exist_ok=True)
    file, table = train_parasites.make(Path(a.data), a.work, a.red_types, a.seed, a.epochs)
    name, _, licence = SOURCES[parasites.SOURCE]
    what = "boxes of red cells, fields without white cells; red cells with something inside"
    beside(a, "parasites", file, table, {"source": name, "what": what, "licence": licence, "images": images})
    print(f"now: leukoscope analyze --parasites --models {a.work / 'model'} FOLDER, then install --work {a.work}")
    return 0


def run_evaluate(a: argparse.Namespace) -> int:
    """`evaluate`: every figure, from the files."""
    return evaluate.run(Path(a.data), a.models, a.split, added(a), a.float, a.json, a.pictures)


def run_install(a: argparse.Namespace) -> int:
    """`install`: checks the files and puts them where the program looks."""
    backup = install.install(a.source or a.work / "model", a.to, datetime.now())
    print(f"installed into {a.to}" + (f"; the files before are in {backup}\nto go back: python leukotrain.py install --from {backup}"
                                      if backup else ""))
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="leukotrain.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], *options: str) -> argparse.ArgumentParser:
        p = commands.add_parser(name, help=(run.__doc__ or "").split(": ", 1)[1].strip())
        p.set_defaults(run=run)
        if "data" in options:
            p.add_argument("--data", default=os.environ.get("SMEAR_DATA", str(HERE / "../../../shared/data")), help="the image pack")
            p.add_argument("--lmu", metavar="DIR", help="AML-Cytomorphology_LMU as unpacked, with annotations.dat")
            p.add_argument("--pbc", metavar="DIR", help="PBC_dataset_normal_DIB as unpacked")
            p.add_argument("--own", metavar="DIR", help="own cells, DIR/CLASS/*.png")
            p.add_argument("--device", metavar="DIR", help="the device's export of reviewed cells")
            p.add_argument("--um-per-px", type=float, help="scale of --own, micrometres per pixel")
            p.add_argument("--own-licence", default="", help="licence of --own, for the record")
        if "work" in options:
            p.add_argument("--work", type=Path, default=Path("work"), help="finished stages are kept here and not repeated")
        if "train" in options:
            p.add_argument("--seed", type=int, default=SEED)
            p.add_argument("--epochs", type=float, default=1.0, metavar="SCALE", help="times as many epochs as the recipe has")
            p.add_argument("--most", type=int, default=MOST, help="cells of one class taken from each added source")
            p.add_argument("--from-installed", action="store_true",
                           help="go on from the installed networks, by a last stage alone: hours instead of days")
            p.add_argument("--only", choices=["detector", "classifier"], help="train one network, leave the other")
        p.add_argument("--threads", type=int, default=1, help="another number rounds otherwise: other weights")
        if name != "install":
            p.add_argument("--models", type=Path, default=HERE.parent, help="folder of the files in use")
        return p

    command("check", run_check, "data")
    command("train", run_train, "data", "work", "train")
    p = command("leave-out", run_leave_out, "data", "work", "train")
    p.add_argument("--laboratory", action="append", choices=leave_out.LABORATORIES, help="only this one; may be repeated")
    command("quantize", run_quantize, "data", "work", "train")
    p = command("red-cells", run_red_cells, "data", "work")
    p.add_argument("--seed", type=int, default=SEED)
    p.add_argument("--epochs", type=float, default=1.0, metavar="SCALE", help="times as many epochs as the recipe has")
    p = command("parasites", run_parasites, "data", "work")
    p.add_argument("--seed", type=int, default=SEED)
    p.add_argument("--epochs", type=float, default=1.0, metavar="SCALE", help="times as many epochs as the recipe has")
    p.add_argument("--red-types", type=Path, metavar="FILE", help="red_types_both.pt of 'red-cells', to go on from")
    p = command("evaluate", run_evaluate, "data")
    p.add_argument("--split", default="test", choices=["val", "test"])
    p.add_argument("--float", type=Path, metavar="FILE", help="classifier.pt, to compare int8 with")
    p.add_argument("--json", type=Path, metavar="FILE", help="write every figure there, too")
    p.add_argument("--pictures", type=Path, metavar="DIR", help="write confusion matrices there, e.g. ../../docs/pictures")
    p = command("install", run_install, "work")
    p.add_argument("--from", dest="source", type=Path, metavar="DIR", help="instead of WORK/model: e.g. a before-… folder to go back")
    p.add_argument("--to", type=Path, default=HERE.parent)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    a = parser().parse_args(arguments)
    torch.set_num_threads(a.threads)
    try:
        return a.run(a)
    except Wrong as error:
        print(f"leukotrain: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
