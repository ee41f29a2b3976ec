"""Means, sums, maxima and minima over axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, fx

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.hardware.sums import shared_over
from snnconv.formats.nir.signals import NirSignal
from snnconv.formats.nir.writer import NirWriter
from snnconv.graph.access import display_name
from snnconv.graph.emission import Emission
from snnconv.graph.modules import MaxPool, ReduceMax, ReduceMean, ReduceSum, Squeeze
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import Arrival, Cost, NeuronPlace, NoForm, Operator, Time, Work, register_operator
from snnconv.graph.reductions import ReduceMin, Reduction
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR

__all__ = ["keeps_axes", "reduced_axes", "reduced_shape", "write_reduction"]


def reduced_axes(node: NodeView) -> list[int] | None:
    """Return the axes that are reduced, in rising order; None where the operator does nothing."""
    axes = node.ints("axes", 1)
    if not axes:
        if node.int_attribute("noop_with_empty_axes", 0):
            return None
        raise Refusal("it acts across the batch axis")
    return sorted(node.axis(axis) for axis in axes)


def _read_mean(node: NodeView) -> Call:
    axes = reduced_axes(node)
    return Call(() if axes is None else (ReduceMean(axes, keepdims=keeps_axes(node)),))


def _read_sum(node: NodeView) -> Call:
    axes = reduced_axes(node)
    return Call(() if axes is None else (ReduceSum(axes, keepdims=keeps_axes(node)),))


def _read_max(node: NodeView) -> Call:
    """Over all positions it is a max-pooling, which can be moved before activations."""
    axes = reduced_axes(node)
    if axes is None:
        return Call(())
    spatial = node.shape()[2:]
    rank = len(spatial)
    if not 1 <= rank <= 3 or axes != list(range(2, rank + 2)):
        return Call((ReduceMax(axes, keepdims=keeps_axes(node)),))
    pool = MaxPool(spatial, [1] * rank, [0] * 2 * rank, [1] * rank)
    return Call((pool,) if keeps_axes(node) else (pool, Squeeze(axes)))


def keeps_axes(node: NodeView) -> bool:
    """Return whether the reduced axes stay, with size 1."""
    return bool(node.int_attribute("keepdims", 1))


def _read_min(node: NodeView) -> Call:
    axes = reduced_axes(node)
    return Call(() if axes is None else (ReduceMin(axes, keepdims=keeps_axes(node)),))


def write_reduction(module: Reduction, emission: Emission, inputs: Sequence[str], name: str) -> str:
    """Write a reduction, whose class is named as ONNX names it."""
    axes = emission.ints(module.axes, f"{name}.axes")
    return emission.node(type(module).__name__, [*inputs, axes], name, keepdims=int(module.keepdims))


def _mean_work(module: ReduceMean, inputs: int, outputs: int) -> Work:
    """A mean of k values is k - 1 additions and one multiplication."""
    return Work(outputs, inputs - outputs)


def _sum_work(module: ReduceSum, inputs: int, outputs: int) -> Work:
    """A sum of k values is k - 1 additions."""
    return Work(0, inputs - outputs)


def _route(module: ReduceMean | ReduceSum, counts: Sequence[Tensor]) -> Tensor:
    """All: what a mean divides by belongs to the next synapse's weight."""
    return counts[0].sum(module.axes, keepdim=module.keepdims)


def reduced_shape(module: Reduction, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape without the axes, or with size 1 in their place."""
    sizes = [1 if axis in module.axes else size for axis, size in enumerate(shapes[0])]
    return tuple(size for axis, size in enumerate(sizes) if module.keepdims or axis not in module.axes)


def _hardware(
    builder: HardwareBuilder, node: fx.Node, module: ReduceMean | ReduceSum, inputs: list[HardwareSignal]
) -> HardwareSignal:
    (signal,) = inputs
    axes = tuple(axis - 1 for axis in module.axes)
    count = math.prod(signal.shape[axis] for axis in axes)
    scale, offset = (shared_over(values, axes, module.keepdims) for values in (signal.scale, signal.offset))
    mean = isinstance(module, ReduceMean)
    return builder.add(
        display_name(node),
        "sum",
        inputs,
        scale / count if mean else scale,
        (min(0, signal.low * count), max(0, signal.high * count)),
        node.meta["shape"],
        offset=offset if mean else offset * count,
        attributes={"axes": list(axes)},
    )


def _nir(writer: NirWriter, node: fx.Node, module: ReduceMean, inputs: list[NirSignal]) -> NirSignal:
    shape = inputs[0].shape
    if len(shape) != 3 or sorted(axis % 4 for axis in module.axes) != [2, 3]:
        raise Refusal(f"it averages axes {module.axes} of {list(shape)}: rows and columns of images are averaged")
    pooled = writer.draft.sum_pool(str(node.target), inputs[0], shape[1:], shape[1:])
    return pooled if module.keepdims else writer.draft.flatten(f"{node.target}_flat", pooled)


MEAN = register_operator(
    Operator(
        modules=(ReduceMean,),
        reads={("", "ReduceMean"): _read_mean},
        write=write_reduction,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_mean_work, arrival=Arrival.VALUES),
        routes=_route,
        shape=reduced_shape,
        forms={"hardware": _hardware, "int8": IN_FLOAT, "nir": _nir},
    )
)
SUM = register_operator(
    Operator(
        modules=(ReduceSum,),
        reads={("", "ReduceSum"): _read_sum},
        write=write_reduction,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=Cost(dense=_sum_work, arrival=Arrival.VALUES, starts_with_read=True),
        routes=_route,
        shape=reduced_shape,
        forms={"hardware": _hardware, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
MAX = register_operator(
    Operator(
        modules=(ReduceMax, ReduceMin),
        reads={("", "ReduceMax"): _read_max, ("", "ReduceMin"): _read_min},
        write=write_reduction,
        time=Time.FUNCTION,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NoForm("comparisons have no price"),
        routes=NoForm("a maximum of spikes is not known by their counts"),
        shape=reduced_shape,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
