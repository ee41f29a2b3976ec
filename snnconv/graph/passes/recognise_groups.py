"""Recognise GroupNorm as files write it: groups as channels of a reshaped input, whose every channel is normalised.

x [B, C, ...] -> [B, G, (C/G)·...] -> (x - mean)/√(variance + ε) -> [B, C, ...] -> γ·x + β
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from snnconv.graph.modules import Reshape
from snnconv.graph.passes.recognise_normalizations import filled, over_axes
from snnconv.graph.passes.recognition import Rule, recognition
from snnconv.graph.patterns import Either, Match, ModuleCall, Operand, Product, Sum

__all__ = ["recognise_groups"]


def _keeps_batch(module: Reshape) -> bool:
    return module.batch_factor == 1


GROUPED = ModuleCall(Reshape, (Operand("x"),), _keeps_batch, name="grouped")
BY_CHANNEL = ModuleCall(nn.GroupNorm, (GROUPED,), lambda module: module.num_groups == module.num_channels, name="norm")
BY_ROW = ModuleCall(nn.LayerNorm, (GROUPED,), lambda module: not module.elementwise_affine, name="norm")
RESTORED = ModuleCall(Reshape, (Either((BY_CHANNEL, BY_ROW)),), _keeps_batch, name="restored")
GROUP_NORM = Sum((Product(((RESTORED, 1.0),), "weight"),), "bias")


def _group_norm(match: Match, shape: tuple[int, ...]) -> Sequence[nn.Module] | None:
    norm, (groups, *sizes) = match.modules["norm"], match.modules["grouped"].trailing
    if isinstance(norm, nn.LayerNorm) and list(norm.normalized_shape) != sizes:
        return None
    if match.modules["restored"].trailing != shape or len(shape) < 2 or shape[0] % groups or groups == shape[0]:
        return None
    weight, bias = (over_axes(match.constants[name], [0], shape) for name in ("weight", "bias"))
    if weight is None or bias is None:
        return None
    if isinstance(norm, nn.GroupNorm) and norm.affine:
        scale, shift = (_by_channel(values, shape[0]) for values in (norm.weight, norm.bias))
        weight, bias = scale * weight, shift * weight + bias
    affine = bool((weight != 1).any() or (bias != 0).any())
    return [filled(nn.GroupNorm(groups, shape[0], norm.eps, affine), weight=weight, bias=bias)]


def _by_channel(values: Tensor, channels: int) -> Tensor:
    """One number a group as one a channel."""
    return values.detach().double().repeat_interleave(channels // len(values))


recognise_groups = recognition("recognise_groups", "a normalization of groups", [Rule(GROUP_NORM, _group_norm)])
