"""The multi-threshold neurons in Triton: what one program does with its neurons, forward and backward.

Constants of a compilation are in capitals. COUPLING is 0 (causal), 1 (mean) or 2 (a matrix: every thread then holds all
steps of its neurons); KEEP is 0 (nothing), 1 (a bit a step: is the potential inside its window?) or 2 (slopes).
"""

from __future__ import annotations

import triton
import triton.language as tl

from snnconv.neurons.kernels.slopes import levels_of, rectified_slopes

__all__ = ["multithreshold_backward", "multithreshold_backward_again", "multithreshold_forward"]


@triton.jit
def _slope(m, RECTIFIED: tl.constexpr, LOWEST: tl.constexpr, HIGHEST: tl.constexpr):
    """Return d(θ·s)/dm."""
    inside = tl.where((m >= LOWEST + 0.5) & (m <= HIGHEST + 0.5), 1.0, 0.0)
    if RECTIFIED:
        inside = inside * rectified_slopes(m - 0.5, 1.0, "window", LOWEST, HIGHEST)
    return inside


@triton.jit
def multithreshold_forward(
    x,
    fired,
    saved,
    theta,
    theta_stride,
    theta_count,
    start,
    start_stride,
    start_count,
    omega,
    leak,
    elements,
    step,
    T: tl.constexpr,
    ROWS: tl.constexpr,
    HIGHEST: tl.constexpr,
    LOWEST: tl.constexpr,
    COUPLING: tl.constexpr,
    LEAKS: tl.constexpr,
    RECTIFIED: tl.constexpr,
    KEEP: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Run all steps, the potential in a register."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = at < elements
    threshold = tl.load(theta + (at // theta_stride) % theta_count, mask=here, other=1.0)
    v = tl.load(start + (at // start_stride) % start_count, mask=here, other=0.0)
    rows = tl.arange(0, ROWS)
    drive = threshold * 0
    if COUPLING == 1:
        for t in tl.static_range(T):
            drive += tl.load(x + t * step + at, mask=here, other=0.0).to(tl.float32)
        drive = tl.div_rn(tl.div_rn(drive, tl.full((BLOCK,), T, tl.float32)), threshold)
    if COUPLING == 2:
        within = (rows[:, None] < T) & here[None, :]
        window = tl.load(x + rows[:, None] * step + at[None, :], mask=within, other=0.0).to(tl.float32)
    bits = tl.zeros((BLOCK,), tl.int32)
    for t in tl.static_range(T):
        if COUPLING == 0:
            drive = tl.div_rn(tl.load(x + t * step + at, mask=here, other=0.0).to(tl.float32), threshold)
        if COUPLING == 2:
            weights = tl.load(omega + t * T + rows, mask=rows < T, other=0.0)
            drive = tl.div_rn(tl.sum(window * weights[:, None], axis=0), threshold)
        if LEAKS:
            v = v * tl.load(leak)
        m = v + drive
        s = levels_of(m, LOWEST, HIGHEST)
        v = m - s
        tl.store(fired + t * elements + at, s * threshold, mask=here)
        if KEEP == 1:
            bits |= (_slope(m, False, LOWEST, HIGHEST) > 0).to(tl.int32) << (t % 8)
            if t % 8 == 7 or t == T - 1:
                tl.store(saved + (t // 8) * elements + at, bits.to(tl.uint8), mask=here)
                bits = tl.zeros((BLOCK,), tl.int32)
        if KEEP == 2:
            tl.store(saved + t * elements + at, _slope(m, RECTIFIED, LOWEST, HIGHEST), mask=here)


@triton.jit
def multithreshold_backward(
    grad,
    saved,
    to_x,
    elements,
    T: tl.constexpr,
    COUPLING: tl.constexpr,
    KEEP: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Compute gradients from what was saved, where no parameter of the neurons has one."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = at < elements
    total = tl.zeros((BLOCK,), tl.float32)
    bits = tl.zeros((BLOCK,), tl.int32)
    for t in tl.static_range(T):
        g = tl.load(grad + t * elements + at, mask=here, other=0.0).to(tl.float32)
        if KEEP == 1:
            if t % 8 == 0:
                bits = tl.load(saved + (t // 8) * elements + at, mask=here, other=0).to(tl.int32)
            g = tl.where((bits >> (t % 8)) & 1 != 0, g, 0.0)
        else:
            g *= tl.load(saved + t * elements + at, mask=here, other=0.0).to(tl.float32)
        if COUPLING == 0:
            tl.store(to_x + t * elements + at, g, mask=here)
        else:
            total += g
    if COUPLING == 1:
        total = total / T
        for t in tl.static_range(T):
            tl.store(to_x + t * elements + at, total, mask=here)


@triton.jit
def multithreshold_backward_again(
    grad,
    x,
    to_x,
    to_theta,
    to_leak,
    to_omega,
    theta,
    theta_stride,
    theta_count,
    start,
    start_stride,
    start_count,
    omega,
    leak,
    elements,
    step,
    T: tl.constexpr,
    ROWS: tl.constexpr,
    HIGHEST: tl.constexpr,
    LOWEST: tl.constexpr,
    COUPLING: tl.constexpr,
    LEAKS: tl.constexpr,
    RECTIFIED: tl.constexpr,
    TO_THETA: tl.constexpr,
    TO_LEAK: tl.constexpr,
    TO_OMEGA: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Compute the potentials once more from the currents, then every gradient."""
    program = tl.program_id(0).to(tl.int64)
    at = program * BLOCK + tl.arange(0, BLOCK)
    here = at < elements
    threshold = tl.load(theta + (at // theta_stride) % theta_count, mask=here, other=1.0)
    v = tl.load(start + (at // start_stride) % start_count, mask=here, other=0.0)
    rows = tl.arange(0, ROWS)
    drive = threshold * 0
    if COUPLING == 1:
        for t in tl.static_range(T):
            drive += tl.load(x + t * step + at, mask=here, other=0.0).to(tl.float32)
        drive = tl.div_rn(tl.div_rn(drive, tl.full((BLOCK,), T, tl.float32)), threshold)
    if COUPLING == 2:
        within = (rows[:, None] < T) & here[None, :]
        window = tl.load(x + rows[:, None] * step + at[None, :], mask=within, other=0.0).to(tl.float32)
        received = tl.zeros((ROWS, BLOCK), tl.float32)  # dL/dI
    total = tl.zeros((BLOCK,), tl.float32)
    of_theta = tl.zeros((BLOCK,), tl.float32)
    of_leak = tl.zeros((BLOCK,), tl.float32)
    for t in tl.static_range(T):
        if COUPLING == 0:
            drive = tl.div_rn(tl.load(x + t * step + at, mask=here, other=0.0).to(tl.float32), threshold)
        if COUPLING == 2:
            weights = tl.load(omega + t * T + rows, mask=rows < T, other=0.0)
            drive = tl.div_rn(tl.sum(window * weights[:, None], axis=0), threshold)
        left = v
        if LEAKS:
            v = v * tl.load(leak)
        m = v + drive
        s = levels_of(m, LOWEST, HIGHEST)
        v = m - s
        g = tl.load(grad + t * elements + at, mask=here, other=0.0).to(tl.float32)
        inner = g * _slope(m, RECTIFIED, LOWEST, HIGHEST)
        of_theta += g * s - inner * drive
        of_leak += inner * left
        if COUPLING == 0:
            tl.store(to_x + t * elements + at, inner, mask=here)
        if COUPLING == 1:
            total += inner
        if COUPLING == 2:
            received = tl.where(rows[:, None] == t, inner[None, :], received)
    if COUPLING == 1:
        total = total / T
        for t in tl.static_range(T):
            tl.store(to_x + t * elements + at, total, mask=here)
    if COUPLING == 2:
        for t in tl.static_range(T):
            weights = tl.load(omega + rows * T + t, mask=rows < T, other=0.0)
            tl.store(to_x + t * elements + at, tl.sum(received * weights[:, None], axis=0), mask=here)
            if TO_OMEGA:
                current = tl.load(x + t * step + at, mask=here, other=0.0).to(tl.float32)
                sums = tl.sum(received * current[None, :], axis=1)
                tl.store(to_omega + program * T * T + rows * T + t, sums, mask=rows < T)
    if TO_THETA:
        tl.store(to_theta + at, of_theta, mask=here)
    if TO_LEAK:
        tl.store(to_leak + at, of_leak * threshold, mask=here)
