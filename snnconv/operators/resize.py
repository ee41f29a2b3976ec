"""Axes made longer or shorter: the nearest element, a straight line between the two nearest, or a cubic function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from snnconv.graph.emission import Emission
from snnconv.graph.modules import Resize
from snnconv.graph.node import Call, Constant, NodeView, Refusal
from snnconv.graph.operator import NeuronPlace, NoForm, Operator, Time, moved, register_operator
from snnconv.graph.resizing import Filter
from snnconv.operators.forms import IN_FLOAT, NO_INTEGERS, NO_NIR


def _read(node: NodeView) -> Call:
    mode = node.attributes.get("mode", "nearest")
    if mode not in Resize.MODES:
        raise Refusal(f"its mode {mode!r} is not supported; nearest, linear and cubic are")
    old = node.operator == "Upsample" or node.opset < 11
    factors, sizes = _lengths(node, 1) if old else _lengths(node, 2)
    if old:  # by truncation; downwards the next above
        positions = "asymmetric"
        rounding = "floor" if all(factor >= 1 for factor in factors or ()) else "ceil"
    else:
        positions = node.attributes.get("coordinate_transformation_mode", "half_pixel")
        rounding = node.attributes.get("nearest_mode", "round_prefer_floor")
    if positions == "half_pixel_symmetric" and (sizes or _whole(node, factors)):
        positions = "half_pixel"
    if positions not in Resize.POSITIONS or rounding not in Resize.ROUNDINGS:
        raise Refusal(f"its positions {positions!r} or its rounding {rounding!r} are not supported")
    if node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise Refusal("a kept aspect ratio is not supported")
    lengths = factors or sizes
    assert lengths is not None
    unchanged = [1.0] * len(lengths) if factors else list(node.shape()[1:])
    if list(lengths) == unchanged:
        return Call(())
    return Call((Resize(lengths, mode, positions, rounding, _filter(node, mode), scaled=bool(factors)),))


def _filter(node: NodeView, mode: str) -> Filter:
    antialias = mode != "nearest" and bool(node.int_attribute("antialias", 0))
    inside = (antialias or mode == "cubic") and bool(node.int_attribute("exclude_outside", 0))
    coefficient = node.float_attribute("cubic_coeff_a", -0.75) if mode == "cubic" else -0.75
    return Filter(coefficient, inside, antialias)


def _whole(node: NodeView, factors: Sequence[float] | None) -> bool:
    """Whether factors lead to whole lengths, for which a symmetric half pixel is the plain one."""
    lengths = [old * factor for old, factor in zip(node.shape()[1:], factors or (), strict=True)]
    return all(abs(length - round(length)) < 1e-4 for length in lengths)


def _lengths(node: NodeView, position: int) -> tuple[list[float] | None, list[int] | None]:
    """Factors or sizes of all axes but the batch's, whichever are by_axis."""
    rank = node.rank()
    axes = [int(axis) % rank for axis in node.attributes.get("axes", range(rank))]
    if "scales" in node.attributes:
        factors = [float(factor) for factor in node.attributes["scales"]]
    else:
        stated = node.constant(position)
        factors = [] if stated is None else [float(factor) for factor in stated.reshape(-1)]
    if factors:
        by_axis = dict(zip(axes, factors, strict=True))
        if by_axis.get(0, 1.0) != 1 or min(factors) <= 0:
            raise Refusal("it acts across the batch axis, or to nothing")
        return [by_axis.get(axis, 1.0) for axis in range(1, rank)], None
    target_sizes = node.operand(position + 1)
    if not isinstance(target_sizes, Constant):
        raise Refusal("neither its factors nor its sizes are known")
    both = [dict(zip(axes, (int(size) for size in value.reshape(-1)), strict=True)) for value in target_sizes.values]
    for sizes, shape in zip(both, node.activation().shapes, strict=True):
        if sizes.pop(0, shape[0]) not in (shape[0], node.file_length()):
            raise Refusal("it acts across the batch axis")
    if both[0] != both[1] or min(both[0].values()) < 1:
        raise Refusal("its sizes must not depend on the batch size, nor be 0")
    return None, [both[0].get(axis, size) for axis, size in enumerate(node.shape()) if axis]


def _write(module: Resize, emission: Emission, inputs: Sequence[str], name: str) -> str:
    if module.scaled:
        factors = np.array([1, *module.lengths], np.float32)
        operands = ["", emission.constant(factors, f"{name}.scales")]
    else:  # sizes of every axis: onnxruntime's optimizer moves a Transpose past a Resize as if it had no axes
        batch = emission.node("Shape", [inputs[0]], f"{name}.batch", end=1)
        sizes = emission.ints([int(length) for length in module.lengths], f"{name}.sizes")
        operands = ["", "", emission.node("Concat", [batch, sizes], f"{name}.shape", axis=0)]
    return emission.node(
        "Resize",
        [*inputs, *operands],
        name,
        mode=module.mode,
        coordinate_transformation_mode=module.positions,
        nearest_mode=module.rounding,
        cubic_coeff_a=module.settings.coefficient if module.mode == "cubic" else None,
        exclude_outside=int(module.settings.inside) or None,
        antialias=int(module.settings.antialias) or None,
    )


def _route(module: Resize, counts: Sequence[Tensor]) -> Tensor | None:
    """All where the nearest element is taken: a straight line between two spikes is no spike."""
    return moved(module, counts) if module.mode == "nearest" else None


RESIZE = register_operator(
    Operator(
        modules=(Resize,),
        reads={("", "Resize"): _read, ("", "Upsample"): _read},
        write=_write,
        time=Time.AFFINE,
        activation=NeuronPlace.NONE,
        of_steps=False,
        cost=NoForm("how many multiplications it takes depends on the runtime"),
        routes=_route,
        shape=None,
        forms={"hardware": NO_INTEGERS, "int8": IN_FLOAT, "nir": NO_NIR},
    )
)
