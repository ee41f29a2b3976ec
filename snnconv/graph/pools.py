"""Pooling over windows, with ONNX's padding and ceil mode. Letters: B batch, C channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["AveragePool", "MaxPool", "torch_pads"]

MAX_POOLS: tuple[Callable[..., Tensor], ...] = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
AVERAGE_POOLS: tuple[Callable[..., Tensor], ...] = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


def torch_pads(pads: Sequence[int]) -> list[int]:
    """ONNX's pads (all begins, then all ends) in the order of F.pad (last axis first, begin and end together)."""
    rank = len(pads) // 2
    return [value for axis in reversed(range(rank)) for value in (pads[axis], pads[axis + rank])]


class _Pool(nn.Module):
    """Window, stride and padding of a pooling operator over `[B, C, *spatial]`."""

    def __init__(
        self,
        kernel: Sequence[int],
        stride: Sequence[int],
        pads: Sequence[int],
        *,
        ceil_mode: bool,
        dilation: Sequence[int],
    ) -> None:
        super().__init__()
        self.kernel = tuple(kernel)
        self.stride = tuple(stride)
        self.pads = tuple(pads)
        self.ceil_mode = ceil_mode
        self.dilation = tuple(dilation)

    def explicit_pads(self, spatial: Sequence[int]) -> list[int]:
        """Begins and ends that make every window whole: the given pads, and what ceil mode adds at the end.

        A window that would start in the padding at the end is left out, as torch and onnxruntime do.
        """
        rank = len(self.kernel)
        begins, ends = list(self.pads[:rank]), list(self.pads[rank:])
        if self.ceil_mode:
            for axis, size in enumerate(spatial):
                reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
                room = size + begins[axis] + ends[axis] - reach
                windows = -(-room // self.stride[axis]) + 1
                if (windows - 1) * self.stride[axis] >= size + begins[axis]:
                    windows -= 1
                ends[axis] += max(0, (windows - 1) * self.stride[axis] - room)
        return begins + ends

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, stride={self.stride}, pads={self.pads}, ceil_mode={self.ceil_mode}"


class MaxPool(_Pool):
    """Maximum over windows of `[B, C, *spatial]`; padding never wins."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, *spatial]` to `[B, C, *windows]`."""
        pads = self.explicit_pads(x.shape[2:])
        rank = len(self.kernel)
        pool = MAX_POOLS[rank - 1]
        begins = pads[:rank]
        if begins == pads[rank:] and all(2 * p <= k for p, k in zip(begins, self.kernel, strict=True)):
            return pool(x, self.kernel, self.stride, begins, self.dilation)
        return pool(
            F.pad(x, torch_pads(pads), value=float("-inf")), self.kernel, self.stride, dilation=self.dilation
        )


class AveragePool(_Pool):
    """Mean over windows of `[B, C, *spatial]`.

    With `count_include_pad` the given padding counts as zeros; what ceil mode adds never counts.
    """

    def __init__(
        self,
        kernel: Sequence[int],
        stride: Sequence[int],
        pads: Sequence[int],
        *,
        ceil_mode: bool = False,
        count_include_pad: bool = False,
    ) -> None:
        super().__init__(kernel, stride, pads, ceil_mode=ceil_mode, dilation=[1] * len(kernel))
        self.count_include_pad = count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, *spatial]` to `[B, C, *windows]`."""
        spatial = x.shape[2:]
        pads = self.explicit_pads(spatial)
        pool = AVERAGE_POOLS[len(self.kernel) - 1]
        if not any(pads):
            return pool(x, self.kernel, self.stride)
        mean_with_zeros = pool(F.pad(x, torch_pads(pads)), self.kernel, self.stride)
        counted = x.new_ones((1, 1, *spatial))
        if self.count_include_pad:
            counted = F.pad(counted, torch_pads(self.pads), value=1.0)
            pads = [whole - given for whole, given in zip(pads, self.pads, strict=True)]
        share = pool(F.pad(counted, torch_pads(pads)), self.kernel, self.stride)
        return mean_with_zeros / share
