"""Sum and Mean of several tensors, element by element."""

from __future__ import annotations

import torch
from torch import nn

from snnconv.graph.modules import Arithmetic
from snnconv.graph.node import Activation, Call, NodeView, Refusal
from snnconv.graph.operator import Composed, register_composed
from snnconv.operators._constants import check_broadcast


def _read_sum(node: NodeView) -> Call:
    """Additions one after the other: activations first, then constants."""
    first, *others = (i for i, operand in enumerate(node.operands) if isinstance(operand, Activation))
    total = Call((), (first,))
    for position in others:
        if node.rank(position) != node.rank(first):
            raise Refusal("its operands have different ranks, so that one would be broadcast over the batch axis")
        total = Call((Arithmetic("add"),), (total, position))
    for position in range(len(node.operands)):
        if node.is_constant(position):
            check_broadcast(node, position, node.rank(first))
            total = Call((Arithmetic("add", node.parameter(position)),), (total,))
    return total


def _read_mean(node: NodeView) -> Call:
    share = nn.Parameter(torch.tensor(1 / len(node.operands), dtype=torch.float32))
    return Call((Arithmetic("mul", share),), (_read_sum(node),))


SUM = register_composed(Composed(reads={("", "Sum"): _read_sum, ("", "Mean"): _read_mean}, made_of=(Arithmetic,)))
