"""Augmentation of batches: stain, light, optics, compression. Everything draws from torch's generator (the seed)."""

from __future__ import annotations

import io
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor


def uniform(n: int, low: float, high: float, *shape: int) -> Tensor:
    """n numbers between low and high, shaped [n,*shape]."""
    return torch.empty(n, *shape).uniform_(low, high)


def some(n: int, share: float) -> Tensor:
    """A mask [n,1,1,1] true for about `share` of a batch."""
    return (torch.rand(n) < share)[:, None, None, None]


def stain_and_light(x: Tensor, strength: float = 1.0, gradient: float = 0.10, balance: float = 0.04,
                    channels: float = 0.12) -> Tensor:
    """Another stain, another light, on [N,3,H,W] 0..1, in optical density (Beer-Lambert: OD = -ln(I/I0)), where stains add
    and light is a summand.

    A random 3x3 mixing near the identity stands for other stains, a gain for their amount (`channels`: its spread from channel
    to channel), an exponent for the camera's curve; then a brightness gradient, a vignette and a wrong white balance.
    """
    n, _, h, w = x.shape
    curve = torch.exp(torch.randn(n, 1, 1) * 0.12 * strength)
    amount = torch.exp(torch.randn(n, 1, 1) * 0.18 * strength) * torch.exp(torch.randn(n, 3, 1) * channels * strength)
    mix = (torch.eye(3) + torch.randn(n, 3, 3) * 0.10 * strength) * amount * curve
    yy, xx = torch.linspace(-1, 1, h)[:, None].expand(h, w), torch.linspace(-1, 1, w).expand(h, w)
    shapes = torch.stack([xx, yy, -(xx**2 + yy**2), torch.ones(h, w)]).reshape(4, -1)
    slopes = uniform(n, -gradient, gradient, 3, 2)
    slopes = torch.where(torch.rand(n, 1, 1) < 0.6, slopes[:, :1], slopes)
    vignette = (uniform(n, 0, gradient, 1, 1) * (torch.rand(n, 1, 1) < 0.3)).expand(n, 3, 1)
    offset = math.log(0.92) * curve + torch.randn(n, 3, 1) * balance
    summands = torch.cat([slopes, vignette, offset], 2)
    # exp(summands - mix @ od): od without its constant, which joins the offset.
    summands[:, :, 3:] += mix.sum(2, keepdim=True) * -math.log(0.92)
    y = torch.empty_like(x)
    for part in torch.arange(n).split(8):  # A few images at a time stay in the processor's cache.
        density = x[part].clamp(0.02, 1.0).log_().reshape(len(part), 3, h * w)
        y[part] = torch.baddbmm(summands[part] @ shapes, mix[part], density).exp_().clamp_(0.0, 1.0).reshape(len(part), 3, h, w)
    return y


def density(x: Tensor) -> Tensor:
    """Optical density of [...,3,H,W] 0..1, 0..3.9."""
    return -torch.log(x.clamp(0.02, 1.0))


def style_of(x: Tensor) -> Tensor:
    """Mean and spread of each channel's optical density, [N,3,H,W] 0..1 -> [N,2,3]."""
    od = density(x)
    return torch.stack([od.mean((2, 3)), od.std((2, 3)) + 1e-3], 1)


def restyle(x: Tensor, styles: list[Tensor], share: float) -> Tensor:
    """Brings a part of [N,3,H,W] 0..1 some of the way to the stain and light of another laboratory's cell: to its mean and spread
    of optical density, by channel (Reinhard et al. 2001, "Color Transfer between Images", there in another colour space).

    styles: for every laboratory [n,2,3], see `style_of`; a laboratory is drawn first, then one of its cells.
    """
    for i in torch.nonzero(torch.rand(len(x)) < share)[:, 0].tolist():
        of = styles[int(torch.randint(len(styles), ()))]
        mean, spread = of[int(torch.randint(len(of), ()))]
        (own_mean, own_spread), way = style_of(x[i:i + 1])[0], float(torch.rand(()))
        gain, shift = (spread / own_spread) ** way, way * (mean - own_mean)
        moved = (density(x[i]) - own_mean[:, None, None]) * gain[:, None, None] + (own_mean + shift)[:, None, None]
        x[i] = torch.exp(-moved).clamp(0.0, 1.0)
    return x


def saturation(x: Tensor, low: float, high: float) -> Tensor:
    """Fades or deepens colour around the grey of each pixel."""
    grey = x.mean(1, keepdim=True)
    return (grey + (x - grey) * uniform(len(x), low, high, 1, 1, 1)).clamp(0.0, 1.0)


def blur(x: Tensor, largest: float) -> Tensor:
    """Gaussian blur with a random sigma up to `largest` px, the same for the batch's part it is given."""
    sigma = max(0.05, float(torch.rand(()) * largest))
    if len(x) == 0:
        return x
    r = max(1, int(2.5 * sigma + 0.5))
    k = torch.exp(-0.5 * (torch.arange(-r, r + 1) / sigma) ** 2)
    k = (k / k.sum()).repeat(x.shape[1], 1)
    x = F.pad(x, (r, r, r, r), mode="replicate")
    x = F.conv2d(x, k[:, None, None, :], groups=x.shape[1])
    return F.conv2d(x, k[:, None, :, None], groups=x.shape[1])


def sharpen(x: Tensor) -> Tensor:
    """An unsharp mask, as small cameras apply it."""
    return (x + uniform(len(x), 0.3, 1.2, 1, 1, 1) * (x - blur(x, 1.0))).clamp(0.0, 1.0)


def jpeg(x: Tensor) -> Tensor:
    """One image [3,H,W] through JPEG at a random quality."""
    pixels = (x.permute(1, 2, 0) * 255 + 0.5).to(torch.uint8).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=int(torch.randint(30, 92, ())))
    return torch.from_numpy(np.asarray(Image.open(buffer)).copy()).permute(2, 0, 1).float() / 255


def noise_bank(side: int = 512) -> Tensor:
    """Gaussian noise [3,side,side] to take windows from: drawing it anew for every image would take longer than the rest."""
    return torch.randn(3, side, side, generator=torch.Generator().manual_seed(1))


NOISE = noise_bank()


def add_noise(x: Tensor, largest: float, share: float) -> None:
    """Adds camera noise of a standard deviation up to `largest` to a part of [N,3,H,W], in place."""
    h, w = x.shape[2:]
    for i in torch.nonzero(torch.rand(len(x)) < share)[:, 0].tolist():
        top, left = (int(torch.randint(NOISE.shape[1] - side + 1, ())) for side in (h, w))
        x[i].add_(NOISE[:, top:top + h, left:left + w], alpha=float(torch.rand(()) * largest)).clamp_(0.0, 1.0)


def degrade(x: Tensor, strength: float = 1.0, blur_px: float = 1.6, channels: float = 0.12) -> Tensor:
    """All of it on [N,3,H,W] 0..1, each step for a part of the batch."""
    n = len(x)
    x = stain_and_light(x, strength, 0.10 * strength, 0.04 * strength, channels)
    order = torch.randperm(n)
    faded = order[: 2 * n // 5]
    x[faded] = saturation(x[faded], 0.4, 1.3)
    order = torch.randperm(n)
    for part in order[: n // 2].split(max(1, n // 8)):
        x[part] = blur(x[part], blur_px)
    some_sharp = order[n // 2: n // 2 + n // 8]
    x[some_sharp] = sharpen(x[some_sharp])
    add_noise(x, 0.035, 0.5)
    for i in torch.nonzero(torch.rand(n) < 0.15)[:, 0].tolist():
        x[i] = jpeg(x[i])
    return x
