"""Pooling over windows, with ONNX's padding and ceil mode. Letters: B batch, C channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["AveragePool", "MaxPool", "torch_pads"]

MAX_POOLS: tuple[Callable[..., Tensor], ...] = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
AVERAGE_POOLS: tuple[Callable[..., Tensor], ...] = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


def torch_pads(pads: Sequence[int]) -> list[int]:
    """Return ONNX's pads (all begins, then all ends) in F.pad's order (last axis first, begin beside end)."""
    rank = len(pads) // 2
    return [value for axis in reversed(range(rank)) for value in (pads[axis], pads[axis + rank])]


class _Pool(nn.Module):
    """Window, stride and padding of a pooling operator over `[B, C, *spatial]`; only whole windows count.

    Args:
        kernel: size of the window, one value a spatial axis.
        stride: step from window to window.
        pads: begins, then ends, each less than the kernel.
        dilation: step from element to element of a window.
    """

    def __init__(
        self, kernel: Sequence[int], stride: Sequence[int], pads: Sequence[int], dilation: Sequence[int]
    ) -> None:
        super().__init__()
        self.kernel = tuple(kernel)
        self.stride = tuple(stride)
        self.pads = tuple(pads)
        self.dilation = tuple(dilation)

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, stride={self.stride}, pads={self.pads}, dilation={self.dilation}"


class MaxPool(_Pool):
    """Maximum over windows of `[B, C, *spatial]`; padding never wins."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, C, *spatial]` to `[B, C, *windows]`."""
        rank = len(self.kernel)
        pool = MAX_POOLS[rank - 1]
        begins = self.pads[:rank]
        if begins == self.pads[rank:] and all(2 * p <= k for p, k in zip(begins, self.kernel, strict=True)):
            return pool(x, self.kernel, self.stride, begins, self.dilation)
        x = F.pad(x, torch_pads(self.pads), value=float("-inf"))
        return pool(x, self.kernel, self.stride, dilation=self.dilation)


class AveragePool(_Pool):
    """Mean over windows of `[B, C, *spatial]`; with `count_include_pad` the padding counts as zeros."""

    def __init__(
        self,
        kernel: Sequence[int],
        stride: Sequence[int],
        pads: Sequence[int],
        *,
        count_include_pad: bool = False,
    ) -> None:
        super().__init__(kernel, stride, pads, [1] * len(kernel))
        self.count_include_pad = count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, C, *spatial]` to `[B, C, *windows]`."""
        pool = AVERAGE_POOLS[len(self.kernel) - 1]
        if not any(self.pads):
            return pool(x, self.kernel, self.stride)
        mean_with_zeros = pool(F.pad(x, torch_pads(self.pads)), self.kernel, self.stride)
        if self.count_include_pad:
            return mean_with_zeros
        inside = F.pad(x.new_ones((1, 1, *x.shape[2:])), torch_pads(self.pads))
        return mean_with_zeros / pool(inside, self.kernel, self.stride)
