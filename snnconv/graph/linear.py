"""The kinds of modules that are linear, and where their channels are."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torch import nn

__all__ = ["CONVOLUTIONS", "LINEAR", "NORMS", "TRANSPOSED", "channels_at", "own_parameters", "pads_zeros"]

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LINEAR = (*CONVOLUTIONS, *TRANSPOSED, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def channels_at(linear: nn.Module, rank: int) -> int:
    """Return the axis of a linear operator's channels in samples of this rank: the last of `nn.Linear`, else 0."""
    return rank - 1 if isinstance(linear, nn.Linear) else 0


def pads_zeros(convolution: Any) -> bool:
    """Return whether zeros are put around a convolution's input."""
    if convolution.padding_mode != "zeros" or convolution.padding == "valid":
        return False
    return convolution.padding == "same" or any(convolution.padding)


def own_parameters(graph: nn.Module, *modules: nn.Module) -> int:
    """Return the number of parameters of a graph that go if these modules of it go: what others share stays."""
    held = Counter(id(tensor) for module in graph.modules() for tensor in module.parameters(recurse=False))
    tensors = {id(tensor): tensor for module in modules for tensor in module.parameters(recurse=False)}
    counts = Counter(id(tensor) for module in modules for tensor in module.parameters(recurse=False))
    return sum(tensor.numel() for key, tensor in tensors.items() if held[key] == counts[key])
