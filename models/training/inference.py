"""Runs networks and ONNX files over cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch

from data import Cell, window
from stain import mapped


class Onnx:
    """An ONNX file as a function of one tensor, on one thread; gives its first output, `also` another one by name."""

    def __init__(self, model: bytes | Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(model) if isinstance(model, Path) else model, options,
                                                    providers=["CPUExecutionProvider"])
        self.name = self.session.get_inputs()[0].name

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.session.run(None, {self.name: x.numpy()})[0])

    def also(self, x: torch.Tensor, output: str) -> torch.Tensor:
        return torch.from_numpy(self.session.run([output], {self.name: x.numpy()})[0])


def crops(cells: list[Cell], size: int, um: float) -> torch.Tensor:
    """The classifier's inputs, their colour brought home by the red cells: [n,3,size,size] 0..1."""
    images = np.stack([mapped(window(c.image, c.x, c.y, size * um / c.um_per_px, size), c.red) for c in cells])
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def logits_of(net: object, x: torch.Tensor) -> np.ndarray:
    """[n,classes], 64 crops at a time."""
    with torch.no_grad():
        return np.concatenate([net(part).numpy() for part in x.split(64)])
