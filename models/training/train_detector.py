"""Trains the detector on whole fields and picks its thresholds on the validation fields."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from tqdm import tqdm

import start
from augment import degrade, some, stain_and_light
from data import Field, read_balanced, read_cells, read_fields
from detect import Matches, find_scale, iou, run, suppress
from nets import STRIDE, Detector, DetectorForExport
from quantize import QuantDetector
from resume import Checkpoint
from settings import DETECTOR_UM, KINDS, WHITE_LEVEL

CANVAS = 192
"""Side of a training image, detector pixels."""
GRID = CANVAS // STRIDE
BATCH = 16
CHANNELS = 0.25
"""Spread of a fully degraded picture's gains from channel to channel, in natural logarithms of optical density: red cells are
pink, grey, blue or brown by stain and camera, two to three times as dense in one channel as elsewhere."""
CALIBRATION = 256
"""Canvases the activations' ranges are fitted to."""


@dataclass(frozen=True)
class Recipe:
    """One stage: epochs, highest learning rate, share of fields at a scale up to twice off, share fully degraded."""

    epochs: int
    rate: float
    wild: float
    rough: float

    def scaled(self, k: float) -> Recipe:
        """`k` times as long, at least one epoch."""
        return replace(self, epochs=max(1, round(self.epochs * k)))


class Ema:
    """Running mean of a network's weights and statistics (Polyak averaging)."""

    def __init__(self, net: torch.nn.Module, decay: float) -> None:
        self.net, self.decay, self.steps = copy.deepcopy(net).eval(), decay, 0

    def state_dict(self) -> dict[str, object]:
        return {"net": self.net.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict[str, object]) -> None:
        self.net.load_state_dict(state["net"])
        self.steps = state["steps"]

    def update(self, net: torch.nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        with torch.no_grad():
            for mean, now in zip(self.net.state_dict().values(), net.state_dict().values(), strict=True):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - decay)
                else:
                    mean.copy_(now)


def place(f: Field, rng: np.random.Generator, wild: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A random part of a field at a random scale on the canvas; a share `wild` at a scale up to twice off.

    Returns pixels [CANVAS,CANVAS,3] u8, boxes [n,4] in canvas px, kinds [n], and boxes [m,4] to ignore.
    """
    off = math.exp(rng.uniform(math.log(0.5), math.log(2.0))) if rng.random() < wild else math.exp(rng.normal(0, 0.12))
    stretch = math.exp(rng.normal(0, 0.05))
    kx = f.um_per_px / DETECTOR_UM * off * stretch
    ky = f.um_per_px / DETECTOR_UM * off / stretch
    vw, vh = min(f.image.width, CANVAS / kx), min(f.image.height, CANVAS / ky)
    if rng.random() < 0.25:  # A tighter cut, so that cells cut by a border are common.
        vw, vh = vw * rng.uniform(0.6, 1), vh * rng.uniform(0.6, 1)
    white = f.boxes[f.kinds == 0]
    if len(white) and rng.random() < 0.7:
        cx, cy = white[rng.integers(len(white))].reshape(2, 2).mean(0) + rng.uniform(-0.4, 0.4, 2) * (vw, vh)
        x0, y0 = np.clip(cx - vw / 2, 0, f.image.width - vw), np.clip(cy - vh / 2, 0, f.image.height - vh)
    else:
        x0, y0 = rng.uniform(0, f.image.width - vw + 1e-6), rng.uniform(0, f.image.height - vh + 1e-6)
    w, h = min(CANVAS, max(8, round(vw * kx))), min(CANVAS, max(8, round(vh * ky)))
    x0, y0 = max(0.0, min(x0, f.image.width - vw)), max(0.0, min(y0, f.image.height - vh))
    part = np.asarray(f.image.resize((w, h), Image.BILINEAR, box=(x0, y0, x0 + vw, y0 + vh)))

    def clipped(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        b = (boxes - np.array([x0, y0, x0, y0], np.float32)) * np.array([w / vw, h / vh] * 2, np.float32)
        area = (b[:, 2:] - b[:, :2]).prod(1)
        b[:, 0::2] = b[:, 0::2].clip(0, w)
        b[:, 1::2] = b[:, 1::2].clip(0, h)
        return b, np.clip(b[:, 2:] - b[:, :2], 0, None).prod(1) / np.maximum(area, 1e-6)

    boxes, seen = clipped(f.boxes)
    # Cut further than the annotators would box: neither a cell nor its absence.
    keep = (seen > 0.15) & ((boxes[:, 2:] - boxes[:, :2]).min(1) > 3) & (f.kinds <= 2)
    unclear = ~keep & (seen > 0) & (f.kinds <= 2)  # iml's other objects are parasites, and no white cells.
    extra, extra_seen = clipped(f.ignore)
    ignore = np.concatenate([boxes[unclear], extra[extra_seen > 0]])
    boxes, kinds = boxes[keep], f.kinds[keep]
    ox, oy = (rng.integers(0, CANVAS - w + 1), rng.integers(0, CANVAS - h + 1)) if rng.random() < 0.5 else (0, 0)
    canvas = np.full((CANVAS, CANVAS, 3), WHITE_LEVEL, np.uint8)
    canvas[oy:oy + h, ox:ox + w] = part
    shift = np.array([ox, oy, ox, oy], np.float32)
    boxes, ignore = boxes + shift, ignore + shift
    if rng.random() < 0.5:
        canvas = canvas[:, ::-1]
        boxes, ignore = (np.stack([CANVAS - b[:, 2], b[:, 1], CANVAS - b[:, 0], b[:, 3]], 1) for b in (boxes, ignore))
    if rng.random() < 0.5:
        canvas = canvas[::-1]
        boxes, ignore = (np.stack([b[:, 0], CANVAS - b[:, 3], b[:, 2], CANVAS - b[:, 1]], 1) for b in (boxes, ignore))
    if rng.random() < 0.5:
        canvas = canvas.transpose(1, 0, 2)
        boxes, ignore = (b[:, [1, 0, 3, 2]] for b in (boxes, ignore))
    return canvas, boxes, kinds, ignore


def targets(boxes: np.ndarray, kinds: np.ndarray, ignore: np.ndarray, negatives: tuple[float, float, float],
            ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the network should say: heat [3,g,g], negative weight [3,g,g], boxes [5,g,g] (dx, dy, ln w, ln h, weight)."""
    heat = np.zeros((3, GRID, GRID), np.float32)
    negative = np.repeat(np.array(negatives, np.float32), GRID * GRID).reshape(3, GRID, GRID).copy()
    box = np.zeros((5, GRID, GRID), np.float32)
    middle = np.arange(GRID, dtype=np.float32) + 0.5
    for x0, y0, x1, y1 in ignore / STRIDE:
        negative[:, max(0, int(y0)):math.ceil(y1), max(0, int(x0)):math.ceil(x1)] = 0
    for (x0, y0, x1, y1), kind in zip(boxes / STRIDE, kinds, strict=True):
        cx, cy, w, h = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
        # A Gaussian a tenth of the box wide, on the grid's own middles; its nearest cell is made the peak, 1.
        ix, iy = min(GRID - 1, int(cx)), min(GRID - 1, int(cy))
        sx, sy = max(0.55, 0.1 * w), max(0.55, 0.1 * h)
        g = np.exp(-0.5 * ((middle - ix - 0.5) / sx) ** 2)[None] * np.exp(-0.5 * ((middle - iy - 0.5) / sy) ** 2)[:, None]
        heat[kind] = np.maximum(heat[kind], g)
        heat[kind, iy, ix] = 1
        near = (g > 0.15) & (g > box[4])
        box[0][near] = (cx - middle[None] + 0 * middle[:, None])[near]
        box[1][near] = (cy - middle[:, None] + 0 * middle[None])[near]
        box[2][near], box[3][near] = math.log(w * STRIDE), math.log(h * STRIDE)
        box[4][near] = g[near]
    return heat, negative, box


def loss_of(y: Tensor, heat: Tensor, negative: Tensor, box: Tensor) -> Tensor:
    """Focal loss of the heat (Zhou et al. 2019, equation 1: alpha 2, beta 4) and L1 of the boxes.

    y [N,7,g,g] logits and boxes, heat and negative [N,3,g,g], box [N,5,g,g].
    """
    logit = y[:, :3]
    p = torch.sigmoid(logit)
    is_peak = (heat == 1).float()
    found = -F.logsigmoid(logit) * (1 - p) ** 2 * is_peak
    absent = -F.logsigmoid(-logit) * p**2 * (1 - heat) ** 4 * (1 - is_peak) * negative
    # White cells are one in ten boxes and the ones that matter most.
    weight = torch.tensor([1.5, 1.0, 1.5])[:, None, None]
    focal = ((found + absent) * weight).sum() / is_peak.sum().clamp(min=1)
    w = box[:, 4:5]
    error = F.smooth_l1_loss(y[:, 3:5], box[:, :2], reduction="none", beta=0.2).sum(1, keepdim=True) * 0.5
    error = error + F.smooth_l1_loss(y[:, 5:7], box[:, 2:4], reduction="none", beta=0.05).sum(1, keepdim=True) * 2.0
    return focal + (error * w).sum() / w.sum().clamp(min=1)


def batches(fields: list[Field], copies: list[int], rng: np.random.Generator) -> list[np.ndarray]:
    """One epoch's field numbers in batches; each field comes `copies` times."""
    order = rng.permutation(np.repeat(np.arange(len(fields)), copies))
    return [order[i:i + BATCH] for i in range(0, len(order) - BATCH + 1, BATCH)]


def fit(net: Detector, fields: list[Field], copies: list[int], recipe: Recipe, seed: int, label: str,
        unfinished: Path | None = None) -> Detector:
    """Trains `net` and returns the running mean of its weights. One cycle of the learning rate (Smith 2018). The state after
    each epoch is kept in `unfinished`, and gone on from."""
    epochs, rate = recipe.epochs, recipe.rate
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.02)
    steps = epochs * len(batches(fields, copies, np.random.default_rng(0)))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.1 if steps != 10 else 0.11)
    ema = Ema(net, 0.998)
    net.train().to(memory_format=torch.channels_last)
    checkpoint = Checkpoint(unfinished, {"net": net, "ema": ema, "optimizer": optimizer, "schedule": schedule}, rng)
    for epoch in range(checkpoint.load(), epochs):
        total = 0.0
        todo = batches(fields, copies, rng)
        bar = tqdm(todo, desc=f"{label} {epoch + 1}/{epochs}", mininterval=5)
        for numbers in bar:
            made = [(place(fields[i], rng, recipe.wild), fields[i].negatives) for i in numbers]
            x = torch.from_numpy(np.stack([m[0][0] for m in made])).permute(0, 3, 1, 2).float() / 255
            t = [targets(*m[0][1:], m[1]) for m in made]
            heat, negative, box = (torch.from_numpy(np.stack([a[k] for a in t])) for k in range(3))
            rough = some(len(x), recipe.rough)[:, 0, 0, 0]
            x[rough], x[~rough] = degrade(x[rough], channels=CHANNELS), stain_and_light(x[~rough], 0.4, 0.05, 0.02)
            loss = loss_of(net(x.contiguous(memory_format=torch.channels_last)), heat, negative, box)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            ema.update(net)
            total += loss.item()
            bar.set_postfix(loss=f"{total / (bar.n + 1):.3f}", refresh=False)
        tqdm.write(f"{label} {epoch + 1}/{epochs} loss {total / len(todo):.4f}")
        checkpoint.save(epoch + 1)
    return ema.net.to(memory_format=torch.contiguous_format)


def measure(net: Detector, fields: list[Field], nms_iou: list[float], off: float = 1.0) -> list[Matches]:
    """Matches by kind over fully boxed fields; `off` pretends the scale is wrong by that factor."""
    export = DetectorForExport(net).eval()
    kinds = [Matches() for _ in KINDS]
    for f in fields:
        boxes, kind, scores = run(export, f.image, f.um_per_px * off)
        keep = suppress(boxes, kind, scores, nms_iou)
        for k, matches in enumerate(kinds):
            mine = keep[kind[keep] == k]
            matches.add(f.boxes[f.kinds == k], boxes[mine], scores[mine])
    return kinds


def choose(net: Detector, fields: list[Field]) -> tuple[list[float], list[float]]:
    """Thresholds and NMS limits by kind, each the best F1 on the validation fields."""
    limits = [0.3, 0.4, 0.5, 0.6, 0.7]
    best: list[tuple[float, float, float]] = [(-1.0, 0.0, 0.0)] * 3
    for limit in limits:
        for k, matches in enumerate(measure(net, fields, [limit] * 3)):
            threshold = matches.best_threshold()
            score = matches.at(threshold)[2]
            if score > best[k][0] + 1e-4:
                best[k] = (score, threshold, limit)
    return [round(b[1], 2) for b in best], [b[2] for b in best]


def complete(net: Detector, fields: list[Field], sure: list[float], doubtful: float = 0.12) -> list[Field]:
    """Fields with missing boxes, completed by the detector itself: sure boxes added, doubtful ones ignored, the rest absent."""
    export = DetectorForExport(net).eval()
    done = []
    for f in fields:
        boxes, kinds, scores = run(export, f.image, f.um_per_px, doubtful)
        keep = suppress(boxes, kinds, scores, [0.4, 0.6, 0.4])
        if len(f.boxes):  # The people's boxes come first.
            keep = keep[iou(boxes[keep], f.boxes).max(1) < 0.3]
        good, unsure = (keep[(scores[keep] > np.array(sure)[kinds[keep]]) == side] for side in (True, False))
        done.append(Field(f.path, f.source, f.image, np.concatenate([f.boxes, boxes[good]]).astype(np.float32),
                          np.concatenate([f.kinds, kinds[good]]), f.labels, f.um_per_px,
                          ignore=boxes[unsure].astype(np.float32)))
    return done


def unboxed(net: Detector, data: Path, every: int = 2, reds_needed: int = 10) -> list[Field]:
    """What has no boxes: the pictures of single cells of marrow and lmu, whose stains no field has, and every second field of
    taleqani, at the scale the detector finds; fields without enough red cells go."""
    export = DetectorForExport(net).eval()
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, int), np.zeros(0, int)
    fields = [Field(c.path, c.source, c.image, *nothing, c.um_per_px)
              for source in ("marrow", "lmu") for c in read_cells(data, source, "train")]
    for path in sorted((data / "fields/taleqani/train").glob("*/*.jpg"))[::every]:
        image = read_balanced(path)
        um, reds = find_scale(export, image, [0.24, 0.34, 0.48], 0.4, 0.6)
        if reds >= reds_needed:
            fields.append(Field(path, "taleqani", image, *nothing, um))
    return fields


STAGES = (Recipe(20, 3e-3, 0.45, 1.0), Recipe(4, 1.5e-3, 0.45, 1.0), Recipe(32, 2e-3, 0.25, 0.5))
"""On the people's boxes, everything degraded; then with what has no boxes or not all, completed by the first stage; then the
same, half of it nearly untouched, which places borders and small cells better."""
START = Recipe(12, 1e-3, 0.25, 0.5)
"""The only stage where training goes on from an installed detector."""
BOXED = ("txl", "chula", "iml", "bionet")
"""Sources of fields with boxes."""
COPIES = {"iml": 3}
"""How often a source's fields come in an epoch: iml's, the only ones known to hold no white cell, are few."""


def canvases(fields: list[Field], recipe: Recipe, count: int, seed: int) -> Tensor:
    """`count` parts of fields drawn as in training, [count,3,CANVAS,CANVAS] 0..1."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    rough = round(count * recipe.rough)
    made = [place(fields[i], rng, recipe.wild)[0] for i in rng.integers(0, len(fields), count)]
    x = torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).float() / 255
    x[:rough], x[rough:] = degrade(x[:rough], channels=CHANNELS), stain_and_light(x[rough:], 0.4, 0.05, 0.02)
    return x


def train(data: Path, work: Path, seed: int, length: float = 1.0, start_from: Path | None = None,
          ) -> tuple[Detector, list[float], list[float]]:
    """The trained detector, its thresholds and NMS limits by kind; `length` times as many epochs as STAGES say. start_from: a
    detector.onnx to go on from, by a last stage alone.

    Finished stages are kept in `work` and taken from there. The files it learned from are listed in detector_read.json.
    """
    torch.manual_seed(seed)
    fields = [f for source in BOXED for f in read_fields(data, source, "train")]
    net, completed, listed = Detector(), False, work / "detector_read.json"
    first, stages = work / "detector_1.pt", list(enumerate(STAGES, 1))
    if start_from:
        stages = [(len(STAGES), START)]
        net = start.detector(start_from, canvases(fields, START, min(CALIBRATION, len(fields)), seed))
    begun = copy.deepcopy(net)
    for stage, recipe in stages:
        kept = work / f"detector_{stage}.pt"
        if stage > 1 and not completed and not (kept.exists() and listed.exists()):
            # By the first stage's network also where a later stage was interrupted, so that the same weights come out.
            finder = begun
            if not start_from:
                finder.load_state_dict(torch.load(first))
            partly = [f for f in fields if f.source == "chula"] + unboxed(finder, data)
            fields = [f for f in fields if f.source != "chula"] + complete(finder, partly, sure=[0.5, 0.45, 0.5])
            completed = True
            listed.write_text(json.dumps([str(f.path) for f in fields], indent=0))
        if kept.exists():
            net.load_state_dict(torch.load(kept))
            continue
        torch.manual_seed(seed + stage)
        copies = [COPIES.get(f.source, 1) for f in fields]
        unfinished = work / f"detector_{stage}_unfinished.pt"
        net = fit(net, fields, copies, recipe.scaled(length), seed + stage, f"detector, stage {stage}", unfinished)
        torch.save(net.state_dict(), kept)
        unfinished.unlink(missing_ok=True)
    thresholds, nms_iou = choose(net, read_fields(data, "txl", "val"))
    return net, thresholds, nms_iou


def int8_twin(net: Detector, data: Path, seed: int, length: float = 1.0) -> QuantDetector:
    """The network in int8, its activations fitted to parts of training fields drawn as in the last stage of training, `length`
    times as long."""
    fields = [f for source in BOXED for f in read_fields(data, source, "train")]
    recipe = STAGES[-1].scaled(length)
    return QuantDetector(net.eval(), canvases(fields, recipe, min(CALIBRATION, recipe.epochs * len(fields)), seed))
