"""Recognise a transpose of samples' last axes for which a file makes the axes before them part of the batch.

[B, h, n, d] -> [B·h, n, d] -> [B·h, d, n] -> [B, h, d, n]
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from snnconv.graph.modules import Reshape, Transpose
from snnconv.graph.passes.recognition import Rule, recognition
from snnconv.graph.patterns import Match, ModuleCall, Operand

__all__ = ["recognise_transposes"]

MERGED = ModuleCall(Reshape, (Operand("x"),), lambda module: module.batch_factor > 1, name="merged")
PATTERN = ModuleCall(Reshape, (ModuleCall(Transpose, (MERGED,), name="transposed"),), name="split")


def _transpose(match: Match, shape: tuple[int, ...]) -> Sequence[nn.Module] | None:
    merged, order, split = match.modules["merged"], match.modules["transposed"].order, match.modules["split"]
    outer = len(shape) - len(merged.trailing)
    if outer < 1 or shape[outer:] != merged.trailing or merged.batch_factor != math.prod(shape[:outer]):
        return None
    axes = [*range(outer), *(outer + axis - 1 for axis in order[1:])]
    if split.batch_factor * merged.batch_factor != 1 or split.trailing != tuple(shape[axis] for axis in axes):
        return None
    return [Transpose([0, *(axis + 1 for axis in axes)])]


recognise_transposes = recognition("recognise_transposes", "a transpose", [Rule(PATTERN, _transpose)])
