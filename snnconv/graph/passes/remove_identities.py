"""Remove what passes its input through at inference: identities, dropout, reshapes to the same shape, empty padding."""

from __future__ import annotations

from torch import fx, nn

from snnconv.graph.access import calls, finish, module_of, operands
from snnconv.graph.modules import AveragePool, Concat, MaxPool, Pad, Reshape, Squeeze, Transpose, Unsqueeze
from snnconv.graph.passes.contract import Pass, Property
from snnconv.graph.passes.split_calls import SEPARATE_CALLS

__all__ = ["NO_IDENTITIES", "remove_identities"]

NOTHING = (
    nn.Identity,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)


def _is_identity(graph: fx.GraphModule, node: fx.Node) -> bool:
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


def _remove(graph: fx.GraphModule) -> bool:
    changed = False
    for node in calls(graph):
        if _is_identity(graph, node):
            node.replace_all_uses_with(operands(node)[0])
            graph.graph.erase_node(node)
            changed = True
    return finish(graph, changed)


NO_IDENTITIES = Property(
    "no module that passes its input through",
    lambda graph: not any(_is_identity(graph, node) for node in calls(graph)),
)

remove_identities = Pass(
    "remove_identities", _remove, ensures=frozenset({NO_IDENTITIES}), keeps=frozenset({SEPARATE_CALLS})
)
