"""The place of a node beside the batch: its axes as the graph counts them, and where the file has the batch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

from snnconv.graph.node import Activation, Call, NodeView, Refusal

__all__ = ["Placed", "Placement", "graph_axis", "placed", "with_attributes"]


@dataclass(frozen=True)
class Placed:
    """A node as it acts on tensors of which axis 0 is the batch's.

    Attributes:
        view: The node, its axes counted so.
        batch_axis: Axis of the batch in the file's outputs.
        calls: The node's outputs where they are known already, else None.
        merged: Length of an axis before the batch's that the file has merged into it.
        rows: `Activation.rows` of the outputs.
    """

    view: NodeView
    batch_axis: int = 0
    calls: tuple[Call, ...] | None = None
    merged: int = 1
    rows: int = 0


Placement = Callable[[NodeView, int, int], Placed]  # (view, axis of the batch, rank of the first activation)


def graph_axis(axis: int, batch: int, rank: int) -> int:
    """Return the graph's axis for an axis of the file."""
    if not -rank <= axis < rank:
        raise Refusal(f"axis {axis} is outside a tensor of rank {rank}")
    axis %= rank
    if axis == batch:
        raise Refusal("it acts across the batch axis")
    return axis + 1 if axis < batch else axis


def with_attributes(view: NodeView, **attributes: object) -> NodeView:
    """Return a node of other attributes, which count before inputs of the same meaning."""
    changed = copy.copy(view)
    changed.attributes = {**view.attributes, **attributes}
    return changed


def placed(activation: Activation, place: Placed) -> Activation:
    """Return an activation as a node's output, of which the file has the batch elsewhere."""
    noted = (place.batch_axis, place.merged, place.rows)
    if (activation.batch_axis, activation.merged, activation.rows) == noted:
        return activation
    return replace(activation, batch_axis=place.batch_axis, merged=place.merged, rows=place.rows)
