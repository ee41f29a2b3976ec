"""Hard-sigmoid and hard-swish as exporters write them, clips in pieces, and what only looks like them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_oracle import check, model_of, modules_of
from torch import nn

from snnconv.graph.modules import Arithmetic

THREE, SIX, SIXTH, ZERO = (np.float32(value) for value in (3, 6, 1 / 6, 0))
CONSTANTS = {"three": THREE, "six": SIX, "sixth": SIXTH, "zero": ZERO}


def node(operator: str, inputs: list[str], output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [output], output, **attributes)


SUM = [node("Add", ["x", "three"], "s"), node("Clip", ["s", "zero", "six"], "c")]
GATE = node("HardSigmoid", ["x"], "g", alpha=1 / 6)


@pytest.mark.parametrize(
    ("nodes", "kinds"),
    [
        ([*SUM, node("Div", ["c", "six"], "y")], [nn.Hardsigmoid]),
        ([*SUM, node("Mul", ["sixth", "c"], "y")], [nn.Hardsigmoid]),
        ([*SUM, node("Div", ["c", "six"], "g"), node("Mul", ["x", "g"], "y")], [nn.Hardswish]),
        ([*SUM, node("Mul", ["c", "x"], "m"), node("Div", ["m", "six"], "y")], [nn.Hardswish]),
        ([*SUM, node("Mul", ["x", "c"], "m"), node("Mul", ["m", "sixth"], "y")], [nn.Hardswish]),
        ([GATE, node("Mul", ["x", "g"], "y")], [nn.Hardswish]),
        ([GATE, node("Mul", ["g", "x"], "y")], [nn.Hardswish]),
        ([node("Max", ["x", "zero"], "m"), node("Min", ["six", "m"], "y")], [nn.ReLU6]),
        ([*SUM, node("Div", ["c", "three"], "y")], [Arithmetic, nn.ReLU6, Arithmetic]),
        (
            [node("Add", ["x", "six"], "s"), *SUM[1:], node("Div", ["c", "six"], "y")],
            [Arithmetic, nn.ReLU6, Arithmetic],
        ),
        ([node("Neg", ["x"], "n"), GATE, node("Mul", ["n", "g"], "y")], None),
    ],
)
def test_forms_of_hard_activations(nodes: list[onnx.NodeProto], kinds: list[type[nn.Module]] | None) -> None:
    imported = check(model_of(nodes, CONSTANTS, (4, 5, 5)))
    if kinds is not None:
        assert modules_of(imported) == kinds
    assert kinds is not None or nn.Hardswish not in modules_of(imported)
