"""Trains the cell classifier in float, taught by a larger network, and makes its int8 twin."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
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
import stain
import start
from augment import degrade, restyle, some, stain_and_light, style_of, uniform
from cells import training_cells
from data import Cell, window
from distance import Distance
from nets import Classifier, Detector
from quantize import QuantClassifier
from resume import Checkpoint
from settings import CLASSES, CLASSIFIER_SIZE, CLASSIFIER_UM, GROUPS, WEAK, WHITE_LEVEL
from sources import Reading
from teacher import Teacher
from train_detector import Ema

CACHE = 168
"""Side of a cached image, classifier pixels: room for shifts and rotation around the 128 the network sees."""
BATCH = 64
EPOCH = 6400
"""Crops drawn an epoch."""
SMOOTHING = 0.03
BOUNDED = 0.7
"""q of the loss of weak labels (Zhang & Sabuncu 2018): 0 is cross-entropy, 1 the mean absolute error, which wrong labels hurt least."""
STYLES = 250
"""Cells of a source whose stain and light others are brought to."""
CALIBRATION = 1024
"""Crops the int8 twin's activations are fitted to."""
UNKNOWN = CLASSES.index("UNK")
N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Recipe:
    """How the network is trained.

    epochs, rate: length and highest learning rate. zooms: the scales every cell is resampled to beforehand; size tells
    classes apart, so they stay near 1. homed: share whose colour is mapped by the red cells. rough: share of a batch that gets
    the full augmentation. restyled: share that is brought towards another laboratory's stain and light. swapped: share whose
    neighbours are another picture's. faded: share whose neighbours fade. edge: how near the border the background of UNK is
    taken, in image sides. shares: how often a class is drawn from each source, and from single (source, label) pairs, against
    a class of pbc. crops: drawn an epoch. half: at half the resolution, for a quarter of the time.
    """

    epochs: int
    rate: float
    zooms: tuple[float, ...]
    homed: float
    rough: float
    restyled: float
    swapped: float
    faded: float
    edge: float
    shares: dict[str | tuple[str, str], float]
    crops: int = EPOCH
    half: bool = True

    def part(self, share: float) -> int:
        """The epochs of a stage that takes this share of them, at least one."""
        return max(1, round(self.epochs * share))

    def scaled(self, k: float) -> Recipe:
        """`k` times as long; below one epoch, a shorter epoch."""
        epochs = max(1, round(self.epochs * k))
        return replace(self, epochs=epochs, crops=min(self.crops, max(2 * BATCH, round(self.crops * self.epochs * k / epochs))))


RECIPE = Recipe(34, 3e-3, (0.89, 0.95, 1.0, 1.06, 1.13), 0.6, 0.5, 0.3, 0.3, 0.12, 0.15, {
    "pbc": 1.0, ("pbc", "IG"): 0.15, ("pbc", "NEU"): 0.05, ("pbc", "PLT"): 0.6, "lmu": 0.15, "bccd": 0.35, ("bccd", "BAS"): 0.05,
    "chula": 0.35, "field": 0.4, ("field", "UNK"): 1.2, "taleqani": 0.25, "raabin": 0.5, "bionet": 0.35, ("bionet", "WBC"): 0.4,
    ("bionet", "MON"): 0.1, "marrow": 0.35, ("marrow", "BLA"): 0.15, ("marrow", "PLASMA"): 0.05, ("marrow", "MACROPHAGE"): 0.05})
FINE_LENGTH, FINE_RATE, FINE_ROUGH = 26 / 34, 2e-3, 0.35
"""A second, shorter cycle of the learning rate, at the full resolution, taught, and with fewer degraded crops: lobes and granules,
which tell the hardest classes apart."""
TEACHER_LENGTH, TEACHER_RATE = 15 / 34, 1e-3
"""The teacher's own cycle: it begins with what it learned of other pictures."""
TAUGHT = 0.7
"""Weight of the teacher's answer beside the label."""
START_RATE = 1e-3
"""Highest learning rate where training goes on from an installed classifier."""
STATISTICS = 256
"""Crops that its normalisations' statistics are then taken from."""
HOMED_SPREAD = 0.12
"""Spread of the densities around home that colours are mapped to, in natural logarithms: of all channels together, and of each."""
BFLOAT16 = "AVX512" in torch.backends.cpu.get_cpu_capability()
"""Whether to compute in bfloat16, which is slower than float32 where the processor has no instructions for it."""
SHARES_OF_EXTRA = {"pbc": 1.0, "lmu": 0.6, "own": 0.5, "device": 0.5}
"""The same for what a user adds: the full LMU set has hundreds of cells a class, not the pack's handful."""


def mask_of(label: str) -> np.ndarray:
    """[classes] bool: the classes a label allows, one for a class, several for a group."""
    names = GROUPS.get(label, [label])
    return np.array([c in names for c in CLASSES])


@dataclass
class Pool:
    """All cells of one source and label: images [n,zooms,CACHE,CACHE,3] u8; gains [n,3]: what brings their colour home, see
    stain.py; NaN where no red cell says."""

    source: str
    label: str
    images: np.ndarray
    gains: np.ndarray
    share: float


def resampled(c: Cell, recipe: Recipe, size: int = CACHE) -> np.ndarray:
    """The cell's window at every zoom, [zooms,size,size,3] u8."""
    side = size * CLASSIFIER_UM / c.um_per_px
    return np.stack([window(c.image, c.x, c.y, side / z, size) for z in recipe.zooms])


def pools(cells: Iterable[Cell], recipe: Recipe, count: int) -> list[Pool]:
    """The cells (`count` of them) resampled, grouped by source and label."""
    groups: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for c in tqdm(cells, desc="resampling cells", total=count, mininterval=5):
        gain = np.full(3, np.nan) if c.red is None else stain.gains(c.red)
        groups[c.source, c.label].append((resampled(c, recipe), gain))
    return [Pool(source, label, np.stack([images for images, _ in members]), np.stack([gain for _, gain in members]),
                 recipe.shares.get((source, label), recipe.shares[source]))
            for (source, label), members in sorted(groups.items())]


def prior_of(all_pools: list[Pool]) -> list[float]:
    """Each class's share of what is drawn, in the order of CLASSES; a group's share is divided as its classes' own are."""
    own = np.full(len(CLASSES), 1e-6)
    for p in all_pools:
        if mask_of(p.label).sum() == 1:
            own[mask_of(p.label)] += p.share
    total = own.copy()
    for p in all_pools:
        mask = mask_of(p.label)
        if mask.sum() > 1:
            total[mask] += p.share * own[mask] / own[mask].sum()
    return [round(float(v), 5) for v in total / total.sum()]


def styles_of(all_pools: list[Pool]) -> list[Tensor]:
    """How every laboratory's white cells are stained and lit: for each source up to STYLES cells' styles [n,2,3], evenly over what
    its pools hold."""
    found: dict[str, list[Tensor]] = defaultdict(list)
    margin = (CACHE - CLASSIFIER_SIZE) // 2
    inner = slice(margin, margin + CLASSIFIER_SIZE)
    sources = Counter(p.source for p in all_pools for _ in p.images if p.label not in ("PLT", "UNK"))
    for p in all_pools:
        if p.source in sources and p.label not in ("PLT", "UNK"):
            every = max(1, sources[p.source] // STYLES)
            images = np.ascontiguousarray(p.images[::every, p.images.shape[1] // 2, inner, inner].transpose(0, 3, 1, 2))
            found[p.source].append(style_of(torch.from_numpy(images).float() / 255))
    return [torch.cat(found[s]) for s in sorted(found)]


def draw(all_pools: list[Pool], styles: list[Tensor], recipe: Recipe, n: int,
         rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A batch: images [n,3,S,S] 0..1, allowed classes [n,classes] bool, weakly labelled or not [n] bool. Flipped, turned,
    shifted by up to 2 um, zoomed."""
    share = np.array([p.share for p in all_pools])
    picked = rng.choice(len(all_pools), n, p=share / share.sum())
    margin, largest = (CACHE - CLASSIFIER_SIZE) // 2, 2.0 / CLASSIFIER_UM
    shift = np.clip(np.round(rng.normal(0, largest / 2.5, (n, 2))), -largest, largest).astype(int)
    turned = rng.random(n) < 0.4
    gains = np.ones((n, 3), np.float32)
    whole_images = np.empty((n, 3, CACHE, CACHE), np.uint8)
    images = np.empty((n, 3, CLASSIFIER_SIZE, CLASSIFIER_SIZE), np.uint8)
    for i, k in enumerate(picked):
        p = all_pools[k]
        chosen = rng.integers(len(p.images))
        if rng.random() < recipe.homed and not np.isnan(p.gains[chosen]).any():
            spread = rng.normal(0, HOMED_SPREAD) + rng.normal(0, HOMED_SPREAD, 3)
            gains[i] = p.gains[chosen] * np.exp(spread)
        image = p.images[chosen, rng.integers(len(recipe.zooms))].transpose(2, 0, 1)
        image = np.rot90(image[:, :, ::-1] if rng.random() < 0.5 else image, rng.integers(4), (1, 2))
        if turned[i]:
            whole_images[i] = image
        else:
            sx, sy = shift[i] + margin
            images[i] = image[:, sy:sy + CLASSIFIER_SIZE, sx:sx + CLASSIFIER_SIZE]
    x = torch.from_numpy(images).float().div_(255)
    if turned.any():
        x[turned] = turn(torch.from_numpy(whole_images[turned]).float().div_(255), torch.from_numpy(shift[turned]))
    if recipe.half:
        x = F.avg_pool2d(x, 2)
    allowed = torch.from_numpy(np.stack([mask_of(all_pools[k].label) for k in picked]))
    x = homed(x, torch.from_numpy(gains))
    x = fade_neighbours(swap_neighbours(restyle(x, styles, recipe.restyled), recipe.swapped), recipe.faded)
    rough = some(n, recipe.rough)[:, 0, 0, 0]
    x[rough] = degrade(x[rough], blur_px=0.8 if recipe.half else 1.6)
    if not rough.all():
        x[~rough] = stain_and_light(x[~rough], 0.35, 0.03, 0.02)
    weak = torch.tensor([all_pools[k].source in WEAK for k in picked])
    return *cut_border(*out_of_focus(x, allowed, share=0.03), share=0.15), weak


def turn(x: Tensor, shift: Tensor) -> Tensor:
    """Cuts the network's window out of [N,3,CACHE,CACHE], `shift` [N,2] px off the middle, turned by any angle and sheared
    a little."""
    n = len(x)
    angle, stretch = uniform(n, -np.pi, np.pi), torch.exp(torch.randn(n) * 0.05)
    part = CLASSIFIER_SIZE / CACHE
    matrix = torch.zeros(n, 2, 3)
    matrix[:, 0, 0], matrix[:, 0, 1] = torch.cos(angle) * stretch * part, -torch.sin(angle) * stretch * part
    matrix[:, 1, 0], matrix[:, 1, 1] = torch.sin(angle) / stretch * part, torch.cos(angle) / stretch * part
    matrix[:, :, 2] = shift * 2 / CACHE
    grid = F.affine_grid(matrix, [n, 3, CLASSIFIER_SIZE, CLASSIFIER_SIZE], align_corners=False)
    level = WHITE_LEVEL / 255
    return F.grid_sample(x - level, grid, align_corners=False) + level


def homed(x: Tensor, gains: Tensor) -> Tensor:
    """Multiplies the optical densities of [N,3,S,S] 0..1 by gains [N,3]."""
    changed = (gains != 1).any(1)
    white = WHITE_LEVEL / 255
    x[changed] = (white * (x[changed].clamp(min=1e-3) / white) ** gains[changed][:, :, None, None]).clamp(0.0, 1.0)
    return x


def away_from_middle(x: Tensor) -> Tensor:
    """How far each pixel of [N,3,S,S] lies from the middle of the window, um: [S,S]."""
    h, w = x.shape[2:]
    return torch.hypot(torch.arange(h)[:, None] - h / 2 + 0.5, torch.arange(w)[None] - w / 2 + 0.5) * CLASSIFIER_UM * CLASSIFIER_SIZE / h


def swap_neighbours(x: Tensor, share: float) -> Tensor:
    """Puts what lies 7.5 to 9.5 um and more from the middle of another picture there: in some sources the ground or the
    neighbours give the class away."""
    n = len(x)
    away = away_from_middle(x)
    alpha = torch.sigmoid((away - uniform(n, 7.5, 9.5, 1, 1, 1)) * 2.5) * some(n, share)
    return x * (1 - alpha) + x[torch.randperm(n)] * alpha


def fade_neighbours(x: Tensor, share: float) -> Tensor:
    """Fades what lies 7.5 to 10.5 um and more from the middle into the background, as where red cells are lysed."""
    chosen = torch.nonzero(some(len(x), share)[:, 0, 0, 0])[:, 0]
    n, away = len(chosen), away_from_middle(x)
    alpha = torch.sigmoid((away - uniform(n, 7.5, 10.5, 1, 1, 1)) * 3) * uniform(n, 0.5, 1.0, 1, 1, 1)
    x[chosen] = x[chosen] * (1 - alpha) + WHITE_LEVEL / 255 * alpha
    return x


def out_of_focus(x: Tensor, allowed: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Blurs a part beyond recognition and calls it UNK."""
    for i in torch.nonzero(torch.rand(len(x)) < share)[:, 0].tolist():
        x[i] = heavy_blur(x[i:i + 1])[0]
        allowed[i] = False
        allowed[i, UNKNOWN] = True
    return x, allowed


def heavy_blur(x: Tensor) -> Tensor:
    """What a lens far from focus makes of [N,3,S,S]: details under 2 to 4 um are gone."""
    side = int(CLASSIFIER_SIZE * CLASSIFIER_UM / float(torch.empty(()).uniform_(2.0, 4.0)))
    small = F.interpolate(x, size=(side, side), mode="area")
    return F.interpolate(small, size=x.shape[2:], mode="bicubic", align_corners=False).clamp(0.0, 1.0)


def cut_border(x: Tensor, allowed: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Fills a strip along one or two sides with 235, as when the cell lies at the image's border."""
    for i in torch.nonzero(torch.rand(len(x)) < share)[:, 0].tolist():
        for _ in range(2):
            width, side = int(torch.randint(1, x.shape[3] // 5 + 1, ())), int(torch.randint(4, ()))
            strip = x[i, :, :width] if side == 0 else x[i, :, -width:] if side == 1 else (
                x[i, :, :, :width] if side == 2 else x[i, :, :, -width:])
            strip.fill_(WHITE_LEVEL / 255)
    return x, allowed


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
    """What the distance of a cell is measured by: the features, by a network's `convs`, of cells of every source and class as the
    program sees them. half: at half the resolution."""
    margin = (CACHE - CLASSIFIER_SIZE) // 2
    inner = slice(margin, margin + CLASSIFIER_SIZE)
    groups = []
    for p in all_pools:
        if p.label not in CLASSES or len(p.images) < 2:
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
