"""Draws confusion matrices."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

NAMES = {"BAS": "basophil", "EBO": "erythroblast", "EOS": "eosinophil", "KSC": "smudge cell", "LYA": "lymphocyte, atypical",
         "LYT": "lymphocyte", "MMZ": "metamyelocyte", "MOB": "monoblast", "MON": "monocyte", "MYB": "myelocyte",
         "MYO": "myeloblast", "NGB": "neutrophil, band", "NGS": "neutrophil, segmented", "PMB": "promyelocyte, bilobed",
         "PMO": "promyelocyte", "PLT": "platelet", "UNK": "unknown", "NEU": "neutrophil", "IG": "immature granulocyte"}


def confusion_picture(counts: np.ndarray, classes: list[str], answers: list[str], title: str, path: Path) -> None:
    """counts [classes,answers]: a row a labelled class, in per cent of the row, the number of cells at its end."""
    n = counts.sum(1, keepdims=True)
    percent = 100 * counts / np.maximum(n, 1)
    figure, axes = plt.subplots(figsize=(2.6 + 0.52 * len(answers), 1.5 + 0.42 * len(classes)), dpi=110)
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for y, row in enumerate(percent):
        for x, value in enumerate(row):
            if counts[y, x]:
                text = f"{value:.0f}" if value >= 1 else "<1"
                axes.text(x, y, text, ha="center", va="center", fontsize=9, color="white" if value > 55 else "black")
    axes.set_xticks(range(len(answers)), answers, fontsize=9)
    rows = [f"{NAMES.get(c, c)} ({c}), {int(k)}" for c, k in zip(classes, n[:, 0], strict=True)]
    axes.set_yticks(range(len(classes)), rows, fontsize=9)
    axes.set_xlabel("answered, % of the row", fontsize=9)
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xticks(np.arange(-0.5, len(answers)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(classes)), minor=True)
    axes.grid(which="minor", color="#dddddd", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    figure.tight_layout()
    figure.savefig(path, pil_kwargs={"optimize": True})
    plt.close(figure)
