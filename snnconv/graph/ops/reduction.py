"""Means, sums and maxima over axes; the largest and smallest of several activations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.modules import Extremum, MaxPool, ReduceMax, ReduceMean, ReduceSum, Squeeze
from snnconv.graph.node import HANDLERS, Activation, Call, NodeView, Refusal


def _axes(node: NodeView) -> list[int] | None:
    """Axes that are reduced, in rising order; None where the operator does nothing."""
    axes = node.ints("axes", 1)
    if not axes:
        if node.int_attribute("noop_with_empty_axes", 0):
            return None
        raise Refusal("it acts across the batch axis")
    return sorted(node.axis(axis) for axis in axes)


@HANDLERS.register(("", "ReduceMean"), ("", "ReduceSum"), ("", "ReduceMax"))
def _import_reduction(node: NodeView) -> Call:
    axes = _axes(node)
    if axes is None:
        return Call(())
    keepdims = bool(node.int_attribute("keepdims", 1))
    if node.operator == "ReduceMax":
        return _maximum(node, axes, keepdims)
    return Call(((ReduceMean if node.operator == "ReduceMean" else ReduceSum)(axes, keepdims=keepdims),))


def _maximum(node: NodeView, axes: list[int], keepdims: bool) -> Call:
    """Over all positions it is a max-pooling, which can be moved before activations."""
    spatial = node.shape()[2:]
    rank = len(spatial)
    if not 1 <= rank <= 3 or axes != list(range(2, rank + 2)):
        return Call((ReduceMax(axes, keepdims=keepdims),))
    pool = MaxPool(spatial, [1] * rank, [0] * 2 * rank, [1] * rank)
    return Call((pool,) if keepdims else (pool, Squeeze(axes)))


@HANDLERS.register(("", "Max"), ("", "Min"))
def _import_extremum(node: NodeView) -> Call:
    if len(node.operands) == 1:
        return Call(())
    if all(isinstance(operand, Activation) for operand in node.operands):
        if len({node.rank(position) for position in range(len(node.operands))}) > 1:
            raise Refusal("its operands have different ranks, so that one would be broadcast over the batch axis")
        return Call((Extremum("max" if node.operator == "Max" else "min"),), tuple(range(len(node.operands))))
    position = next(i for i, operand in enumerate(node.operands) if isinstance(operand, Activation))
    if len(node.operands) > 2:
        raise Refusal("of more than two operands all must be activations")
    constant = node.need_constant(1 - position)
    if constant.size != 1 or constant.ndim > node.rank(position):
        raise Refusal(f"its constant of shape {constant.shape} is not a single number")
    return _clipped(node.activation(position), float(constant.reshape(-1)[0]), lower=node.operator == "Max")


def _clipped(x: Activation, bound: float, *, lower: bool) -> Call:
    """A bound from below or above; where the other one stands right before it, both of them."""
    low, high = (bound, math.inf) if lower else (-math.inf, bound)
    if not lower and isinstance(x.module, nn.ReLU) and bound > 0:
        x, low = x.sources[0], 0.0
    if math.isnan(bound):
        raise Refusal("its bound is NaN")
    if (low, high) == (0, math.inf):
        return Call((nn.ReLU(),), (x,))
    if math.isinf(low) and math.isinf(high):
        return Call((), (x,))
    return Call((nn.ReLU6() if (low, high) == (0, 6) else nn.Hardtanh(low, high),), (x,))


@EMITTERS.register(ReduceMax, ReduceMean, ReduceSum)
def _emit_reduction(
    module: ReduceMax | ReduceMean | ReduceSum, emission: Emission, inputs: Sequence[str], name: str
) -> str:
    axes = emission.ints(module.axes, f"{name}.axes")
    return emission.node(type(module).__name__, [*inputs, axes], name, keepdims=int(module.keepdims))


@EMITTERS.register(Extremum)
def _emit_extremum(module: Extremum, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node(module.kind.capitalize(), inputs, name)
