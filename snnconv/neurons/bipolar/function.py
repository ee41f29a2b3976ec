r"""Bipolar M-HT neurons: differential coupling, code uniform (ST-BIF of SpikeZIP-TF with L levels).

    k_t = clip(floor(1/2 + t·x_t/θ), 0, N)      (signed: -N..N)
    s_t = clip(k_t - S_{t-1}, -L, L)
    S_t = S_{t-1} + s_t                          x'_t = θ·S_t/t

Symbols: x_t the mean of the currents of steps 1..t, which is what the neuron was told until step t, s_t the level that
it fires (a negative one takes back), S_t the sum of its levels, x'_t the mean of what its readers were told, θ = λ·T/N
firing threshold, N levels of a window, at most L·T. The neurons start at θ/2.

Where no step is cut by L, S_T = k_T: the last mean is QCFS of the last mean it was told, at N levels, so that the
network ends as its quantized ANN [derived].

Backward: the gradient is that of S_t = S_{t-1} + clip(clip(t·x_t/θ, 0, N) - S_{t-1}, -L, L), straight through the
rounding. So that of θ is, as for QCFS, the error of rounding where a sum is neither cut by L nor at an end [derived].
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snnconv.neurons.reduction import sum_of_products
from snnconv.neurons.site import in_single, require_positive_int
from snnconv.neurons.window import batch_parts, memory_like

__all__ = ["bipolar_multithreshold"]


class _Window(torch.autograd.Function):
    """All T steps, and their gradient; the slopes of a step are one byte."""

    @staticmethod
    def forward(ctx: Any, means: Tensor, threshold: Tensor, levels: int, total: int, signed: bool) -> Tensor:
        output = memory_like(means)
        slopes = torch.empty_like(output, dtype=torch.int8)  # 2: identity; 1: cut by L; 0: flat, at an end of the sum
        factors = torch.empty_like(output) if ctx.needs_input_grad[1] else None  # what θ is taken times
        count = torch.zeros_like(means[0])
        lowest = -total if signed else 0
        for step, mean in enumerate(means, 1):
            drive = mean / (threshold / step)
            ended = (drive < lowest) | (drive > total)
            missing = drive.clamp(lowest, total) - count
            inside = missing.abs() <= levels
            slopes[step - 1] = torch.where(inside, torch.where(ended, 0, 2), 1).to(torch.int8)
            target = torch.floor(drive + 0.5).clamp_(lowest, total)
            count = count + (target - count).clamp_(-levels, levels)
            if factors is not None:
                error = torch.where(ended, count, count - drive)
                factors[step - 1] = torch.where(inside, error, levels * missing.sign())
            torch.mul(count, threshold / step, out=output[step - 1])
        ctx.save_for_backward(slopes, factors, threshold)
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        slopes, factors, threshold = ctx.saved_tensors
        to_means = torch.empty_like(grad)
        to_threshold = None if factors is None else torch.zeros_like(threshold)
        later = torch.zeros_like(grad[0])
        for step in range(len(grad), 0, -1):
            upstream = grad[step - 1] / step + later
            slope = slopes[step - 1]
            torch.mul(upstream * step, slope == 2, out=to_means[step - 1])
            later = upstream * (slope == 1)
            if to_threshold is not None:
                to_threshold += sum_of_products(upstream, factors[step - 1], threshold.shape)
        return to_means, to_threshold, None, None, None


def _run(means: Tensor, threshold: Tensor, levels: int, total: int, signed: bool, out: Tensor) -> None:
    """Run all steps without a gradient; `out` may be the means themselves."""
    count = torch.zeros_like(means[0])
    target = torch.empty_like(count)
    lowest = -total if signed else 0
    for step, mean in enumerate(means, 1):
        torch.div(mean, threshold / step, out=target)
        target.add_(0.5).floor_().clamp_(lowest, total)
        if step * levels > 1 or signed:
            target.sub_(count).clamp_(-levels, levels)
            count.add_(target)
        else:
            target.clamp_(max=levels)
            count.copy_(target)
        torch.mul(count, threshold / step, out=out[step - 1])


def bipolar_multithreshold(
    means: Tensor,
    threshold: Tensor,
    levels: int,
    *,
    total_levels: int | None = None,
    signed: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Run bipolar multi-threshold neurons through T steps.

    Args:
        means: Mean of the currents until each step, `[T, ...]`.
        threshold: θ > 0, broadcastable to `means[0]`.
        levels: L >= 1, the highest level of a step, and the most that a step takes back.
        total_levels: N, the highest sum of levels; None: L·T.
        signed: Sums from -N to N instead of 0 to N.
        out: Memory for the result where no gradient is needed; it may be `means`.

    Returns:
        Mean of what the neurons' readers were told until each step, `[T, ...]`.

    Raises:
        InvalidValueError: L or N is not a positive integer.

    >>> bipolar_multithreshold(torch.tensor([1.0, 0.2]), torch.tensor(1.0), 1)
    tensor([1., 0.])
    """
    require_positive_int("levels", levels)
    total = require_positive_int("total_levels", levels * len(means) if total_levels is None else total_levels)
    single = in_single(means)
    if torch.is_grad_enabled() and (single.requires_grad or threshold.requires_grad):
        trained = _Window.apply(single, threshold, levels, total, signed)
        assert isinstance(trained, Tensor)
        return trained.to(means.dtype)
    output = out if out is not None and out.dtype == single.dtype else memory_like(single)
    for part in batch_parts(single, threshold):
        _run(single[:, part], threshold, levels, total, signed, output[:, part])
    return output.to(means.dtype)
