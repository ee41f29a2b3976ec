"""What takes elements again, or in another order: expand, tile, gather, resize, depth to space and back."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from snnconv.graph.emission import EMITTERS, Emission
from snnconv.graph.modules import Expand, Gather, Reshape, Resize, Slice, Squeeze, Tile, Transpose
from snnconv.graph.node import HANDLERS, Call, Constant, NodeView, Refusal


@HANDLERS.register(("", "Expand"))
def _import_expand(node: NodeView) -> Call:
    wanted, shapes = node.operand(1), node.activation().shapes
    if not isinstance(wanted, Constant):
        raise Refusal("its shape depends on the network's input, or is missing")
    targets = [[int(size) for size in value.reshape(-1)] for value in wanted.values]
    rank = len(shapes[0])
    for target, shape in zip(targets, shapes, strict=True):
        if len(target) > rank:
            raise Refusal("it puts an axis before the batch's")
        if len(target) == rank and target[0] not in (1, shape[0], node.file_length()):
            raise Refusal("it acts across the batch axis")
    trailing, other = (([1] * (rank - len(target)) + target)[1:] for target in targets)
    given = shapes[0][1:]
    if trailing != other or any(new not in (1, old) and old != 1 for new, old in zip(trailing, given, strict=True)):
        raise Refusal(f"an input of shape {list(given)} beside the batch does not expand to {trailing}")
    if all(new in (1, old) for new, old in zip(trailing, given, strict=True)):
        return Call(())
    return Call((Expand(trailing),))


@HANDLERS.register(("", "Tile"))
def _import_tile(node: NodeView) -> Call:
    repeats = [int(count) for count in node.need_constant(1).reshape(-1)]
    if len(repeats) != node.rank() or min(repeats) < 1:
        raise Refusal(f"its repeats {repeats} do not fit an input of rank {node.rank()}")
    if repeats[0] != 1:
        raise Refusal("it acts across the batch axis")
    return Call((Tile(repeats[1:]),) if any(count > 1 for count in repeats) else ())


@HANDLERS.register(("", "Gather"))
def _import_gather(node: NodeView) -> Call:
    axis = node.axis(node.int_attribute("axis", 0))
    given, size = node.need_constant(1), node.shape()[axis]
    if given.size == 0 or given.min() < -size or given.max() >= size:
        raise Refusal(f"its indices leave an axis of size {size}, or there are none")
    indices = [int(index) % size for index in given.reshape(-1)]
    run = indices == list(range(indices[0], indices[0] + len(indices)))
    take = Slice([axis], [indices[0]], [indices[-1] + 1], [1]) if run else Gather(axis, indices)
    if given.ndim == 0:
        return Call((take, Squeeze([axis])))
    if given.ndim == 1:
        return Call((take,))
    shape = node.shape()
    return Call((take, Reshape(Fraction(1), [*shape[1:axis], *given.shape, *shape[axis + 1 :]])))


@HANDLERS.register(("", "DepthToSpace"))
def _import_depth_to_space(node: NodeView) -> Call:
    side, (channels, height, width) = _blocks(node)
    if channels % side**2:
        raise Refusal(f"{channels} channels do not make blocks of {side} by {side}")
    left = channels // side**2
    mode = node.attributes.get("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise Refusal(f"its mode {mode!r} is not known")
    split = (left, side, side) if mode == "CRD" else (side, side, left)
    order = (0, 1, 4, 2, 5, 3) if mode == "CRD" else (0, 3, 4, 1, 5, 2)
    joined = Reshape(Fraction(1), (left, height * side, width * side))
    return Call((Reshape(Fraction(1), (*split, height, width)), Transpose(order), joined))


@HANDLERS.register(("", "SpaceToDepth"))
def _import_space_to_depth(node: NodeView) -> Call:
    side, (channels, height, width) = _blocks(node)
    if height % side or width % side:
        raise Refusal(f"an image of {height} by {width} has no whole blocks of {side}")
    split = Reshape(Fraction(1), (channels, height // side, side, width // side, side))
    joined = Reshape(Fraction(1), (channels * side**2, height // side, width // side))
    return Call((split, Transpose((0, 3, 5, 1, 2, 4)), joined))


def _blocks(node: NodeView) -> tuple[int, tuple[int, int, int]]:
    if node.rank() != 4:
        raise Refusal(f"an input of rank {node.rank()} is not supported; 4 is")
    side = node.int_attribute("blocksize", 0)
    if side < 1:
        raise Refusal(f"its blocksize is {side}")
    channels, height, width = node.shape()[1:]
    return side, (channels, height, width)


@HANDLERS.register(("", "Resize"), ("", "Upsample"))
def _import_resize(node: NodeView) -> Call:
    mode = node.attributes.get("mode", "nearest")
    if mode not in Resize.MODES:
        raise Refusal(f"its mode {mode!r} is not supported; nearest and linear are")
    old = node.operator == "Upsample" or node.opset < 11
    factors, sizes = _lengths(node, 1) if old else _lengths(node, 2)
    if old:  # by truncation; downwards the next above
        positions = "asymmetric"
        rounding = "floor" if all(factor >= 1 for factor in factors or ()) else "ceil"
    else:
        positions = node.attributes.get("coordinate_transformation_mode", "half_pixel")
        rounding = node.attributes.get("nearest_mode", "round_prefer_floor")
    if positions not in Resize.POSITIONS or rounding not in Resize.ROUNDINGS:
        raise Refusal(f"its positions {positions!r} or its rounding {rounding!r} are not supported")
    if node.int_attribute("antialias", 0) and mode != "nearest":
        raise Refusal("antialiasing is not supported")
    if node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise Refusal("a kept aspect ratio is not supported")
    lengths = factors or sizes
    assert lengths is not None
    unchanged = [1.0] * len(lengths) if factors else list(node.shape()[1:])
    if list(lengths) == unchanged:
        return Call(())
    return Call((Resize(lengths, mode, positions, rounding, scaled=bool(factors)),))


def _lengths(node: NodeView, position: int) -> tuple[list[float] | None, list[int] | None]:
    """Factors or sizes of all axes but the batch's, whichever are given."""
    rank = node.rank()
    axes = [int(axis) % rank for axis in node.attributes.get("axes", range(rank))]
    if "scales" in node.attributes:
        factors = [float(factor) for factor in node.attributes["scales"]]
    else:
        found = node.constant(position)
        factors = [] if found is None else [float(factor) for factor in found.reshape(-1)]
    if factors:
        given = dict(zip(axes, factors, strict=True))
        if given.get(0, 1.0) != 1 or min(factors) <= 0:
            raise Refusal("it acts across the batch axis, or to nothing")
        return [given.get(axis, 1.0) for axis in range(1, rank)], None
    wanted = node.operand(position + 1)
    if not isinstance(wanted, Constant):
        raise Refusal("neither its factors nor its sizes are known")
    both = [dict(zip(axes, (int(size) for size in value.reshape(-1)), strict=True)) for value in wanted.values]
    for sizes, shape in zip(both, node.activation().shapes, strict=True):
        if sizes.pop(0, shape[0]) not in (shape[0], node.file_length()):
            raise Refusal("it acts across the batch axis")
    if both[0] != both[1] or min(both[0].values()) < 1:
        raise Refusal("its sizes must not depend on the batch size, nor be 0")
    return None, [both[0].get(axis, size) for axis, size in enumerate(node.shape()) if axis]


@EMITTERS.register(Expand)
def _emit_expand(module: Expand, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Expand", [*inputs, emission.ints([1, *module.trailing], f"{name}.shape")], name)


@EMITTERS.register(Tile)
def _emit_tile(module: Tile, emission: Emission, inputs: Sequence[str], name: str) -> str:
    return emission.node("Tile", [*inputs, emission.ints([1, *module.repeats], f"{name}.repeats")], name)


@EMITTERS.register(Gather)
def _emit_gather(module: Gather, emission: Emission, inputs: Sequence[str], name: str) -> str:
    indices = emission.ints(module.indices, f"{name}.indices")
    return emission.node("Gather", [*inputs, indices], name, axis=module.axis)


@EMITTERS.register(Resize)
def _emit_resize(module: Resize, emission: Emission, inputs: Sequence[str], name: str) -> str:
    if module.scaled:
        factors = np.array([1, *module.lengths], np.float32)
        lengths = ["", emission.constant(factors, f"{name}.scales")]
    else:  # sizes of every axis: onnxruntime's optimizer moves a Transpose past a Resize as if it had no axes
        batch = emission.node("Shape", [inputs[0]], f"{name}.batch", end=1)
        sizes = emission.ints([int(length) for length in module.lengths], f"{name}.sizes")
        lengths = ["", "", emission.node("Concat", [batch, sizes], f"{name}.shape", axis=0)]
    return emission.node(
        "Resize",
        [*inputs, *lengths],
        name,
        mode=module.mode,
        coordinate_transformation_mode=module.positions,
        nearest_mode=module.rounding,
    )
