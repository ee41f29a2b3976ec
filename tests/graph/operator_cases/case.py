"""A case: one node, and the constants that it takes beside the network's input."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx_oracle import model_of

FLOAT, INT64, INT32, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL
RNG = np.random.default_rng(0)


def rand(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def f32(value: float) -> np.ndarray:
    return np.array(value, dtype=np.float32)


@dataclass
class Case:
    """One node: x and the constants are its inputs, in the order of `order` (by default x first).

    A constant of value None is an input that is left out; an order may name x several times; an output that
    starts with an underscore is read by nobody.
    """

    operator: str
    shape: tuple[int, ...]
    constants: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    opsets: tuple[int, ...] = (7, 13, 99)  # each network is written in opset 18, too
    order: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("y",)
    same: bool = True
    domain: str = ""
    before: str = ""  # an operator that x goes through first
    integers: tuple[str, ...] = ()  # outputs that hold integers
    judged_at: int = 0  # opset at which onnxruntime has the operator, where it lacks it at the newest
    kinds: tuple[int, int] = (FLOAT, FLOAT)  # of the operand x, to which it is cast, and of the outputs

    def model(self, opset: int) -> onnx.ModelProto:
        """The node, between casts where it takes or gives other numbers."""
        given = {name: value for name, value in self.constants.items() if value is not None}
        x, nodes = "x", []
        if self.before:
            nodes.append(helper.make_node(self.before, ["x"], ["before"], "before"))
            x = "before"
        if self.kinds[0] != FLOAT:
            nodes.append(helper.make_node("Cast", [x], ["x.cast"], to=self.kinds[0]))
            x = "x.cast"
        known = {name: name for name in given} | {"x": x, "raw": "x"}  # raw: x before its cast
        inputs = [known.get(name, "") for name in self.order or ("x", *self.constants)]
        stays = self.kinds[1] == FLOAT
        made = [name if stays or not name or name.startswith("_") else f"{name}.made" for name in self.outputs]
        nodes.append(helper.make_node(self.operator, inputs, made, "node", domain=self.domain, **self.attributes))
        nodes += [
            helper.make_node("Cast", [other], [name], to=FLOAT)
            for other, name in zip(made, self.outputs, strict=True)
            if other != name
        ]
        outputs = [name for name in self.outputs if name and not name.startswith("_")]
        domains = {self.domain: 1} if self.domain else {}
        model = model_of(nodes, given, self.shape, opset=opset, outputs=outputs, domains=domains)
        for output in model.graph.output:
            if output.name in self.integers:
                output.type.tensor_type.elem_type = onnx.TensorProto.INT64
        return model

    def __str__(self) -> str:
        settings = [f"{k}={v}" for k, v in self.attributes.items()]
        settings += [f"{k}{getattr(v, 'shape', '')}" for k, v in self.constants.items()]
        return " ".join([self.operator, str(list(self.shape)), *settings]).replace(" ", "")


def image(*spatial: int, channels: int = 4) -> tuple[int, ...]:
    return (channels, *spatial)
