"""QCFS as a site of a quantized ANN."""

from __future__ import annotations

import torch
from torch import Tensor

from snnconv.neurons.qcfs.function import qcfs
from snnconv.neurons.site import QuantizedSite

__all__ = ["QCFS"]


class QCFS(QuantizedSite):
    """A site of a quantized ANN: `qcfs` with its own trained or calibrated ceiling.

    Args:
        ceiling: λ, scalar or `[C]`.
        total_levels: N.
        signed: Levels from -N to N instead of 0 to N.
        channel_axis: axis of the channels.
    """

    def forward(self, z: Tensor) -> Tensor:
        """`[B, ...]` to the same shape and type; half precision is quantized in single precision."""
        free = self.overwrites and not torch.is_grad_enabled()
        return qcfs(z, self.ceiling_for(z), self.total_levels, self.signed, out=z if free else None)
