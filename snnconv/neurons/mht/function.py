r"""M-HT, the multi-threshold neuron (Hao et al., LM-HT, NeurIPS 2024, eq. 5).

    m_t = leak·v_{t-1} + I_t       I_t = sum_j ω_tj x_j
    s_t = clip(floor(m_t/θ), 0, L)
    v_t = m_t - θ·s_t              (soft reset)

Signed, s_t = clip(floor(m_t/θ), -L, L) (derived): a negative level takes its current back, as a spike of an inhibitory
neuron beside this one would.

Symbols: x_t input current of step t, ω coupling of the steps (rows sum to 1), I_t what the neuron receives,
m membrane potential before firing, v after the reset with v_0 = θ/2 unless causal coupling is given another, θ = λ/L
firing threshold, L levels a step, s_t the level that fires (at m >= k·θ the level is at least k), leak 1 unless it is
learned (LM-HT). The output θ·s_t is a current again, so weights stay as they are.

With constant current or mean coupling, the time mean of the output is QCFS of the time mean of the input at N = L·T
(LM-HT, Lemma 4.1 and Theorem 4.2).

Backward (LM-HT, section 4.3): d(θ·s)/dm = 1 where θ/2 <= m <= (L + 1/2)·θ, else 0; the path through v_{t-1} is
detached, so dL/dleak = sum_t dL/dm_t·v_{t-1} and dL/dI_t = dL/dm_t. From the same rule, with v in units of θ held
fixed, d(θ·s)/dθ = s - I/θ inside and s outside: where every step is inside, its mean over a window of constant current
is L times the gradient of QCFS to its ceiling. Signed, the window of the gradient is (1/2 - L)·θ <= m <= (L + 1/2)·θ.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snnconv.neurons import kernels
from snnconv.neurons.coupling import Coupling, couple
from snnconv.neurons.mht.window import Choices, Window, start_of
from snnconv.neurons.rectifier import rectify
from snnconv.neurons.site import Observer, in_single, require_positive_int

__all__ = ["multithreshold"]


class _Levels(torch.autograd.Function):
    """floor(m) within lowest..L; its gradient is 1 for m from lowest + 1/2 to L + 1/2."""

    @staticmethod
    def forward(ctx: Any, m: Tensor, levels: int, lowest: int) -> Tensor:
        ctx.save_for_backward((m >= lowest + 0.5).logical_and_(m <= levels + 0.5))
        return m.floor().clamp_(lowest, levels)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return grad * inside, None, None


def _run(
    currents: Tensor,
    threshold: Tensor,
    levels: int,
    lowest: int,
    initial: float | Tensor,
    leak: Tensor | None,
    fired: Tensor | None,
) -> Tensor:
    """Run all T steps without a gradient, one potential at a time; `fired` may be the currents themselves."""
    fired = torch.empty_like(currents, memory_format=torch.preserve_format) if fired is None else fired
    still = currents.stride(0) == 0
    if still and leak is None and isinstance(initial, float) and 0 <= initial < 1:
        return _of_one_current(currents[0], threshold, levels, lowest, initial, fired)
    drive = currents[0] / threshold if still else None
    membrane = start_of(currents[0], initial)
    last = len(fired) - 1
    for step, s in enumerate(fired):
        if leak is not None:
            membrane.mul_(leak)
        if drive is None:
            membrane.addcdiv_(currents[step], threshold)
        else:
            membrane.add_(drive)
        torch.floor(membrane, out=s)
        s.clamp_(lowest, levels)
        if step < last:
            membrane.sub_(s)
        s.mul_(threshold)
    return fired


def _of_one_current(
    current: Tensor, threshold: Tensor, levels: int, lowest: int, initial: float, fired: Tensor
) -> Tensor:
    r"""T steps of one and the same current, all at once (derived).

    With d = clip(I/θ, lowest, L) no step is asked for more than it can fire, so that c_t = floor(v_0 + t·d) levels have
    fired after t steps, and s_t = c_t - c_{t-1}.
    """
    drive = (current / threshold).clamp_(lowest, levels)
    start = torch.full((), initial, dtype=drive.dtype, device=drive.device)
    before: Tensor | None = None
    for step, s in enumerate(fired, 1):
        count = torch.add(start, drive, alpha=step).floor_()
        torch.mul(count if before is None else before.neg_().add_(count), threshold, out=s)
        before = count
    return fired


def _step_by_step(
    currents: Tensor,
    threshold: Tensor,
    levels: int,
    lowest: int,
    initial: float | Tensor,
    leak: Tensor | None,
    rectified: bool,
    observe: Observer,
) -> Tensor:
    """Run one step after the other, each with its own place in the gradient's graph."""
    fired = []
    left = start_of(currents[0], initial)
    for current in currents:
        rest = left if leak is None else leak * left
        membrane = rest + current / threshold
        observe(membrane - 0.5)
        decided = rectify(membrane - 0.5, levels, lowest) + 0.5 if rectified else membrane
        fired.append(_Levels.apply(decided, levels, lowest))
        left = (membrane - fired[-1]).detach()
    return torch.stack(fired) * threshold


def multithreshold(
    currents: Tensor,
    threshold: Tensor,
    levels: int,
    *,
    coupling: Coupling | Tensor = Coupling.CAUSAL,
    initial: float | Tensor = 0.5,
    leak: Tensor | None = None,
    rectified: bool = False,
    signed: bool = False,
    observe: Observer | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Run multi-threshold neurons through T steps.

    Args:
        currents: input currents of the steps, `[T, ...]`.
        threshold: θ > 0, broadcastable to `currents[0]`, in units of the current.
        levels: L >= 1, the highest level that one step can fire.
        coupling: Mixture of the steps' currents that the neurons receive: mean, causal, or ω `[T, T]`.
        initial: v_0 in units of θ, a number or broadcastable to `currents[0]`; no gradient reaches it.
        leak: share of the potential that is left after a step, a scalar; None: 1.
        rectified: take the spike and its gradient of the rectified potential (MPR, rectifier.py); spikes are the same.
        signed: Levels from -L to L instead of 0 to L.
        observe: given u_t = m_t/θ - 1/2 of each step before it fires.
        out: Memory for the output currents where no gradient is needed; it may be `currents`.

    Returns:
        Output currents θ·s_t, `[T, ...]`.

    Raises:
        InvalidValueError: L is not a positive integer.

    Source: Hao et al., "LM-HT SNN: Enhancing the Performance of SNN to ANN Counterpart through Learnable
    Multi-hierarchical Threshold Model", NeurIPS 2024.

    >>> multithreshold(torch.tensor([0.7, 0.7, 2.9]), torch.tensor(1.0), 2)
    tensor([1., 0., 2.])
    >>> multithreshold(torch.tensor([-0.7, -0.7, -2.9]), torch.tensor(1.0), 2, signed=True)
    tensor([-1.,  0., -2.])
    """
    require_positive_int("levels", levels)
    lowest = -levels if signed else 0
    if observe is None and kernels.chosen(currents) == "triton":
        from snnconv.neurons.mht.kernels import run

        mixing = coupling if isinstance(coupling, Tensor) else coupling is Coupling.MEAN
        done = run(
            currents,
            threshold,
            levels,
            lowest,
            coupling=mixing,
            initial=initial,
            leak=leak,
            rectified=rectified,
            out=out,
        )
        if done is not None:
            return done
    single = in_single(currents)
    omega = coupling if isinstance(coupling, Tensor) else None
    inputs = [single, threshold, omega, leak]
    if observe is not None:
        fired = _step_by_step(couple(single, coupling), threshold, levels, lowest, initial, leak, rectified, observe)
    elif torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in inputs):
        how = Coupling.LEARNED if isinstance(coupling, Tensor) else coupling
        fired = Window.apply(*inputs, how, Choices(levels, lowest, initial, rectified))
    else:
        memory = out if out is not None and out.dtype == single.dtype else None
        fired = _run(couple(single, coupling), threshold, levels, lowest, initial, leak, memory)
    return fired.to(currents.dtype)
