"""Augmentation of batches: stain, light, optics, compression. Everything draws from torch's generator (the seed)."""

from __future__ import annotations

import io

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


def stain(x: Tensor, strength: float = 1.0) -> Tensor:
    """Jitters colour in optical density (Beer-Lambert: OD = -ln(I/I0)), where stains add up: [N,3,H,W] 0..1.

    A random 3x3 mixing near the identity stands for other stains, a gain for their amount, an exponent for the camera's
    curve.
    """
    n = len(x)
    od = -torch.log(x.clamp(0.02, 1.0) / 0.92)
    mix = torch.eye(3) + torch.randn(n, 3, 3) * 0.10 * strength
    od = torch.einsum("nij,njhw->nihw", mix, od)
    od = od * torch.exp(torch.randn(n, 1, 1, 1) * 0.18 * strength) * torch.exp(torch.randn(n, 3, 1, 1) * 0.12 * strength)
    y = 0.92 * torch.exp(-od)
    return y.clamp(0.0, 1.0) ** torch.exp(torch.randn(n, 1, 1, 1) * 0.12 * strength)


def saturation(x: Tensor, low: float, high: float) -> Tensor:
    """Fades or deepens colour around the grey of each pixel."""
    grey = x.mean(1, keepdim=True)
    return (grey + (x - grey) * uniform(len(x), low, high, 1, 1, 1)).clamp(0.0, 1.0)


def light(x: Tensor, gradient: float, balance: float) -> Tensor:
    """A brightness gradient across the image, a vignette and a wrong white balance."""
    n, _, h, w = x.shape
    yy = torch.linspace(-1, 1, h)[None, None, :, None]
    xx = torch.linspace(-1, 1, w)[None, None, None, :]
    slope_x, slope_y = uniform(n, -gradient, gradient, 3, 1, 1), uniform(n, -gradient, gradient, 3, 1, 1)
    shared = torch.rand(n, 1, 1, 1) < 0.6
    slope_x = torch.where(shared, slope_x[:, :1], slope_x)
    slope_y = torch.where(shared, slope_y[:, :1], slope_y)
    vignette = uniform(n, 0, gradient, 1, 1, 1) * some(n, 0.3)
    field = 1 + slope_x * xx + slope_y * yy - vignette * (xx**2 + yy**2)
    return (x * field * torch.exp(torch.randn(n, 3, 1, 1) * balance)).clamp(0.0, 1.0)


def blur(x: Tensor, largest: float) -> Tensor:
    """Gaussian blur with a random sigma up to `largest` px, the same for the batch's part it is given."""
    sigma = max(0.05, float(torch.rand(()) * largest))
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


def degrade(x: Tensor, strength: float = 1.0, blur_px: float = 1.6) -> Tensor:
    """All of it on [N,3,H,W] 0..1, each step for a part of the batch."""
    n = len(x)
    x = torch.where(some(n, 0.8), stain(x, strength), x)
    x = torch.where(some(n, 0.4), saturation(x, 0.4, 1.3), x)
    x = light(x, 0.10 * strength, 0.04 * strength)
    order = torch.randperm(n)
    for part in order[: n // 2].split(max(1, n // 8)):
        x[part] = blur(x[part], blur_px)
    some_sharp = order[n // 2: n // 2 + n // 8]
    x[some_sharp] = sharpen(x[some_sharp])
    noise = torch.randn_like(x) * uniform(n, 0.0, 0.035, 1, 1, 1) * some(n, 0.5)
    x = (x + noise).clamp(0.0, 1.0)
    for i in torch.nonzero(torch.rand(n) < 0.25)[:, 0].tolist():
        x[i] = jpeg(x[i])
    return x
