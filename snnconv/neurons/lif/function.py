r"""IF and LIF, the (leaky) integrate-and-fire neuron, with soft or hard reset, of one or more levels.

    u_t = decay·r_{t-1} + x_t/θ
    s_t = number of k in 1..L with u_t > k - 1/2
    r_t = u_t - s_t                (soft reset)
    r_t = u_t·(1 - min(s_t, 1))    (hard reset)

Symbols: x_t input current of step t, θ = λ/L what one spike is worth, u membrane potential before firing in units of
θ, r what the reset leaves with r_0 = 0, decay share of it that is left at the next step (1: IF), s_t the level that
fires, strictly above k - 1/2. The output θ·s_t is a current.

With one level this is the neuron of Guo et al. (ECCV 2022, and their code of IM-Loss): unit spikes decided at 1/2.
Deciding at the middle is the same as v_0 = θ/2 and firing at θ: with decay 1, soft reset and currents that meet no
decision level exactly it is the multi-threshold neuron under causal coupling.

Backward: the slope of a surrogate (surrogate.py), through time and through the reset; with the membrane potential
rectifier (rectifier.py) the surrogate is taken of the rectified potential.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.neurons import kernels
from snnconv.neurons.rectifier import rectified_slopes, rectify
from snnconv.neurons.reduction import sum_of_products
from snnconv.neurons.site import Observer, in_single, require_positive_int
from snnconv.neurons.surrogate import Rectangular, Surrogate, fire
from snnconv.neurons.window import batch_parts, memory_like

__all__ = ["Reset", "lif"]

Reset = Literal["soft", "hard"]


def lif(
    currents: Tensor,
    threshold: Tensor,
    levels: int = 1,
    *,
    decay: float = 1.0,
    reset: Reset = "soft",
    rectified: bool = False,
    surrogate: Surrogate | None = None,
    observe: Observer | None = None,
) -> Tensor:
    """Run integrate-and-fire neurons through T steps.

    Args:
        currents: `[T, ...]`.
        threshold: θ > 0, broadcastable to `currents[0]`, in units of the current.
        levels: L >= 1.
        decay: share of the potential that is left after a step, from 0 to 1; 1 is IF.
        reset: "soft" takes away what was fired, "hard" everything.
        rectified: take the spike and its gradient of the rectified potential (MPR); spikes are the same.
        surrogate: whose slope is the gradient of a spike; rectangular:1 by default.
        observe: given u_t of each step before it fires.

    Returns:
        Output currents θ·s_t, `[T, ...]`.

    Raises:
        InvalidValueError: L is not a positive integer, the decay is not from 0 to 1, or the reset is unknown.

    Source: Guo et al., "Reducing Information Loss for Spiking Neural Networks", ECCV 2022.

    >>> lif(torch.tensor([0.4, 0.4, 0.4, 0.4]), torch.tensor(1.0))
    tensor([0., 1., 0., 1.])
    """
    require_positive_int("levels", levels)
    if not 0 <= decay <= 1:
        raise InvalidValueError(f"decay is {decay!r}: it must be a number from 0 to 1.")
    if reset not in get_args(Reset):
        raise InvalidValueError(f"reset is {reset!r}: it must be one of {', '.join(get_args(Reset))}.")
    kind = surrogate or Rectangular()
    if observe is None and kernels.chosen(currents) == "triton":
        from snnconv.neurons.lif.kernels import run

        done = run(
            currents,
            threshold,
            levels,
            decay=decay,
            hard=reset == "hard",
            rectified=rectified,
            surrogate=kind.name,
            shape=kind.shape,
        )
        if done is not None:
            return done
    received = in_single(currents)
    if observe is not None:
        fired = _step_by_step(received, threshold, levels, decay, reset, rectified, kind, observe)
    else:
        fired = _Window.apply(received, threshold, levels, decay, reset, rectified, kind)
    return fired.to(currents.dtype)


def _step_by_step(
    currents: Tensor,
    threshold: Tensor,
    levels: int,
    decay: float,
    reset: Reset,
    rectified: bool,
    surrogate: Surrogate,
    observe: Observer,
) -> Tensor:
    """Run one step after the other, each potential with a place of its own in the gradient's graph."""
    fired = []
    left = torch.zeros_like(currents[0])
    for current in currents:
        u = decay * left + current / threshold
        observe(u)
        s = fire(rectify(u, levels) if rectified else u, levels, surrogate)
        left = u - s if reset == "soft" else _hard_reset(u, s, levels)
        fired.append(s)
    return torch.stack(fired) * threshold


def _hard_reset(u: Tensor, s: Tensor, levels: int) -> Tensor:
    """Return u·(1 - min(s, 1)); a clamp would lose the gradient at s = 1, its edge."""
    left = u * (1 - s)
    return left if levels == 1 else torch.where(s > 1, torch.zeros_like(u), left)


class _Window(torch.autograd.Function):
    """All T steps: the arithmetic of `_step_by_step`, with as few passes over memory as its gradient needs.

    What is saved for the backward pass is one byte a step where the slope is 0 or 1 and nothing else is needed
    (rectangular:1, soft reset, fixed thresholds), else the potential of every step before it fires.
    """

    @staticmethod
    def forward(
        ctx: Any,
        currents: Tensor,
        threshold: Tensor,
        levels: int,
        decay: float,
        reset: Reset,
        rectified: bool,
        surrogate: Surrogate,
    ) -> Tensor:
        to_currents, to_threshold = ctx.needs_input_grad[:2]
        narrow = surrogate == Rectangular() and reset == "soft" and not (rectified or to_threshold)
        fired = memory_like(currents)
        saved: Tensor | None = None
        if to_currents or to_threshold:
            saved = torch.empty_like(fired, dtype=torch.bool if narrow else fired.dtype)
        parts = batch_parts(currents, threshold)
        for part in parts:
            left: Tensor | None = None
            for step, current in enumerate(currents[:, part]):
                u = current / threshold
                if left is not None:
                    u.add_(left, alpha=decay)
                s = fire(u, levels)  # as a rectified potential would fire
                left = u - s if reset == "soft" else _hard_reset(u, s, levels)
                torch.mul(s, threshold, out=fired[step, part])
                if saved is not None:
                    saved[step, part] = surrogate.slopes(u, levels) if narrow else u
        ctx.choices, ctx.parts, ctx.narrow = (levels, decay, reset, rectified, surrogate), parts, narrow
        ctx.save_for_backward(saved, threshold)
        return fired

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved, threshold = ctx.saved_tensors
        levels, decay, reset, rectified, surrogate = ctx.choices
        to_currents = memory_like(grad)
        to_threshold = torch.zeros_like(threshold) if ctx.needs_input_grad[1] else None
        for part in ctx.parts:
            to_left: Tensor | None = None
            for step in range(len(grad) - 1, -1, -1):
                upstream, known = grad[step, part], saved[step, part]
                if ctx.narrow:
                    u, s, slopes = known, known, known.to(grad.dtype)
                else:
                    u, s = known, fire(known, levels)
                    slopes = rectified_slopes(u, levels, surrogate) if rectified else surrogate.slopes(u, levels)
                to_s = upstream * threshold
                if to_left is None:
                    to_u = to_s.mul_(slopes)
                elif reset == "soft":
                    to_u = to_s.sub_(to_left).mul_(slopes).add_(to_left)
                else:
                    inner = to_left if levels == 1 else to_left * (s <= 1)
                    to_u = to_s.sub_(u * inner).mul_(slopes).add_(inner * (1 - s))
                torch.div(to_u, threshold, out=to_currents[step, part])
                if to_threshold is not None:
                    drive = u if step == 0 else u - decay * _left_of(saved[step - 1, part], levels, reset)
                    to_threshold += sum_of_products(upstream, s, threshold.shape)
                    to_threshold -= sum_of_products(to_u, drive, threshold.shape) / threshold
                to_left = to_u.mul_(decay)
        return to_currents, to_threshold, None, None, None, None, None


def _left_of(u: Tensor, levels: int, reset: Reset) -> Tensor:
    """Return what the reset leaves of a potential."""
    s = fire(u, levels)
    return u - s if reset == "soft" else _hard_reset(u, s, levels)
