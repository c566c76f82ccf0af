"""Writes `detector.onnx` (float32) and `cells.onnx` (int8, QLinearConv), and `model.toml` beside them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from nets import Detector, fold_all
from quantize import IMAGE, Grid, QuantClassifier, QuantConv, QuantResidual

OPSET = 13


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


def cells_onnx(net: QuantClassifier, size: int) -> onnx.ModelProto:
    """The int8 classifier for crops of `size` px: QuantizeLinear, QLinearConv and QLinearAdd (u8 activations, one weight scale
    a channel), DequantizeLinear, then float: a 1x1 convolution to the classes ("evidence" [N,classes,h,w]) and its mean over
    the places ("logits" [N,classes])."""
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def constant(name: str, value: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(value, name))
        return name

    def grid_of(name: str, grid: Grid) -> list[str]:
        return [constant(f"{name}_scale", np.array(grid.scale, np.float32)), constant(f"{name}_zero", np.array(grid.zero, np.uint8))]

    def conv(c: QuantConv, name: str, x: list[str]) -> list[str]:
        w = [constant(f"{name}_w", c.weight), constant(f"{name}_w_scale", c.scales.astype(np.float32)),
             constant(f"{name}_w_zero", np.zeros(len(c.scales), np.int8))]
        y = [name, *grid_of(name, c.out)]
        nodes.append(helper.make_node("QLinearConv", [*x, *w, *y[1:], constant(f"{name}_b", c.bias)], [name], name=name,
                                      kernel_shape=[3, 3], strides=[c.stride] * 2, pads=[1] * 4))
        return y

    # One step of the image's grid is 1/255: a pixel's byte goes through unchanged.
    image = grid_of("image", IMAGE)
    nodes.append(helper.make_node("QuantizeLinear", ["crop", *image], ["bytes"], name="bytes"))
    x = ["bytes", *image]
    for k, layer in enumerate(net.layers, 1):
        if isinstance(layer, QuantResidual):
            inner = conv(layer.b, f"r{k}b", conv(layer.a, f"r{k}a", x))
            y = [f"r{k}", *grid_of(f"r{k}", layer.out)]
            nodes.append(helper.make_node("QLinearAdd", [*x, *inner, *y[1:]], [y[0]], name=y[0], domain="com.microsoft"))
            x = y
        else:
            x = conv(layer, f"c{k}", x)
    nodes.append(helper.make_node("DequantizeLinear", x, ["features"], name="features"))
    classes, channels = net.weight.shape
    linear = [constant("linear_w", net.weight.numpy().reshape(classes, channels, 1, 1)), constant("linear_b", net.bias.numpy())]
    nodes.append(helper.make_node("Conv", ["features", *linear], ["evidence"], name="evidence", kernel_shape=[1, 1]))
    nodes.append(helper.make_node("ReduceMean", ["evidence"], ["logits"], name="logits", axes=[2, 3], keepdims=0))
    graph = helper.make_graph(
        nodes, "cells",
        [helper.make_tensor_value_info("crop", TensorProto.FLOAT, ["N", 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes]),
         helper.make_tensor_value_info("evidence", TensorProto.FLOAT, ["N", classes, "h", "w"])],
        weights)
    return finish(graph)


def finish(graph: onnx.GraphProto) -> onnx.ModelProto:
    """The model around `graph`, checked."""
    domains = {node.domain for node in graph.node}
    imports = [helper.make_opsetid("", OPSET)] + ([helper.make_opsetid("com.microsoft", 1)] if "com.microsoft" in domains else [])
    model = helper.make_model(graph, opset_imports=imports, producer_name="leukoscope")
    model.ir_version = 8
    onnx.checker.check_model(model)
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
    lines = ["# Written by training/leukotrain.py together with the two networks: change it there."]
    tables = [(f"[{name}]", table) for name, table in settings.items()] + [("[[training]]", row) for row in training]
    for head, table in tables:
        lines += ["", head]
        for key, value in table.items():
            text = toml_list(value) if isinstance(value, list) else f'"{value}"' if isinstance(value, str) else repr(value)
            lines.append(f"{key} = {text}")
    write_atomically(out / "detector.onnx", detector)
    write_atomically(out / "cells.onnx", cells)
    write_atomically(out / "model.toml", ("\n".join(lines) + "\n").encode())
