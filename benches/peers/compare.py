"""Times this program against others, in one run on one core, and prints Markdown tables.

    cargo build --profile shipped && cargo build --profile shipped --example peers_ours
    python3 -m venv V && V/bin/pip install -r benches/peers/requirements.txt
    V/bin/pip install --no-deps -r benches/peers/requirements-yolo.txt
    V/bin/python benches/peers/train_yolo.py DATA WORK          # optional; without it YOLO has times but no boxes
    V/bin/python benches/peers/compare.py DATA WORK [--target target/shipped] [--rounds 9] [--core 1]

DATA is the image pack, WORK a folder for networks. Everybody has one thread on the same core, and all sides take turns in
rounds; a time is the processor time of one call, median over the rounds. Boxes are found in the test fields of txl. The
classical settings are chosen on its val fields, and YOLO learned from its train fields; nothing was chosen on test.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")
import cv2
import numpy as np

import classical
import yolo
from boxes import Boxes, average_precision, marked

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"
TIMED_FIELDS = 20
LEAST = 0.15
"""Seconds that a side runs a round, at least."""


class Ours:
    """The program's side, asked line by line; its processor time is read from outside."""

    def __init__(self, program: Path, pictures: list[Path]) -> None:
        self.process = subprocess.Popen([program, *pictures], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # Linux: the clock of another process's processor time (clock_getcpuclockid).
        self.clock = (~self.process.pid << 3) | 2

    def ask(self, line: str) -> float:
        """Runs a line; its processor time in seconds."""
        began = time.clock_gettime(self.clock)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        if not self.process.stdout.readline():
            raise SystemExit(f"peers_ours ended at `{line}`")
        return time.clock_gettime(self.clock) - began


def spent(work: Callable[[], object], times: int = 1) -> float:
    """Processor time of this process, seconds."""
    began = time.process_time()
    for _ in range(times):
        work()
    return time.process_time() - began


Side = Callable[[int], float]
"""Seconds that so many calls take."""


def rounds(sides: dict[str, Side], number: int) -> dict[str, float]:
    """Milliseconds a call: all sides in turn, each round; the median."""
    times = {}
    for name, side in sides.items():
        side(1)
        times[name] = max(1, round(LEAST / max(side(1), 1e-6)))
    taken = {name: [] for name in sides}
    for turn in range(number):
        for name, side in (sides.items() if turn % 2 else reversed(sides.items())):
            taken[name].append(1e3 * side(times[name]) / times[name])
        print(f"round {turn + 1} of {number}", end="\r", file=sys.stderr)
    return {name: median(values) for name, values in taken.items()}


def networks(ours: Ours, number: int) -> str:
    """The two shipped networks against onnxruntime on the same files."""
    card = tomllib.loads((MODELS / "model.toml").read_text())
    side = card["classifier"]["size"]
    jobs = {"classifier, 1 cell": ("classifier", "1", (1, 3, side, side)),
            "classifier, 8 cells at once": ("classifier", "8", (8, 3, side, side)),
            "detector, 368x272 (a field of 640x480)": ("detector", "368 272", (1, 3, 272, 368)),
            "detector, 1088x608 (a field of 1920x1080)": ("detector", "1088 608", (1, 3, 608, 1088))}
    sides: dict[str, Side] = {}
    for name, (network, size, shape) in jobs.items():
        net = yolo.session(MODELS / card[network]["file"])
        values = np.random.default_rng(1).integers(0, 256, shape).astype(np.float32) / np.float32(255)
        given = {net.get_inputs()[0].name: values}
        for form in ("floats", "bytes"):
            sides[f"{name} {form}"] = lambda n, line=f"{network} {size} {form}": ours.ask(f"{line} {n}")
        sides[f"{name} peer"] = lambda n, net=net, given=given: spent(lambda: net.run(None, given), n)
    took = rounds(sides, number)
    lines = ["| network, int8 | ours, from the same floats | ours, from bytes | onnxruntime | ratio (floats; bytes) |",
             "| --- | --- | --- | --- | --- |"]
    for name in jobs:
        floats, bytes_, peer = (took[f"{name} {form}"] for form in ("floats", "bytes", "peer"))
        lines.append(f"| {name} | {floats:.2f} ms | {bytes_:.2f} ms | {peer:.2f} ms | {floats / peer:.2f}; {bytes_ / peer:.2f} |")
    return "\n".join(lines)


def pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix != ".txt" and path.with_suffix(".txt").exists())


def loaded(paths: list[Path]) -> list[tuple[np.ndarray, list[np.ndarray]]]:
    """Each picture in BGR with its marked boxes."""
    fields = []
    for path in paths:
        image = cv2.imread(str(path))
        fields.append((image, marked(path.with_suffix(".txt"), image.shape[1], image.shape[0])))
    return fields


def validated(program: Path, folder: Path) -> tuple[float, float]:
    """AP50 of white and red cells, by the program itself."""
    said = subprocess.run([program, "validate", "fields", folder, "--json", "--models", MODELS], check=True,
                          capture_output=True, text=True).stdout
    kinds = json.loads(said)["kinds"]
    return kinds["WBC"]["ap50"][0], kinds["RBC"]["ap50"][0]


def fields(ours: Ours, program: Path, data: Path, work: Path, timed: list[Path], number: int) -> str:
    """Whole fields: from decoded pixels to cells, and how well they are found."""
    test = loaded(pictures(data / "test"))
    settings = classical.tuned(loaded(pictures(data / "val")))
    print(f"classical, chosen on val: {settings}", file=sys.stderr)
    images = [cv2.imread(str(path)) for path in timed]
    calibration = [cv2.imread(str(path)) for path in pictures(data / "train")[::27]]

    finders: dict[str, tuple[Callable[[np.ndarray], list[Boxes]], bool]] = {
        "OpenCV: threshold, distance transform, watershed; no names": (lambda image: classical.find(image, settings), True)}
    for name in ("yolov8n", "yolo11n"):
        floats, bytes_, trained = yolo.made(name, work, calibration)
        for form, path in (("float32", floats), ("int8", bytes_)):
            net = yolo.session(path)
            shown = {"yolov8n": "YOLOv8n", "yolo11n": "YOLO11n"}[name]
            finders[f"{shown} {form}, 640 px; no names"] = (lambda image, net=net: yolo.find(net, image), trained)

    def in_turn(find: Callable[[int], float]) -> Side:
        at = iter(range(1 << 60))
        return lambda n: sum(find(next(at) % len(timed)) for _ in range(n * len(timed)))

    known = "ours, scale known, as while a station counts"
    red = "ours, the same, and red cells named by their shape"
    alone = "ours, a picture on its own: its scale found first"
    sides = {known: in_turn(lambda at: ours.ask(f"known {at}")), red: in_turn(lambda at: ours.ask(f"red {at}")),
             alone: in_turn(lambda at: ours.ask(f"alone {at}"))}
    for name, (find, _) in finders.items():
        sides[name] = in_turn(lambda at, find=find: spent(lambda: find(images[at])))
    took = {name: milliseconds / len(timed) for name, milliseconds in rounds(sides, number).items()}
    found = {alone: validated(program, data / "test")}
    for name, (find, boxes_count) in finders.items():
        if boxes_count:
            every = [(find(image), truth) for image, truth in test]
            found[name] = tuple(average_precision([(cells[kind], truth[kind]) for cells, truth in every]) for kind in (0, 1))
    lines = ["| whole field, pixels to cells | a field | times ours (scale known) | times ours (on its own) | AP50 white; red |",
             "| --- | --- | --- | --- | --- |"]
    for name, milliseconds in took.items():
        boxes = f"{found[name][0]:.3f}; {found[name][1]:.3f}" if name in found else "as below" if name in (known, red) else "not trained"
        lines.append(f"| {name} | {milliseconds:.1f} ms | {milliseconds / took[known]:.1f} | {milliseconds / took[alone]:.1f} | {boxes} |")
    return "\n".join(lines)


def main() -> None:
    ask = argparse.ArgumentParser(description="Times this program against others, in one run on one core.")
    ask.add_argument("data", type=Path)
    ask.add_argument("work", type=Path)
    ask.add_argument("--target", type=Path, default=ROOT / "target/shipped", help="folder of the release build")
    ask.add_argument("--program", type=Path, help="default: leukoscope in --target")
    ask.add_argument("--rounds", type=int, default=9)
    ask.add_argument("--core", type=int, default=1)
    ask = ask.parse_args()
    os.sched_setaffinity(0, {ask.core})
    cv2.setNumThreads(1)
    ask.work.mkdir(parents=True, exist_ok=True)
    data = ask.data / "fields/txl"
    test = pictures(data / "test")
    timed = test[::len(test) // TIMED_FIELDS][:TIMED_FIELDS]
    ours = Ours(ask.target / "examples/peers_ours", timed)
    print(networks(ours, ask.rounds), "\n", flush=True)
    print(fields(ours, ask.program or ask.target / "leukoscope", data, ask.work.resolve(), timed, ask.rounds))
    ours.process.stdin.close()


if __name__ == "__main__":
    main()
