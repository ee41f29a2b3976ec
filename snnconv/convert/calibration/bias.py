"""The operator whose bias shifts the input of a site and nothing else."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from snnconv.graph.access import module_of, operands
from snnconv.graph.linear import LINEAR, NORMS
from snnconv.graph.modules import Arithmetic, MaxPool
from snnconv.neurons import Repeat
from snnconv.spiking.sites import channel_axis

__all__ = ["add_bias", "bias_carrier"]


def bias_carrier(graph: fx.GraphModule, site: fx.Node) -> fx.Node | None:
    """Return the node whose bias shifts a site's input and feeds nothing else; None where there is none.

    Walks back through additions, and through max-pooling and repetition over time, which a shift commutes with, while
    each value has one user.
    An operator whose channels are broadcast, or lie on another axis than the site's, cannot carry the site's shift.
    """
    axis = channel_axis(graph, site)
    return None if axis is None else _walk(graph, operands(site)[0], axis, site.meta["shape"][axis - 1])


def _walk(graph: fx.GraphModule, node: fx.Node, axis: int, channels: int) -> fx.Node | None:
    if node.op != "call_module" or len(node.users) != 1:
        return None
    module = module_of(graph, node)
    if isinstance(module, (*LINEAR, *NORMS)):
        fits = channel_axis(graph, node) == axis and node.meta["shape"][axis - 1] == channels
        return node if fits else None
    if isinstance(module, (MaxPool, Repeat)) or (isinstance(module, Arithmetic) and module.operator == "add"):
        carriers = (_walk(graph, arg, axis, channels) for arg in operands(node))
        return next((carrier for carrier in carriers if carrier is not None), None)
    return None


@torch.no_grad()
def add_bias(graph: fx.GraphModule, carrier: fx.Node, shift: Tensor) -> None:
    """Add `[C]` to a module's bias; a bias that other modules share stays as it is for them."""
    module = module_of(graph, carrier)
    bias = module.bias
    module.bias = nn.Parameter(bias + shift if isinstance(bias, Tensor) else shift.clone())
