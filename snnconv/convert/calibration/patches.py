"""Linear operators as products of matrices: the rows that one sees, and what it gives for each."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from snnconv.graph.linear import CONVOLUTIONS

__all__ = ["PATCHED", "add_correction", "columns_of", "groups_of", "outputs_by_row", "patches"]

PATCHED = (*CONVOLUTIONS, nn.Linear)


def groups_of(linear: Any) -> int:
    """Return G, the groups of a convolution; 1 of `nn.Linear`."""
    return 1 if isinstance(linear, nn.Linear) else int(linear.groups)


def columns_of(linear: Any) -> int:
    """Return K, the weights that one output is a product with, and the bias."""
    return int(linear.weight[0].numel()) + 1


def patches(linear: Any, x: Tensor) -> Tensor:
    """Return A of a layer's input, `[G, K, rows]`: a row for each place where it computes, with a 1 for the bias last.

    Args:
        linear: `nn.Linear` or a convolution.
        x: Input, `[B, ..., in]` or `[B, in, ...]`.
    """
    groups, columns = groups_of(linear), columns_of(linear)
    if isinstance(linear, nn.Linear):
        rows = x.reshape(-1, x.shape[-1]).T.unsqueeze(0)
    else:
        windows = _windows(linear, x.contiguous())  # [B, in, *places, *kernel]
        rank = len(linear.kernel_size)
        kernel, places = range(2 + rank, 2 + 2 * rank), range(2, 2 + rank)
        rows = windows.permute(1, *kernel, 0, *places).reshape(groups, columns - 1, -1)
    result = rows.new_ones(groups, columns, rows.shape[2])
    result[:, :-1] = rows
    return result


def _windows(convolution: Any, x: Tensor) -> Tensor:
    """Return the input of every place of a convolution, `[B, in, *places, *kernel]`; a view of the padded input."""
    mode = "constant" if convolution.padding_mode == "zeros" else convolution.padding_mode
    padding = _padding(convolution)
    if any(padding):
        x = functional.pad(x, padding, mode=mode)
    shapes = zip(convolution.kernel_size, convolution.stride, convolution.dilation, strict=True)
    for axis, (size, stride, dilation) in enumerate(shapes, start=2):
        x = x.unfold(axis, dilation * (size - 1) + 1, stride)[..., ::dilation]
    return x


def _padding(convolution: Any) -> list[int]:
    """Return the padding as `functional.pad` takes it, the last axis first."""
    if convolution.padding == "valid":
        return []
    if convolution.padding != "same":
        return [count for count in reversed(convolution.padding) for _ in range(2)]
    totals = [d * (k - 1) for d, k in zip(convolution.dilation, convolution.kernel_size, strict=True)]
    return [count for total in reversed(totals) for count in (total // 2, total - total // 2)]


def outputs_by_row(linear: Any, y: Tensor) -> Tensor:
    """Return a layer's outputs as `[G, M, rows]`, in the order of the rows of `patches`."""
    channels = y.reshape(-1, y.shape[-1]).T if isinstance(linear, nn.Linear) else y.transpose(0, 1).flatten(1)
    return channels.reshape(groups_of(linear), -1, channels.shape[1])


def add_correction(linear: Any, correction: Tensor) -> None:
    """Add dW, `[G, K, M]`, to a layer's weight and bias; what other modules share stays as it is for them."""
    by_output = correction.mT.flatten(0, 1).to(linear.weight.dtype)
    linear.weight = nn.Parameter(linear.weight.detach() + by_output[:, :-1].reshape(linear.weight.shape))
    bias = by_output[:, -1]
    linear.bias = nn.Parameter(bias.clone() if linear.bias is None else linear.bias.detach() + bias)
