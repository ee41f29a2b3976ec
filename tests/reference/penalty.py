"""What RMP-Loss takes the mean of, one value at a time (METHODS.md, section 5)."""

from __future__ import annotations


def penalty(u: float, levels: int, lowest: int = 0) -> float:
    """min_k |u - k|^2, k in lowest..L: at L = 1 and lowest 0 min(|u|, |1 - u|)^2."""
    return min(abs(u - k) ** 2 for k in range(lowest, levels + 1))
