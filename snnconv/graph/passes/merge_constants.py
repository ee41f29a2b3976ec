"""Compute once what arithmetic with constants does one step after the other.

    (x + a) + b = x + (a + b)      a - (x + b) = (a - b) - x      x + 0 = x
    (x * a) * b = x * (a * b)      (x / a) / b = x * (1/a * 1/b)  x * 1 = x

What depends on no input at all is computed by the importer.
"""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from snnconv.graph.access import calls, finish, module_of, operands
from snnconv.graph.modules import Arithmetic, ArithmeticName
from snnconv.graph.passes.contract import Pass, Property
from snnconv.graph.passes.remove_identities import NO_IDENTITIES
from snnconv.graph.passes.split_calls import SEPARATE_CALLS

__all__ = ["CONSTANTS_MERGED", "merge_constants"]


def _arithmetic(graph: fx.GraphModule, node: fx.Node) -> Arithmetic | None:
    """The module of a node that does arithmetic with a constant."""
    if node.op != "call_module" or len(node.args) != 1:
        return None
    module = module_of(graph, node)
    return module if isinstance(module, Arithmetic) and module.constant is not None else None


def _signed(module: Arithmetic) -> tuple[int, Tensor] | None:
    """The sign and the c of `sign*x + c`."""
    assert module.constant is not None
    constant = module.constant.detach().double()
    match module.operator, module.constant_first:
        case "add", _:
            return 1, constant
        case "sub", False:
            return 1, -constant
        case "sub", True:
            return -1, constant
    return None


def _factor(module: Arithmetic) -> Tensor | None:
    """The c of `c*x`."""
    assert module.constant is not None
    constant = module.constant.detach().double()
    match module.operator, module.constant_first:
        case "mul", _:
            return constant
        case "div", False:
            return constant.reciprocal()
    return None


def _does_nothing(graph: fx.GraphModule, node: fx.Node) -> bool:
    module = _arithmetic(graph, node)
    if module is None or operands(node)[0].meta["shape"] != node.meta["shape"]:
        return False
    signed, factor = _signed(module), _factor(module)
    if signed is not None:
        return signed[0] == 1 and not signed[1].any()
    return factor is not None and bool((factor == 1).all())


def _merged(graph: fx.GraphModule, node: fx.Node) -> Arithmetic | None:
    """One module in the place of a node's and of the one before it; None where they are not to be merged."""
    second = _arithmetic(graph, node)
    first = None if second is None else _arithmetic(graph, operands(node)[0])
    if first is None or second is None or len(operands(node)[0].users) != 1:
        return None
    assert first.constant is not None
    assert second.constant is not None
    composed = _composed(first, second)
    # Constants along different axes broadcast to one larger than both, which would cost more than it saves.
    if composed is None or composed[1].numel() > first.constant.numel() + second.constant.numel():
        return None
    operator, values, constant_first = composed
    constant = values.to(first.constant.dtype)
    # A product can leave the range of floating point where its factors do not.
    if not torch.isfinite(constant).all() or (operator == "mul" and bool(((constant == 0) & (values != 0)).any())):
        return None
    return Arithmetic(operator, nn.Parameter(constant, requires_grad=False), constant_first=constant_first)


def _composed(first: Arithmetic, second: Arithmetic) -> tuple[ArithmeticName, Tensor, bool] | None:
    """Operator, constant, and whether it comes first."""
    one, two = _signed(first), _signed(second)
    if one is not None and two is not None:
        sign, constant = one[0] * two[0], two[0] * one[1] + two[1]
        return ("add", constant, False) if sign == 1 else ("sub", constant, True)
    factor, another = _factor(first), _factor(second)
    if factor is not None and another is not None:
        return "mul", factor * another, False
    return None


def _merge(graph: fx.GraphModule) -> bool:
    changed = False
    for node in calls(graph):
        if (merged := _merged(graph, node)) is not None:
            (before,) = operands(node)
            graph.add_submodule(str(node.target), merged)
            node.args = before.args
            graph.graph.erase_node(before)
            changed = True
        if _does_nothing(graph, node):
            node.replace_all_uses_with(operands(node)[0])
            graph.graph.erase_node(node)
            changed = True
    return finish(graph, changed)


CONSTANTS_MERGED = Property(
    "no constants that arithmetic could merge or leave out",
    lambda graph: not any(_does_nothing(graph, node) or _merged(graph, node) for node in calls(graph)),
)

merge_constants = Pass(
    "merge_constants",
    _merge,
    requires=frozenset({SEPARATE_CALLS}),
    ensures=frozenset({CONSTANTS_MERGED}),
    keeps=frozenset({SEPARATE_CALLS, NO_IDENTITIES}),
)
