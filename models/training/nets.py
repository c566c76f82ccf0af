"""The networks.

All are made of 3x3 convolutions, batch normalisation, ReLU and shortcuts: the shapes an ARM core runs fastest, and the ones the
program runs in int8.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

STRIDE = 4
"""Input pixels a cell of the detector's output grid covers."""


class ConvBnRelu(nn.Sequential):
    """3x3 convolution (zero padding 1), batch normalisation, ReLU: [N,i,H,W] -> [N,o,H/stride,W/stride]."""

    def __init__(self, i: int, o: int, stride: int = 1) -> None:
        super().__init__(nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2016): [N,c,H,W] -> the same."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.a = ConvBnRelu(c, c)
        self.b = nn.Sequential(nn.Conv2d(c, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.b(self.a(x)))


class Up(nn.Module):
    """Doubles the resolution by 1x1 convolution and pixel shuffle, then adds the encoder's features.

    [N,i,H,W], [N,o,2H,2W] -> [N,o,2H,2W]
    """

    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(i, 4 * o, 1)
        self.shuffle = nn.PixelShuffle(2)
        self.mix = ConvBnRelu(o, o)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.mix(self.shuffle(self.expand(x)) + skip)


class Detector(nn.Module):
    """CenterNet-like detector (Zhou et al. 2019, "Objects as Points") with one box head for all kinds.

    input [N,3,H,W] RGB 0..1, H and W multiples of 16; output [N,7,H/4,W/4]: heat of WBC, RBC, PLT (logits while
    training, probabilities when exported), dx, dy in grid cells from the cell's middle, ln w, ln h in input pixels.
    """

    SIZE_MULTIPLE = 16

    def __init__(self, c4: int = 32, c8: int = 64, c16: int = 96) -> None:
        super().__init__()
        self.s4 = nn.Sequential(ConvBnRelu(3, 16, 2), ConvBnRelu(16, c4, 2), ConvBnRelu(c4, c4))
        self.s8 = nn.Sequential(ConvBnRelu(c4, c8, 2), Residual(c8))
        self.s16 = nn.Sequential(ConvBnRelu(c8, c16, 2), Residual(c16), Residual(c16), Residual(c16))
        self.up8 = Up(c16, c8)
        self.up4 = Up(c8, c4)
        self.head = ConvBnRelu(c4, 2 * c4)
        self.out = nn.Conv2d(2 * c4, 7, 1)
        with torch.no_grad():
            # Rare positives: start every heat at 0.01 (Lin et al. 2017, "Focal Loss", section 4.1) and every box at 32 px.
            self.out.bias[:3] = math.log(0.01 / 0.99)
            self.out.bias[3:5] = 0.0
            self.out.bias[5:] = math.log(32.0)

    def forward(self, x: Tensor) -> Tensor:
        a = self.s4(x)
        b = self.s8(a)
        c = self.s16(b)
        return self.out(self.head(self.up4(self.up8(c, b), a)))


class DetectorForExport(nn.Module):
    """The detector with the sigmoid on its heat, as the program reads it."""

    def __init__(self, net: Detector) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        y = self.net(x)
        return torch.cat([torch.sigmoid(y[:, :3]), y[:, 3:]], 1)


class Classifier(nn.Module):
    """Residual stack, then one linear layer at every place of the last map, their mean: [N,3,S,S] RGB 0..1 -> logits
    [N,classes]. `evidence` gives the logits of every place."""

    STEM = 32
    STAGES: tuple[tuple[int, int], ...] = ((48, 1), (96, 2), (160, 1))
    """(channels, residual blocks) of every stage; each begins by halving the map."""

    def __init__(self, classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvBnRelu(3, self.STEM, 2)]
        i = self.STEM
        for o, blocks in self.STAGES:
            layers += [ConvBnRelu(i, o, 2), *(Residual(o) for _ in range(blocks))]
            i = o
        self.convs = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(i, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.dropout(self.convs(x).mean((2, 3))))

    def evidence(self, x: Tensor) -> Tensor:
        """[N,3,S,S] -> [N,classes,S/16,S/16]; its mean over the places is the logits."""
        return torch.einsum("nchw,kc->nkhw", self.convs(x), self.linear.weight) + self.linear.bias[:, None, None]


class RedCellClassifier(Classifier):
    """The same, small, for crops of red cells, of which a field has a hundred: [N,3,64,64] RGB 0..1 -> logits [N,types]."""

    STEM = 16
    STAGES = ((32, 1), (64, 1))


def fold_conv_bn(conv: nn.Conv2d, bn: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weights [o,i,3,3] and bias [o] of one convolution that does what convolution and batch normalisation do."""
    scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    return conv.weight * scale[:, None, None, None], bn.bias - bn.running_mean * scale


def multiply_adds(net: nn.Module, x: Tensor) -> int:
    """Multiply-adds of the convolutions and linear layers for the input `x`."""
    total = 0

    def count(m: nn.Module, _i: tuple[Tensor, ...], y: Tensor) -> None:
        nonlocal total
        if isinstance(m, nn.Conv2d):
            total += y.numel() * m.in_channels * m.kernel_size[0] * m.kernel_size[1]
        elif isinstance(m, nn.Linear):
            total += y.numel() * m.in_features

    hooks = [m.register_forward_hook(count) for m in net.modules()]
    with torch.no_grad():
        net(x)
    for hook in hooks:
        hook.remove()
    return total
