"""Times onnxruntime on the shipped networks, one thread: milliseconds a crop, to hold the program's own figures against.

    python time_onnxruntime.py [FOLDER]      # the folder of model.toml; default: the one above this
"""

from __future__ import annotations

import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime

TURNS = 200


def crops_per_call(session: onnxruntime.InferenceSession, crops: np.ndarray) -> tuple[float, float]:
    """(median, best) milliseconds a crop for `crops` f32 [N,3,S,S] at once."""
    name = session.get_inputs()[0].name
    session.run(None, {name: crops})
    times = []
    for _ in range(TURNS):
        start = time.perf_counter()
        session.run(None, {name: crops})
        times.append((time.perf_counter() - start) * 1e3 / len(crops))
    return float(np.median(times)), min(times)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    card = tomllib.loads((folder / "model.toml").read_text())["classifier"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / card["file"]), options, providers=["CPUExecutionProvider"])
    side = card["size"]
    for count in (1, 8):
        # Bytes of a picture, as the program gives them.
        crops = np.random.default_rng(1).integers(0, 256, (count, 3, side, side)).astype(np.float32) / np.float32(255)
        median, best = crops_per_call(session, crops)
        print(f"{card['file']}, {count} crops of {side} px at once: median {median:.3f} ms a crop, best {best:.3f} ms")


if __name__ == "__main__":
    main()
