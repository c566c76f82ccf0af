"""Trains the network that names red cells, taught by a larger one, and makes its int8 file and table of `model.toml`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

import red_types
from export import red_cells_onnx
from inference import Onnx, logits_of
from make_files import temperature_of
from metrics import softmax
from nets import RedCellClassifier, multiply_adds
from quantize import QuantClassifier
from red_types import UNCATEGORISED, RedCellSet, balanced_accuracies, draw
from settings import RED_SIZE, RED_TYPES, RED_UM
from sources import Wrong
from teacher import Teacher
from train_classifier import BFLOAT16, CALIBRATION, TAUGHT, taught_loss
from train_detector import Ema

SMOOTHING = 0.05
BATCH, EPOCH = 128, 12_000
"""Crops of a batch, and drawn an epoch."""
TEACHER_BATCH, TEACHER_EPOCH = 64, 9_000
"""The same for the teacher."""
STUDENT_RATE, TEACHER_RATE = 3e-3, 1e-3
"""Highest learning rates."""
TEACHER_SIDE = 96
"""Its pictures were larger: crops are enlarged to this side for it."""
SURE = 0.9
"""What `unknown_below` aims at: this share of answers right, with half of the cells answered at least."""


@dataclass(frozen=True)
class RedRecipe:
    """Epochs, and the part of an epoch's crops that is drawn."""

    teacher_epochs: int = 12
    epochs: int = 30
    part: float = 1.0

    def scaled(self, k: float) -> RedRecipe:
        """`k` times as long; below one epoch, a shorter one."""
        return RedRecipe(max(1, round(self.teacher_epochs * k)), max(1, round(self.epochs * k)), min(1.0, self.epochs * k))


class Enlarged(nn.Module):
    """The teacher, for crops: [N,3,S,S] 0..1 -> logits [N,types]."""

    def __init__(self, teacher: nn.Module) -> None:
        super().__init__()
        self.teacher = teacher

    def forward(self, x: Tensor) -> Tensor:
        return self.teacher(F.interpolate(x, size=(TEACHER_SIDE, TEACHER_SIDE), mode="bilinear", align_corners=False))


def fit(net: nn.Module, cells: RedCellSet, epochs: int, crops: int, seed: int, label: str, kept: Path,
        teacher: nn.Module | None = None) -> nn.Module:
    """Trains `net`, one cycle of the learning rate, unless `kept` holds its weights; gives the running mean of them. teacher: what the
    small network learns from beside the labels; without it `net` is the teacher."""
    if kept.exists():
        net.load_state_dict(torch.load(kept))
        return net.eval()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    batch, rate = (BATCH, STUDENT_RATE) if teacher else (TEACHER_BATCH, TEACHER_RATE)
    steps = max(2, crops // batch)
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, epochs * steps, pct_start=0.15)
    ema = Ema(net, 0.995)
    net.train().to(memory_format=torch.channels_last)
    # The small network gains nothing by half the precision.
    half = BFLOAT16 and teacher is None
    for epoch in tqdm(range(1, epochs + 1), desc=label, mininterval=10):
        total = 0.0
        for _ in range(steps):
            x, types = draw(cells, batch, rng)
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                logits = net(x)
            loss = F.cross_entropy(logits.float(), types, label_smoothing=SMOOTHING)
            if teacher:
                with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=BFLOAT16):
                    answer = teacher(x)
                loss = (1 - TAUGHT) * loss + TAUGHT * taught_loss(logits.float(), answer.float())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            ema.update(net)
            total += loss.item()
        tqdm.write(f"{label} {epoch}/{epochs} loss {total / steps:.4f}")
    net = ema.net.to(memory_format=torch.contiguous_format).eval()
    torch.save(net.state_dict(), kept)
    return net


def unknown_below_of(p: np.ndarray, types: np.ndarray) -> float:
    """The lowest top probability that is still answered. p [n,types], types [n], all of them named."""
    right, top = p.argmax(1) == types, p.max(1) * (p.argmax(1) != UNCATEGORISED)
    best = 0.3
    for limit in np.arange(0.3, 0.96, 0.01):
        said = top >= limit
        if said.mean() < 0.5:
            break
        best = limit
        if right[said].mean() >= SURE:
            break
    return round(float(best), 2)


def figures(name: str, net: Callable[[Tensor], Tensor], cells: RedCellSet) -> np.ndarray:
    """The logits of all cells, [n,types]; prints the figures."""
    logits = logits_of(net, cells.middle())
    types, groups = balanced_accuracies(logits, cells)
    print(f"{name}: balanced accuracy {types:.4f}, in groups {groups:.4f}")
    return logits


def make(data: Path, work: Path, detector: Callable[[Tensor], Tensor], thresholds: list[float], nms_iou: list[float], seed: int,
         epochs: float) -> tuple[bytes, dict[str, object], int]:
    """The int8 file, its table of `model.toml`, and the number of pictures it learned from.

    A teacher learns `train`. The network is trained twice by the same recipe: on `train`, where temperature and `unknown_below` are picked on `val`; and on both together, which
    is the network of the file, since there are few slides and each more tells more than another epoch.
    """
    recipe = RedRecipe().scaled(epochs)
    train = red_types.read(data, "train", detector, thresholds, nms_iou)
    val = red_types.read(data, "val", detector, thresholds, nms_iou)
    print(f"red cells: train {len(train.types)} of {train.fields} fields, {train.found.mean():.4f} found; val {len(val.types)} of "
          f"{val.fields}, {val.found.mean():.4f} found")

    used = val.found & (val.types != UNCATEGORISED)
    if not used.any():
        raise Wrong("the detector finds none of the named red cells of val. Name the models' folder by --models.")
    torch.manual_seed(seed)
    teacher = fit(Enlarged(Teacher(len(RED_TYPES))), train, recipe.teacher_epochs, round(TEACHER_EPOCH * recipe.part), seed, "teacher",
                  work / "red_teacher.pt").to(memory_format=torch.channels_last)
    figures("val, teacher", teacher, val)

    def taught(cells: RedCellSet, name: str) -> QuantClassifier:
        torch.manual_seed(seed)
        crops = round(EPOCH * recipe.part)
        net = fit(RedCellClassifier(len(RED_TYPES)), cells, recipe.epochs, crops, seed, f"red cells, {name}",
                  work / f"red_types_{name}.pt", teacher)
        torch.manual_seed(seed)
        int8 = QuantClassifier(net, draw(cells, max(64, min(CALIBRATION, crops)), np.random.default_rng(seed))[0])
        if name == "train":
            figures("val, float", net, val)
        return int8

    logits = figures("val, int8", taught(train, "train"), val)
    temperature = temperature_of(logits[used], np.eye(len(RED_TYPES), dtype=bool)[val.types[used]])
    unknown_below = unknown_below_of(softmax(logits[used], temperature), val.types[used])
    both = train + val
    int8 = taught(both, "both")
    file = red_cells_onnx(int8, RED_SIZE).SerializeToString()
    blank = torch.rand(4, 3, RED_SIZE, RED_SIZE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        difference = (Onnx(file)(blank) - int8(blank)).abs().mean().item()
    macs = multiply_adds(RedCellClassifier(len(RED_TYPES)).eval(), blank[:1])
    print(f"red cells: {macs / 1e6:.1f} M multiply-adds, {len(file)} bytes in int8, file against simulated {difference:.1e} on average; "
          f"temperature {temperature}, unknown_below {unknown_below}")
    table = {"file": "redcells.onnx", "sha256": hashlib.sha256(file).hexdigest(), "um_per_px": RED_UM, "size": RED_SIZE,
             "classes": RED_TYPES, "temperature": temperature, "unknown_below": unknown_below}
    return file, table, both.fields
