"""Networks to go on from: the float twins of installed files, from their integers.

A training from nothing takes days on a small machine. What comes back from integers differs from the float weights they were made
from by their rounding, which the next training takes out again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from nets import Classifier, ConvBnRelu, Detector, Residual
from settings import CLASSES, GROUPS


class Integers:
    """The convolutions of a file, by name, in real numbers: weight [o,i,k,k] and bias [o]."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path).graph
        self.values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self.convs: dict[str, tuple[Tensor, Tensor]] = {}
        for node in graph.node:
            if node.op_type == "QLinearConv":
                _, x_scale, _, weight, scale, _, _, _, bias = (self.values.get(name) for name in node.input)
                real = weight.astype(np.float32) * scale[:, None, None, None]
                self.convs[node.name] = torch.from_numpy(real), torch.from_numpy(bias.astype(np.float32) * x_scale * scale)

    def into(self, layer: ConvBnRelu | nn.Sequential, name: str) -> None:
        """Fills a convolution and its normalisation, which then changes nothing but adds the bias."""
        weight, bias = self.convs[name]
        conv, norm = layer[0], layer[1]
        conv.weight.copy_(weight)
        norm.running_mean.zero_()
        norm.running_var.fill_(1.0 - norm.eps)
        norm.weight.fill_(1.0)
        norm.bias.copy_(bias)

    def into_stack(self, layers: nn.Sequential, prefix: str) -> None:
        """Fills convolutions and residual blocks, numbered."""
        for k, layer in enumerate(layers, 1):
            if isinstance(layer, Residual):
                self.into(layer.a, f"{prefix}r{k}a")
                self.into(layer.b, f"{prefix}r{k}b")
            else:
                self.into(layer, f"{prefix}c{k}")

    def linear(self, name: str) -> tuple[Tensor, Tensor]:
        """Weight and bias of a float 1x1 convolution."""
        return torch.from_numpy(self.values[f"{name}_w"].copy())[..., 0, 0], torch.from_numpy(self.values[f"{name}_b"].copy())


def classifier(path: Path, classes: list[str], images: Tensor) -> Classifier:
    """The classifier of a file with these `classes`. BLA, which older files lack, begins as the mean of the other blasts. images [N,3,S,S]:
    what the normalisations' statistics are taken from."""
    file, net = Integers(path), Classifier(len(CLASSES)).eval()
    with torch.no_grad():
        file.into_stack(net.convs, "")
        weight, bias = file.linear("linear")
        for k, name in enumerate(CLASSES):
            like = [name] if name in classes else [c for c in GROUPS["BLA"] if c in classes]
            rows = [classes.index(c) for c in like]
            net.linear.weight[k], net.linear.bias[k] = weight[rows].mean(0), bias[rows].mean()
    return with_statistics(net, images)


def detector(path: Path, images: Tensor) -> Detector:
    """The detector of a file. images [N,3,H,W]: what the normalisations' statistics are taken from."""
    file, net = Integers(path), Detector().eval()
    with torch.no_grad():
        for name in ("s4", "s8", "s16"):
            file.into_stack(getattr(net, name), name)
        for name in ("up8", "up4"):
            up = getattr(net, name)
            weight, bias = file.convs[f"{name}_wide"]
            order = torch.arange(len(bias)).reshape(-1, 4).T.ravel()  # See Writer.up.
            up.expand.weight[order], up.expand.bias[order] = weight, bias
            file.into(up.mix, name)
        file.into(net.head, "head")
        for name, rows in (("heat", slice(0, 3)), ("boxes", slice(3, 7))):
            weight, bias = file.linear(name)
            net.out.weight[rows], net.out.bias[rows] = weight[..., None, None], bias
    return with_statistics(net, images)


def with_statistics(net: nn.Module, images: Tensor) -> nn.Module:
    """The same function with normalisations that normalise: each takes the mean and spread of what it sees of `images`, and undoes
    them in its weight and bias. In training they then do what they do here."""
    seen: dict[nn.BatchNorm2d, tuple[Tensor, Tensor]] = {}

    def look(norm: nn.BatchNorm2d, x: tuple[Tensor]) -> None:
        seen[norm] = x[0].mean((0, 2, 3)), x[0].var((0, 2, 3))

    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    hooks = [m.register_forward_pre_hook(look) for m in norms]
    with torch.no_grad():
        net(images)
        for hook in hooks:
            hook.remove()
        for norm, (mean, variance) in seen.items():
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_(torch.sqrt(variance + norm.eps))
            norm.bias.add_(mean)
    return net
