"""How the classifier is trained: lengths, rates, and how often what is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

BATCH = 64
EPOCH = 6400
"""Crops drawn an epoch."""


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
SHARES_OF_EXTRA = {"pbc": 1.0, "lmu": 0.6, "own": 0.5, "device": 0.5}
"""The same for what a user adds: the full LMU set has hundreds of cells a class, not the pack's handful."""
