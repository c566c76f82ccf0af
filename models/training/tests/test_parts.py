"""Rules of the parts: augmentation, boxes, figures of merit."""

from __future__ import annotations

import tempfile
import unittest
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.stats import binomtest

import augment
import metrics
import stain
import start
from data import white_balance
from detect import Matches, greedy_nms, iou, suppress
from distance import Distance, Sample, calibrated, features_of, fitted, temper
from drawing import CACHE, Pool, homed
from export import cells_onnx
from inference import Onnx
from metrics import softmax
from nets import Classifier
from quantize import QuantClassifier
from recipe import RECIPE
from resume import Checkpoint
from settings import BOX_MARGIN, CLASSES, CLASSIFIER_SIZE, STAIN_HOME, STAIN_LIMITS, STAIN_WAY
from train_classifier import fit


class Augmentation(unittest.TestCase):
    def test_stain_and_light_of_no_strength_change_nothing(self) -> None:
        torch.manual_seed(0)
        x = torch.rand(5, 3, 24, 24) * 0.97 + 0.03
        y = augment.stain_and_light(x.clone(), strength=0.0, gradient=0.0, balance=0.0)
        self.assertLess((x - y).abs().max().item(), 1e-4)

    def test_degraded_images_stay_images_and_follow_the_seed(self) -> None:
        x = torch.rand(8, 3, 32, 32)

        def degraded(seed: int) -> torch.Tensor:
            torch.manual_seed(seed)
            return augment.degrade(x.clone())

        self.assertTrue(torch.equal(degraded(1), degraded(1)))
        self.assertFalse(torch.equal(degraded(1), degraded(2)))
        self.assertTrue(0 <= degraded(1).min() and degraded(1).max() <= 1)

    def test_a_batch_may_be_small_or_empty(self) -> None:
        for n in (0, 1, 2):
            with self.subTest(n):
                self.assertEqual((n, 3, 16, 16), augment.degrade(torch.rand(n, 3, 16, 16)).shape)
                self.assertEqual((n, 3, 16, 16), augment.stain_and_light(torch.rand(n, 3, 16, 16)).shape)

    def test_a_cell_is_brought_towards_another_laboratorys_stain_and_no_further(self) -> None:
        torch.manual_seed(0)
        own, other = torch.rand(1, 3, 40, 40) * 0.2 + 0.7, torch.rand(1, 3, 40, 40) * 0.4 + 0.3
        before, aim = augment.style_of(own)[0], augment.style_of(other)[0]
        ways = []
        for _ in range(20):
            after = augment.style_of(augment.restyle(own.clone(), [aim[None]], 1.0))[0]
            way = (after[0] - before[0]) / (aim[0] - before[0])
            self.assertLess((way - way.mean()).abs().max().item(), 0.05)
            ways.append(way.mean().item())
        self.assertTrue(-0.01 < min(ways) < 0.3 and 0.7 < max(ways) < 1.01, ways)

    def test_without_restyling_nothing_changes(self) -> None:
        x = torch.rand(3, 3, 20, 20)
        self.assertTrue(torch.equal(x, augment.restyle(x.clone(), [augment.style_of(x)], 0.0)))

    def test_blur_keeps_an_even_image_even(self) -> None:
        x = torch.full((2, 3, 20, 20), 0.4)
        self.assertLess((augment.blur(x, 2.0) - x).abs().max().item(), 1e-5)

    def test_white_balance_brings_the_95th_percentile_of_every_channel_to_235(self) -> None:
        image = np.random.default_rng(0).integers(40, 180, (50, 60, 3)).astype(np.uint8)
        balanced = white_balance(image)
        for c in range(3):
            self.assertAlmostEqual(235, np.percentile(balanced[..., c], 95), delta=3)


class Stain(unittest.TestCase):
    """A drawn field whose red cells have a known colour."""

    def field(self, value: tuple[int, int, int]) -> tuple[Image.Image, np.ndarray]:
        image = Image.new("RGB", (120, 60), (235, 235, 235))
        ImageDraw.Draw(image).ellipse([10, 10, 50, 50], fill=value)
        half = 20 * BOX_MARGIN
        return image, np.array([[30 - half, 30 - half, 30 + half, 30 + half]], np.float32)

    def test_the_colour_of_a_red_cell_is_read_from_its_ring(self) -> None:
        image, boxes = self.field((180, 150, 190))
        np.testing.assert_allclose(stain.red_cells(image, boxes)[0], -np.log(np.array([180, 150, 190]) / 235), atol=0.01)

    def test_half_of_a_foreign_hue_goes_and_the_background_stays_white(self) -> None:
        home = np.log(np.array(STAIN_HOME))
        for value in ((180, 150, 190), (200, 180, 200), (150, 150, 160)):
            image, boxes = self.field(value)
            red = stain.red_cells(image, boxes)[0]
            mapped = stain.mapped(np.asarray(image), red)
            off, left = (np.log(d) - home for d in (red, -np.log(mapped[30, 30] / 235)))
            np.testing.assert_allclose(left - left.mean(), STAIN_WAY * (off - off.mean()), atol=0.03)
            self.assertEqual([235, 235, 235], mapped[0, 0].tolist())

    def test_more_stain_of_the_same_hue_stays_as_it_is(self) -> None:
        np.testing.assert_allclose(stain.gains(1.6 * np.array(STAIN_HOME)), 1.0)

    def test_a_colour_far_off_is_changed_by_the_limits_at_most(self) -> None:
        low, high = STAIN_LIMITS
        np.testing.assert_allclose(stain.gains(np.array([0.001, 9.0, 9.0]))[0], (high / low) ** (STAIN_WAY * 2 / 3))

    def test_training_and_program_map_alike(self) -> None:
        pixels = np.random.default_rng(0).integers(20, 256, (1, 8, 8, 3)).astype(np.uint8)
        red = np.array([0.3, 0.5, 0.25])
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        y = homed(x, torch.from_numpy(stain.gains(red)).float()[None]) * 255
        self.assertLess((y.permute(0, 2, 3, 1) - torch.from_numpy(stain.mapped(pixels, red)).float()).abs().max().item(), 0.51)


def some_distance(twin: QuantClassifier, x: torch.Tensor) -> Distance:
    """Fitted to two groups of crops."""
    features = features_of(twin.convs, x)
    return fitted([features[::2], features[1::2]])


class Distances(unittest.TestCase):
    def test_the_file_gives_the_distance_that_its_features_have(self) -> None:
        torch.manual_seed(0)
        x = torch.rand(8, 3, CLASSIFIER_SIZE, CLASSIFIER_SIZE)
        twin = QuantClassifier(Classifier(len(CLASSES)).eval(), x)
        distance = some_distance(twin, x)
        file = Onnx(cells_onnx(twin, CLASSIFIER_SIZE, distance).SerializeToString())
        other = torch.rand(3, 3, CLASSIFIER_SIZE, CLASSIFIER_SIZE) * 0.5
        np.testing.assert_allclose(file.also(other, "distance").numpy()[:, 0], distance.of(features_of(twin.convs, other)), rtol=0.01)

    def test_cells_like_none_that_were_learned_from_lie_further(self) -> None:
        rng = np.random.default_rng(0)
        groups = [rng.normal(middle, 1, (200, 12)) for middle in (0.0, 5.0)]
        distance = fitted(groups)
        self.assertAlmostEqual(1.0, float(np.median(distance.of(rng.normal(0, 1, (500, 12))))), delta=0.1)
        self.assertGreater(float(np.median(distance.of(rng.normal(2.5, 1, (500, 12))))), 1.3)

    def test_probabilities_are_tempered_by_how_far_the_sample_lies_and_never_sharpened(self) -> None:
        self.assertEqual([1.0, 1.0, 1.0, 4.0], [temper(d, 1.0, 1.2, 4.0) for d in (0.5, 1.0, 1.2, 9.0)])
        self.assertAlmostEqual(np.e, temper(1.45, 1.0, 1.2, 4.0), places=6)

    def test_the_two_numbers_are_found_that_samples_were_made_by(self) -> None:
        rng = np.random.default_rng(0)
        samples = []
        for far in (1.0, 1.1, 1.2, 1.3, 1.4):
            z = rng.normal(0, 2, (4000, 3))
            truth = [rng.choice(3, p=p) for p in softmax(z, 1.0)]
            samples.append((Sample(z * temper(far, 1.0, 1.1, 3.0), np.eye(3)[truth] > 0, far, 1.0), 1.0))
        begins, rate = calibrated(samples)
        self.assertAlmostEqual(begins, 1.1, delta=0.06)
        self.assertAlmostEqual(rate, 3.0, delta=0.6)


class Start(unittest.TestCase):
    def test_a_network_read_back_from_its_integers_answers_as_they_do_and_its_statistics_are_those_of_training(self) -> None:
        torch.manual_seed(0)
        x = torch.rand(24, 3, CLASSIFIER_SIZE, CLASSIFIER_SIZE)
        twin = QuantClassifier(Classifier(len(CLASSES)).eval(), x)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "cells.onnx"
            path.write_bytes(cells_onnx(twin, CLASSIFIER_SIZE, some_distance(twin, x)).SerializeToString())
            net = start.classifier(path, CLASSES, x)
        with torch.no_grad():
            wanted, got, trained = twin(x), net(x), net.train()(x)
        self.assertLess((got - wanted).abs().mean().item(), 0.1 * wanted.std().item())
        # Dropout apart, a batch that is all the images is normalised as in evaluation.
        self.assertLess((trained.mean(0) - got.mean(0)).abs().max().item(), 0.3 * wanted.std().item())


class Interrupted(unittest.TestCase):
    def test_a_training_stopped_after_an_epoch_ends_in_the_same_weights(self) -> None:
        rng = np.random.default_rng(0)
        pools = [Pool("pbc", label, rng.integers(0, 256, (3, 5, CACHE, CACHE, 3)).astype(np.uint8), np.full((3, 3), 1.2), 1.0)
                 for label in ("NGS", "LYT")]
        recipe = replace(RECIPE, epochs=3, crops=64)

        def trained(unfinished: Path | None) -> dict[str, torch.Tensor]:
            torch.manual_seed(1)
            return fit(Classifier(len(CLASSES)), pools, recipe, 5, "test", unfinished).state_dict()

        class Stopped(Exception):
            pass

        def stop_after_the_first(self: Checkpoint, epochs: int, save: Callable = Checkpoint.save) -> None:
            save(self, epochs)
            raise Stopped

        with tempfile.TemporaryDirectory() as folder:
            unfinished = Path(folder) / "unfinished.pt"
            with mock.patch.object(Checkpoint, "save", stop_after_the_first), self.assertRaises(Stopped):
                trained(unfinished)
            at_once, later = trained(None), trained(unfinished)
        for name, value in at_once.items():
            self.assertTrue(torch.equal(value, later[name]), name)


class Boxes(unittest.TestCase):
    def test_overlap_of_boxes_is_the_shared_area_over_the_joined(self) -> None:
        a = np.array([[0, 0, 2, 2]], float)
        b = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]], float)
        np.testing.assert_allclose(iou(a, b), [[1.0, 1 / 3, 0.0]])

    def test_suppression_keeps_the_best_of_those_that_overlap(self) -> None:
        boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30]], float)
        self.assertEqual([1, 2], greedy_nms(boxes, np.array([0.5, 0.9, 0.7]), 0.5).tolist())
        self.assertEqual([1, 2, 0], greedy_nms(boxes, np.array([0.5, 0.9, 0.7]), 0.9).tolist())

    def test_a_white_cell_hides_the_red_cell_under_it_and_not_the_other_way_round(self) -> None:
        boxes, kinds = np.array([[0, 0, 10, 10], [0, 0, 10, 10]], float), np.array([0, 1])
        self.assertEqual([0], suppress(boxes, kinds, np.array([0.9, 0.5]), [0.5] * 3).tolist())
        self.assertEqual([0, 1], sorted(suppress(boxes, kinds, np.array([0.5, 0.9]), [0.5] * 3).tolist()))

    def test_a_box_found_twice_is_one_hit_and_one_error(self) -> None:
        m, truth = Matches(), np.array([[0, 0, 10, 10], [50, 50, 60, 60]], float)
        m.add(truth, np.array([[0, 0, 10, 10], [0, 0, 10, 9]], float), np.array([0.9, 0.8]))
        np.testing.assert_allclose(m.at(0.5), (0.5, 0.5, 0.5))
        self.assertAlmostEqual(0.5, m.ap50())


class Figures(unittest.TestCase):
    def test_the_interval_of_a_share_is_the_exact_one(self) -> None:
        for k, n in ((0, 5), (5, 5), (3, 17), (90, 100)):
            f = metrics.share("", np.arange(n) < k)
            exact = binomtest(k, n).proportion_ci(method="exact")
            np.testing.assert_allclose((f.low, f.high), (exact.low, exact.high), atol=1e-9)

    def test_the_area_under_the_curve_is_the_share_of_pairs_in_order(self) -> None:
        rng = np.random.default_rng(0)
        positive, score = rng.random(60) < 0.4, rng.integers(0, 8, 60).astype(float)
        pairs = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
        self.assertAlmostEqual(np.mean(pairs), metrics.auc(positive, score))
        f = metrics.roc("", positive, score)
        self.assertTrue(f.low < f.value < f.high)

    def test_a_network_as_sure_as_it_is_right_has_no_calibration_error(self) -> None:
        right = np.tile([1.0, 1.0, 1.0, 0.0], 25)
        self.assertAlmostEqual(0.0, metrics.calibration_error(np.full(100, 0.75), right))
        self.assertAlmostEqual(0.25, metrics.calibration_error(np.full(100, 1.0), right))

    def test_balanced_accuracy_counts_a_rare_class_as_much_as_a_common_one(self) -> None:
        truth = np.array(["NGS"] * 98 + ["BAS"] * 2)
        self.assertAlmostEqual(0.5, metrics.balanced_accuracy(truth, truth == "NGS", ["NGS", "BAS"]))

    def test_precision_and_sensitivity_stand_beside_each_class(self) -> None:
        truth, answer = np.array(["NGS", "NGS", "NGB", "NGB"]), np.array(["NGS", "NGS", "NGS", "NGB"])
        rows = {r["class"]: r for r in metrics.class_table(truth, answer, ["NGS", "NGB"])}
        self.assertAlmostEqual(2 / 3, rows["NGS"]["precision"]["value"])
        self.assertAlmostEqual(0.5, rows["NGB"]["sensitivity"]["value"])


if __name__ == "__main__":
    unittest.main()
