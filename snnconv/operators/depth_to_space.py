"""Channels that become blocks of an image, and blocks that become channels."""

from __future__ import annotations

from fractions import Fraction

from snnconv.graph.modules import Reshape, Transpose
from snnconv.graph.node import Call, NodeView, Refusal
from snnconv.graph.operator import Composed, register_composed


def _read_depth_to_space(node: NodeView) -> Call:
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


def _read_space_to_depth(node: NodeView) -> Call:
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


DEPTH_TO_SPACE = register_composed(
    Composed(
        reads={("", "DepthToSpace"): _read_depth_to_space, ("", "SpaceToDepth"): _read_space_to_depth},
        made_of=(Reshape, Transpose),
    )
)
