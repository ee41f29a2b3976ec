"""Merge a linear operator with the one before it, where that costs no more, on request: two layers become one.

    W₂ (W₁ x + b₁) + b₂ = (W₂ W₁) x + (W₂ b₁ + b₂)

Convolutions merge where one of the two has a kernel of one element: behind the other in any case, before it where that
does not pad b₁'s positions with zeros. The parameters that no other module shares and the multiply-accumulates must not
become more.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, fx, nn

from snnconv.graph.access import calls, finish, module_of
from snnconv.graph.linear import CONVOLUTIONS, channels_at, own_parameters, pads_zeros
from snnconv.graph.passes.absorb_affine import AFFINE_ABSORBED
from snnconv.graph.passes.contract import Pass, Property
from snnconv.graph.passes.fold_affine import AFFINE_FOLDED
from snnconv.graph.passes.merge_constants import CONSTANTS_MERGED
from snnconv.graph.passes.remove_identities import NO_IDENTITIES
from snnconv.graph.passes.split_calls import SEPARATE_CALLS

__all__ = ["LINEAR_MERGED", "merge_linear"]


@torch.no_grad()
def _match(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """The module that does what a node's and the one before it do; None where there is none, or it would cost more."""
    source = node.args[0] if len(node.args) == 1 else None
    if not isinstance(source, fx.Node) or source.op != "call_module" or len(source.users) != 1:
        return None
    first, second = module_of(graph, source), module_of(graph, node)
    if isinstance(first, nn.Linear) and isinstance(second, nn.Linear):
        build = _linear
    elif isinstance(first, CONVOLUTIONS) and type(first) is type(second) and _are_mergeable(first, second):
        build = _convolution
    else:
        return None
    old = _positions(source, first) * first.weight.numel() + _positions(node, second) * second.weight.numel()
    outputs, inputs = second.weight.shape[0], first.weight.shape[1]
    size = outputs * inputs * math.prod(first.weight.shape[2:]) * math.prod(second.weight.shape[2:])
    has_bias = first.bias is not None or second.bias is not None
    if size * _positions(node, second) > old or size + has_bias * outputs > own_parameters(graph, first, second):
        return None
    return build(first, second)


def _are_mergeable(first: Any, second: Any) -> bool:
    if first.groups != second.groups:
        return False
    if _is_pointwise(second):
        return set(second.stride) == {1} or not isinstance(first.padding, str)
    if not _is_pointwise(first) or set(first.stride) != {1}:
        return False
    return first.bias is None or not first.bias.any() or not pads_zeros(second)


def _is_pointwise(convolution: Any) -> bool:
    padding = convolution.padding
    return set(convolution.kernel_size) == {1} and (isinstance(padding, str) or not any(padding))


def _positions(node: fx.Node, linear: nn.Module) -> int:
    """At how many places of a sample the operator is applied."""
    shape: tuple[int, ...] = node.meta["shape"]
    return math.prod(shape) // shape[channels_at(linear, len(shape))]


def _linear(first: Any, second: Any) -> nn.Module:
    weight, carried = second.weight.double(), first.bias
    with torch.device("meta"):
        merged = nn.Linear(first.in_features, second.out_features)
    bias = None if carried is None else weight @ carried.double()
    return _filled(merged, weight @ first.weight.double(), bias, second)


def _convolution(first: Any, second: Any) -> nn.Module:
    """Weights `[groups, C_out/groups, C_in/groups, *kernel]`: M is the channels between the two."""
    groups = first.groups
    before = first.weight.double().unflatten(0, (groups, -1))  # [g, M/g, I/g, *k]
    after = second.weight.double().unflatten(0, (groups, -1))  # [g, O/g, M/g, *k]
    behind = _is_pointwise(second)
    if behind:
        weight = torch.einsum("gom,gmi...->goi...", after.flatten(2), before)
    else:
        weight = torch.einsum("gom...,gmi->goi...", after, before.flatten(2))
    bias = None
    if first.bias is not None:
        carried = first.bias.double().reshape(groups, 1, -1)
        bias = (after.flatten(3).sum(3) * carried).sum(2).reshape(-1)
    kernel = first if behind else second
    with torch.device("meta"):
        merged = type(first)(
            first.in_channels,
            second.out_channels,
            kernel.kernel_size,
            tuple(one * two for one, two in zip(first.stride, second.stride, strict=True)),
            kernel.padding,
            kernel.dilation,
            groups,
            padding_mode=kernel.padding_mode,
        )
    return _filled(merged, weight.flatten(0, 1), bias, second)


def _filled(merged: Any, weight: Tensor, carried: Tensor | None, second: Any) -> nn.Module:
    """The module with its tensors: the bias is what is carried through the second operator, and that one's own."""
    dtype = second.weight.dtype
    parts = [part for part in (carried, None if second.bias is None else second.bias.double()) if part is not None]
    merged.weight = nn.Parameter(weight.to(dtype))
    merged.bias = nn.Parameter(sum(parts[1:], parts[0]).to(dtype, copy=True)) if parts else None
    module: nn.Module = merged.train(second.training)
    return module


def _merge(graph: fx.GraphModule) -> bool:
    changed = False
    while pair := next(((node, module) for node in calls(graph) if (module := _match(graph, node)) is not None), None):
        node, merged = pair
        source = node.args[0]
        assert isinstance(source, fx.Node)
        graph.add_submodule(str(node.target), merged)
        node.args = source.args
        graph.graph.erase_node(source)
        graph.delete_all_unused_submodules()  # whose parameters would count as shared
        changed = True
    return finish(graph, changed)


LINEAR_MERGED = Property(
    "no linear operators in a row that would cost no more as one",
    lambda graph: all(_match(graph, node) is None for node in calls(graph)),
)

merge_linear = Pass(
    "merge_linear",
    _merge,
    requires=frozenset({SEPARATE_CALLS, AFFINE_FOLDED, AFFINE_ABSORBED}),
    ensures=frozenset({LINEAR_MERGED}),
    keeps=frozenset({SEPARATE_CALLS, NO_IDENTITIES, CONSTANTS_MERGED, AFFINE_FOLDED, AFFINE_ABSORBED}),
)
