r"""Weights as sums of signed 8-bit integers, and linear operators of unsigned 8-bit levels that use them.

    w_o ≈ scale_o·(q1 + q2/254 + q3/254²),   scale_o = max|w_o|/127,   q in -127..127

Symbols: w_o weights of output channel o, q1..q3 its pieces: each is what the pieces before it leave, rounded. What
three leave is at most max|w_o|·2⁻²⁴. Levels times pieces add up in 32-bit integers, which round nothing; sums of the
pieces meet in float32. So a result is no further from the exact one than float32's own, whose sums round at every
addition.

A processor multiplies and adds 8-bit integers fast and without saturation where it has VNNI; torch's operators for them
(`torch.ops.onednn`) are those that its own compiler emits for quantized networks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["PIECES", "SplitWeights", "has_integer_arithmetic", "split"]

PIECES = 3
WHOLE = 127  # of the first piece
RATIO = 2 * WHOLE  # a rounded piece leaves half a unit at most: WHOLE units of the next
LEAST_SCALE = 1e-30  # of a channel of zeros


def has_integer_arithmetic() -> bool:
    """Whether sums of 8-bit products are exact and fast here: the processor has VNNI, and torch the operators.

    Without VNNI two neighbouring products add up in 16 bits, and saturate.
    """
    operators = ("qconv_prepack", "qconv2d_pointwise", "qlinear_prepack", "qlinear_pointwise")
    return torch.cpu._is_vnni_supported() and all(hasattr(torch.ops.onednn, name) for name in operators)


def split(weight: Tensor, pieces: int = PIECES) -> list[tuple[Tensor, Tensor]]:
    """Weights `[O, ...]`, float64, as pieces: int8 of the same shape, each with scales `[O]`, float32.

    >>> [(q.item(), round(scale.item(), 6)) for q, scale in split(torch.tensor([[0.5]]).double(), 1)]
    [(127, 0.003937)]
    """
    scale = (weight.abs().flatten(1).amax(1) / WHOLE).clamp_min(LEAST_SCALE).float()
    left = weight / scale.double().view(-1, *(1 for _ in weight.shape[1:]))
    found = []
    for number in range(pieces):
        whole = left.round()
        found.append((whole.to(torch.int8), scale / RATIO**number))
        left = (left - whole) * RATIO
    return found


class SplitWeights:
    """A `Conv2d` or `Linear` of levels, its weights split.

    Args:
        linear: the operator; its bias is left out.
        step: what a level of its input is worth, `[]` or one an input channel.
        unit: what its output is counted in, `[]` or one an output channel.
        shape: of a sample of its input.
        together: steps whose levels come as one input, side by side along its channels, and add up. Only of a `Conv2d`
            of one group.
        pieces: how many a weight is split into.
    """

    def __init__(
        self,
        linear: Any,
        step: Tensor,
        unit: Tensor,
        shape: tuple[int, ...],
        *,
        together: int = 1,
        pieces: int = PIECES,
    ) -> None:
        weight = linear.weight.detach().double()
        outputs, own = weight.shape[:2]
        groups = 1 if isinstance(linear, nn.Linear) else linear.groups
        per_group = step.expand(own * groups).view(groups, 1, own).expand(groups, outputs // groups, own)
        spatial = (1,) * (weight.dim() - 2)
        weight = weight * per_group.reshape(outputs, own, *spatial)
        weight = weight / unit.expand(outputs).view(-1, 1, *spatial)
        self.convolution: tuple[Any, ...] | None = None
        if not isinstance(linear, nn.Linear):
            self.convolution = (list(linear.stride), list(linear.padding), list(linear.dilation), groups)
        self.together = together
        self.zeros = torch.zeros(outputs, dtype=torch.int64)
        self.pieces = [(self._packed(piece, list(shape)), scale) for piece, scale in split(weight, pieces)]

    def _packed(self, piece: Tensor, shape: list[int]) -> Any:
        ops: Any = torch.ops.onednn
        if self.convolution is None:
            return ops.qlinear_prepack(piece, None)
        scales = torch.ones(len(piece))  # not used where the zero points are 0
        piece = piece.repeat(1, self.together, 1, 1)
        return ops.qconv_prepack(piece, scales, 1.0, 0, *self.convolution, [1, self.together * shape[0], *shape[1:]])

    def __call__(self, levels: Tensor, total: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """Add the operator of levels `[B, ...]`, uint8, to `total`, in place.

        Args:
            levels: channels last where they are images; of several steps `[B, together*C, ...]`.
            total: `[B, ...]`, float32, laid out as the output is; None: start from 0.
            bias: `[O]`, in units of the output.
        """
        ops: Any = torch.ops.onednn
        if self.convolution is None:
            first, more = ops.qlinear_pointwise, ops.qlinear_pointwise.binary
        else:
            first, more = ops.qconv2d_pointwise, ops.qconv2d_pointwise.binary
        how = self.convolution or ()
        for packed, scale in self.pieces:
            given = (levels, 1.0, 0, packed, scale, self.zeros)
            if total is None:
                total = first(*given, bias, *how, 1.0, 0, torch.float32, "none", [], "")
            else:
                total = more(*given, total, bias, *how, 1.0, 0, torch.float32, 1.0, 0, "sum", 1.0, "none", [], "")
            bias = None
        assert total is not None
        return total
