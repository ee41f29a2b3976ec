r"""QCFS, the quantized activation of an ANN (Bu et al., ICLR 2022, eq. 15; gradients derived).

    a = λ/N · clip(floor(z·N/λ + 1/2), 0, N)         unsigned
    a = λ/N · clip(floor(z·N/λ + 1/2), -N, N)        signed (derived: the paper has rectifiers only)

Symbols: z pre-activation, λ (ceiling) the largest activation, N (total levels) the number of steps above 0.

Straight-through gradients, inside the window -λ/(2N) < z < λ - λ/(2N):
    da/dz = 1 inside, 0 outside;  da/dλ = (a - z)/λ inside, 1 above, 0 below.
Signed, the window begins at -λ - λ/(2N), and below it da/dλ = -1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from snnconv.neurons import kernels
from snnconv.neurons.reduction import sum_of_products
from snnconv.neurons.site import in_single, require_positive_int

__all__ = ["qcfs"]

CACHED = 1 << 17  # elements


def _quantize(out: Tensor, step: Tensor, lowest: int, highest: int) -> Tensor:
    """Write levels times `step` in the place of z/step."""
    return out.add_(0.5).floor_().clamp_(lowest, highest).mul_(step)


def _split(z: Tensor, ceiling: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield z and others of its shape part by part, each part as large as a processor's cache holds.

    With one ceiling `[]` a part is a run of elements as they lie in memory, `[n]`, else some members of the first axis.
    """
    tensors = (z, *others)
    if z.device.type != "cpu" or not z.dim() or (ceiling.dim() == z.dim() and ceiling.shape[0] > 1):
        yield tensors
        return
    size = max(1, CACHED * len(z) // max(1, z.numel()))
    if not ceiling.dim():
        order = sorted(range(z.dim()), key=z.stride, reverse=True)
        in_order = [tensor.permute(order) for tensor in tensors]
        if all(tensor.is_contiguous() for tensor in in_order):
            tensors, size = tuple(tensor.view(-1) for tensor in in_order), CACHED
    yield from zip(*(torch.split(tensor, size) for tensor in tensors), strict=True)


class _QCFSFunction(torch.autograd.Function):
    """The activation; z and what it gives are kept, which the layers beside it keep as well."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, ceiling: Tensor, total_levels: int, signed: bool) -> Tensor:
        step, lowest = ceiling / total_levels, -total_levels if signed else 0
        activation = torch.empty_like(z)
        for part, place in _split(z, ceiling, activation):
            single = in_single(part)
            if single is part:
                _quantize(torch.div(part, step, out=place), step, lowest, total_levels)
            else:
                place.copy_(_quantize(single.div_(step), step, lowest, total_levels))
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(z, ceiling, activation)
            ctx.lowest, ctx.total_levels = lowest, total_levels
        return activation

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        z, ceiling, activation = ctx.saved_tensors
        step, half = ceiling / ctx.total_levels, ceiling / (2 * ctx.total_levels)
        low, high = -ceiling - half if ctx.lowest else -half, ceiling - half
        to_z, difference = torch.empty_like(z), torch.zeros_like(ceiling)
        for part, slope, given, place in _split(z, ceiling, grad, activation, to_z):
            inside = _where_between(slope, part, low, high, out=place)
            if ctx.needs_input_grad[1]:
                # above the window a = λ, below it 0 (signed: -λ): so grad·a/λ, less grad·z/λ inside, is all three cases
                single = in_single(part)
                difference -= _sum_of_products(in_single(inside), single, ceiling)
                if single is not part:  # half precision has rounded the levels
                    given = _quantize(single.div_(step), step, ctx.lowest, ctx.total_levels)
                difference += _sum_of_products(in_single(slope), given, ceiling)
        return to_z, difference / ceiling if ctx.needs_input_grad[1] else None, None, None


def _where_between(grad: Tensor, z: Tensor, low: Tensor, high: Tensor, *, out: Tensor) -> Tensor:
    """Write a gradient where low < z < high, else 0; in one pass where the bounds are single numbers in reach."""
    if z.device.type == "cpu" and not low.dim():
        torch.ops.aten.hardtanh_backward(grad, z, float(low), float(high), grad_input=out)
        return out
    return torch.mul(grad, (z > low).logical_and_(z < high), out=out)


def _sum_of_products(a: Tensor, b: Tensor, ceiling: Tensor) -> Tensor:
    """Return the sum of a·b of the shape of a ceiling; of the parts that `_split` yields in one pass."""
    return torch.dot(a, b) if a.dim() == 1 and not ceiling.dim() else sum_of_products(a, b, ceiling.shape)


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
    activation: Tensor = _QCFSFunction.apply(z, ceiling, total_levels, signed)
    return activation
