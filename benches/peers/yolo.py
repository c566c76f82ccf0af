"""YOLOv8n and YOLO11n at 640 px in onnxruntime, float32 and int8.

The networks are built from ultralytics' descriptions. ultralytics is AGPL-3.0: it is installed by whoever runs this, on their
machine; nothing of it is linked, copied or shipped.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from boxes import Boxes

SIDE = 640
LOWEST = 0.05
SAME = 0.7
"""IoU from which two boxes of a kind are one, ultralytics' own default."""


def session(path: Path, profile: bool = False) -> onnxruntime.InferenceSession:
    """A network on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_profiling = profile
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def prepared(image: np.ndarray) -> tuple[np.ndarray, float]:
    """A BGR picture scaled to fit, padded right and below, as [1,3,640,640] f32; and the factor."""
    factor = SIDE / max(image.shape[:2])
    size = round(image.shape[1] * factor), round(image.shape[0] * factor)
    square = np.full((SIDE, SIDE, 3), 114, np.uint8)
    square[:size[1], :size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    return cv2.dnn.blobFromImage(square, 1 / 255, swapRB=True), factor


def find(net: onnxruntime.InferenceSession, image: np.ndarray) -> list[Boxes]:
    """White cells, red cells and platelets, from pixels to boxes after suppression."""
    values, factor = prepared(image)
    answer = net.run(None, {net.get_inputs()[0].name: values})[0][0]
    found = []
    for scores in answer[4:7]:
        kept = scores >= LOWEST
        middle, size = answer[:2, kept].T, answer[2:4, kept].T
        scores = scores[kept]
        left_top = middle - size / 2
        chosen = cv2.dnn.NMSBoxes(np.hstack([left_top, size]).tolist(), scores.tolist(), LOWEST, SAME) if len(scores) else []
        rows = [(*left_top[at] / factor, *(left_top[at] + size[at]) / factor, scores[at]) for at in chosen]
        found.append(Boxes.of(rows, image.shape))
    return found


class Fields(CalibrationDataReader):
    """Pictures to take the ranges of int8 from."""

    def __init__(self, name: str, images: list[np.ndarray]) -> None:
        self.rest = iter([{name: prepared(image)[0]} for image in images])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.rest, None)


def made(name: str, work: Path, images: list[np.ndarray]) -> tuple[Path, Path, bool]:
    """The network's files in float32 and int8, and whether it was trained (work/NAME-txl.pt, by train_yolo.py)."""
    trained = work / f"{name}-txl.pt"
    start = trained if trained.exists() else f"{name}.yaml"
    floats = work / f"{name}-{'txl' if trained.exists() else 'random'}.onnx"
    if not floats.exists() or (trained.exists() and floats.stat().st_mtime < trained.stat().st_mtime):
        # Else it would install packages by itself.
        os.environ["YOLO_AUTOINSTALL"] = "false"
        from ultralytics import YOLO
        from ultralytics.nn.tasks import DetectionModel

        if trained.exists():
            model = YOLO(str(start))
        else:
            model = YOLO(start)
            settings = model.model.args
            model.model = DetectionModel(start, nc=3, verbose=False)
            model.model.args, model.model.task = settings, "detect"
        model.model.pt_path = str(work / f"{name}.pt")
        written = Path(model.export(format="onnx", imgsz=SIDE, simplify=False, opset=17))
        shutil.move(written, floats)
    bytes_ = floats.with_suffix(".int8.onnx")
    if not bytes_.exists() or bytes_.stat().st_mtime < floats.stat().st_mtime:
        ready = floats.with_suffix(".ready.onnx")
        quant_pre_process(str(floats), str(ready))
        net = session(ready)
        # Boxes of hundreds of px and scores below 1 share no scale: what follows the head's last convolutions stays float.
        import onnx
        head = [node.name for node in onnx.load(str(ready)).graph.node
                if node.name.startswith(("/model.22/", "/model.23/")) and node.op_type != "Conv"
                and "/cv" not in node.name]
        quantize_static(str(ready), str(bytes_), Fields(net.get_inputs()[0].name, images), quant_format=QuantFormat.QDQ,
                        per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                        nodes_to_exclude=head)
    return floats, bytes_, trained.exists()
