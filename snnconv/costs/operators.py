"""Operations of one operator: multiply-accumulates, additions, and where a spike in its input lands.

Dense operators count as the field does: padding is multiplied too.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snnconv.graph.linear import CONVOLUTIONS, LINEAR, NORMS, TRANSPOSED
from snnconv.graph.modules import Arithmetic, AveragePool, ReduceMean, ReduceSum

__all__ = ["dense", "fan_out", "macs"]


def macs(module: nn.Module, inputs: int, outputs: int) -> int:
    """Multiply-accumulates of a linear operator; the bias is free.

    Args:
        module: a convolution, transposed convolution or linear layer.
        inputs: number of elements it takes.
        outputs: number of elements it gives.

    >>> macs(nn.Conv2d(8, 16, 3, padding=1, groups=2), 8 * 5 * 5, 16 * 5 * 5)  # 4·3·3 inputs an output
    14400
    """
    layer: Any = module  # the union of seven classes
    if isinstance(module, nn.Linear):
        return outputs * module.in_features
    kernel = math.prod(layer.kernel_size)
    if isinstance(module, TRANSPOSED):
        return int(inputs * kernel * layer.out_channels // layer.groups)
    return int(outputs * kernel * layer.in_channels // layer.groups)


def dense(module: nn.Module, inputs: int, outputs: int) -> tuple[int, int] | None:
    """Multiply-accumulates and additions of an operator on real values; None where they are not known.

    A mean over k values is k - 1 additions and one multiplication.

    Args:
        module: the operator.
        inputs: number of elements of its first operand.
        outputs: number of elements it gives.

    >>> dense(ReduceMean((2, 3), keepdims=False), 8 * 5 * 5, 8)
    (8, 192)
    """
    if isinstance(module, LINEAR):
        return macs(module, inputs, outputs), 0
    if isinstance(module, NORMS):
        return outputs, 0
    if isinstance(module, Arithmetic):
        return (0, outputs) if module.operator in ("add", "sub") else (outputs, 0)
    if isinstance(module, AveragePool):
        return outputs, outputs * (math.prod(module.kernel) - 1)
    if isinstance(module, ReduceMean):
        return outputs, inputs - outputs
    if isinstance(module, ReduceSum):
        return 0, inputs - outputs
    return None


def fan_out(module: Any, shape: torch.Size) -> Tensor:
    """How many outputs each element of an input feeds: exact at borders, for strides, dilation and groups.

    Args:
        module: a convolution, transposed convolution or linear layer.
        shape: of its input, `[B, C, *spatial]`; `[..., C]` for a linear layer.

    Returns:
        `[*spatial]`, the same for every channel; a scalar for a linear layer.

    >>> fan_out(nn.Conv1d(1, 2, 3, padding=1), torch.Size([1, 1, 4]))
    tensor([4., 6., 6., 4.])
    """
    if isinstance(module, nn.Linear):
        return torch.tensor(float(module.out_features))
    with torch.inference_mode(False), torch.enable_grad():
        x = torch.ones(1, 1, *shape[2:], requires_grad=True)
        fed = _through_ones(module, x)
        (reached,) = torch.autograd.grad(fed.sum(), x)
    per_channel: Tensor = reached[0, 0] * (module.out_channels // module.groups)
    return per_channel


def _through_ones(module: Any, x: Tensor) -> Tensor:
    """`x` `[1, 1, *spatial]` through one channel of the operator with every weight 1."""
    rank = len(module.kernel_size)
    options = {"stride": module.stride, "padding": module.padding, "dilation": module.dilation}
    if isinstance(module, CONVOLUTIONS):
        convolve: Any = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    else:
        convolve = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
        options["output_padding"] = module.output_padding
    fed: Tensor = convolve(x, torch.ones(1, 1, *module.kernel_size), **options)
    return fed
