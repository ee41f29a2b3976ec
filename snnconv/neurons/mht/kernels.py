"""The multi-threshold neurons of function.py in Triton: all T steps in one kernel, its gradient in another.

Each program takes some neurons through all steps, with the potential in a register. What is saved for the backward pass
is one bit a step where no parameter of the neurons has a gradient (is the potential inside its window?), else the
currents, from which the potentials are computed once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor

from snnconv.neurons.kernels.layout import Spread, at_device, block_of, empty_steps, in_steps, like_steps, spread
from snnconv.neurons.mht.kernel_programs import (
    multithreshold_backward,
    multithreshold_backward_again,
    multithreshold_forward,
)

__all__ = ["run", "run_once"]

CAUSAL, MEAN, MATRIX = 0, 1, 2
NOTHING, BITS, SLOPES = 0, 1, 2  # what the forward pass keeps
OPTIONS = {"num_warps": 4, "enable_fp_fusion": False}  # no fused multiply-add: rounding as in torch


@dataclass(frozen=True)
class _Choices:
    """The settings of a layer."""

    levels: int
    lowest: int
    coupling: int
    rectified: bool
    start: Spread
    threshold: Spread

    def constants(self, timesteps: int, dtype: torch.dtype, leak: Tensor | None) -> dict[str, Any]:
        rows = max(2, triton.next_power_of_2(timesteps)) if self.coupling == MATRIX else 2
        return {
            "T": timesteps,
            "ROWS": rows,
            "HIGHEST": self.levels,
            "LOWEST": self.lowest,
            "COUPLING": self.coupling,
            "LEAKS": leak is not None,
            "RECTIFIED": self.rectified,
            "BLOCK": block_of(dtype),  # also with a matrix: then each thread holds all steps of its neurons
        }


def _single(x: Tensor | None, like: Tensor) -> Tensor:
    """Return a parameter as the kernels read it; any memory where there is none."""
    return like if x is None else x.detach().to(like.device, torch.float32).contiguous()


def _fire(
    currents: Tensor,
    fired: Tensor,
    saved: Tensor,
    omega: Tensor | None,
    leak: Tensor | None,
    choices: _Choices,
    keep: int,
) -> None:
    """Launch the forward kernel."""
    elements = currents[0].numel()
    constants = choices.constants(len(currents), currents.dtype, leak)
    theta, start = choices.threshold, choices.start
    with at_device(currents):
        multithreshold_forward[(triton.cdiv(elements, constants["BLOCK"]),)](
            currents,
            fired,
            saved,
            *theta,
            *start,
            _single(omega, theta.values),
            _single(leak, theta.values),
            elements,
            currents.stride(0),
            **constants,
            KEEP=keep,
            **OPTIONS,
        )


class _Window(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, currents: Tensor, threshold: Tensor, omega: Tensor | None, leak: Tensor | None, choices: _Choices
    ) -> Tensor:
        timesteps, elements = len(currents), currents[0].numel()
        to_currents, *to_parameters = ctx.needs_input_grad[:4]
        keep = NOTHING
        if to_currents and not any(to_parameters) and choices.coupling != MATRIX:
            keep = SLOPES if choices.rectified else BITS
        fired, saved = empty_steps(currents, currents.dtype), currents
        if keep == BITS:
            saved = torch.empty((timesteps + 7) // 8, elements, dtype=torch.uint8, device=currents.device)
        elif keep == SLOPES:
            saved = torch.empty(timesteps, elements, dtype=currents.dtype, device=currents.device)
        _fire(currents, fired, saved, omega, leak, choices, keep)
        ctx.choices, ctx.keep, ctx.shape = choices, keep, threshold.shape
        if keep:
            ctx.like = currents.shape, (elements, *currents[0].stride()), currents.dtype
            ctx.save_for_backward(saved, None, None)
        else:
            ctx.save_for_backward(currents, omega, leak)
        return fired

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved, omega, leak = ctx.saved_tensors
        choices = ctx.choices
        if ctx.keep:
            shape, strides, dtype = ctx.like
            to_currents = torch.empty_strided(shape, strides, dtype=dtype, device=grad.device)
            grad = like_steps(grad, to_currents)
            elements = to_currents[0].numel()
            with at_device(grad):
                multithreshold_backward[(triton.cdiv(elements, block_of(dtype)),)](
                    grad,
                    saved,
                    to_currents,
                    elements,
                    T=len(grad),
                    COUPLING=choices.coupling,
                    KEEP=ctx.keep,
                    BLOCK=block_of(dtype),
                    **OPTIONS,
                )
            return to_currents, None, None, None, None
        return _of_currents(ctx, grad, saved, omega, leak)


def _of_currents(
    ctx: Any, grad: Tensor, currents: Tensor, omega: Tensor | None, leak: Tensor | None
) -> tuple[Tensor | None, ...]:
    """Compute every gradient, and the potentials once more."""
    choices = ctx.choices
    _, to_threshold, to_omega, to_leak = ctx.needs_input_grad[:4]
    constants = choices.constants(len(currents), currents.dtype, leak)
    elements = currents[0].numel()
    programs = triton.cdiv(elements, constants["BLOCK"])
    grad = like_steps(grad, currents)
    to_currents = empty_steps(currents, currents.dtype)
    theta, start = choices.threshold, choices.start

    def memory(*shape: int, needed: bool) -> Tensor:
        return torch.empty(shape, device=grad.device) if needed else theta.values

    of_theta, of_leak = memory(elements, needed=to_threshold), memory(elements, needed=to_leak)
    of_omega = memory(programs, len(currents), len(currents), needed=to_omega)
    with at_device(grad):
        multithreshold_backward_again[(programs,)](
            grad,
            currents,
            to_currents,
            of_theta,
            of_leak,
            of_omega,
            *theta,
            *start,
            _single(omega, theta.values),
            _single(leak, theta.values),
            elements,
            currents.stride(0),
            **constants,
            TO_THETA=to_threshold,
            TO_LEAK=to_leak,
            TO_OMEGA=to_omega,
            **OPTIONS,
        )
    gradients: list[Tensor | None] = [to_currents, None, None, None]
    if to_threshold:
        values = of_theta.as_strided(currents.shape[1:], currents[0].stride())
        gradients[1] = values.sum_to_size(ctx.shape)
    if to_omega:
        gradients[2] = of_omega.sum(0)
    if to_leak:
        gradients[3] = of_leak.sum()
    return (*gradients, None)


def run(
    currents: Tensor,
    threshold: Tensor,
    levels: int,
    lowest: int,
    *,
    coupling: Tensor | bool,
    initial: float | Tensor,
    leak: Tensor | None,
    rectified: bool,
    out: Tensor | None = None,
) -> Tensor | None:
    """Run multi-threshold neurons through T steps; return None where a parameter differs along several axes.

    Args:
        currents: `[T, ...]`, float32, bfloat16 or float16; potentials are float32.
        threshold: θ, broadcastable to `currents[0]`.
        levels: L.
        lowest: 0, or -L of signed neurons.
        coupling: ω `[T, T]`, or whether every step receives the mean of all (True) or its own current (False).
        initial: v_0 in units of θ.
        leak: share of the potential that is left after a step, `[]`; None: 1.
        rectified: take the gradient of the rectified potential.
        out: Memory for the result where no gradient is needed; it may be `currents`.

    Returns:
        Output currents `[T, ...]`, of the type of `currents`.
    """
    currents = in_steps(currents)
    if out is not None and out.stride() != (currents[0].numel(), *currents[0].stride()):
        return None
    theta, start = spread(threshold, currents), spread(initial, currents)
    if theta is None or start is None:
        return None
    kind = MATRIX if isinstance(coupling, Tensor) else MEAN if coupling else CAUSAL
    choices = _Choices(levels, lowest, kind, rectified, start, theta)
    omega = coupling if isinstance(coupling, Tensor) else None
    inputs = [currents, threshold, omega, leak]
    if torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in inputs):
        fired: Tensor = _Window.apply(*inputs, choices)
        return fired
    fired = empty_steps(currents, currents.dtype) if out is None else out
    _fire(currents, fired, currents, omega, leak, choices, NOTHING)
    return fired


def run_once(z: Tensor, threshold: Tensor, levels: int, lowest: int, *, out: Tensor | None) -> Tensor | None:
    """Compute QCFS without a gradient as one step of neurons of N levels that start at θ/2; return None as `run` does.

    Args:
        z: pre-activations, any shape but `[]`.
        threshold: θ = λ/N, broadcastable to `z`.
        levels: N.
        lowest: 0, or -N.
        out: Memory for the result; it may be `z`.
    """
    fired = run(
        z.unsqueeze(0),
        threshold,
        levels,
        lowest,
        coupling=False,
        initial=0.5,
        leak=None,
        rectified=False,
        out=None if out is None else out.unsqueeze(0),
    )
    return None if fired is None else fired[0]
