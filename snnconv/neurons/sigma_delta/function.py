r"""Sigma-delta neurons with power-of-two messages: differential coupling, code power-of-two.

    u_t = f(z_t)/θ - S_{t-1}                    f(z) = clip(z, 0, cap)    (signed: clip(z, -cap, cap))
    q_t = sign(u_t)·2^-k,  k = 0..K-1 the nearest level of |u_t|: 0.75·2^-k <= |u_t| < 1.5·2^-k, above that k = 0
          0 where |u_t| < dead_zone·2^-(K-1)
    S_t = S_{t-1} + q_t                         R_t = θ·S_t

Symbols: z_t what the neuron was told until step t, bias included, u_t what its readers do not know yet, q_t the message
in units of θ, R_t what its readers have been told until step t, θ the largest message, K octaves, cap where the
activation saturates. A dead zone below 0.75 has the smallest message sent of less than is nearest to it. Without a sign
S never falls below 0: a message of -2^-k is at most the largest power of two that S holds, which is the level below
where the nearest is more. S starts at a multiple of 2^-(K-1) and stays one, so that no rounding adds up.

The scheme is sigma-delta coding (Loihi 2's graded spikes), its levels those of H-MT and DCGS (ICML 2025), whose neuron
has a division by t more; the rule of the sign is derived.

Backward: the gradient is that of S_t = S_{t-1} + clip(u_t, -1, 1), R_t = θ·S_t, with u_t = f(z_t)/θ - S_{t-1}: straight
through Q where |u_t| <= 1, flat where more is unknown than a message can tell (derived). With g_t = dL/dR_t + h_t and
h_T = 0: where |u_t| <= 1 the gradient of f(z_t) is g_t, that of θ g_t·(q_t - u_t), the error of rounding as for the
steps of LSQ and QCFS, and h_{t-1} = 0; else that of f(z_t) is 0, that of θ g_t·sign(u_t), and h_{t-1} = g_t. The start
adds h_0·S_0 to that of θ.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snnconv.neurons.reduction import sum_of_products
from snnconv.neurons.site import in_single
from snnconv.neurons.window import batch_parts, memory_like

__all__ = ["NEAREST", "sigma_delta"]

NEAREST = 0.75  # of the smallest message: from there on it is nearer than nothing, on a scale of powers of two

# The exponent of a float, and half of what follows it: the nearest power of two is a sum and a mask of its bits.
_BITS = {torch.float32: (torch.int32, 1 << 22, -(1 << 23)), torch.float64: (torch.int64, 1 << 51, -(1 << 52))}


class _Code(NamedTuple):
    """The smallest message of a layer, the least magnitude that is told, whether values have a sign, and a cap."""

    smallest: float
    least: float
    signed: bool
    saturates: bool

    @property
    def bounded(self) -> bool:
        """True where values beyond the bounds would be told otherwise.

        Without a sign and a cap, S falls by the largest power of two that it holds, whether z is 0 or below it.
        """
        return self.saturates or not (self.signed or self.least <= self.smallest)


def _message(u: Tensor, told: Tensor, code: _Code) -> Tensor:
    """Return q of u, in new memory.

    Args:
        u: What the readers do not know yet, in units of θ.
        told: -S before the step, below 0 where values have no sign.
        code: Messages of the layer.
    """
    integer, half, exponent = _BITS[u.dtype]
    q = torch.nn.functional.hardshrink(u, _below(code.least, u.dtype))
    q.view(integer).add_(half).bitwise_and_(exponent)
    if code.least < NEAREST * code.smallest:
        q = torch.where(q.abs() < code.smallest, 2 * q, q)
    q.clamp_(-1, 1)
    if not code.signed:
        held = torch.bitwise_and(told.view(integer), exponent).view(u.dtype)  # minus the largest power of two in S
        torch.maximum(q, held, out=q)
    return q


@cache
def _below(least: float, dtype: torch.dtype) -> float:
    """Return the number below `least`, at and below which nothing is told."""
    value = torch.tensor(least, dtype=dtype)
    return float(torch.nextafter(value, torch.zeros_like(value)))


class _Window(torch.autograd.Function):
    """All T steps, and their gradient."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, threshold: Tensor, start: Tensor, low: Tensor, cap: Tensor, code: _Code
    ) -> Tensor:
        output = memory_like(values)
        slopes = torch.empty_like(output, dtype=torch.int8)  # 2: identity; 1: more is left than is told; 0: flat
        factors = torch.empty_like(output) if ctx.needs_input_grad[1] else None  # what θ is taken times
        negative = torch.empty_like(values[0]).copy_(-start)
        for step, z in enumerate(values):
            clipped = torch.minimum(torch.maximum(z, low), cap)
            u = torch.addcdiv(negative, clipped, threshold)
            message = _message(u, negative, code)
            negative -= message
            torch.mul(negative, -threshold, out=output[step])
            inside = u.abs() <= 1
            slopes[step] = torch.where(inside, 2 * (clipped == z), 1).to(torch.int8)
            if factors is not None:
                factors[step] = torch.where(inside, message - u, u.sign())
        ctx.save_for_backward(slopes, factors, threshold, start)
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        slopes, factors, threshold, start = ctx.saved_tensors
        to_values = torch.empty_like(grad)
        to_threshold = None if factors is None else torch.zeros_like(threshold)
        later = torch.zeros_like(grad[0])
        for step in range(len(grad) - 1, -1, -1):
            upstream = grad[step] + later
            slope = slopes[step]
            torch.mul(upstream, slope == 2, out=to_values[step])
            later = upstream * (slope == 1)
            if to_threshold is not None:
                to_threshold += sum_of_products(upstream, factors[step], threshold.shape)
        if to_threshold is not None:
            to_threshold += (later * start).sum_to_size(threshold.shape)
        return to_values, to_threshold, None, None, None, None


def _run(values: Tensor, threshold: Tensor, start: Tensor, low: Tensor, cap: Tensor, code: _Code, out: Tensor) -> None:
    """Run all steps without a gradient; `out` may be the values themselves."""
    negative = torch.empty_like(values[0]).copy_(-start)  # -S
    u, goal = torch.empty_like(negative), torch.empty_like(negative)
    minus = -threshold
    for step, z in enumerate(values):
        if code.bounded:
            torch.maximum(z, low, out=goal)
            z = torch.minimum(goal, cap, out=goal) if code.saturates else goal
        torch.addcdiv(negative, z, threshold, out=u)
        negative -= _message(u, negative, code)
        torch.mul(negative, minus, out=out[step])


def sigma_delta(
    values: Tensor,
    threshold: Tensor,
    octaves: int,
    *,
    dead_zone: float = 0.75,
    cap: Tensor | None = None,
    initial: Tensor | None = None,
    signed: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Run sigma-delta neurons through T steps.

    Args:
        values: What the neurons were told until each step, `[T, ...]`.
        threshold: θ > 0, the largest message, broadcastable to `values[0]`.
        octaves: K >= 1; the smallest message is θ·2^-(K-1).
        dead_zone: Least magnitude that is told, in units of the smallest message: 0.75, where the messages are the
            nearest levels, or another number from 0.5 on.
        cap: Value at which the activation saturates, broadcastable to `values[0]`; None: nowhere.
        initial: S_0, a multiple of 2^-(K-1), broadcastable to `values[0]`; None: 0.
        signed: True for values below 0, and messages that make them.
        out: Memory for the result where no gradient is needed; it may be `values`.

    Returns:
        What the neurons' readers were told until each step, R_t, `[T, ...]`.

    >>> sigma_delta(torch.tensor([0.7, 0.7, 0.7, 0.2]), torch.tensor(1.0), 8)
    tensor([0.5000, 0.7500, 0.6875, 0.1875])
    """
    single = in_single(values)
    unlimited = torch.full((), torch.inf, dtype=single.dtype, device=single.device)
    highest = unlimited if cap is None else cap.to(single.dtype)
    lowest = -highest if signed else torch.zeros_like(unlimited)
    start = torch.zeros_like(unlimited) if initial is None else initial.to(single.dtype)
    smallest = 2.0 ** (1 - octaves)
    code = _Code(smallest, dead_zone * smallest, signed, cap is not None)
    if torch.is_grad_enabled() and (single.requires_grad or threshold.requires_grad):
        trained = _Window.apply(single, threshold, start, lowest, highest, code)
        assert isinstance(trained, Tensor)
        return trained.to(values.dtype)
    usable = out is not None and out.dtype == single.dtype
    output = out if usable and out is not None else memory_like(single)
    limits = (threshold, start, lowest, highest)
    for part in batch_parts(single, *limits):
        _run(single[:, part], *limits, code, output[:, part])
    return output.to(values.dtype)
