"""Fold what follows a linear operator channel by channel into its weight and bias.

    BN(W x + b) = γ/σ·(W x + b - μ) + β = (γ/σ·W) x + (γ/σ·(b - μ) + β)        σ = sqrt(var + eps)
    (W x + b) + c = W x + (b + c)

Requires: the linear operator's output has no other user, and its module is called once.
Ensures: same outputs; a weight that other modules share stays as it is for them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor, fx, nn

from snnconv.graph.access import module_of
from snnconv.graph.modules import Arithmetic

__all__ = ["fold_affine"]

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LINEAR = (*CONVOLUTIONS, *TRANSPOSED, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def fold_affine(graph: fx.GraphModule) -> bool:
    """Fold batch-norm and constant biases into the linear operator before them, in place.

    Returns:
        Whether anything was folded.
    """
    calls = Counter(node.target for node in graph.graph.nodes if node.op == "call_module")
    changed = False
    for node in list(graph.graph.nodes):
        if node.op != "call_module" or len(node.args) != 1 or calls[node.target] != 1:
            continue
        source = node.args[0]
        if source.op != "call_module" or len(source.users) != 1 or calls[source.target] != 1:
            continue
        linear = module_of(graph, source)
        if not isinstance(linear, LINEAR):
            continue
        affine = _scale_and_shift(module_of(graph, node), linear, len(node.meta["shape"]))
        if affine is None:
            continue
        _absorb(linear, *affine)
        node.replace_all_uses_with(source)
        graph.graph.erase_node(node)
        changed = True
    if changed:
        graph.delete_all_unused_submodules()
        graph.recompile()
    return changed


def _scale_and_shift(module: nn.Module, linear: Any, rank: int) -> tuple[Tensor | None, Tensor] | None:
    """`y -> scale*y + shift` with `[C]` tensors (no scale: None); None where the module is not of that form."""
    channels = linear.out_features if isinstance(linear, nn.Linear) else linear.out_channels
    if isinstance(module, NORMS):
        if isinstance(linear, nn.Linear) and rank > 1:
            return None  # a linear operator's channels are last, batch-norm's are first
        assert module.running_var is not None
        assert module.running_mean is not None
        scale = torch.rsqrt(module.running_var.double() + module.eps)
        if module.weight is not None:
            scale = scale * module.weight.double()
        shift = -module.running_mean.double() * scale
        return scale, shift if module.bias is None else shift + module.bias.double()
    if isinstance(module, Arithmetic) and module.operator == "add" and module.constant is not None:
        constant = module.constant.double()
        wanted = (channels,) if isinstance(linear, nn.Linear) else (channels, *(1,) * (rank - 1))
        shape = tuple(constant.shape)
        if shape not in (wanted, (1, *wanted)):
            return None
        return None, constant.reshape(-1)
    return None


@torch.no_grad()
def _absorb(linear: Any, scale: Tensor | None, shift: Tensor) -> None:
    """Give the linear operator new parameters; tensors that others share are not written to."""
    if scale is not None:
        weight = linear.weight.double()
        if isinstance(linear, TRANSPOSED):  # weight [C_in, C_out/groups, ...]
            groups = linear.groups
            grouped = weight.reshape(groups, -1, *weight.shape[1:])
            along = scale.reshape(groups, 1, -1, *(1,) * (weight.dim() - 2))
            weight = (grouped * along).reshape(weight.shape)
        else:
            weight = weight * scale.reshape(-1, *(1,) * (weight.dim() - 1))
        linear.weight = nn.Parameter(weight.to(linear.weight.dtype))
    bias = torch.zeros_like(shift) if linear.bias is None else linear.bias.double()
    bias = (bias if scale is None else bias * scale) + shift
    linear.bias = nn.Parameter(bias.to(linear.weight.dtype))
