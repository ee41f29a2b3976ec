"""Padding of axes with a value, or with what lies inside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor, fx

from snnconv.formats.hardware.builder import HardwareBuilder
from snnconv.formats.hardware.layers import HardwareSignal
from snnconv.formats.nir.forms import convolve
from snnconv.graph.access import display_name
from snnconv.graph.emission import Emission
from snnconv.graph.modules import Pad
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import FREE, NeuronPlace, Operator, Time, register_operator
from snnconv.operators.forms import IN_FLOAT

OPEN_END = np.iinfo(np.int32).max  # exporters write this or more for "to the end"


def _read(node: NodeView) -> Call:
    rank = node.rank()
    pads = _whole_pads(node, rank)
    mode = node.attributes.get("mode", "constant")
    if mode not in Pad.MODES:
        raise Refusal(f"its mode {mode!r} is not known")
    first = next((axis for axis in range(1, rank) if pads[axis] or pads[axis + rank]), None)
    if first is None:
        return Call(())
    if mode == "constant":
        value = node.number("value", 2) or 0.0
        if np.isnan(value):
            raise Refusal("it pads with NaN")
        return Call((Pad(pads[first:rank] + pads[rank + first :], mode, value),))
    for axis in range(first, rank):
        size = node.shape()[axis]
        widest = {"reflect": size - 1, "wrap": size}.get(mode, OPEN_END)
        if not all(0 <= pads[end] <= widest for end in (axis, axis + rank)):
            raise Refusal(f"in mode {mode!r} an axis of size {size} cannot be padded by {pads}")
    return Call((Pad(pads[first:rank] + pads[rank + first :], mode),))


def _whole_pads(node: NodeView, rank: int) -> list[int]:
    """Return begins, then ends, of every axis."""
    pads = node.ints("pads", 1)
    if pads is None:
        raise Refusal("its pads are missing")
    axes = node.ints("axes", 3)
    if axes is not None and len(pads) == 2 * len(axes):
        pads_of = {axis % rank: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
        pads = [pads_of.get(axis, (0, 0))[end] for end in (0, 1) for axis in range(rank)]
    if len(pads) != 2 * rank:
        raise Refusal(f"its pads {pads} do not fit an input of rank {rank}")
    if pads[0] or pads[rank]:
        raise Refusal("it pads the batch axis")
    return pads


def _write(module: Pad, emission: Emission, inputs: Sequence[str], name: str) -> str:
    if module.mode == "wrap":  # no mode of Pad before opset 19
        return _write_wrap(module, emission, inputs[0], name)
    # pads of every axis: onnxruntime's optimizer moves a Transpose past a Pad as if it had no axes
    rank = len(module.pads) // 2
    leading = [0] * (emission.ranks[name] - rank)
    pads = emission.ints([*leading, *module.pads[:rank], *leading, *module.pads[rank:]], f"{name}.pads")
    operands = [*inputs, pads]
    if module.mode == "constant":
        operands.append(emission.constant(np.float32(module.value), f"{name}.value"))
    return emission.node("Pad", operands, name, mode=module.mode)


def _write_wrap(module: Pad, emission: Emission, value: str, name: str) -> str:
    """Axis by axis: the end of the axis before it, its beginning behind it."""
    rank = len(module.pads) // 2
    for axis in range(rank):
        begin, end = module.pads[axis], module.pads[axis + rank]
        along = f"{name}.{axis}"
        axes = emission.ints([axis - rank], f"{along}.axis")
        parts = [value]
        if begin:
            bounds = [emission.ints([-begin], f"{along}.tail"), emission.ints([OPEN_END], f"{along}.open")]
            parts.insert(0, emission.node("Slice", [value, *bounds, axes], f"{along}.before"))
        if end:
            bounds = [emission.ints([0], f"{along}.zero"), emission.ints([end], f"{along}.head")]
            parts.append(emission.node("Slice", [value, *bounds, axes], f"{along}.after"))
        if len(parts) > 1:
            value = emission.node("Concat", parts, along, axis=axis - rank)
    return value


def _route(module: Pad, counts: Sequence[Tensor]) -> Tensor:
    """All: what is padded with is no spike, whatever its value."""
    padded: Tensor = Pad(module.pads, module.mode)(counts[0])
    return padded


def _hardware(builder: HardwareBuilder, node: fx.Node, module: Pad, inputs: list[HardwareSignal]) -> HardwareSignal:
    if module.mode != "constant" or module.value != 0 or min(module.pads) < 0:
        raise Refusal("it pads with something other than zeros, or cuts off: pad with zeros")
    (signal,), rank = inputs, len(module.pads) // 2
    before = len(signal.shape) - rank
    around = [(0, 0)] * before + [(module.pads[axis], module.pads[axis + rank]) for axis in range(rank)]
    scale, offset = (  # of zeros any scale is right; one that is the same along an axis stays so
        np.pad(
            values, [ends if size > 1 else (0, 0) for ends, size in zip(around, values.shape, strict=True)], mode="edge"
        )
        for values in (signal.scale, signal.offset)
    )
    extent = (min(0, signal.low), max(0, signal.high))
    return builder.add(
        display_name(node),
        "pad",
        inputs,
        scale,
        extent,
        node.meta["shape"],
        offset=offset,
        attributes={"pads": list(module.pads)},
    )


PAD = register_operator(
    Operator(
        modules=(Pad,),
        reads={("", "Pad"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=FREE,
        routes=_route,
        shape=None,
        forms={"hardware": _hardware, "int8": IN_FLOAT, "nir": convolve},
    )
)
