"""Elements of each sample that are taken by numbers which count through the batch: `x[arange(B), positions]`.

Exporters write the pooling of a text encoder, `x[arange(B), ids.argmax(-1)]`, as a gather of the rows of all samples,
by positions to which the number of the sample times the rows of one is added, or as a gather by pairs of the sample's
number and the position. In the graph no number counts through the batch: the addition, or the pairing, is noted
(`Activation.rows`), and the gather that follows is one within each sample.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from snnconv.graph.embedding import GatherElements
from snnconv.graph.kinds import Truncation, before_cast
from snnconv.graph.modules import Concat, Expand, Reshape
from snnconv.graph.node import PROBES, Activation, Call, Constant, NodeView, Refusal

__all__ = ["numbered", "rows_after", "taken_of_each_sample"]

PAIRED = -1  # `Activation.rows` of positions behind the sample's number, along the last axis
KEEPING = ("Cast", "Identity", "Expand", "Reshape", "Squeeze", "Unsqueeze")  # positions, but for their shape


def numbered(view: NodeView) -> tuple[Call, int] | None:
    """Return what becomes of positions to which the samples' numbers are added, and the rows of a sample.

    Args:
        view: Node, of which the operands are looked up.

    Returns:
        Call, and `Activation.rows` of its output; None of a node that adds or pairs no numbers of samples.
    """
    constants = [operand for operand in view.operands if isinstance(operand, Constant)]
    others = [operand for operand in view.operands if isinstance(operand, Activation)]
    if len(constants) != 1 or not others or len(others) + 1 != len(view.operands) or constants[0].fixed is not None:
        return None
    step = _step(constants[0])
    if view.operator == "Add" and step and _alike(constants[0], others[0]):
        return Call((), (others[0],)), step
    paired = view.operator == "Concat" and step == 1 and isinstance(view.operands[0], Constant)
    if paired and view.int_attribute("axis", 0) % view.rank(1) == view.rank(1) - 1:
        return Call((Concat(-1),) if len(others) > 1 else (), tuple(others)), PAIRED
    return None


def _step(constant: Constant) -> int:
    """Return k where a constant `[B, 1, ...]` or `[B, ...]` is k times the number of the sample everywhere, else 0."""
    steps = set()
    for value, batch in zip(constant.values, PROBES, strict=True):
        if value.dtype.kind not in "iu" or not value.ndim or len(value) != batch:
            return 0
        rows = value.reshape(batch, -1)
        k = int(rows[1, 0]) if rows.size else 0
        if (rows != k * np.arange(batch)[:, None]).any():
            return 0
        steps.add(k)
    return max(0, steps.pop()) if len(steps) == 1 else 0


def _alike(constant: Constant, activation: Activation) -> bool:
    """Whether a sum with the constant has the activation's shape."""
    shapes = zip(constant.values, activation.shapes, strict=True)
    return all(np.broadcast_shapes(value.shape, shape) == shape and value.ndim == len(shape) for value, shape in shapes)


def rows_after(view: NodeView) -> int:
    """Return `Activation.rows` of what a node makes of its operands.

    Raises:
        Refusal: It computes with positions that count through the batch.
    """
    rows = {operand.rows for operand in view.operands if isinstance(operand, Activation)} - {0}
    if not rows:
        return 0
    if view.operator in ("Gather", "GatherND") and not view.is_constant(0) and not view.activation(0).rows:
        return 0
    if view.operator in KEEPING and len(rows) == 1 and (rows != {PAIRED} or view.operator in KEEPING[:2]):
        return rows.pop()
    raise Refusal("it computes with positions that count through the batch: only a Gather or GatherND may take these")


def taken_of_each_sample(view: NodeView) -> Call | None:
    """Return what a Gather or GatherND of rows of each sample becomes; None of another node.

    Raises:
        Refusal: It is a GatherND of another form.
    """
    positions = view.operand(1)
    if view.operator == "GatherND":
        return _of_pairs(view)
    if view.operator != "Gather" or not isinstance(positions, Activation) or view.is_constant(0):
        return None
    x = view.activation()
    step = positions.rows or (x.shapes[0][0] // PROBES[0] if view.file_batch == 1 else 0)
    whole = x.sources[0] if isinstance(x.module, Reshape) and x.module.batch_factor == step else None
    if whole is None or whole.shapes[0][:2] != (PROBES[0], step) or view.int_attribute("axis", 0):
        return None
    return _taken(Call((Reshape(Fraction(1), [step, *x.shapes[0][1:]]),), (whole,)), x.shapes[0][1:], positions)


def _of_pairs(view: NodeView) -> Call:
    x, pairs, shared = view.activation(0), view.activation(1), view.int_attribute("batch_dims", 0)
    positions = _unpaired(view, pairs) if shared == 0 else pairs if shared == 1 and not pairs.rows else None
    if positions is None:
        raise Refusal("it takes elements of other samples: only x[arange(batch), positions] is supported")
    if positions.shapes[0][-1] != 1 or len(positions.shapes[0]) < 2:
        raise Refusal("its positions are of several axes at once; only those along the axis behind the batch's may be")
    return _taken(x, x.shapes[0][2:], positions, positions.shapes[0][1:-1])


def _unpaired(view: NodeView, pairs: Activation) -> Activation | None:
    """Return positions without the number of the sample before them; in a file of one sample it is 0."""
    if pairs.rows == PAIRED:
        return pairs
    if view.file_batch != 1 or not isinstance(pairs.module, Concat) or pairs.module.positions != (0,):
        return None
    alone = len(pairs.sources) == 1 and pairs.module.axis % len(pairs.shapes[0]) == len(pairs.shapes[0]) - 1
    return pairs.sources[0] if alone and not pairs.module.get_buffer("constant0").any() else None


def _taken(
    x: Activation | Call, rest: tuple[int, ...], positions: Activation, shape: tuple[int, ...] | None = None
) -> Call:
    """Rows of x `[B, T, *rest]` by positions of `[B, *shape]`: `[B, *shape, *rest]`."""
    shape = positions.shapes[0][1:] if shape is None else shape
    count = math.prod(shape)
    wide = (Expand([count, *rest]),) if math.prod(rest) > 1 else ()
    places = before_cast(positions, Truncation)
    spread = Call((Reshape(Fraction(1), [count, *[1] * len(rest)]), *wide), (places,))
    return Call((GatherElements(1), Reshape(Fraction(1), [*shape, *rest])), (x, spread))
