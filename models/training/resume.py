"""An interrupted training goes on where it stopped, to the same weights."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch


class Checkpoint:
    """Everything one cycle of training depends on, in one file that appears whole.

    parts: objects with state_dict and load_state_dict (networks, optimizer, schedule); rng: NumPy's generator. torch's own is
    kept, too.
    """

    def __init__(self, path: Path | None, parts: dict[str, object], rng: np.random.Generator) -> None:
        self.path, self.parts, self.rng = path, parts, rng

    def load(self) -> int:
        """Takes up what was kept; gives the number of epochs that are done, 0 where nothing was kept."""
        if self.path is None or not self.path.exists():
            return 0
        kept = torch.load(self.path, weights_only=False)
        for name, part in self.parts.items():
            part.load_state_dict(kept[name])
        self.rng.bit_generator.state = kept["numpy"]
        torch.set_rng_state(kept["torch"])
        return int(kept["epochs"])

    def save(self, epochs: int) -> None:
        """Keeps the state after so many epochs."""
        if self.path is None:
            return
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {"numpy": self.rng.bit_generator.state, "torch": torch.get_rng_state(), "epochs": epochs}
        temporary = self.path.with_name(self.path.name + ".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.path)
