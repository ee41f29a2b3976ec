"""Merge a sum of parallel branches into one convolution, on request, as RepVGG does after training.

    W₁ x + b₁ + W₂ x + b₂ = (W₁ + W₂) x + (b₁ + b₂)        s·x + t + W x + b = (W + diag(s)) x + (t + b)

The smaller kernel is put at its place in the larger one, which must cover it. The parameters that no other module
shares must not become more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from snnconv.graph.access import calls, finish, module_of
from snnconv.graph.linear import CONVOLUTIONS, own_parameters
from snnconv.graph.modules import Arithmetic
from snnconv.graph.passes.affine import affine_of, per_channel
from snnconv.graph.passes.contract import Pass, Property
from snnconv.graph.passes.fold_affine import AFFINE_FOLDED
from snnconv.graph.passes.merge_constants import CONSTANTS_MERGED
from snnconv.graph.passes.remove_identities import NO_IDENTITIES
from snnconv.graph.passes.split_calls import SEPARATE_CALLS

__all__ = ["SUMS_MERGED", "merge_parallel"]

# Node of the convolution that stays, node of the branch that goes, and the sum of their weights and biases.
_Merge = tuple[fx.Node, fx.Node, Tensor, Tensor | None]


@torch.no_grad()
def _match(graph: fx.GraphModule, node: fx.Node) -> _Merge | None:
    module = module_of(graph, node)
    if not isinstance(module, Arithmetic) or module.operator != "add" or len(node.args) != 2:
        return None
    one, two = node.args
    for stays, goes in ((one, two), (two, one)):
        if not isinstance(stays, fx.Node) or not isinstance(goes, fx.Node) or stays is goes:
            continue
        if not _is_branch(stays) or not _is_branch(goes) or stays.args != goes.args:
            continue
        if stays.meta["shape"] != goes.meta["shape"] or not isinstance(module_of(graph, stays), CONVOLUTIONS):
            continue
        summed = _summed(graph, module_of(graph, stays), goes)
        if summed is None:
            continue
        size = sum(values.numel() for values in summed if values is not None)
        if size <= own_parameters(graph, module_of(graph, stays), module_of(graph, goes)):
            return stays, goes, *summed
    return None


def _is_branch(node: fx.Node) -> bool:
    return node.op == "call_module" and len(node.users) == 1 and len(node.args) == 1


def _summed(graph: fx.GraphModule, stays: Any, goes: fx.Node) -> tuple[Tensor, Tensor | None] | None:
    """Weight and bias of a convolution and another branch together."""
    if stays.padding_mode != "zeros" or isinstance(stays.padding, str):
        return None
    other: Any = module_of(graph, goes)
    if type(other) is type(stays):
        return _with_convolution(stays, other)
    return _with_affine(graph, stays, goes)


def _with_convolution(stays: Any, other: Any) -> tuple[Tensor, Tensor | None] | None:
    same = (stays.stride, stays.groups) == (other.stride, other.groups)
    if not same or other.padding_mode != "zeros" or isinstance(other.padding, str):
        return None
    steps = [
        step if taps > 1 else None for step, taps in zip(other.dilation, other.kernel_size, strict=True)
    ]  # of one tap the dilation means nothing
    if any(step not in (None, spread) for step, spread in zip(steps, stays.dilation, strict=True)):
        return None
    place = _place(stays, other.padding, other.kernel_size)
    if place is None:
        return None
    weight = stays.weight.double().clone()
    weight[(slice(None), slice(None), *place)] += other.weight.double()
    return weight, _sum(stays.bias, other.bias)


def _with_affine(graph: fx.GraphModule, stays: Any, goes: fx.Node) -> tuple[Tensor, Tensor | None] | None:
    affine, channels = affine_of(graph, goes), stays.out_channels
    if affine is None or stays.in_channels != channels or set(stays.stride) != {1}:
        return None
    affine = per_channel(affine, 0, channels)
    rank = len(stays.kernel_size)
    place = _place(stays, (0,) * rank, (1,) * rank)
    if affine is None or place is None:
        return None
    weight = stays.weight.double().clone()
    out = torch.arange(channels, device=weight.device)
    scale = torch.ones(channels).to(weight) if affine.scale is None else affine.scale
    centre = (out, out % (channels // stays.groups), *(at.start for at in place))
    weight[centre] += scale
    return weight, _sum(stays.bias, affine.shift)


def _place(stays: Any, padding: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[slice, ...] | None:
    """Place of a kernel in a larger one: tap j of it sees the input at `-padding + dilation·j`."""
    slices = []
    axes = zip(stays.padding, stays.dilation, stays.kernel_size, padding, kernel, strict=True)
    for own_padding, dilation, own_taps, other_padding, taps in axes:
        start, rest = divmod(own_padding - other_padding, dilation)
        if rest or start < 0 or start + taps > own_taps:
            return None
        slices.append(slice(start, start + taps))
    return tuple(slices)


def _sum(one: Tensor | None, two: Tensor | None) -> Tensor | None:
    present = [part.double() for part in (one, two) if part is not None]
    return sum(present[1:], present[0]) if present else None


def _merge(graph: fx.GraphModule) -> bool:
    changed = False
    for node in calls(graph):
        if (match := _match(graph, node)) is None:
            continue
        stays, goes, weight, bias = match
        module: Any = module_of(graph, stays)
        dtype = module.weight.dtype
        module.weight = nn.Parameter(weight.to(dtype))
        module.bias = None if bias is None else nn.Parameter(bias.detach().to(dtype, copy=True))
        node.replace_all_uses_with(stays)
        for gone in (node, goes):
            graph.graph.erase_node(gone)
        changed = True
    return finish(graph, changed)


SUMS_MERGED = Property(
    "no sum of branches that one convolution could do",
    lambda graph: all(_match(graph, node) is None for node in calls(graph)),
)

merge_parallel = Pass(
    "merge_parallel",
    _merge,
    requires=frozenset({SEPARATE_CALLS, AFFINE_FOLDED}),
    ensures=frozenset({SUMS_MERGED}),
    keeps=frozenset({SEPARATE_CALLS, NO_IDENTITIES, CONSTANTS_MERGED}),
)
