"""Cells with something inside: what is read, what is drawn, what is counted."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

import leukotrain
import parasites
import train_parasites
from red_types import CACHE
from settings import RED_SIZE


def cells(n: int = 40) -> parasites.Screened:
    """Red discs of three looks, every fourth with a dark dot, and as many without of each other source and split."""
    rng = np.random.default_rng(0)
    rows, images = [], []
    places = [("iml", "train", look) for look in range(3)] + [(s, split, -1) for s in train_parasites.OTHERS for split in ("train", "val", "test")]
    for source, split, look in places:
        for k in range(n):
            image = np.full((CACHE, CACHE, 3), 230, np.uint8)
            y, x = np.mgrid[:CACHE, :CACHE] - CACHE // 2
            image[y**2 + x**2 < 18**2] = (200, 140, 150)
            infected = look >= 0 and k % 4 == 0
            if infected:
                dy, dx = rng.integers(-6, 6, 2)
                image[(y - dy) ** 2 + (x - dx) ** 2 < 25] = (70, 30, 90)
            images.append(image)
            rows.append((infected, look, source, split, f"{source}/{look}-{split}-{k // 10}"))
    infected, look, source, split, field = (np.array(column) for column in zip(*rows, strict=True))
    return parasites.Screened(np.stack(images), infected, look, source, split, field)


class Parasites(unittest.TestCase):
    def test_a_field_has_the_look_that_its_number_says(self) -> None:
        self.assertEqual([parasites.look_of(name) for name in ("PA171706", "PA171802", "PA171812", "PA171892", "PA171917", "PA172035")],
                         [0, 0, 1, 1, 2, 2])

    def test_a_quarter_of_a_batch_is_infected(self) -> None:
        some = cells()
        infected, clean = np.flatnonzero(some.infected), np.flatnonzero((some.look >= 0) & ~some.infected)
        x, truth = parasites.draw(some, infected, clean, some.of("txl", "train"), 16, np.random.default_rng(1))
        self.assertEqual((tuple(x.shape), int(truth.sum())), ((16, 3, RED_SIZE, RED_SIZE), 4))
        self.assertTrue(-0.01 <= float(x.min()) and float(x.max()) <= 1.01)

    def test_fields_count_once_by_what_was_found_in_them(self) -> None:
        some = cells(10)
        at = np.flatnonzero(some.source == "iml")
        found = some.infected[at].copy()
        found[:10] = False
        (hit, with_), (alarmed, without) = train_parasites.by_field(some, at, found)
        self.assertEqual((hit, with_, alarmed, without), (2, 3, 0, 0))
        at = some.of("txl", "test")
        self.assertEqual(train_parasites.by_field(some, at, np.ones(len(at), bool))[1], (1, 1))

    def test_shares_have_their_exact_interval(self) -> None:
        self.assertIn("[0.016, 0.113]", train_parasites.share(5, 100))
        self.assertIn("[0.000,", train_parasites.share(0, 10))

    def test_a_pack_without_the_fields_it_takes_is_refused(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            words = ["parasites", "--data", folder, "--work", folder]
            self.assertEqual(2, leukotrain.main(words))
            (Path(folder) / "fields/iml/train").mkdir(parents=True)
            (Path(folder) / "fields/iml/train/PA171706.txt").write_text("1 0.5 0.5 0.1 0.1\n")
            self.assertEqual(2, leukotrain.main(words))

    def test_dots_in_cells_of_a_look_never_seen_are_found(self) -> None:
        some = cells()
        with tempfile.TemporaryDirectory() as work:
            torch.manual_seed(0)
            net = train_parasites.fit(train_parasites.started(None), some, 2, 0.25, 0, Path(work) / "net.pt")
            at = np.flatnonzero(some.look == 2)
            p = train_parasites.scores(net, some, at)
            self.assertGreater(p[some.infected[at]].mean(), p[~some.infected[at]].mean() + 0.3)
            self.assertTrue(0.05 <= train_parasites.limit_of(net, some) <= 0.99)
            again = train_parasites.fit(train_parasites.started(None), some, 2, 0.25, 0, Path(work) / "net.pt")
            np.testing.assert_allclose(train_parasites.scores(again, some, at), p)
