"""Trains the cell classifier in float, taught by a larger network, and makes its int8 twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

import distance
import start
from cells import training_cells
from distance import Distance
from drawing import CACHE, Pool, draw, homed, pools, styles_of
from nets import Classifier, Detector
from quantize import QuantClassifier
from recipe import (BATCH, FINE_LENGTH, FINE_RATE, FINE_ROUGH, RECIPE, SHARES_OF_EXTRA, START_RATE, TAUGHT, TEACHER_LENGTH, TEACHER_RATE,
                    Recipe)
from resume import Checkpoint
from settings import CLASSES, CLASSIFIER_SIZE
from sources import Reading
from teacher import Teacher
from train_detector import Ema

SMOOTHING = 0.03
BOUNDED = 0.7
"""q of the loss of weak labels (Zhang & Sabuncu 2018): 0 is cross-entropy, 1 the mean absolute error, which wrong labels hurt least."""
CALIBRATION = 1024
"""Crops the int8 twin's activations are fitted to."""
STATISTICS = 256
"""Crops that the normalisations' statistics of an installed classifier are taken from."""
BFLOAT16 = "AVX512" in torch.backends.cpu.get_cpu_capability()
"""Whether to compute in bfloat16, which is slower than float32 where the processor has no instructions for it."""
N = TypeVar("N", bound=nn.Module)


def loss_of(logits: Tensor, allowed: Tensor, weak: Tensor) -> Tensor:
    """-ln of the probability of all allowed classes together, with a little smoothing over all classes; bounded where the
    label is weak. [N,c], [N,c], [N]."""
    log_p = logits.log_softmax(1)
    together = log_p.masked_fill(~allowed, float("-inf")).logsumexp(1)
    sure = -((1 - SMOOTHING) * together + SMOOTHING * log_p.mean(1))
    bounded = (1 - (BOUNDED * together).exp()) / BOUNDED
    return torch.where(weak, bounded, sure).mean()


def taught_loss(logits: Tensor, answer: Tensor) -> Tensor:
    """Cross-entropy of the teacher's probabilities (Hinton et al. 2015, at temperature 1). Logits of both, [N,c]."""
    return -(answer.softmax(1) * logits.log_softmax(1)).sum(1).mean()


def fit(net: N, all_pools: list[Pool], recipe: Recipe, seed: int, label: str, unfinished: Path | None = None,
        teacher: Teacher | None = None) -> N:
    """Trains `net`, one cycle of the learning rate; returns the running mean of its weights. The state after each epoch is kept
    in `unfinished`, and gone on from. teacher: what it learns from beside the labels, on the same crops (Beyer et al. 2022,
    "Knowledge distillation: A good teacher is patient and consistent")."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    bfloat16 = BFLOAT16 and not isinstance(net, Teacher)  # Its convolutions by channel are slower in it.
    decay = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    styles = styles_of(all_pools)
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}], recipe.rate)
    steps = recipe.crops // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, recipe.epochs * steps, pct_start=0.15)
    ema = Ema(net, 0.998)
    net.train().to(memory_format=torch.channels_last)
    bar = tqdm(total=recipe.epochs * steps, desc=label, mininterval=10)
    checkpoint = Checkpoint(unfinished, {"net": net, "ema": ema, "optimizer": optimizer, "schedule": schedule}, rng)
    done = checkpoint.load()
    bar.update(done * steps)
    for epoch in range(done + 1, recipe.epochs + 1):
        total = 0.0
        for _ in range(steps):
            x, allowed, weak = draw(all_pools, styles, recipe, BATCH, rng)
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                logits = net(x)
            loss = loss_of(logits.float(), allowed, weak)
            if teacher:
                with torch.no_grad():
                    answer = teacher(x)
                loss = (1 - TAUGHT) * loss + TAUGHT * taught_loss(logits.float(), answer)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            ema.update(net)
            total += loss.item()
            bar.update()
        tqdm.write(f"{label} {epoch}/{recipe.epochs} loss {total / steps:.4f}")
        checkpoint.save(epoch)
    bar.close()
    return ema.net.to(memory_format=torch.contiguous_format).eval()


@dataclass
class Prepared:
    """What training draws from. read: (source, path, label) of every cell; recipe: with the shares of what a user added."""

    pools: list[Pool]
    read: list[tuple[str, Path, str]]
    recipe: Recipe


def prepare(data: Path, detector: Detector | Callable[[Tensor], Tensor], seed: int, extra: Reading | None = None,
            recipe: Recipe = RECIPE, kept: Path | None = None) -> Prepared:
    """Reads and resamples the pack's training cells and, behind them, `extra`. kept: where the colours of red cells are kept."""
    cells = training_cells(data, detector, recipe.edge, seed, kept)
    entries = extra.entries if extra else []
    names = {e.source for e in entries}
    recipe = replace(recipe, shares=recipe.shares | {n: SHARES_OF_EXTRA[n] for n in sorted(names)})
    read = [(c.source, c.path, c.label) for c in [*cells, *entries]]
    return Prepared(pools(chain(cells, extra or []), recipe, len(read)), read, recipe)


def float_net(p: Prepared, work: Path, seed: int, start_from: tuple[Path, list[str]] | None = None) -> Classifier:
    """The float network, trained unless `work` holds it. start_from: a cells.onnx and its classes to go on from, by the second stage
    alone."""
    torch.manual_seed(seed)
    net = Classifier(len(CLASSES)).eval()
    kept = work / "classifier.pt"
    if kept.exists():
        net.load_state_dict(torch.load(kept))
        return net
    fine = replace(p.recipe, epochs=p.recipe.part(FINE_LENGTH), rate=FINE_RATE, rough=FINE_ROUGH, half=False)
    teaching = replace(p.recipe, epochs=p.recipe.part(TEACHER_LENGTH), rate=TEACHER_RATE, half=False)
    if start_from:
        fine = replace(fine, rate=START_RATE)
        net = start.classifier(*start_from, draw(p.pools, styles_of(p.pools), fine, STATISTICS, np.random.default_rng(seed))[0])

    def stage(net: N, name: str, recipe: Recipe, seed: int, teacher: Teacher | None = None) -> N:
        finished, unfinished = work / f"{name}.pt", work / f"{name}_unfinished.pt"
        if finished.exists():
            net.load_state_dict(torch.load(finished))
            return net.eval()
        net = fit(net, p.pools, recipe, seed, name, unfinished, teacher)
        torch.save(net.state_dict(), finished)
        unfinished.unlink(missing_ok=True)
        return net

    if not start_from:
        net = stage(net, "classifier_1", p.recipe, seed)
    teacher = stage(Teacher(len(CLASSES)), "teacher", teaching, seed)
    net = stage(net, "classifier_2", fine, seed + 1, teacher.to(memory_format=torch.channels_last))
    torch.save(net.state_dict(), kept)
    return net


def distance_of(convs: Callable[[Tensor], Tensor], all_pools: list[Pool], half: bool = False) -> Distance:
    """What the distance of a cell is measured by: the features, by a network's `convs`, of cells of every source and label as the
    program sees them; groups are labels, too, or a source's neutrophils would have no middle. half: at half the resolution."""
    margin = (CACHE - CLASSIFIER_SIZE) // 2
    inner = slice(margin, margin + CLASSIFIER_SIZE)
    groups = []
    for p in all_pools:
        if len(p.images) < 2:
            continue
        each = slice(None, None, max(1, len(p.images) // distance.EACH))
        images = np.ascontiguousarray(p.images[each, p.images.shape[1] // 2, inner, inner].transpose(0, 3, 1, 2))
        x = homed(torch.from_numpy(images).float() / 255, torch.from_numpy(np.nan_to_num(p.gains[each], nan=1.0)).float())
        groups.append(distance.features_of(convs, F.avg_pool2d(x, 2) if half else x))
    return distance.fitted(groups)


def int8_twin(net: Classifier, p: Prepared, seed: int) -> QuantClassifier:
    """The network in int8, its activations fitted to crops drawn as in training."""
    torch.manual_seed(seed)
    count = min(CALIBRATION, p.recipe.epochs * p.recipe.crops)
    return QuantClassifier(net, draw(p.pools, styles_of(p.pools), replace(p.recipe, half=False), count, np.random.default_rng(seed))[0])
