"""The cells the classifier learns from, resampled, and the batches drawn of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

import stain
from augment import degrade, restyle, some, stain_and_light, style_of, uniform
from data import Cell, window
from recipe import Recipe
from settings import CLASSES, CLASSIFIER_SIZE, CLASSIFIER_UM, GROUPS, WEAK, WHITE_LEVEL

CACHE = 168
"""Side of a cached image, classifier pixels: room for shifts and rotation around the 128 the network sees."""
STYLES = 250
"""Cells of a source whose stain and light others are brought to."""
HOMED_SPREAD = 0.12
"""Spread of the densities around home that colours are mapped to, in natural logarithms: of all channels together, and of each."""
UNKNOWN = CLASSES.index("UNK")


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
