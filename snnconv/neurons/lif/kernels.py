"""The (leaky) integrate-and-fire neurons of function.py in Triton: all T steps in one kernel, its gradient in another.

What is saved for the backward pass is one bit a step where the slope is 0 or 1 and nothing else is needed
(rectangular:1, soft reset, fixed thresholds), else the potential of every step before it fires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from snnconv.neurons.kernels.layout import Spread, at_device, block_of, empty_steps, in_steps, like_steps, spread
from snnconv.neurons.kernels.slopes import levels_of, rectified_slopes, slopes

__all__ = ["run"]

NOTHING, BITS, POTENTIALS = 0, 1, 2  # what the forward pass keeps
OPTIONS = {"num_warps": 4, "enable_fp_fusion": False}  # no fused multiply-add: rounding as in torch


@triton.jit
def _fire(u, HIGHEST: tl.constexpr):
    """Count the k in 1..L with u > k - 1/2."""
    return tl.abs(levels_of(0.5 - u, -HIGHEST, 0))


@triton.jit
def leaky_forward(
    x,
    fired,
    saved,
    theta,
    theta_stride,
    theta_count,
    decay,
    elements,
    step,
    T: tl.constexpr,
    HIGHEST: tl.constexpr,
    HARD: tl.constexpr,
    KEEP: tl.constexpr,
    BLOCK: tl.constexpr,
):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = at < elements
    threshold = tl.load(theta + (at // theta_stride) % theta_count, mask=here, other=1.0)
    left = tl.zeros((BLOCK,), tl.float32)
    bits = tl.zeros((BLOCK,), tl.int32)
    for t in tl.static_range(T):
        u = tl.div_rn(tl.load(x + t * step + at, mask=here, other=0.0).to(tl.float32), threshold) + left * decay
        s = _fire(u, HIGHEST)
        tl.store(fired + t * elements + at, s * threshold, mask=here)
        left = tl.where(s > 0, 0.0, u) if HARD else u - s
        if KEEP == 1:
            bits |= ((u >= 0) & (u < HIGHEST)).to(tl.int32) << (t % 8)
            if t % 8 == 7 or t == T - 1:
                tl.store(saved + (t // 8) * elements + at, bits.to(tl.uint8), mask=here)
                bits = tl.zeros((BLOCK,), tl.int32)
        if KEEP == 2:
            tl.store(saved + t * elements + at, u, mask=here)


@triton.jit
def leaky_backward(
    grad,
    saved,
    to_x,
    to_theta,
    theta,
    theta_stride,
    theta_count,
    decay,
    shape,
    elements,
    T: tl.constexpr,
    HIGHEST: tl.constexpr,
    HARD: tl.constexpr,
    RECTIFIED: tl.constexpr,
    KIND: tl.constexpr,
    KEEP: tl.constexpr,
    TO_THETA: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """From the last step to the first, through time and through the reset."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = at < elements
    threshold = tl.load(theta + (at // theta_stride) % theta_count, mask=here, other=1.0)
    to_left = tl.zeros((BLOCK,), tl.float32)
    of_theta = tl.zeros((BLOCK,), tl.float32)
    bits = tl.zeros((BLOCK,), tl.int32)
    for t in tl.static_range(T - 1, -1, -1):
        g = tl.load(grad + t * elements + at, mask=here, other=0.0).to(tl.float32)
        to_s = g * threshold
        if KEEP == 1:
            if t == T - 1 or t % 8 == 7:
                bits = tl.load(saved + (t // 8) * elements + at, mask=here, other=0).to(tl.int32)
            to_u = tl.where((bits >> (t % 8)) & 1 != 0, to_s - to_left, 0.0) + to_left
        else:
            u = tl.load(saved + t * elements + at, mask=here, other=0.0).to(tl.float32)
            s = _fire(u, HIGHEST)
            if RECTIFIED:
                slope = rectified_slopes(u, shape, KIND, 0, HIGHEST)
            else:
                slope = slopes(u, shape, KIND, 0, HIGHEST)
            if HARD:
                to_u = (to_s - tl.where(s <= 1, u * to_left, 0.0)) * slope + tl.where(s > 0, 0.0, to_left)
            else:
                to_u = (to_s - to_left) * slope + to_left
            if TO_THETA:
                drive = u
                if t > 0:
                    before = tl.load(saved + (t - 1) * elements + at, mask=here, other=0.0).to(tl.float32)
                    spiked = _fire(before, HIGHEST)
                    drive = u - decay * (tl.where(spiked > 0, 0.0, before) if HARD else before - spiked)
                of_theta += g * s - tl.div_rn(to_u, threshold) * drive
        tl.store(to_x + t * elements + at, tl.div_rn(to_u, threshold), mask=here)
        to_left = decay * to_u
    if TO_THETA:
        tl.store(to_theta + at, of_theta, mask=here)


@dataclass(frozen=True)
class _Choices:
    """The settings of a layer."""

    levels: int
    decay: float
    hard: bool
    rectified: bool
    kind: str
    shape: float
    threshold: Spread


class _Window(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, currents: Tensor, threshold: Tensor, choices: _Choices) -> Tensor:
        timesteps, elements = len(currents), currents[0].numel()
        to_currents, to_threshold = ctx.needs_input_grad[:2]
        plain = choices.kind == "window" and not (choices.hard or choices.rectified or to_threshold)
        keep = NOTHING if not (to_currents or to_threshold) else BITS if plain else POTENTIALS
        fired, saved = empty_steps(currents, currents.dtype), currents
        if keep == BITS:
            saved = torch.empty((timesteps + 7) // 8, elements, dtype=torch.uint8, device=currents.device)
        elif keep == POTENTIALS:
            saved = torch.empty(timesteps, elements, dtype=currents.dtype, device=currents.device)
        with at_device(currents):
            leaky_forward[(triton.cdiv(elements, block_of(currents.dtype)),)](
                currents,
                fired,
                saved,
                *choices.threshold,
                choices.decay,
                elements,
                currents.stride(0),
                T=timesteps,
                HIGHEST=choices.levels,
                HARD=choices.hard,
                KEEP=keep,
                BLOCK=block_of(currents.dtype),
                **OPTIONS,
            )
        ctx.choices, ctx.keep, ctx.shape = choices, keep, threshold.shape
        ctx.like = currents.shape, (elements, *currents[0].stride()), currents.dtype
        if keep:
            ctx.save_for_backward(saved)
        return fired

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (saved,) = ctx.saved_tensors
        choices, (shape, strides, dtype) = ctx.choices, ctx.like
        to_currents = torch.empty_strided(shape, strides, dtype=dtype, device=grad.device)
        grad = like_steps(grad, to_currents)
        elements = to_currents[0].numel()
        of_threshold = ctx.needs_input_grad[1]
        of_theta = torch.empty(elements, device=grad.device) if of_threshold else choices.threshold.values
        with at_device(grad):
            leaky_backward[(triton.cdiv(elements, block_of(dtype)),)](
                grad,
                saved,
                to_currents,
                of_theta,
                *choices.threshold,
                choices.decay,
                choices.shape,
                elements,
                T=len(grad),
                HIGHEST=choices.levels,
                HARD=choices.hard,
                RECTIFIED=choices.rectified,
                KIND=choices.kind,
                KEEP=ctx.keep,
                TO_THETA=of_threshold,
                BLOCK=block_of(dtype),
                **OPTIONS,
            )
        to_threshold = None
        if of_threshold:
            to_threshold = of_theta.as_strided(shape[1:], strides[1:]).sum_to_size(ctx.shape)
        return to_currents, to_threshold, None


def run(
    currents: Tensor,
    threshold: Tensor,
    levels: int,
    *,
    decay: float,
    hard: bool,
    rectified: bool,
    surrogate: str,
    shape: float,
) -> Tensor | None:
    """Run integrate-and-fire neurons through T steps; return None where thresholds differ along several axes.

    Args:
        currents: `[T, ...]`, float32, bfloat16 or float16; potentials are float32, and are saved for the backward pass
            as `currents` are.
        threshold: θ, broadcastable to `currents[0]`.
        levels: L.
        decay: Share of the potential that is left after a step.
        hard: Reset to zero instead of by what was fired.
        rectified: Gradient of the rectified potential instead of the potential.
        surrogate: name of the surrogate whose slope is the gradient of a spike.
        shape: its width or sharpness.

    Returns:
        Output currents `[T, ...]`, of the type of `currents`.
    """
    currents = in_steps(currents)
    theta = spread(threshold, currents)
    if theta is None:
        return None
    kind = "window" if surrogate == "rectangular" and shape == 1 else surrogate
    fired: Tensor = _Window.apply(currents, threshold, _Choices(levels, decay, hard, rectified, kind, shape, theta))
    return fired
