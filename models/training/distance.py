"""How unlike everything the classifier learned from a cell is, and what that does to its probabilities.

The distance of a cell is that of its pooled features from the nearest middle of a source's class or group, in standard deviations within
classes (Mahalanobis distance, divided by the root of the number of features; Lee et al. 2018, "A simple unified framework for
detecting out-of-distribution samples"). Under a stain or camera unlike any of training it grows, and the probabilities are
too sure by as much: see `temper`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from metrics import softmax

EACH = 60
"""Cells of a source and label, at most, that its middle is taken from."""
RIDGE = 1e-3
"""Share of the mean variance added to every feature's, so that features that never change do not count."""
MOST = 4.0
"""Logits are divided by this at most."""
STEPS = {"from": np.arange(1.0, 1.31, 0.05), "rate": np.arange(0.0, 8.1, 0.5)}
"""What is tried for the two numbers of `temper`."""


@dataclass
class Distance:
    """whiten [features,features]: what features are multiplied by; middles [k,features], after that."""

    whiten: np.ndarray
    middles: np.ndarray

    def of(self, features: np.ndarray) -> np.ndarray:
        """Distances of [n,features]: [n]."""
        white = features @ self.whiten
        return np.sqrt(((white[:, None] - self.middles[None]) ** 2).sum(2).min(1))


def fitted(groups: list[np.ndarray]) -> Distance:
    """From the features [n,f] of every source and class."""
    within = np.concatenate([g - g.mean(0) for g in groups])
    covariance = np.cov(within.T)
    size = len(covariance)
    covariance += RIDGE * np.trace(covariance) / size * np.eye(size)
    whiten = np.linalg.cholesky(np.linalg.inv(covariance)) / np.sqrt(size)
    return Distance(whiten.astype(np.float32), np.stack([g.mean(0) @ whiten for g in groups]).astype(np.float32))


def features_of(convs: Callable[[Tensor], Tensor], x: Tensor) -> np.ndarray:
    """Pooled features of crops [n,3,S,S], 64 at a time."""
    with torch.no_grad():
        return np.concatenate([convs(part).mean((2, 3)).numpy() for part in x.split(64)])


def temper(distance: float, home: float, begins: float, rate: float) -> float:
    """What the logits of a sample are divided by whose median distance is `distance`, where that of cells of the laboratories of
    training is `home`: 1 up to `begins` times that, then more by the exponential of `rate` times what lies beyond."""
    return float(np.clip(np.exp(rate * (distance / home - begins)), 1.0, MOST))


@dataclass
class Sample:
    """Cells of one laboratory under one network: logits [n,c], allowed classes [n,c], their median distance and that of home."""

    logits: np.ndarray
    allowed: np.ndarray
    distance: float
    home: float

    def loss(self, temperature: float) -> float:
        """Mean negative log-likelihood of the allowed classes."""
        return float(-np.log((softmax(self.logits, temperature) * self.allowed).sum(1) + 1e-9).mean())


def calibrated(samples: list[tuple[Sample, float]]) -> tuple[float, float]:
    """`begins` and `rate` with the least mean loss over laboratories that were left out and, as many times, home. Each with the
    temperature its network has at home."""
    def loss(begins: float, rate: float) -> float:
        return float(np.mean([s.loss(t * temper(s.distance, s.home, begins, rate)) for s, t in samples]))

    begins, rate = min(product(STEPS["from"], STEPS["rate"]), key=lambda pair: loss(*pair))
    return round(float(begins), 2), round(float(rate), 1)
