"""Trains the cell classifier in float, then fine-tunes it with int8 arithmetic simulated."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from augment import degrade, light, some, stain, uniform
from data import Cell, Field, read_cells, read_fields, white_cell_classes, window
from nets import Classifier
from quantize import QuantClassifier
from settings import CLASSES, CLASSIFIER_SIZE, CLASSIFIER_UM, GROUPS, RED_CELL_UM, WHITE_LEVEL
from train_detector import Ema

CACHE = 128
"""Side of a cached image, classifier pixels: room for shifts and rotation around the 96 the network sees."""
BATCH = 64
EPOCH = 6400
QUANT_EPOCHS, QUANT_RATE = 1, 1e-4
SMOOTHING = 0.03
CHULA = ["NEU", "EOS", "BAS", "LYT", "MON"]
UNKNOWN = CLASSES.index("UNK")


@dataclass(frozen=True)
class Recipe:
    """One stage of the training.

    zooms: the scales every cell is resampled to beforehand; size tells classes apart, so they stay near 1. rough: share of
    a batch that gets the full augmentation. faded: share whose neighbours fade. shares: how often a class is drawn from
    each source, and from single (source, label) pairs, against a class of pbc. red_px: red cells of chula and lmu.
    edge: how near the border the background of UNK is taken, in image sides.
    """

    epochs: int
    rate: float
    zooms: tuple[float, ...]
    rough: float
    faded: float
    edge: float
    red_px: dict[str, float]
    shares: dict[str | tuple[str, str], float]


RARE: dict[str | tuple[str, str], float] = {
    ("pbc", "IG"): 0.15, ("pbc", "NEU"): 0.05, ("pbc", "PLT"): 0.6, ("bccd", "BAS"): 0.03}
STAGES = (
    # Everything degraded: learns what survives another laboratory's stain and camera. Red cells as measured by hand.
    Recipe(40, 4e-3, (0.89, 0.96, 1.04, 1.12), 1.0, 0.0, 0.0, {"chula": 66.0, "lmu": 95.0},
           RARE | {"pbc": 1.0, "lmu": 0.15, "bccd": 0.2, "chula": 0.25, "field": 0.35, ("field", "UNK"): 1.5}),
    # Half nearly untouched: lobes and granules, which tell the hardest classes apart. Red cells as the detector finds them.
    Recipe(14, 1.5e-3, (0.87, 0.95, 1.0, 1.05, 1.15), 0.5, 0.12, 0.15, {"chula": 70.0, "lmu": 92.0},
           RARE | {"pbc": 1.0, "lmu": 0.12, "bccd": 0.15, "chula": 0.18, "field": 0.3, ("field", "UNK"): 1.1}),
    # The same, two thirds nearly untouched.
    Recipe(16, 2.5e-3, (0.87, 0.95, 1.0, 1.05, 1.15), 0.33, 0.10, 0.15, {"chula": 70.0, "lmu": 92.0},
           RARE | {"pbc": 1.0, "lmu": 0.10, "bccd": 0.12, "chula": 0.15, "field": 0.25, ("field", "UNK"): 0.9}),
)


def mask_of(label: str) -> np.ndarray:
    """[classes] bool: the classes a label allows, one for a class, several for a group."""
    names = GROUPS.get(label, [label])
    return np.array([c in names for c in CLASSES])


@dataclass
class Pool:
    """All cells of one source and label: images [n,zooms,CACHE,CACHE,3] u8."""

    source: str
    label: str
    images: np.ndarray
    share: float


def resampled(c: Cell, recipe: Recipe, size: int = CACHE) -> np.ndarray:
    """The cell's window at every zoom, [zooms,size,size,3] u8."""
    side = size * CLASSIFIER_UM / RED_CELL_UM * recipe.red_px.get(c.source, RED_CELL_UM / c.um_per_px)
    return np.stack([window(c.image, c.x, c.y, side / z, size) for z in recipe.zooms])


def field_cells(fields: list[Field], classes: dict[str, str], data: Path) -> list[Cell]:
    """Classed white cells of BCCD (only fields with one white cell, its class by file) and chula, and all platelets."""
    cells = []
    for f in fields:
        known = classes.get(str(f.path.relative_to(data)))
        white = np.flatnonzero(f.kinds == 0)
        for i, (x0, y0, x1, y1) in enumerate(f.boxes):
            where = (f.image, (x0 + x1) / 2, (y0 + y1) / 2, f.um_per_px)
            if f.source == "chula":
                cells.append(Cell(f.path, "chula", *where, CHULA[f.labels[i]]))
            elif f.kinds[i] == 0 and known and len(white) == 1:
                cells.append(Cell(f.path, "bccd", *where, known))
            elif f.kinds[i] == 2:
                cells.append(Cell(f.path, "field", *where, "PLT"))
    return cells


def not_cells(fields: list[Field], per_field: int, edge: float, rng: np.random.Generator) -> list[Cell]:
    """UNK: red cells, background and slivers of white cells, their middles at least 5 um from any white cell or platelet."""
    cells = []
    for f in fields:
        near = 5.0 / f.um_per_px
        named = f.boxes[(f.kinds == 0) | (f.kinds == 2)].reshape(-1, 4)
        red = f.boxes[(f.kinds == 1) | (f.kinds == 3)]
        points = [b.reshape(2, 2).mean(0) for b in red[rng.permutation(len(red))[:per_field]]]
        points += list(rng.uniform(edge, 1 - edge, (per_field // 2 + 1, 2)) * f.image.size)
        for x, y in points:
            # Distance to the nearest edge of a box: 0 inside it.
            away = np.maximum(np.maximum(named[:, :2] - (x, y), (x, y) - named[:, 2:]), 0)
            if len(named) == 0 or np.hypot(*away.T).min() > near * 0.6:
                cells.append(Cell(f.path, "field", f.image, float(x), float(y), f.um_per_px, "UNK"))
    return cells


def pools(data: Path, recipe: Recipe, seed: int) -> list[Pool]:
    """Every training cell, resampled, grouped by source and label."""
    rng = np.random.default_rng(seed)
    txl, chula, iml = (read_fields(data, source, "train") for source in ("txl", "chula", "iml"))
    cells = read_cells(data, "pbc", "train") + read_cells(data, "lmu", "train")
    cells += field_cells(txl + chula, white_cell_classes(data), data)
    cells += not_cells(txl, 2, recipe.edge, rng) + not_cells(iml, 20, recipe.edge, rng)
    groups: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    for c in tqdm(cells, desc="resampling cells", mininterval=5):
        groups[c.source, c.label].append(resampled(c, recipe))
    return [Pool(source, label, np.stack(images), recipe.shares.get((source, label), recipe.shares[source]))
            for (source, label), images in sorted(groups.items())]


def draw(all_pools: list[Pool], recipe: Recipe, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A batch: images [n,3,S,S] 0..1, allowed classes [n,classes] bool. Flipped, turned, shifted by up to 2 um, zoomed."""
    share = np.array([p.share for p in all_pools])
    picked = rng.choice(len(all_pools), n, p=share / share.sum())
    margin = (CACHE - CLASSIFIER_SIZE) // 2
    images = np.empty((n, CACHE, CACHE, 3), np.uint8)
    for i, k in enumerate(picked):
        p = all_pools[k]
        images[i] = p.images[rng.integers(len(p.images)), rng.integers(len(recipe.zooms))]
        if rng.random() < 0.5:
            images[i] = images[i][:, ::-1].copy()
        images[i] = np.rot90(images[i], rng.integers(4))
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    x = turn(x, share=0.4)
    largest = 2.0 / CLASSIFIER_UM
    shift = np.clip(np.round(rng.normal(0, largest / 2.5, (n, 2))), -largest, largest).astype(int) + margin
    x = torch.stack([x[i, :, sy:sy + CLASSIFIER_SIZE, sx:sx + CLASSIFIER_SIZE] for i, (sx, sy) in enumerate(shift)])
    allowed = torch.from_numpy(np.stack([mask_of(all_pools[k].label) for k in picked]))
    x = fade_neighbours(x, recipe.faded)
    rough = some(n, recipe.rough)[:, 0, 0, 0]
    x[rough] = degrade(x[rough])
    if not rough.all():
        x[~rough] = light(stain(x[~rough], 0.35), 0.03, 0.02)
    return cut_border(*out_of_focus(x, allowed, share=0.03), share=0.15)


def turn(x: Tensor, share: float) -> Tensor:
    """Rotates a part of the batch [N,3,H,W] by any angle and shears it a little; outside is 235."""
    chosen = torch.nonzero(some(len(x), share)[:, 0, 0, 0])[:, 0]
    n = len(chosen)
    angle, stretch = uniform(n, -np.pi, np.pi), torch.exp(torch.randn(n) * 0.05)
    matrix = torch.zeros(n, 2, 3)
    matrix[:, 0, 0], matrix[:, 0, 1] = torch.cos(angle) * stretch, -torch.sin(angle) * stretch
    matrix[:, 1, 0], matrix[:, 1, 1] = torch.sin(angle) / stretch, torch.cos(angle) / stretch
    grid = F.affine_grid(matrix, [n, *x.shape[1:]], align_corners=False)
    level = WHITE_LEVEL / 255
    x[chosen] = F.grid_sample(x[chosen] - level, grid, align_corners=False) + level
    return x


def fade_neighbours(x: Tensor, share: float) -> Tensor:
    """Fades what lies 7.5 to 10.5 um and more from the middle into the background, as where red cells are lysed."""
    n, _, h, w = x.shape
    away = torch.hypot(torch.arange(h)[:, None] - h / 2 + 0.5, torch.arange(w)[None] - w / 2 + 0.5) * CLASSIFIER_UM
    alpha = torch.sigmoid((away - uniform(n, 7.5, 10.5, 1, 1, 1)) * 3) * uniform(n, 0.5, 1.0, 1, 1, 1) * some(n, share)
    return x * (1 - alpha) + WHITE_LEVEL / 255 * alpha


def out_of_focus(x: Tensor, allowed: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Blurs a part beyond recognition and calls it UNK."""
    for i in torch.nonzero(torch.rand(len(x)) < share)[:, 0].tolist():
        x[i] = heavy_blur(x[i:i + 1])[0]
        allowed[i] = False
        allowed[i, UNKNOWN] = True
    return x, allowed


def heavy_blur(x: Tensor) -> Tensor:
    """Three box filters of 2.4 to 3.7 um each, about what a lens far from focus makes."""
    for _ in range(3):
        k = int(torch.randint(5, 9, ())) * 2 + 1
        x = F.avg_pool2d(F.pad(x, (k // 2,) * 4, mode="replicate"), k, 1)
    return x


def cut_border(x: Tensor, allowed: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Fills a strip along one or two sides with 235, as when the cell lies at the image's border."""
    for i in torch.nonzero(torch.rand(len(x)) < share)[:, 0].tolist():
        for _ in range(2):
            width, side = int(torch.randint(1, 26, ())), int(torch.randint(4, ()))
            strip = x[i, :, :width] if side == 0 else x[i, :, -width:] if side == 1 else (
                x[i, :, :, :width] if side == 2 else x[i, :, :, -width:])
            strip.fill_(WHITE_LEVEL / 255)
    return x, allowed


def loss_of(logits: Tensor, allowed: Tensor) -> Tensor:
    """-ln of the probability of all allowed classes together, with a little smoothing over all classes. [N,c], [N,c]."""
    log_p = logits.log_softmax(1)
    together = log_p.masked_fill(~allowed, float("-inf")).logsumexp(1)
    return -((1 - SMOOTHING) * together + SMOOTHING * log_p.mean(1)).mean()


def fit(net: torch.nn.Module, all_pools: list[Pool], recipe: Recipe, epochs: int, rate: float, seed: int, label: str, half: bool,
        ) -> torch.nn.Module:
    """Trains `net`, one cycle of the learning rate; returns the running mean of its weights. `half`: bfloat16 arithmetic."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    decay = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}], rate)
    steps = EPOCH // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, epochs * steps, pct_start=0.15)
    ema = Ema(net, 0.998)
    net.train().to(memory_format=torch.channels_last)
    for epoch in range(epochs):
        total = 0.0
        for _ in tqdm(range(steps), desc=f"{label} {epoch + 1}/{epochs}", mininterval=5):
            x, allowed = draw(all_pools, recipe, BATCH, rng)
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                logits = net(x.contiguous(memory_format=torch.channels_last))
            loss = loss_of(logits.float(), allowed)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            ema.update(net)
            total += loss.item()
        tqdm.write(f"{label} {epoch + 1}/{epochs} loss {total / steps:.4f}")
    return ema.net.to(memory_format=torch.contiguous_format)


def train(data: Path, work: Path, seed: int) -> tuple[Classifier, QuantClassifier]:
    """The float network and its int8 twin. Finished stages are kept in `work` and taken from there."""
    torch.manual_seed(seed)
    net = Classifier(len(CLASSES))
    last = STAGES[-1]
    last_pools: list[Pool] = []
    for stage, recipe in enumerate(STAGES, 1):
        kept = work / f"classifier_{stage}.pt"
        if kept.exists():
            net.load_state_dict(torch.load(kept))
            continue
        last_pools = pools(data, recipe, seed)
        net = fit(net, last_pools, recipe, recipe.epochs, recipe.rate, seed + stage, f"classifier, stage {stage}", half=True)
        torch.save(net.state_dict(), kept)
    int8 = QuantClassifier(net.eval())
    kept = work / "classifier_int8.pt"
    if kept.exists():
        int8.load_state_dict(torch.load(kept))
    else:
        last_pools = last_pools or pools(data, last, seed)
        torch.manual_seed(seed)
        int8.calibrate(draw(last_pools, last, 512, np.random.default_rng(seed))[0])
        int8 = fit(int8, last_pools, last, QUANT_EPOCHS, QUANT_RATE, seed + 9, "classifier, int8", half=False)
        torch.save(int8.state_dict(), kept)
    return net.eval(), int8.eval()
