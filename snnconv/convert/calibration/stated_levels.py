"""Levels that a file already rounds an activation to (QuantizeLinear and DequantizeLinear), as those of its neurons.

Values are k·s, k a whole number between two bounds. Neurons of N levels with the ceiling N·s have the same levels, so
that nothing is lost where N reaches both bounds.
"""

from __future__ import annotations

from torch import fx, nn

from snnconv.graph.access import module_of, operands
from snnconv.graph.modules import MaxPool
from snnconv.graph.operator import find_operator, moved
from snnconv.graph.quantization import FakeQuantize
from snnconv.neurons import QCFS
from snnconv.spiking.sites import is_signed, iter_sites

__all__ = ["largest_stated_level", "site_of_stated_levels"]


def largest_stated_level(graph: fx.GraphModule) -> int | None:
    """Return the least N that reaches the levels that the file rounds to; None where it rounds no site's values."""
    stated = [_levels(graph, node) for node, _ in iter_sites(graph)]
    return max((largest for _, largest in filter(None, stated)), default=None)


def site_of_stated_levels(graph: fx.GraphModule, node: fx.Node, total_levels: int) -> QCFS | None:
    """Return the site of N levels that has those which its values have already; None where they have none, or more."""
    stated = _levels(graph, node)
    if stated is None or stated[1] > total_levels:
        return None
    scale = stated[0].scale.detach()
    return QCFS(scale * total_levels, total_levels, signed=is_signed(module_of(graph, node)))


def _levels(graph: fx.GraphModule, node: fx.Node) -> tuple[FakeQuantize, int] | None:
    """Return what rounds a site's values, with one scale for all, and the largest magnitude of k."""
    module: nn.Module = module_of(graph, node)
    while not isinstance(module, FakeQuantize):
        node = operands(node)[0]
        if node.op != "call_module" or len(operands(node)) != 1:
            return None
        module = module_of(graph, node)
        operator = find_operator(module)
        if not isinstance(module, (FakeQuantize, MaxPool)) and (operator is None or operator.routes is not moved):
            return None
    return None if module.scale.dim() else (module, max(-module.lowest, module.highest))
