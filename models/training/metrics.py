"""Figures of merit and their 95 % intervals. Nothing here knows of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import beta, rankdata

from settings import GROUPS

RESAMPLES = 2000
"""Bootstrap resamples behind each 95 % interval (percentile method, Efron 1979)."""


@dataclass
class Figure:
    """One number with its 95 % interval; n: how many cells or fields it rests on; note: what to know when quoting it."""

    name: str
    value: float
    low: float
    high: float
    n: int
    note: str = ""

    def __str__(self) -> str:
        return (f"{self.name}: {self.value:.4f} [{self.low:.4f}, {self.high:.4f}], n={self.n}"
                + (f" ({self.note})" if self.note else ""))

    def as_dict(self) -> dict[str, object]:
        """For JSON: a value that is not a number becomes null."""
        return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in asdict(self).items()}


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities [n,classes]."""
    e = np.exp((logits - logits.max(1, keepdims=True)) / temperature)
    return e / e.sum(1, keepdims=True)


def grouped(names: np.ndarray, groups: list[str]) -> np.ndarray:
    """Class names with the members of `groups` joined under the group's name."""
    joined = {member: g for g in groups for member in GROUPS[g]}
    return np.array([joined.get(n, n) for n in names])


def balanced_accuracy(truth: np.ndarray, right: np.ndarray, classes: list[str]) -> float:
    """Mean over classes of the share that is right."""
    return float(np.mean([right[truth == c].mean() for c in classes if (truth == c).any()]))


def share(name: str, right: np.ndarray, note: str = "") -> Figure:
    """A share with its exact interval (Clopper & Pearson 1934)."""
    k, n = int(np.sum(right)), len(right)
    low = float(beta.ppf(0.025, k, n - k + 1)) if k > 0 else 0.0
    high = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
    return Figure(name, k / n if n else float("nan"), low if n else 0.0, high, n, note)


def resampled(name: str, statistic: Callable[[np.ndarray], float], strata: np.ndarray, note: str = "",
              resamples: int = RESAMPLES) -> Figure:
    """`statistic` of row numbers, with its bootstrap interval; rows are drawn again within each stratum [n]."""
    rng = np.random.default_rng(0)
    parts = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    everything = np.arange(len(strata))
    if not parts:
        return Figure(name, float("nan"), float("nan"), float("nan"), 0, note)
    drawn = np.concatenate([rng.choice(p, (resamples, len(p))) for p in parts], 1)
    values = [statistic(rows) for rows in drawn]
    low, high = np.percentile(values, [2.5, 97.5])
    return Figure(name, float(statistic(everything)), float(low), float(high), len(strata), note)


def balanced(name: str, truth: np.ndarray, right: np.ndarray, classes: list[str], note: str = "") -> Figure:
    """Balanced accuracy, drawn again within each class."""
    rng = np.random.default_rng(0)
    present = [right[truth == c].astype(float) for c in classes if (truth == c).any()]
    if not present:
        return Figure(name, float("nan"), float("nan"), float("nan"), 0, note)
    values = np.mean([rng.choice(r, (RESAMPLES, len(r))).mean(1) for r in present], 0)
    low, high = np.percentile(values, [2.5, 97.5])
    return Figure(name, balanced_accuracy(truth, right, classes), float(low), float(high), sum(map(len, present)), note)


def calibration_error(p: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the top probability [n], equal-width bins (Guo et al. 2017)."""
    which = np.minimum((p * bins).astype(int), bins - 1)
    gap = np.abs(np.bincount(which, p, bins) - np.bincount(which, right, bins))
    return float(gap.sum() / len(p))


def ece(name: str, p: np.ndarray, right: np.ndarray, truth: np.ndarray, note: str = "") -> Figure:
    """Expected calibration error, drawn again within each class. The bootstrap's error is biased upward, so the interval may
    lie above the value."""
    return resampled(name, lambda i: calibration_error(p[i], right[i].astype(float)), truth, note)


def auc(positive: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve: the share of pairs in the right order, ties half (Mann-Whitney)."""
    n, m = int(positive.sum()), int((~positive).sum())
    if n == 0 or m == 0:
        return float("nan")
    return float((rankdata(score)[positive].sum() - n * (n + 1) / 2) / (n * m))


def roc(name: str, positive: np.ndarray, score: np.ndarray, note: str = "") -> Figure:
    """ROC AUC, drawn again within positives and negatives."""
    if positive.all() or not positive.any():
        return Figure(name, float("nan"), float("nan"), float("nan"), len(positive), note)
    return resampled(name, lambda i: auc(positive[i], score[i]), positive, note, RESAMPLES // 4)


def class_table(truth: np.ndarray, answer: np.ndarray, classes: list[str]) -> list[dict[str, object]]:
    """Class by class as in Matek et al. 2019, table 2: n, precision and sensitivity with exact intervals."""
    rows = []
    for c in classes:
        mine, called = truth == c, answer == c
        if mine.any():
            rows.append({"class": c, "n": int(mine.sum()), "precision": share("precision", truth[called] == c).as_dict(),
                         "sensitivity": share("sensitivity", answer[mine] == c).as_dict()})
    return rows


def print_table(rows: list[dict[str, object]]) -> None:
    """The rows of `class_table` in columns."""
    print("class      n  precision                sensitivity")

    def text(f: dict[str, object]) -> str:
        return "  -                     " if f["value"] is None else f"{f['value']:.3f} [{f['low']:.3f}, {f['high']:.3f}]  "

    for r in rows:
        print(f"{r['class']:6} {r['n']:5}  {text(r['precision'])}  {text(r['sensitivity'])}")


def confusion(truth: np.ndarray, answer: np.ndarray, classes: list[str], answers: list[str]) -> np.ndarray:
    """Counts [classes,answers]."""
    return np.array([[int(((truth == t) & (answer == a)).sum()) for a in answers] for t in classes])
