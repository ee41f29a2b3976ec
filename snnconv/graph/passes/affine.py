"""Maps `y = scale*x + shift` that act channel by channel, and linear operators that take them in.

After the operator    s·(W x + b) + t = (s·W) x + (s·b + t)
Before it             W (s·x + t) + b = (W·s) x + (W t + b)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from snnconv.graph.access import module_of
from snnconv.graph.linear import NORMS, TRANSPOSED
from snnconv.graph.modules import Arithmetic

__all__ = ["Affine", "affine_of", "affine_of_norm", "per_channel", "scale_input", "scale_output"]


@dataclass(frozen=True)
class Affine:
    """A map in double precision.

    Attributes:
        scale: Factor of the rank of x without the batch axis, broadcast to it; None: 1.
        shift: Summand of the same kind; None: 0.
    """

    scale: Tensor | None
    shift: Tensor | None

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Return scale and shift, as far as they are set."""
        return tuple(values for values in (self.scale, self.shift) if values is not None)

    def map(self, change: Callable[[Tensor], Tensor]) -> Affine:
        """Return the map with both tensors changed alike."""
        scale, shift = (None if values is None else change(values) for values in (self.scale, self.shift))
        return Affine(scale, shift)


def affine_of(graph: fx.GraphModule, node: fx.Node) -> Affine | None:
    """Return what a node does to its operand at inference; None where that is no such map, or changes the shape."""
    if node.op != "call_module" or len(node.args) != 1:
        return None
    source, shape = node.args[0], node.meta["shape"]
    if not isinstance(source, fx.Node) or source.meta.get("shape") != shape:
        return None
    module = module_of(graph, node)
    if isinstance(module, NORMS):
        affine = affine_of_norm(module)
        along_channels = (-1, *(1,) * (len(shape) - 1))
        return None if affine is None else affine.map(lambda values: values.reshape(along_channels))
    if isinstance(module, Arithmetic) and module.constant is not None:
        return _of_arithmetic(module, _broadcast(module.constant, len(shape)))
    return None


def affine_of_norm(module: Any) -> Affine | None:
    """Return what a batch-norm does at inference, `[C]` each; None where it has no statistics of its own.

    BN(x) = γ/σ·x + (β - γ/σ·μ), σ = sqrt(var + eps)
    """
    if module.running_var is None or module.running_mean is None:
        return None
    scale = torch.rsqrt(module.running_var.double() + module.eps)
    if module.weight is not None:
        scale = scale * module.weight.double()
    shift = -module.running_mean.double() * scale
    if module.bias is not None:
        shift = shift + module.bias.double()
    return Affine(scale.detach(), shift.detach())


def _of_arithmetic(module: Arithmetic, constant: Tensor) -> Affine | None:
    match module.operator, module.constant_first:
        case "add", _:
            return Affine(None, constant)
        case "sub", False:
            return Affine(None, -constant)
        case "sub", True:
            return Affine(-torch.ones_like(constant), constant)
        case "mul", _:
            return Affine(constant, None)
        case "div", False:
            return Affine(constant.reciprocal(), None)
    return None


def _broadcast(constant: Tensor, rank: int) -> Tensor:
    """A constant in double precision, of this rank, for samples without their batch axis."""
    values = constant.detach().double()
    if values.dim() > rank:  # its axis 0 is the batch's, of size 1
        values = values.squeeze(0)
    return values.reshape((1,) * (rank - values.dim()) + tuple(values.shape))


def per_channel(affine: Affine, axis: int, size: int) -> Affine | None:
    """Return the map with tensors `[size]` along one axis; None where it changes along another too.

    Args:
        affine: Map of values of some rank.
        axis: Axis of the channels.
        size: Number of channels.
    """
    if any(length != 1 for values in affine.tensors for at, length in enumerate(values.shape) if at != axis):
        return None
    return affine.map(lambda values: values.reshape(-1).expand(size))


@torch.no_grad()
def scale_output(linear: Any, affine: Affine) -> None:
    """Let a linear operator give `scale*y + shift`, `[C_out]` each; tensors that others share are not written to."""
    scale, shift, dtype = affine.scale, affine.shift, linear.weight.dtype
    bias = None if linear.bias is None else linear.bias.double()
    if scale is not None:
        weight = linear.weight.double()
        if isinstance(linear, TRANSPOSED):  # weight [C_in, C_out/groups, ...]
            grouped = weight.reshape(linear.groups, -1, *weight.shape[1:])
            factors = scale.reshape(linear.groups, 1, -1, *(1,) * (weight.dim() - 2))
            weight = (grouped * factors).reshape(weight.shape)
        else:  # weight [C_out, C_in/groups, ...]
            weight = weight * scale.reshape(-1, *(1,) * (weight.dim() - 1))
        linear.weight = nn.Parameter(weight.to(dtype))
        bias = None if bias is None else bias * scale
    if shift is not None:
        bias = shift if bias is None else bias + shift
    if bias is not None:
        linear.bias = nn.Parameter(bias.to(dtype, copy=True))


@torch.no_grad()
def scale_input(linear: Any, affine: Affine) -> None:
    """Let a linear operator take `scale*x + shift`, `[C_in]` each; tensors that others share are not written to.

    The shift must reach all positions of the output alike: nothing is padded with zeros.
    """
    scale, shift, weight = affine.scale, affine.shift, linear.weight.double()
    groups, transposed = getattr(linear, "groups", 1), isinstance(linear, TRANSPOSED)
    # [groups, C_out/groups, C_in/groups, ...], of a transposed one [groups, C_in/groups, C_out/groups, ...]
    grouped = weight.reshape(groups, -1, *weight.shape[1:])
    channels = ((groups, -1, 1) if transposed else (groups, 1, -1)) + (1,) * (grouped.dim() - 3)
    if shift is not None:
        summed = (1 if transposed else 2, *range(3, grouped.dim()))
        carried = (grouped * shift.reshape(channels)).sum(summed).reshape(-1)
        bias = carried if linear.bias is None else linear.bias.double() + carried
        linear.bias = nn.Parameter(bias.to(linear.weight.dtype))
    if scale is not None:
        scaled = (grouped * scale.reshape(channels)).reshape(weight.shape)
        linear.weight = nn.Parameter(scaled.to(linear.weight.dtype))
