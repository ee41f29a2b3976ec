r"""QCFS, the quantized activation of an ANN (Bu et al., ICLR 2022, eq. 15; gradients derived).

    a = λ/N · clip(floor(z·N/λ + 1/2), 0, N)         unsigned
    a = λ/N · clip(floor(z·N/λ + 1/2), -N, N)        signed (derived: the paper has rectifiers only)

Symbols: z pre-activation, λ (ceiling) the largest activation, N (total levels) the number of steps above 0.

Straight-through gradients, inside the window -λ/(2N) < z < λ - λ/(2N):
    da/dz = 1 inside, 0 outside;  da/dλ = (a - z)/λ inside, 1 above, 0 below.
Signed, the window begins at -λ - λ/(2N), and below it da/dλ = -1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snnconv.neurons import kernels
from snnconv.neurons.reduction import sum_of_products
from snnconv.neurons.site import in_single, require_positive_int

__all__ = ["qcfs"]


def _quantize(out: Tensor, step: Tensor, lowest: int, highest: int) -> Tensor:
    """Write levels times `step` in the place of z/step."""
    return out.add_(0.5).floor_().clamp_(lowest, highest).mul_(step)


class _QCFSFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, ceiling: Tensor, total_levels: int, signed: bool) -> Tensor:
        step = ceiling / total_levels
        lowest = -total_levels if signed else 0
        activation = _quantize(z / step, step, lowest, total_levels)
        if any(ctx.needs_input_grad):
            half = ceiling / (2 * total_levels)
            low = -ceiling - half if signed else -half
            ctx.save_for_backward(z, ceiling, activation, (z > low).logical_and_(z < ceiling - half))
        return activation

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        z, ceiling, activation, inside = ctx.saved_tensors
        to_z = grad * inside
        if not ctx.needs_input_grad[1]:
            return to_z, None, None, None
        # above the window a = λ, below it 0 (signed: -λ): so grad·a/λ, less grad·z/λ inside, is all three cases
        difference = sum_of_products(grad, activation, ceiling.shape) - sum_of_products(to_z, z, ceiling.shape)
        return to_z, difference / ceiling, None, None


def qcfs(z: Tensor, ceiling: Tensor, total_levels: int, signed: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Quantize an activation to N levels above 0 (signed: and N below), with straight-through gradients to both.

    Args:
        z: pre-activations, any shape.
        ceiling: λ > 0, broadcastable to `z` without changing its shape, in units of `z`.
        total_levels: N >= 1.
        signed: Levels from -N to N instead of 0 to N.
        out: Memory for the activations where no gradient is needed; it may be `z`.

    Returns:
        Activations of the shape of `z`, multiples of λ/N from 0 to λ, signed from -λ to λ.

    Raises:
        InvalidValueError: N is not a positive integer.

    Source: Bu et al., "Optimal ANN-SNN Conversion for High-accuracy and Ultra-low-latency SNNs", ICLR 2022.

    >>> qcfs(torch.tensor([-0.1, 0.12, 0.13, 0.6, 2.0]), torch.tensor(1.0), 4)
    tensor([0.0000, 0.0000, 0.2500, 0.5000, 1.0000])
    >>> qcfs(torch.tensor([-2.0, -0.3, 0.3]), torch.tensor(1.0), 4, signed=True)
    tensor([-1.0000, -0.2500,  0.2500])
    """
    require_positive_int("total_levels", total_levels)
    trained = torch.is_grad_enabled() and (z.requires_grad or ceiling.requires_grad)
    if not trained and z.dim() and kernels.chosen(z.unsqueeze(0)) == "triton":
        from snnconv.neurons.mht.kernels import run_once

        done = run_once(z, ceiling / total_levels, total_levels, -total_levels if signed else 0, out=out)
        if done is not None:
            return done
    if out is not None and z.dtype == in_single(z).dtype:
        step = ceiling / total_levels
        return _quantize(torch.div(z, step, out=out), step, -total_levels if signed else 0, total_levels)
    activation: Tensor = _QCFSFunction.apply(in_single(z), ceiling, total_levels, signed)
    return activation.to(z.dtype)
