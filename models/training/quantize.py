"""The classifier in int8, made from the trained float network by calibration alone.

Scheme (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference"):
real = scale * (integer - zero point). Activations are u8; after a ReLU their zero point is 0, so that clamping at 0 is the
ReLU; before a shortcut's addition they have one of their own. Weights are i8 in -127..127 with one scale a channel; the
bias is i32 in units of scale_in * scale_weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nets import Classifier, ConvBnRelu, Residual, fold_conv_bn


@dataclass
class Grid:
    """Where an activation may lie: scale * (0..255 - zero)."""

    scale: float
    zero: int

    def round(self, x: Tensor) -> Tensor:
        """The nearest points of the grid."""
        return ((x / self.scale).round() + self.zero).clamp(0, 255).sub(self.zero) * self.scale


IMAGE = Grid(1 / 255, 0)


@dataclass
class QuantConv:
    """One int8 convolution 3x3, padding 1: weight i8 [o,i,3,3], scales [o], bias i32 [o] in units of in * scales."""

    weight: np.ndarray
    scales: np.ndarray
    bias: np.ndarray
    stride: int
    out: Grid

    def run(self, x: Tensor, scale_in: float) -> Tensor:
        """What the integers give before their own rounding, in real numbers: [N,i,H,W] -> [N,o,H',W']."""
        weight = torch.from_numpy(self.weight).float() * torch.from_numpy(self.scales)[:, None, None, None]
        bias = torch.from_numpy(self.bias).float() * torch.from_numpy(self.scales) * scale_in
        return F.conv2d(x, weight, bias, self.stride, 1)


@dataclass
class QuantResidual:
    """relu(x + b(a(x))): `out` is the sum's grid."""

    a: QuantConv
    b: QuantConv
    out: Grid


class QuantClassifier(torch.nn.Module):
    """The integers of a classifier, run in float as the file runs them: [N,3,S,S] 0..1 -> logits [N,classes].

    images [M,3,S,S]: what the activations' grids are fitted to.
    """

    def __init__(self, net: Classifier, images: Tensor) -> None:
        super().__init__()
        self.layers: list[QuantConv | QuantResidual] = []
        with torch.no_grad():
            real, x, grid = images, IMAGE.round(images), IMAGE
            for layer in net.convs:
                if isinstance(layer, Residual):
                    a, real_a, xa = quantized(layer.a, real, x, grid)
                    b, real_b, xb = quantized(layer.b, real_a, xa, a.out, relu=False)
                    real, total = torch.relu(real + real_b), torch.relu(x + xb)
                    self.layers.append(QuantResidual(a, b, grid_for(total, relu=True)))
                    grid = self.layers[-1].out
                    x = grid.round(total)
                else:
                    conv, real, x = quantized(layer, real, x, grid)
                    grid = conv.out
                    self.layers.append(conv)
            self.weight, self.bias = net.linear.weight.detach().clone(), net.linear.bias.detach().clone()
            # What rounding moved the features by on average is taken back in the last bias.
            self.bias += self.weight @ (real.mean((2, 3)) - x.mean((2, 3))).mean(0)

    def forward(self, images: Tensor) -> Tensor:
        x, grid = IMAGE.round(images), IMAGE
        for layer in self.layers:
            if isinstance(layer, QuantResidual):
                y = layer.a.out.round(torch.relu(layer.a.run(x, grid.scale)))
                y = layer.b.out.round(layer.b.run(y, layer.a.out.scale))
                x = layer.out.round(torch.relu(x + y))
            else:
                x = layer.out.round(torch.relu(layer.run(x, grid.scale)))
            grid = layer.out
        return F.linear(x.mean((2, 3)), self.weight, self.bias)


def quantized(layer: torch.nn.Sequential, real: Tensor, x: Tensor, grid: Grid, relu: bool = True,
              ) -> tuple[QuantConv, Tensor, Tensor]:
    """A convolution with its normalisation as integers; its output as float computes it from `real` and as integers do from `x`.

    The bias takes back what rounding moves each channel by on average (Nagel et al. 2019, "Data-Free Quantization Through
    Weight Equalization and Bias Correction", section 4.2, measured on images).
    """
    assert isinstance(layer, ConvBnRelu) or not relu
    weight, bias = fold_conv_bn(layer[0], layer[1])
    stride = layer[0].stride[0]
    scales = weight.abs().amax((1, 2, 3)).clamp(min=1e-8) / 127
    integers = (weight / scales[:, None, None, None]).round().clamp(-127, 127)
    wanted = F.conv2d(real, weight, bias, stride, 1)
    got = F.conv2d(x, integers * scales[:, None, None, None], bias, stride, 1)
    bias = bias + (wanted - got).mean((0, 2, 3))
    unit = scales * grid.scale
    conv = QuantConv(integers.to(torch.int8).numpy(), scales.float().numpy(), (bias / unit).round().to(torch.int32).numpy(),
                     stride, Grid(1.0, 0))
    y = conv.run(x, grid.scale)
    if relu:
        wanted, y = torch.relu(wanted), torch.relu(y)
    conv.out = grid_for(y, relu)
    return conv, wanted, conv.out.round(y)


def grid_for(y: Tensor, relu: bool) -> Grid:
    """The grid with the least squared rounding error over the activations `y` (outliers may be clipped)."""
    sample = y.flatten()[:: max(1, y.numel() // 1_000_000)]
    low, high = (0.0 if relu else float(y.min())), float(y.max())
    best, least = Grid(1.0, 0), float("inf")
    for share in (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3):
        scale = max(high - low, 1e-6) * share / 255
        grid = Grid(float(np.float32(scale)), round(-low * share / scale))
        error = float((grid.round(sample) - sample).square().mean())
        if error < least:
            best, least = grid, error
    return best
