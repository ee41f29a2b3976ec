"""Operations of one operator, as its record states them: multiply-accumulates, additions, where a spike lands."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snnconv.graph.operator import NoForm, Work, operator_of

__all__ = ["dense", "fan_out", "macs"]


def macs(module: nn.Module, inputs: int, outputs: int) -> int:
    """Return the multiply-accumulates of a linear operator; the bias is free.

    Args:
        module: Convolution, transposed convolution or linear layer.
        inputs: Number of elements it takes.
        outputs: Number of elements it gives.

    >>> import snnconv.operators
    >>> macs(nn.Conv2d(8, 16, 3, padding=1, groups=2), 8 * 5 * 5, 16 * 5 * 5)  # 4·3·3 inputs an output
    14400
    """
    work = dense(module, inputs, outputs)
    if work is None:
        raise TypeError(f"{type(module).__name__} has no multiply-accumulates that are known")
    return work.macs


def dense(module: nn.Module, inputs: int, outputs: int) -> Work | None:
    """Return the multiply-accumulates and additions of an operator on real values; None where they are not known.

    Args:
        module: Operator.
        inputs: Number of elements of its first operand.
        outputs: Number of elements it gives.

    Returns:
        Work, or None: there is no price, or shapes are needed to tell it (`Cost.work`).

    Raises:
        ModelError: The operator has no record.

    >>> from snnconv.graph.modules import ReduceMean
    >>> dense(ReduceMean((2, 3), keepdims=False), 8 * 5 * 5, 8)
    Work(macs=8, additions=192)
    """
    cost = operator_of(module).cost
    return None if isinstance(cost, NoForm) or cost.dense is None else cost.dense(module, inputs, outputs)


def fan_out(module: nn.Module, shape: torch.Size) -> Tensor:
    """Return how many outputs each element of an input feeds: exact at borders, for strides, dilation and groups.

    Args:
        module: Convolution, transposed convolution or linear layer.
        shape: Shape of its input, `[B, C, *spatial]`; `[..., C]` for a linear layer.

    Returns:
        `[*spatial]`, the same for every channel; a scalar for a linear layer.

    Raises:
        TypeError: Spikes cross no weights of the operator.

    >>> fan_out(nn.Conv1d(1, 2, 3, padding=1), torch.Size([1, 1, 4]))
    tensor([4., 6., 6., 4.])
    """
    cost = operator_of(module).cost
    if isinstance(cost, NoForm) or cost.fan_out is None:
        raise TypeError(f"{type(module).__name__} has no weights that spikes cross")
    return cost.fan_out(module, shape)
