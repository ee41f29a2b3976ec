"""A graph in double precision.

PyTorch has no fast depthwise convolution of 64-bit numbers on a CPU (28 to 78 times slower than of 32-bit ones,
measured on two cores); as a sum of shifted copies it takes about a tenth of that.
"""

from __future__ import annotations

import copy
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from snnconv.graph.access import calls, module_of

__all__ = ["ShiftedDepthwise", "to_double"]


class ShiftedDepthwise(nn.Conv2d):
    """A depthwise `nn.Conv2d` as a sum over the kernel's positions of shifted inputs times weights.

    It is a convolution in all that is asked of it (its record, its costs) and differs in how it computes.

    Args:
        convolution: Convolution of as many groups as input and output channels; its parameters are taken as they are.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__(
            convolution.in_channels,
            convolution.out_channels,
            convolution.kernel_size,  # type: ignore[arg-type]
            convolution.stride,  # type: ignore[arg-type]
            convolution.padding,  # type: ignore[arg-type]
            convolution.dilation,  # type: ignore[arg-type]
            convolution.groups,
            bias=convolution.bias is not None,
            device="meta",
        )
        self.weight = convolution.weight
        self.bias = convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = self.weight.shape[2:]
        above, left_of = (int(size) for size in self.padding)
        padded = F.pad(x, [left_of, left_of, above, above])
        spans = [
            ((size - dilation * (taps - 1) - 1) // stride) * stride + 1
            for size, dilation, taps, stride in zip(
                padded.shape[2:], self.dilation, (rows, columns), self.stride, strict=True
            )
        ]
        total = None if self.bias is None else self.bias.view(-1, 1, 1)
        for row, column in product(range(rows), range(columns)):
            top, left = row * self.dilation[0], column * self.dilation[1]
            shifted = padded[:, :, top : top + spans[0] : self.stride[0], left : left + spans[1] : self.stride[1]]
            weight = self.weight[:, 0, row, column].view(-1, 1, 1)
            total = shifted * weight if total is None else torch.addcmul(total, shifted, weight)
        assert total is not None
        return total


def to_double(graph: fx.GraphModule) -> fx.GraphModule:
    """Return a copy in float64 that computes the same."""
    double = copy.deepcopy(graph).double()
    for node in calls(double):
        module = module_of(double, node)
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels == module.out_channels > 1:
            double.add_submodule(str(node.target), ShiftedDepthwise(module))
    return double
