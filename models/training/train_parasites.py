"""Trains the network that screens red cells for parasites, and makes its int8 file and table of `model.toml`.

It goes on from the network that names red cells. Of iml's looks each is left out once and measured; the network of the file learns
from all three.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import beta
from torch import Tensor, nn
from tqdm import tqdm

import parasites
from export import red_cells_onnx
from inference import logits_of
from nets import RedCellClassifier
from parasites import LOOKS, Screened, draw, middle
from quantize import QuantClassifier
from settings import RED_SIZE, RED_UM
from train_classifier import CALIBRATION

EPOCHS, STEPS, BATCH, RATE = 12, 60, 128, 2e-3
SMOOTHING = 0.02
ALARMS = 1 / 2000
"""Share of the red cells of each other source's `val` that may score above the limit: fields of 100 cells without a parasite should
hardly ever be looked at."""
OTHERS = ("txl", "chula_rbc", "bionet")


def started(red_types: Path | None) -> RedCellClassifier:
    """A network with two answers; the weights of the one that names red cells, where they are kept."""
    net = RedCellClassifier(2)
    if red_types and red_types.exists():
        own, known = net.state_dict(), torch.load(red_types)
        net.load_state_dict({k: known[k] if known[k].shape == own[k].shape else own[k] for k in own})
    return net


def fit(net: nn.Module, cells: Screened, left_out: int | None, epochs: float, seed: int, kept: Path) -> nn.Module:
    """Trains `net` without one of iml's looks, one cycle of the learning rate, unless `kept` holds its weights."""
    if kept.exists():
        net.load_state_dict(torch.load(kept))
        return net.eval()
    rng = np.random.default_rng(seed)
    used = (cells.look >= 0) & (cells.look != left_out)
    infected, clean = np.flatnonzero(used & cells.infected), np.flatnonzero(used & ~cells.infected)
    others = np.concatenate([cells.of(source, "train") for source in OTHERS])
    whole, steps = max(1, round(EPOCHS * epochs)), max(2, round(STEPS * min(1.0, EPOCHS * epochs)))
    net.train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, whole * steps, pct_start=0.15)
    for epoch in tqdm(range(1, whole + 1), desc=kept.stem, mininterval=10):
        total = 0.0
        for _ in range(steps):
            x, truth = draw(cells, infected, clean, others, BATCH, rng)
            loss = F.cross_entropy(net(x.contiguous(memory_format=torch.channels_last)), truth, label_smoothing=SMOOTHING)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        tqdm.write(f"{kept.stem} {epoch}/{whole} loss {total / steps:.4f}")
    net = net.to(memory_format=torch.contiguous_format).eval()
    torch.save(net.state_dict(), kept)
    return net


def scores(net: Callable[[Tensor], Tensor], cells: Screened, at: np.ndarray) -> np.ndarray:
    """Probability that each cell at these positions is infected, [n]."""
    logits = logits_of(net, middle(cells, at))
    return 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))


def limit_of(net: Callable[[Tensor], Tensor], cells: Screened) -> float:
    """The probability that all but a few red cells of the other sources' `val` lie below."""
    found = [np.quantile(scores(net, cells, cells.of(source, "val")), 1 - ALARMS) for source in OTHERS]
    return float(np.clip(max(found), 0.05, 0.99))


def share(k: int, n: int) -> str:
    """k of n with the exact 95 % interval."""
    low = beta.ppf(0.025, k, n - k + 1) if k else 0.0
    high = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
    return f"{k} of {n} ({k / max(n, 1):.3f} [{low:.3f}, {high:.3f}])"


def by_field(cells: Screened, at: np.ndarray, found: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    """(fields where an infected cell was found, fields with infected cells), (fields with a false alarm alone, fields without)."""
    with_, hit, without, alarmed = 0, 0, 0, 0
    for name in np.unique(cells.field[at]):
        of = cells.field[at] == name
        if cells.infected[at][of].any():
            with_, hit = with_ + 1, hit + bool((found & cells.infected[at])[of].any())
        else:
            without, alarmed = without + 1, alarmed + bool(found[of].any())
    return (hit, with_), (alarmed, without)


def left_out(cells: Screened, work: Path, red_types: Path | None, seed: int, epochs: float) -> None:
    """Trains without each look, picks its limit on the others' `val`, and prints what it finds in the look and in the others' `test`."""
    cell, clean, fields, alarms = [np.zeros(2, int) for _ in range(4)]
    other = {source: [np.zeros(2, int), np.zeros(2, int)] for source in OTHERS}
    for look in range(len(LOOKS) + 1):
        torch.manual_seed(seed + look)
        net = fit(started(red_types), cells, look, epochs, seed + look, work / f"parasites_without_{look}.pt")
        limit = limit_of(net, cells)
        at = np.flatnonzero(cells.look == look)
        found = scores(net, cells, at) >= limit
        truth = cells.infected[at]
        (hit, with_), (alarmed, without) = by_field(cells, at, found)
        cell += (int(found[truth].sum()), int(truth.sum()))
        clean += (int(found[~truth].sum()), int((~truth).sum()))
        fields += (hit, with_)
        alarms += (alarmed, without)
        print(f"look {look}: limit {limit:.3f}; cells {share(int(found[truth].sum()), int(truth.sum()))}; fields {share(hit, with_)}")
        for source in OTHERS:
            at = cells.of(source, "test")
            found = scores(net, cells, at) >= limit
            other[source][0] += (int(found.sum()), len(at))
            other[source][1] += by_field(cells, at, found)[1]
    print(f"left out, infected cells found {share(*cell)}; fields {share(*fields)}; false: cells {share(*clean)}, fields {share(*alarms)}")
    for source, (of_cells, of_fields) in other.items():
        print(f"{source} test, three networks together, false: cells {share(*of_cells)}, fields {share(*of_fields)}")


def make(data: Path, work: Path, red_types: Path | None, seed: int, epochs: float) -> tuple[bytes, dict[str, object]]:
    """The int8 file and its table of `model.toml`."""
    cells = parasites.read(data, seed)
    left_out(cells, work, red_types, seed, epochs)
    torch.manual_seed(seed)
    net = fit(started(red_types), cells, None, epochs, seed, work / "parasites.pt")
    used = cells.look >= 0
    others = np.concatenate([cells.of(source, "train") for source in OTHERS])
    images = draw(cells, np.flatnonzero(used & cells.infected), np.flatnonzero(used & ~cells.infected), others,
                  max(64, round(CALIBRATION * min(1.0, epochs))), np.random.default_rng(seed))[0]
    int8 = QuantClassifier(net, images)
    limit = round(limit_of(int8, cells), 3)
    for source in OTHERS:
        at = cells.of(source, "test")
        found = scores(int8, cells, at) >= limit
        print(f"int8, {source} test, false: cells {share(int(found.sum()), len(at))}, fields {share(*by_field(cells, at, found)[1])}")
    file = red_cells_onnx(int8, RED_SIZE).SerializeToString()
    print(f"parasites: {len(file)} bytes in int8, limit {limit}")
    return file, {"file": "parasites.onnx", "sha256": hashlib.sha256(file).hexdigest(), "um_per_px": RED_UM, "size": RED_SIZE, "limit": limit}
