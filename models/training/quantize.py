"""The classifier in int8: simulated in float for fine-tuning, and as the integers that go into the file.

Scheme (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference"):
real = scale * integer. Activations are u8 with zero point 0, so clamping at 0 is the ReLU; weights are i8 in -127..127 with
one scale a layer; the bias is i32 in units of scale_in * scale_weight.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export import QuantConv
from nets import Classifier, fold_conv_bn


def rounded(x: Tensor) -> Tensor:
    """Rounds; the gradient passes as if it did not (straight-through estimator, Bengio et al. 2013)."""
    return x + (x.round() - x).detach()


class QuantClassifier(nn.Module):
    """A folded classifier whose weights, biases and activations are rounded as the int8 file rounds them.

    input [N,3,S,S] 0..1; output logits [N,classes]. `scale_out` [layers] are the activations' scales.
    """

    def __init__(self, net: Classifier) -> None:
        super().__init__()
        folded = [fold_conv_bn(layer[0], layer[1]) for layer in net.convs]
        self.weights = nn.ParameterList(w.detach().clone() for w, _ in folded)
        self.biases = nn.ParameterList(b.detach().clone() for _, b in folded)
        self.strides = [layer[0].stride[0] for layer in net.convs]
        self.linear = nn.Linear(net.linear.in_features, net.linear.out_features)
        self.linear.load_state_dict(net.linear.state_dict())
        self.register_buffer("scale_out", torch.ones(len(folded)))

    def layer(self, k: int, x: Tensor, scale_in: Tensor | float) -> Tensor:
        """Layer k before its own rounding: [N,i,H,W] -> [N,o,H',W'], weights and bias on their grids."""
        w = self.weights[k]
        scale = w.detach().abs().max() / 127
        weight = rounded(w / scale) * scale
        unit = scale * scale_in
        bias = rounded(self.biases[k] / unit) * unit
        return F.conv2d(x, weight, bias, self.strides[k], 1)

    def forward(self, x: Tensor) -> Tensor:
        x = (x * 255).round().clamp(0, 255) / 255
        scale: Tensor | float = 1 / 255
        for k in range(len(self.weights)):
            x = self.layer(k, x, scale)
            scale = self.scale_out[k]
            # The clamp comes first: beyond it the gradient is nil.
            x = rounded((x / scale).clamp(0, 255)) * scale
        return self.linear(x.mean((2, 3)))

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Sets every activation's scale to the one with the least squared rounding error over the images [N,3,S,S]."""
        x = (x * 255).round().clamp(0, 255) / 255
        scale: Tensor | float = 1 / 255
        for k in range(len(self.weights)):
            y = self.layer(k, x, scale).clamp(min=0)
            sample = y.flatten()[:: max(1, y.numel() // 400_000)]
            top = y.max() / 255
            grid = [top * f for f in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)]
            errors = [((sample / s).round().clamp(0, 255) * s - sample).square().mean() for s in grid]
            scale = self.scale_out[k] = grid[int(torch.stack(errors).argmin())]
            x = (y / scale).round().clamp(0, 255) * scale

    @torch.no_grad()
    def integers(self) -> list[QuantConv]:
        """The layers as integers and scales."""
        layers = []
        scale_in = 1 / 255
        for k, w in enumerate(self.weights):
            scale = float(w.abs().max()) / 127
            weight = (w / scale).round().clamp(-127, 127).to(torch.int8).numpy()
            bias = (self.biases[k] / (scale * scale_in)).round().to(torch.int32).numpy()
            scale_out = float(self.scale_out[k])
            layers.append(QuantConv(weight, bias, scale, scale_out, self.strides[k]))
            scale_in = scale_out
        return layers
