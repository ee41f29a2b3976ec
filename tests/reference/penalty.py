"""What RMP-Loss takes the mean of, one value at a time (METHODS.md, section 5)."""

from __future__ import annotations


def penalty(u: float, levels: int) -> float:
    """min_k |u - k|^2, k in 0..L: at L = 1 min(|u|, |1 - u|)^2."""
    return min(abs(u - k) ** 2 for k in range(levels + 1))
