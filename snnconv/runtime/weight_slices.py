r"""Weights as sums of signed 8-bit integers, and linear operators of unsigned 8-bit levels that use them.

    w_o ≈ scale_o·(q1 + q2/254 + q3/254²),   scale_o = max|w_o|/127,   q in -127..127

Symbols: w_o weights of output channel o, q1..q3 its slices: each is the remainder of the slices before it, rounded. The
remainder of three is at most max|w_o|·2⁻²⁴. Levels times slices add up in 32-bit integers, which round nothing; sums of
the slices meet in float32. So a result is no further from the exact one than float32's own, whose sums round at every
addition.

A processor multiplies and adds 8-bit integers fast and without saturation where it has VNNI; torch's operators for them
(`torch.ops.onednn`) are those that its own compiler emits for quantized networks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["SLICES", "SlicedWeights", "has_integer_arithmetic", "split"]

SLICES = 3
WHOLE = 127  # largest value of the first slice
RATIO = 2 * WHOLE  # a rounded slice leaves half a unit at most: WHOLE units of the next
LEAST_SCALE = 1e-30  # of a channel of zeros


def has_integer_arithmetic() -> bool:
    """Return whether sums of 8-bit products are exact and fast here: the processor has VNNI, and torch the operators.

    Without VNNI two neighbouring products add up in 16 bits, and saturate.
    """
    operators = ("qconv_prepack", "qconv2d_pointwise", "qlinear_prepack", "qlinear_pointwise")
    return torch.cpu._is_vnni_supported() and all(hasattr(torch.ops.onednn, name) for name in operators)


def split(weight: Tensor, count: int = SLICES) -> list[tuple[Tensor, Tensor]]:
    """Split weights into slices of 8 bits.

    Args:
        weight: Weights `[O, ...]`, float64.
        count: Number of slices.

    Returns:
        Each slice, int8 of the same shape, with its scales `[O]`, float32.

    >>> [(q.item(), round(scale.item(), 6)) for q, scale in split(torch.tensor([[0.5]]).double(), 1)]
    [(127, 0.003937)]
    """
    scale = (weight.abs().flatten(1).amax(1) / WHOLE).clamp_min(LEAST_SCALE).float()
    remainder = weight / scale.double().view(-1, *(1 for _ in weight.shape[1:]))
    slices = []
    for number in range(count):
        whole = remainder.round()
        slices.append((whole.to(torch.int8), scale / RATIO**number))
        remainder = (remainder - whole) * RATIO
    return slices


class SlicedWeights:
    """A `Conv2d` or `Linear` of levels, its weights split into slices of 8 bits.

    Args:
        linear: Operator whose weights are split; its bias is left out.
        step: Worth of a level of its input, `[]` or one an input channel.
        unit: Unit of its output, `[]` or one an output channel.
        shape: Shape of one sample of its input.
        together: Number of steps whose levels come as one input, side by side along its channels, and add up; more than
            1 for a `Conv2d` of one group only.
        slices: Number of slices of a weight.
    """

    def __init__(
        self,
        linear: Any,
        step: Tensor,
        unit: Tensor,
        shape: tuple[int, ...],
        *,
        together: int = 1,
        slices: int = SLICES,
    ) -> None:
        groups = 1 if isinstance(linear, nn.Linear) else linear.groups
        self.convolution: tuple[Any, ...] | None = None
        if not isinstance(linear, nn.Linear):
            self.convolution = (list(linear.stride), list(linear.padding), list(linear.dilation), groups)
        weight = _scaled(linear.weight.detach().double(), step, unit, groups)
        self.together = together
        self.zeros = torch.zeros(len(weight), dtype=torch.int64)
        self.slices = [(self._packed(values, list(shape)), scale) for values, scale in split(weight, slices)]

    def _packed(self, values: Tensor, shape: list[int]) -> Any:
        """Return a slice laid out as torch's integer operator takes it."""
        ops: Any = torch.ops.onednn
        if self.convolution is None:
            return ops.qlinear_prepack(values, None)
        scales = torch.ones(len(values))  # not used where the zero points are 0
        values = values.repeat(1, self.together, 1, 1)
        return ops.qconv_prepack(values, scales, 1.0, 0, *self.convolution, [1, self.together * shape[0], *shape[1:]])

    def __call__(self, levels: Tensor, total: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """Add the operator of levels `[B, ...]`, uint8, to `total`, in place.

        Args:
            levels: Levels, channels last where they are images; of several steps `[B, together*C, ...]`.
            total: Potentials `[B, ...]`, float32, laid out as the output is; None: start from 0.
            bias: Bias `[O]`, in units of the output.
        """
        ops: Any = torch.ops.onednn
        if self.convolution is None:
            first, more = ops.qlinear_pointwise, ops.qlinear_pointwise.binary
        else:
            first, more = ops.qconv2d_pointwise, ops.qconv2d_pointwise.binary
        geometry = self.convolution or ()
        for packed, scale in self.slices:
            operands = (levels, 1.0, 0, packed, scale, self.zeros)
            if total is None:
                total = first(*operands, bias, *geometry, 1.0, 0, torch.float32, "none", [], "")
            else:
                sum_into: tuple[Any, ...] = (1.0, 0, torch.float32, 1.0, 0, "sum", 1.0, "none", [], "")
                total = more(*operands, total, bias, *geometry, *sum_into)
            bias = None
        assert total is not None
        return total


def _scaled(weight: Tensor, step: Tensor, unit: Tensor, groups: int) -> Tensor:
    """Return weights `[O, I, ...]` times the worth of a level of their input, over the unit of their output."""
    outputs, inputs = weight.shape[:2]
    spatial = (1,) * (weight.dim() - 2)
    per_group = step.expand(inputs * groups).view(groups, 1, inputs).expand(groups, outputs // groups, inputs)
    weight = weight * per_group.reshape(outputs, inputs, *spatial)
    return weight / unit.expand(outputs).view(-1, 1, *spatial)
