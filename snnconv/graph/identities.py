"""Modules that pass their input through at inference."""

from __future__ import annotations

from torch import fx, nn

from snnconv.graph.access import module_of, operands
from snnconv.graph.modules import AveragePool, Concat, MaxPool, Pad, Reshape, Squeeze, Transpose, Unsqueeze

__all__ = ["is_identity"]

NOTHING = (
    nn.Identity,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)


def is_identity(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Return whether the output of a `call_module` node is its one operand."""
    module, sources = module_of(graph, node), operands(node)
    if len(sources) != 1:
        return False
    if isinstance(module, NOTHING):
        return True
    if isinstance(module, (nn.Flatten, Squeeze, Unsqueeze)):  # these keep the order of the values
        return bool(sources[0].meta["shape"] == node.meta["shape"])
    if isinstance(module, Reshape):
        return module.batch_factor == 1 and module.trailing == sources[0].meta["shape"]
    if isinstance(module, Transpose):
        return module.order == tuple(range(len(module.order)))
    if isinstance(module, Pad):
        return not any(module.pads)
    if isinstance(module, (AveragePool, MaxPool)):
        return {*module.kernel, *module.stride} == {1} and not any(module.pads)
    return isinstance(module, Concat) and not module.positions
