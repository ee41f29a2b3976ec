"""Multi-threshold neurons over their window of T steps with torch's operators, and their gradient.

The neurons of a few images at a time go through all steps, so that potentials stay in a processor's cache; on a GPU all
go at once. What is saved for the backward pass is one byte a step where no parameter of the neurons has a gradient (is
the potential inside its window?), else the input currents, from which the potentials are computed once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snnconv.neurons.coupling import Coupling, couple, uncouple
from snnconv.neurons.rectifier import rectified_slopes
from snnconv.neurons.reduction import sum_of_products
from snnconv.neurons.surrogate import Rectangular
from snnconv.neurons.window import batch_parts, memory_like

__all__ = ["Choices", "Window", "start_of"]


@dataclass(frozen=True)
class Choices:
    """The settings of a layer: L, the lowest level, v_0 in units of θ, and whether the gradient is rectified."""

    levels: int
    lowest: int
    initial: float | Tensor
    rectified: bool


def start_of(like: Tensor, initial: float | Tensor) -> Tensor:
    """Return v_0 of every neuron."""
    return torch.empty_like(like).copy_(initial) if isinstance(initial, Tensor) else torch.full_like(like, initial)


def _trace(drives: Tensor, leak: Tensor | None, choices: Choices) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield m_t and s_t of each step, and v_{t-1} before the leak; their memory is used again two steps later.

    Args:
        drives: I_t/θ, `[T, ...]`.
        leak: `[]`, or None.
        choices: Settings of the layer.
    """
    left, after = start_of(drives[0], choices.initial), torch.empty_like(drives[0])
    membrane, fired = torch.empty_like(left), torch.empty_like(left)
    for drive in drives:
        if leak is None:
            torch.add(drive, left, out=membrane)
        else:
            torch.mul(left, leak, out=membrane).add_(drive)
        torch.floor(membrane, out=fired).clamp_(choices.lowest, choices.levels)
        yield membrane, fired, left
        torch.sub(membrane, fired, out=after)
        left, after = after, left


def _drives(currents: Tensor, coupling: Coupling | Tensor, threshold: Tensor) -> Tensor:
    """Return I_t/θ, `[T, ...]`, under mean coupling one for all steps."""
    received = couple(currents, coupling)
    if received.stride(0) == 0:
        return (received[0] / threshold).expand_as(received)
    return received / threshold


def _slopes(membrane: Tensor, choices: Choices) -> Tensor:
    """Return d(θ·s)/dm: bool, or rectified."""
    inside = (membrane >= choices.lowest + 0.5).logical_and_(membrane <= choices.levels + 0.5)
    if choices.rectified:
        return inside * rectified_slopes(membrane - 0.5, choices.levels, Rectangular(), choices.lowest)
    return inside


class Window(torch.autograd.Function):
    """All T steps: the arithmetic of `_step_by_step` in function.py, with as few passes over memory."""

    @staticmethod
    def forward(
        ctx: Any,
        currents: Tensor,
        threshold: Tensor,
        omega: Tensor | None,
        leak: Tensor | None,
        coupling: Coupling,
        choices: Choices,
    ) -> Tensor:
        to_currents, *to_parameters = ctx.needs_input_grad[:4]
        ctx.again = any(to_parameters)
        saved: Tensor | None = None
        fired = memory_like(currents)
        if to_currents and not ctx.again:
            saved = fired.new_empty(fired.shape) if choices.rectified else torch.empty_like(fired, dtype=torch.bool)
        parts = batch_parts(currents, threshold, choices.initial)
        for part in parts:
            drives = _drives(currents[:, part], coupling if omega is None else omega, threshold)
            for step, (membrane, s, _) in enumerate(_trace(drives, leak, choices)):
                torch.mul(s, threshold, out=fired[step, part])
                if saved is not None:
                    saved[step, part] = _slopes(membrane, choices)
        ctx.coupling, ctx.choices, ctx.parts = coupling, choices, parts
        ctx.save_for_backward(saved if saved is not None else currents, threshold, omega, leak)
        return fired

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved, threshold, omega, leak = ctx.saved_tensors
        coupling = ctx.coupling if omega is None else omega
        if not ctx.again:
            return uncouple(grad * saved, coupling), None, None, None, None, None
        return (*_again(ctx, grad, saved, threshold, omega, leak), None, None)


def _again(
    ctx: Any, grad: Tensor, currents: Tensor, threshold: Tensor, omega: Tensor | None, leak: Tensor | None
) -> tuple[Tensor | None, ...]:
    """Compute every gradient, and the potentials once more."""
    choices: Choices = ctx.choices
    _, of_threshold, of_omega, of_leak = ctx.needs_input_grad[:4]
    coupling = ctx.coupling if omega is None else omega
    to_currents = memory_like(currents)
    to_threshold = torch.zeros_like(threshold) if of_threshold else None
    to_omega = torch.zeros_like(omega) if of_omega and omega is not None else None
    to_leak = torch.zeros_like(leak) if of_leak and leak is not None else None
    for part in ctx.parts:
        x, upstream = currents[:, part], grad[:, part]
        drives = _drives(x, coupling, threshold)
        received = torch.empty_like(drives) if drives.stride(0) else memory_like(x)  # dL/dI
        for step, (membrane, s, left) in enumerate(_trace(drives, leak, choices)):
            inner = torch.mul(upstream[step], _slopes(membrane, choices).to(s.dtype), out=received[step])
            if to_threshold is not None:
                to_threshold += sum_of_products(upstream[step], s, threshold.shape)
                to_threshold -= sum_of_products(inner, drives[step], threshold.shape)
            if to_leak is not None:
                to_leak += (sum_of_products(inner, left, threshold.shape) * threshold).sum()
        to_currents[:, part] = uncouple(received, coupling)
        if to_omega is not None:
            to_omega += _in_line(received) @ _in_line(x).T
    return to_currents, to_threshold, to_omega, to_leak


def _in_line(steps: Tensor) -> Tensor:
    """Return `[T, ...]` as `[T, M]` in the order of memory, without a copy where images lie channels last."""
    return (steps.movedim(2, -1) if steps.dim() == 5 and not steps.is_contiguous() else steps).flatten(1)
