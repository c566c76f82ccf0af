"""The detector in integers: the same function before rounding, and nearly the same after."""

from __future__ import annotations

import unittest

import torch

from export import detector_onnx
from inference import Onnx
from nets import ConvBnRelu, Detector, DetectorForExport
from quantize import QuantDetector, equalized, shared_channels


class QuantizedDetector(unittest.TestCase):
    """A detector nobody trained, its normalisation shaken so that channels differ in range."""

    @classmethod
    def setUpClass(cls) -> None:
        torch.manual_seed(3)
        cls.net = Detector(8, 12, 20).eval()
        with torch.no_grad():
            for m in cls.net.modules():
                if isinstance(m, torch.nn.BatchNorm2d):
                    m.weight.mul_(torch.rand_like(m.weight) * 3 + 0.05)
                    m.bias.uniform_(-0.3, 0.3)
                    m.running_var.uniform_(0.3, 0.8)
        cls.images = torch.rand(6, 3, 64, 64)
        cls.int8 = QuantDetector(cls.net, cls.images)

    def test_every_convolution_but_the_first_input_is_equalized_once(self) -> None:
        groups = shared_channels(self.net)
        taken = [id(m) for _, takers in groups for m in takers]
        given = [id(m) for givers, _ in groups for m in givers]
        self.assertEqual(len(taken), len(set(taken)))
        self.assertEqual(len(given), len(set(given)))
        convs = sum(isinstance(m, torch.nn.Conv2d) for m in self.net.modules())
        self.assertEqual((convs - 1, convs - 1), (len(taken), len(given)))

    def test_equalizing_changes_no_answer_and_brings_ranges_together(self) -> None:
        def spread(net: Detector) -> float:
            seen: list[float] = []

            def look(_m: torch.nn.Module, _x: object, y: torch.Tensor) -> None:
                top = y.amax((0, 2, 3))
                seen.append((top.max() / top[top > 0].median()).item())

            hooks = [m.register_forward_hook(look) for m in net.modules() if isinstance(m, ConvBnRelu)]
            net(self.images)
            for hook in hooks:
                hook.remove()
            return sum(seen) / len(seen)

        with torch.no_grad():
            net = equalized(self.net, self.images)
            difference = (net(self.images) - self.net(self.images)).abs().max()
            self.assertLess(difference, 1e-3 * self.net(self.images).abs().max())
            self.assertLess(spread(net), spread(self.net))

    def test_the_file_gives_what_the_integers_give_at_any_size(self) -> None:
        file = Onnx(detector_onnx(self.int8).SerializeToString())
        for height, width in ((64, 64), (48, 80), (16, 32)):
            image = torch.randint(0, 256, (1, 3, height, width)).float() / 255
            with torch.no_grad():
                wanted = self.int8(image)
            self.assertEqual((1, 7, height // 4, width // 4), wanted.shape)
            # onnxruntime rounds sums in another form: a byte may differ by one here and there.
            self.assertLess((file(image) - wanted).abs().mean(), 0.01 * wanted.std())

    def test_the_integers_are_near_the_floats(self) -> None:
        with torch.no_grad():
            wanted = DetectorForExport(self.net)(self.images)
            off = (self.int8(self.images) - wanted).abs().mean((0, 2, 3))
            self.assertTrue((off < 0.15 * wanted.std((0, 2, 3)) + 1e-3).all(), (off, wanted.std((0, 2, 3))))

    def test_the_same_network_and_images_give_the_same_file(self) -> None:
        again = detector_onnx(QuantDetector(self.net, self.images)).SerializeToString()
        self.assertEqual(detector_onnx(self.int8).SerializeToString(), again)


if __name__ == "__main__":
    unittest.main()
