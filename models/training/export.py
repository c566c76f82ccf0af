"""Writes `detector.onnx` (float32) and `cells.onnx` (int8, QLinearConv), and `model.toml` beside them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from nets import Detector, DetectorForExport, fold_all

OPSET = 13


@dataclass
class QuantConv:
    """One int8 convolution: `weight` i8 [o,i,k,k] and `bias` i32 [o] in units of `scale_in * scale_weight`."""

    weight: np.ndarray
    bias: np.ndarray
    scale_weight: float
    scale_out: float
    stride: int


def write_atomically(path: Path, data: bytes) -> None:
    """A reader sees the old file or the new one, never a part."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def detector_onnx(net: Detector) -> onnx.ModelProto:
    """The detector with batch normalisation folded, input "image" [1,3,H,W], output "cells" [1,7,H/4,W/4].

    The graph is written by hand from the network's layers: no tracer, so the file holds only the operators named here.
    """
    import copy

    n = fold_all(copy.deepcopy(net).eval())
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []
    count = 0

    def fresh() -> str:
        nonlocal count
        count += 1
        return f"t{count}"

    def node(op: str, inputs: list[str], output: str | None = None, **attributes: object) -> str:
        output = output or fresh()
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def constant(value: np.ndarray) -> str:
        name = fresh()
        weights.append(numpy_helper.from_array(value, name))
        return name

    def conv(m: torch.nn.Conv2d, x: str) -> str:
        w = constant(m.weight.detach().numpy().astype(np.float32))
        b = constant(m.bias.detach().numpy().astype(np.float32))
        k, s, p = m.kernel_size[0], m.stride[0], m.padding[0]
        return node("Conv", [x, w, b], kernel_shape=[k, k], strides=[s, s], pads=[p] * 4)

    def block(m: torch.nn.Sequential, x: str) -> str:
        return node("Relu", [conv(m[0], x)])

    def residual(m: torch.nn.Module, x: str) -> str:
        return node("Relu", [node("Add", [x, conv(m.b[0], block(m.a, x))])])

    def stage(m: torch.nn.Sequential, x: str) -> str:
        for layer in m:
            x = residual(layer, x) if hasattr(layer, "b") else block(layer, x)
        return x

    def up(m: torch.nn.Module, x: str, skip: str) -> str:
        # PixelShuffle's channel order is ONNX's "CRD".
        wide = node("DepthToSpace", [conv(m.expand, x)], blocksize=2, mode="CRD")
        return block(m.mix, node("Add", [wide, skip]))

    a = stage(n.s4, "image")
    b = stage(n.s8, a)
    c = stage(n.s16, b)
    features = block(n.head, up(n.up4, up(n.up8, c, b), a))
    # Two 1x1 convolutions instead of one and a Slice: the heat goes through a sigmoid, the boxes do not.
    heat, boxes = torch.nn.Conv2d(n.out.in_channels, 3, 1), torch.nn.Conv2d(n.out.in_channels, 4, 1)
    with torch.no_grad():
        heat.weight.copy_(n.out.weight[:3]), heat.bias.copy_(n.out.bias[:3])
        boxes.weight.copy_(n.out.weight[3:]), boxes.bias.copy_(n.out.bias[3:])
    node("Concat", [node("Sigmoid", [conv(heat, features)]), conv(boxes, features)], "cells", axis=1)
    graph = helper.make_graph(
        nodes, "detector",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "H", "W"])],
        [helper.make_tensor_value_info("cells", TensorProto.FLOAT, [1, 7, "H4", "W4"])],
        weights)
    return finish(graph)


def cells_onnx(convs: list[QuantConv], linear_weight: np.ndarray, linear_bias: np.ndarray, size: int) -> onnx.ModelProto:
    """QuantizeLinear, a chain of QLinearConv (u8 activations, zero point 0: the clamp at 0 is the ReLU), DequantizeLinear,
    float mean and linear layer. linear_weight [classes,c], linear_bias [classes]."""
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def constant(name: str, value: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(value, name))
        return name

    u8_zero = constant("u8_zero", np.array(0, np.uint8))
    i8_zero = constant("i8_zero", np.array(0, np.int8))
    # One step is 1/255: a pixel's byte goes through unchanged.
    scale = constant("image_scale", np.array(1 / 255, np.float32))
    nodes.append(helper.make_node("QuantizeLinear", ["crop", scale, u8_zero], ["q0"], name="quantize"))
    for k, c in enumerate(convs, 1):
        w = constant(f"w{k}", c.weight.astype(np.int8))
        ws = constant(f"w{k}_scale", np.array(c.scale_weight, np.float32))
        b = constant(f"b{k}", c.bias.astype(np.int32))
        ys = constant(f"q{k}_scale", np.array(c.scale_out, np.float32))
        nodes.append(helper.make_node(
            "QLinearConv", [f"q{k - 1}", scale, u8_zero, w, ws, i8_zero, ys, u8_zero, b], [f"q{k}"], name=f"conv{k}",
            kernel_shape=[3, 3], strides=[c.stride] * 2, pads=[1] * 4))
        scale = ys
    last = f"q{len(convs)}"
    nodes.append(helper.make_node("DequantizeLinear", [last, scale, u8_zero], ["features"], name="dequantize"))
    nodes.append(helper.make_node("GlobalAveragePool", ["features"], ["mean"], name="mean"))
    nodes.append(helper.make_node("Flatten", ["mean"], ["flat"], name="flat", axis=1))
    nodes.append(helper.make_node(
        "Gemm", ["flat", constant("linear_weight", linear_weight.astype(np.float32)),
                 constant("linear_bias", linear_bias.astype(np.float32))], ["logits"], name="linear", transB=1))
    graph = helper.make_graph(
        nodes, "cells",
        [helper.make_tensor_value_info("crop", TensorProto.FLOAT, ["N", 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(linear_bias)])],
        weights)
    return finish(graph)


def finish(graph: onnx.GraphProto) -> onnx.ModelProto:
    """The model around `graph`, checked."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="leukoscope")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def toml_list(values: list[object]) -> str:
    """A TOML array of strings or numbers on one line."""
    return "[" + ", ".join(f'"{v}"' if isinstance(v, str) else repr(v) for v in values) + "]"


def save(out: Path, detector: bytes, cells: bytes, settings: dict[str, dict[str, object]],
         training: list[dict[str, object]]) -> None:
    """Writes both networks and `model.toml` into `out`, each file whole or not at all.

    settings: the tables "white_balance", "detector" and "classifier"; training: the rows of "[[training]]".
    """
    settings["detector"] |= {"file": "detector.onnx", "sha256": hashlib.sha256(detector).hexdigest()}
    settings["classifier"] |= {"file": "cells.onnx", "sha256": hashlib.sha256(cells).hexdigest()}
    lines = ["# Written by training/make_models.py together with the two networks: change it there."]
    tables = [(f"[{name}]", table) for name, table in settings.items()] + [("[[training]]", row) for row in training]
    for head, table in tables:
        lines += ["", head]
        for key, value in table.items():
            text = toml_list(value) if isinstance(value, list) else f'"{value}"' if isinstance(value, str) else repr(value)
            lines.append(f"{key} = {text}")
    write_atomically(out / "detector.onnx", detector)
    write_atomically(out / "cells.onnx", cells)
    write_atomically(out / "model.toml", ("\n".join(lines) + "\n").encode())
