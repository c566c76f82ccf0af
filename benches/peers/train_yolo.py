"""Trains YOLOv8n from random weights on the train split of txl, for benches/peers: a peer whose boxes can be compared.

    python train_yolo.py DATA WORK [HOURS]      # DATA: the image pack; writes WORK/yolov8n-txl.pt

One thread, bfloat16, at low priority: two thirds of the time at 320 px, then at 640. val and test are never looked at.
ultralytics is AGPL-3.0: it is installed by whoever runs this, and nothing of it is linked, copied or shipped.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import torch
import ultralytics.engine.trainer as trainer
from ultralytics import YOLO


def gather(source: Path, work: Path) -> Path:
    """Links pictures and boxes into the folders that ultralytics expects; returns its description of them."""
    for kind in ("images", "labels"):
        shutil.rmtree(work / kind, ignore_errors=True)
        (work / kind).mkdir(parents=True)
    for path in sorted(source.resolve().iterdir()):
        kind = "labels" if path.suffix == ".txt" else "images"
        (work / kind / path.name).symlink_to(path)
    described = work / "txl.yaml"
    described.write_text(f"path: {work}\ntrain: images\nval: images\nnames: {{0: WBC, 1: RBC, 2: PLT}}\n")
    return described


def main() -> None:
    data, work = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    hours = float(sys.argv[3]) if len(sys.argv) > 3 else 0.6
    os.nice(19)
    torch.set_num_threads(1)
    # On a processor ultralytics trains in float32 alone; bfloat16 takes half the time.
    trainer.autocast = lambda *_, **__: torch.autocast("cpu", dtype=torch.bfloat16)
    described = gather(data / "fields/txl/train", work)
    same = dict(data=str(described), device="cpu", workers=0, val=False, plots=False, amp=False, cache=True, seed=1,
                optimizer="AdamW", cos_lr=True, pretrained=False, project=str(work), exist_ok=True, epochs=100)

    def train(start: str, **settings: object) -> str:
        model = YOLO(start)
        model.add_callback("on_train_start", lambda it: it.model.to(memory_format=torch.channels_last))
        model.train(**same, **settings)
        return str(work / str(settings["name"]) / "weights/last.pt")

    small = train("yolov8n.yaml", name="small", imgsz=320, batch=8, lr0=0.002, close_mosaic=0, warmup_epochs=1,
                  time=hours * 2 / 3)
    large = train(small, name="large", imgsz=640, batch=4, lr0=0.0006, mosaic=0.0, warmup_epochs=0.2, time=hours / 3)
    shutil.copy(large, work / "yolov8n-txl.pt")


if __name__ == "__main__":
    main()
