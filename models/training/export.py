"""Writes `detector.onnx` and `cells.onnx` (both int8, QLinearConv), and `model.toml` beside them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from card import sealed
from distance import Distance
from quantize import IMAGE, Grid, QuantClassifier, QuantConv, QuantDetector, QuantResidual, QuantUp, Stack

OPSET = 13
FILES = {"detector": "detector.onnx", "classifier": "cells.onnx", "red_cells": "redcells.onnx", "parasites": "parasites.onnx"}
"""Names of the networks' files, by their tables in `model.toml`."""


def write_atomically(path: Path, data: bytes) -> None:
    """A reader sees the old file or the new one, never a part."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)


Bytes = list[str]
"""Names of an array of bytes, its scale and its zero point, as quantized operators take them."""


class Writer:
    """A graph in the making: QLinearConv and QLinearAdd (u8 activations, one weight scale a channel) and what goes with them.

    Graphs are written by hand from the integers, without a tracer, so files hold only the operators named here.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        """A number array of the file."""
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def node(self, op: str, inputs: list[str], name: str, **attributes: object) -> str:
        """An operator, called like its output."""
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def grid(self, name: str, grid: Grid) -> Bytes:
        """Scale and zero point."""
        return [self.constant(f"{name}_scale", np.array(grid.scale, np.float32)),
                self.constant(f"{name}_zero", np.array(grid.zero, np.uint8))]

    def image(self, name: str) -> Bytes:
        """The input `name` as bytes: one step of the image's grid is 1/255, so a pixel's byte goes through unchanged."""
        image = self.grid("image", IMAGE)
        return [self.node("QuantizeLinear", [name, *image], "bytes"), *image]

    def conv(self, c: QuantConv, name: str, x: Bytes) -> Bytes:
        """A convolution."""
        w = [self.constant(f"{name}_w", c.weight), self.constant(f"{name}_w_scale", c.scales.astype(np.float32)),
             self.constant(f"{name}_w_zero", np.zeros(len(c.scales), np.int8))]
        y = [name, *self.grid(name, c.out)]
        side = c.weight.shape[-1]
        self.node("QLinearConv", [*x, *w, *y[1:], self.constant(f"{name}_b", c.bias)], name, kernel_shape=[side, side],
                  strides=[c.stride] * 2, pads=[side // 2] * 4)
        return y

    def add(self, a: Bytes, b: Bytes, grid: Grid, name: str) -> Bytes:
        """A sum."""
        y = [name, *self.grid(name, grid)]
        self.node("QLinearAdd", [*a, *b, *y[1:]], name, domain="com.microsoft")
        return y

    def stack(self, layers: Stack, prefix: str, x: Bytes) -> Bytes:
        """Convolutions and residual blocks one after the other, numbered."""
        for k, layer in enumerate(layers, 1):
            if isinstance(layer, QuantResidual):
                inner = self.conv(layer.b, f"{prefix}r{k}b", self.conv(layer.a, f"{prefix}r{k}a", x))
                x = self.add(x, inner, layer.out, f"{prefix}r{k}")
            else:
                x = self.conv(layer, f"{prefix}c{k}", x)
        return x

    def up(self, up: QuantUp, name: str, x: Bytes, skip: Bytes) -> Bytes:
        """A doubling of the resolution."""
        # PixelShuffle has the four pixels' numbers of a channel side by side; "DCR" has all channels of a pixel so, which is how
        # bytes lie in memory with channels last.
        order = np.arange(len(up.expand.bias)).reshape(-1, 4).T.ravel()
        c = up.expand
        wide = self.conv(QuantConv(c.weight[order], c.scales[order], c.bias[order], c.stride, c.out), f"{name}_wide", x)
        shuffled = [self.node("DepthToSpace", [wide[0]], f"{name}_shuffled", blocksize=2, mode="DCR"), *wide[1:]]
        return self.conv(up.mix, name, self.add(shuffled, skip, up.sum, f"{name}_sum"))

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray, name: str, output: str) -> str:
        """A float 1x1 convolution; weight [o,i]."""
        w = [self.constant(f"{name}_w", weight.reshape(*weight.shape, 1, 1)), self.constant(f"{name}_b", bias)]
        return self.node("Conv", [x, *w], output, kernel_shape=[1, 1])


def detector_onnx(net: QuantDetector) -> onnx.ModelProto:
    """The int8 detector, input "image" [1,3,H,W], output "cells" [1,7,H/4,W/4]: quantized operators, DepthToSpace on bytes,
    DequantizeLinear, then float: two 1x1 convolutions, one with a sigmoid for the heat and one for the boxes."""
    g = Writer()
    a = g.stack(net.s4, "s4", g.image("image"))
    b = g.stack(net.s8, "s8", a)
    c = g.stack(net.s16, "s16", b)
    head = g.conv(net.head, "head", g.up(net.up4, "up4", g.up(net.up8, "up8", c, b), a))
    features = g.node("DequantizeLinear", head, "features")
    weight, bias = net.weight.numpy()[:, :, 0, 0], net.bias.numpy()
    heat = g.node("Sigmoid", [g.linear(features, weight[:3], bias[:3], "heat", "logits")], "heat")
    boxes = g.linear(features, weight[3:], bias[3:], "boxes", "boxes")
    g.node("Concat", [heat, boxes], "cells", axis=1)
    graph = helper.make_graph(
        g.nodes, "detector",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "H", "W"])],
        [helper.make_tensor_value_info("cells", TensorProto.FLOAT, [1, 7, "H4", "W4"])],
        g.weights)
    return finish(graph)


def cells_onnx(net: QuantClassifier, size: int, distance: Distance) -> onnx.ModelProto:
    """The int8 classifier for crops of `size` px: quantized operators, DequantizeLinear, then float: a 1x1 convolution to the
    classes ("evidence" [N,classes,h,w]), its mean over the places ("logits" [N,classes]), and how far the features lie from
    all that was learned ("distance" [N,1], see distance.py)."""
    g = Writer()
    features = g.node("DequantizeLinear", g.stack(net.layers, "", g.image("crop")), "features")
    classes = len(net.bias)
    g.linear(features, net.weight.numpy(), net.bias.numpy(), "linear", "evidence")
    g.node("ReduceMean", ["evidence"], "logits", axes=[2, 3], keepdims=0)
    pooled = g.node("ReduceMean", [features], "pooled", axes=[2, 3], keepdims=0)
    white = g.node("MatMul", [pooled, g.constant("whiten", distance.whiten)], "white")
    # |w - m|^2 = |w|^2 + (|m|^2 - 2 w m), of which the last depends on the middle.
    own = g.node("ReduceSum", [g.node("Mul", [white, white], "white_squared"), g.constant("features_axis", np.array([1], np.int64))],
                 "white_length", keepdims=1)
    towards = g.node("MatMul", [white, g.constant("middles", np.ascontiguousarray(-2 * distance.middles.T))], "towards")
    lengths = g.constant("middles_length", (distance.middles ** 2).sum(1, keepdims=True).T.astype(np.float32))
    nearest = g.node("ReduceMin", [g.node("Add", [towards, lengths], "each")], "nearest", axes=[1], keepdims=1)
    square = g.node("Relu", [g.node("Add", [own, nearest], "distance_squared")], "distance_positive")
    g.node("Sqrt", [square], "distance")
    graph = helper.make_graph(
        g.nodes, "cells",
        [helper.make_tensor_value_info("crop", TensorProto.FLOAT, ["N", 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes]),
         helper.make_tensor_value_info("evidence", TensorProto.FLOAT, ["N", classes, "h", "w"]),
         helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["N", 1])],
        g.weights)
    return finish(graph)


def red_cells_onnx(net: QuantClassifier, size: int) -> onnx.ModelProto:
    """The int8 network of red cells, input "crop" [N,3,size,size], output "logits" [N,types]: quantized operators, then float: a 1x1
    convolution and its mean over the places."""
    g = Writer()
    features = g.node("DequantizeLinear", g.stack(net.layers, "", g.image("crop")), "features")
    g.linear(features, net.weight.numpy(), net.bias.numpy(), "linear", "evidence")
    g.node("ReduceMean", ["evidence"], "logits", axes=[2, 3], keepdims=0)
    graph = helper.make_graph(
        g.nodes, "redcells",
        [helper.make_tensor_value_info("crop", TensorProto.FLOAT, ["N", 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(net.bias)])],
        g.weights)
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


def save(out: Path, networks: dict[str, bytes], settings: dict[str, dict[str, object]], training: list[dict[str, object]]) -> None:
    """Writes the networks and `model.toml` into `out`, each file whole or not at all.

    networks: bytes by table: "detector", "classifier" and, where there are, "red_cells" and "parasites"; settings: these tables and the others;
    training: the rows of "[[training]]".
    """
    for table, file in networks.items():
        settings[table] |= {"file": FILES[table], "sha256": hashlib.sha256(file).hexdigest()}
    lines = ["# Written by training/leukotrain.py together with the networks: change it there."]
    tables = [(f"[{name}]", table) for name, table in settings.items()] + [("[[training]]", row) for row in training]
    for head, table in tables:
        lines += ["", head]
        for key, value in table.items():
            text = toml_list(value) if isinstance(value, list) else f'"{value}"' if isinstance(value, str) else repr(value)
            lines.append(f"{key} = {text}")
    for table, file in networks.items():
        write_atomically(out / FILES[table], file)
    write_atomically(out / "model.toml", sealed("\n".join(lines) + "\n").encode())
