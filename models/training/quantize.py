"""Both networks in int8, made from the trained float networks by calibration alone.

Scheme (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference"):
real = scale * (integer - zero point). Activations are u8; after a ReLU their zero point is 0, so that clamping at 0 is the
ReLU; before an addition, and after one without ReLU, they have one of their own. Weights are i8 in -127..127 with one scale a channel; the
bias is i32 in units of scale_in * scale_weight.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nets import Classifier, ConvBnRelu, Detector, Residual, Up, fold_conv_bn


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
    """One int8 convolution, 3x3 with padding 1 or 1x1: weight i8 [o,i,k,k], scales [o], bias i32 [o] in units of in * scales."""

    weight: np.ndarray
    scales: np.ndarray
    bias: np.ndarray
    stride: int
    out: Grid

    def run(self, x: Tensor, scale_in: float) -> Tensor:
        """What the integers give before their own rounding, in real numbers: [N,i,H,W] -> [N,o,H',W']."""
        weight = torch.from_numpy(self.weight).float() * torch.from_numpy(self.scales)[:, None, None, None]
        bias = torch.from_numpy(self.bias).float() * torch.from_numpy(self.scales) * scale_in
        return F.conv2d(x, weight, bias, self.stride, weight.shape[-1] // 2)

    def rounded(self, x: Tensor, scale_in: float, relu: bool = True) -> Tensor:
        """What the integers give: points of `out`."""
        y = self.run(x, scale_in)
        return self.out.round(torch.relu(y) if relu else y)


@dataclass
class QuantResidual:
    """relu(x + b(a(x))): `out` is the sum's grid."""

    a: QuantConv
    b: QuantConv
    out: Grid

    def rounded(self, x: Tensor, scale_in: float) -> Tensor:
        """What the integers give: points of `out`."""
        y = self.b.rounded(self.a.rounded(x, scale_in), self.a.out.scale, relu=False)
        return self.out.round(torch.relu(x + y))


@dataclass
class QuantUp:
    """mix(shuffle(expand(x)) + skip): `sum` is the sum's grid, without ReLU."""

    expand: QuantConv
    mix: QuantConv
    sum: Grid

    @property
    def out(self) -> Grid:
        """The grid of what comes out."""
        return self.mix.out

    def rounded(self, x: Tensor, scale_in: float, skip: Tensor) -> Tensor:
        """What the integers give: points of `out`."""
        wide = F.pixel_shuffle(self.expand.rounded(x, scale_in, relu=False), 2)
        return self.mix.rounded(self.sum.round(wide + skip), self.sum.scale)


class QuantClassifier(torch.nn.Module):
    """The integers of a classifier, run in float as the file runs them: [N,3,S,S] 0..1 -> logits [N,classes].

    images [M,3,S,S]: what the activations' grids are fitted to.
    """

    def __init__(self, net: Classifier, images: Tensor) -> None:
        super().__init__()
        with torch.no_grad():
            self.layers, real, x, _ = quantized_stack(net.convs, images, IMAGE.round(images), IMAGE)
            self.weight, self.bias = net.linear.weight.detach().clone(), net.linear.bias.detach().clone()
            # What rounding moved the features by on average is taken back in the last bias.
            self.bias += self.weight @ (real.mean((2, 3)) - x.mean((2, 3))).mean(0)

    def convs(self, images: Tensor) -> Tensor:
        """The last map, [N,3,S,S] -> [N,features,h,w]."""
        return run_stack(self.layers, IMAGE.round(images), IMAGE)[0]

    def forward(self, images: Tensor) -> Tensor:
        return F.linear(self.convs(images).mean((2, 3)), self.weight, self.bias)


class QuantDetector(torch.nn.Module):
    """The integers of a detector, run in float as the file runs them: [N,3,H,W] 0..1 -> what DetectorForExport gives,
    [N,7,H/4,W/4]. The last 1x1 convolution is float, from the features' integers.

    images [M,3,S,S]: what the activations' grids are fitted to.
    """

    def __init__(self, net: Detector, images: Tensor) -> None:
        super().__init__()
        with torch.no_grad():
            net = equalized(net, images)
            self.s4, real_a, a, grid_a = quantized_stack(net.s4, images, IMAGE.round(images), IMAGE, WHOLE)
            self.s8, real_b, b, grid_b = quantized_stack(net.s8, real_a, a, grid_a, WHOLE)
            self.s16, real, x, grid = quantized_stack(net.s16, real_b, b, grid_b, WHOLE)
            self.up8, real, x = quantized_up(net.up8, real, x, grid, real_b, b)
            self.up4, real, x = quantized_up(net.up4, real, x, self.up8.out, real_a, a)
            self.head, real, x = quantized(net.head, real, x, self.up4.out, shares=WHOLE)
            self.weight, self.bias = net.out.weight.detach().clone(), net.out.bias.detach().clone()
            # What rounding moved the features by on average is taken back in the last bias.
            self.bias += self.weight[:, :, 0, 0] @ (real - x).mean((0, 2, 3))

    def forward(self, images: Tensor) -> Tensor:
        a, grid_a = run_stack(self.s4, IMAGE.round(images), IMAGE)
        b, grid_b = run_stack(self.s8, a, grid_a)
        x, grid = run_stack(self.s16, b, grid_b)
        x = self.up8.rounded(x, grid.scale, b)
        x = self.up4.rounded(x, self.up8.out.scale, a)
        y = F.conv2d(self.head.rounded(x, self.up4.out.scale), self.weight, self.bias)
        return torch.cat([torch.sigmoid(y[:, :3]), y[:, 3:]], 1)


Stack = list[QuantConv | QuantResidual]
CLIPPED = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Parts of the range a grid may be fitted to, clipping the rest."""
WHOLE = (1.0,)
"""The detector's: its rare strongest activations are its smallest cells."""


def run_stack(layers: Stack, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
    """What the integers give after all `layers`, and its grid."""
    for layer in layers:
        x, grid = layer.rounded(x, grid.scale), layer.out
    return x, grid


def shared_channels(net: Detector) -> list[tuple[list[torch.nn.Module], list[torch.nn.Module]]]:
    """Every set of layers whose outputs' channels meet in sums, with all the layers that take those in."""
    s4, s8, s16 = net.s4, net.s8, net.s16
    residuals = [m for m in (*s8, *s16) if isinstance(m, Residual)]
    return [([s4[0]], [s4[1]]), ([s4[1]], [s4[2]]),
            ([s4[2], net.up4.expand], [s8[0], net.up4.mix]),
            ([s8[0], s8[1].b, net.up8.expand], [s8[1].a, s16[0], net.up8.mix]),
            ([s16[0], *(m.b for m in s16[1:])], [*(m.a for m in s16[1:]), net.up8.expand]),
            *(([m.a], [m.b]) for m in residuals),
            ([net.up8.mix], [net.up4.expand]), ([net.up4.mix], [net.head]), ([net.head], [net.out])]


def equalized(net: Detector, images: Tensor) -> Detector:
    """The same function with the ranges of each activation's channels brought together, so that one grid fits them all.

    A channel that reaches a share r of the widest one's range is multiplied by 1 / sqrt(r), which ReLU and sums let through, and
    the weights that take it in by sqrt(r): those have a scale for each output channel and lose less (Nagel et al. 2019, section
    4.1, by the activations' ranges, and half of the way in logarithms as in SmoothQuant, Xiao et al. 2023).
    """
    def conv_of(layer: torch.nn.Module) -> torch.nn.Conv2d:
        return layer if isinstance(layer, torch.nn.Conv2d) else layer[0]

    net = copy.deepcopy(net).eval()
    groups = shared_channels(net)
    ranges: dict[torch.nn.Module, Tensor] = {}
    hooks = [conv_of(taker).register_forward_pre_hook(lambda m, x: ranges.update({m: x[0].abs().amax((0, 2, 3))}))
             for _, takers in groups for taker in takers]
    net(images)
    for hook in hooks:
        hook.remove()
    for givers, takers in groups:
        widest = torch.stack([ranges[conv_of(taker)] for taker in takers]).amax(0)
        factor = (widest / widest.max()).clamp(min=0.01).sqrt()
        for taker in takers:
            conv_of(taker).weight *= factor[None, :, None, None]
        for giver in givers:
            if isinstance(giver, torch.nn.Conv2d):  # Before a pixel shuffle: four numbers of each channel.
                each = factor.repeat_interleave(4)
                giver.weight /= each[:, None, None, None]
                giver.bias /= each
            else:
                giver[1].weight /= factor
                giver[1].bias /= factor
    return net


def quantized_stack(layers: torch.nn.Sequential, real: Tensor, x: Tensor, grid: Grid, shares: tuple[float, ...] = CLIPPED,
                    ) -> tuple[Stack, Tensor, Tensor, Grid]:
    """Convolutions and residual blocks as integers, their output as float computes it from `real` and as integers do from `x`, and
    its grid."""
    done: Stack = []
    for layer in layers:
        if isinstance(layer, Residual):
            a, real_a, xa = quantized(layer.a, real, x, grid, shares=shares)
            b, real_b, xb = quantized(layer.b, real_a, xa, a.out, False, shares)
            real, total = torch.relu(real + real_b), torch.relu(x + xb)
            done.append(QuantResidual(a, b, grid_for(total, True, shares)))
            x = done[-1].out.round(total)
        else:
            conv, real, x = quantized(layer, real, x, grid, shares=shares)
            done.append(conv)
        grid = done[-1].out
    return done, real, x, grid


def quantized_up(layer: Up, real: Tensor, x: Tensor, grid: Grid, real_skip: Tensor, skip: Tensor) -> tuple[QuantUp, Tensor, Tensor]:
    """A doubling of the resolution as integers, and its output as `quantized` gives it."""
    expand, real, x = quantized(layer.expand, real, x, grid, False, WHOLE)
    real, total = F.pixel_shuffle(real, 2) + real_skip, F.pixel_shuffle(x, 2) + skip
    grid = grid_for(total, False, WHOLE)
    mix, real, x = quantized(layer.mix, real, grid.round(total), grid, shares=WHOLE)
    return QuantUp(expand, mix, grid), real, x


def quantized(layer: torch.nn.Sequential | torch.nn.Conv2d, real: Tensor, x: Tensor, grid: Grid, relu: bool = True,
              shares: tuple[float, ...] = CLIPPED) -> tuple[QuantConv, Tensor, Tensor]:
    """A convolution with its normalisation, if any, as integers; its output as float computes it from `real` and as integers do from
    `x`.

    The bias takes back what rounding moves each channel by on average (Nagel et al. 2019, "Data-Free Quantization Through
    Weight Equalization and Bias Correction", section 4.2, measured on images).
    """
    assert isinstance(layer, ConvBnRelu) or not relu
    if isinstance(layer, torch.nn.Conv2d):
        weight, bias, stride = layer.weight, layer.bias, layer.stride[0]
    else:
        weight, bias = fold_conv_bn(layer[0], layer[1])
        stride = layer[0].stride[0]
    padding = weight.shape[-1] // 2
    scales = weight.abs().amax((1, 2, 3)).clamp(min=1e-8) / 127
    integers = (weight / scales[:, None, None, None]).round().clamp(-127, 127)
    wanted = F.conv2d(real, weight, bias, stride, padding)
    got = F.conv2d(x, integers * scales[:, None, None, None], bias, stride, padding)
    bias = bias + (wanted - got).mean((0, 2, 3))
    unit = scales * grid.scale
    conv = QuantConv(integers.to(torch.int8).numpy(), scales.float().numpy(), (bias / unit).round().to(torch.int32).numpy(),
                     stride, Grid(1.0, 0))
    y = conv.run(x, grid.scale)
    if relu:
        wanted, y = torch.relu(wanted), torch.relu(y)
    conv.out = grid_for(y, relu, shares)
    return conv, wanted, conv.out.round(y)


def grid_for(y: Tensor, relu: bool, shares: tuple[float, ...]) -> Grid:
    """The grid with the least squared rounding error over the activations `y`, of those that hold a part of their range."""
    sample = y.flatten()[:: max(1, y.numel() // 1_000_000)]
    low, high = (0.0 if relu else float(y.min())), float(y.max())
    best, least = Grid(1.0, 0), float("inf")
    for share in shares:
        scale = max(high - low, 1e-6) * share / 255
        grid = Grid(float(np.float32(scale)), round(-low * share / scale))
        error = float((grid.round(sample) - sample).square().mean())
        if error < least:
            best, least = grid, error
    return best
