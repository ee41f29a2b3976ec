"""Hard-swish: `x * relu6(x + 3) / 6`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from snnconv.graph.emission import Emission
from snnconv.graph.node import Call, NodeView
from snnconv.operators._records import register_activation


def _read(node: NodeView) -> Call:
    return Call((nn.Hardswish(),))


def _write(module: nn.Hardswish, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("HardSwish", inputs, name)


HARD_SWISH = register_activation(
    nn.Hardswish, reads={("", "HardSwish"): _read}, write=_write, bounds=(-0.375, math.inf)
)
