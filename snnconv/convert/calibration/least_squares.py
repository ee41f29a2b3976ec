r"""Least squares with a penalty (ridge regression) from Gram matrices alone, several groups of columns side by side.

A layer that sees A, `[rows, K]`, and errs by R, `[rows, M]`, is corrected by

    dW = (A^T·A + μ·D)^-1 · A^T·R        R = Y - A·W

D is the identity but for the last column of A, which is the constant of the bias and has no penalty. Its squared error,
|R|² - 2·<dW, A^T·R> + <dW, A^T·A·dW>, needs no rows either, so that images stream. μ is the one that errs least where
each half of the rows is corrected by the other; with it all rows correct. As dW = 0 costs no penalty, the squared error
of all rows never rises. After ERQ (Zhong et al., ICML 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["PENALTIES", "GramMatrices", "fitting_correction"]

PENALTIES = tuple(10.0**exponent for exponent in range(-6, 2))  # μ in units of the mean of the diagonal of A^T·A
SMALL = 1e-15  # magnitudes below it, or above its inverse, are squared in double precision


@dataclass(frozen=True)
class GramMatrices:
    """Sums over rows, in double precision.

    Attributes:
        inputs: A^T·A of each group, `[G, K, K]`; the last column of A is 1.
        cross: A^T·R, `[G, K, M]`.
        squares: Sums of the squares of R, `[G, M]`.
    """

    inputs: Tensor
    cross: Tensor
    squares: Tensor

    @staticmethod
    def of(inputs: Tensor, residuals: Tensor) -> GramMatrices:
        """Return the sums of A, `[G, K, rows]`, and R, `[G, M, rows]`, both with rows last."""
        largest = [float(x.abs().amax()) for x in (inputs[:, :-1], residuals) if x.numel()]
        if any(magnitude and not SMALL < magnitude < 1 / SMALL for magnitude in largest):
            inputs, residuals = inputs.double(), residuals.double()
        squares = residuals.square().sum(2)
        return GramMatrices(*(x.double() for x in (inputs @ inputs.mT, inputs @ residuals.mT, squares)))

    def __add__(self, other: GramMatrices) -> GramMatrices:
        return GramMatrices(self.inputs + other.inputs, self.cross + other.cross, self.squares + other.squares)

    def correction(self, penalty: float) -> Tensor:
        """Return dW, `[G, K, M]`; infinite where the equations cannot be solved.

        Args:
            penalty: μ in units of the mean of the diagonal of A^T·A, the constant's place left out.
        """
        diagonal = self.inputs.diagonal(dim1=1, dim2=2)
        penalties = diagonal[:, :-1].mean(1, keepdim=True).expand(-1, diagonal.shape[1]) * penalty
        penalties = torch.where(penalties > 0, penalties, 1.0)
        penalties[:, -1] = 0
        factor, failures = torch.linalg.cholesky_ex(self.inputs + torch.diag_embed(penalties))
        if bool(failures.any()):
            return torch.full_like(self.cross, math.inf)
        return torch.cholesky_solve(self.cross, factor)

    def error(self, correction: Tensor) -> float:
        """Return the squared error of all rows after a correction dW, `[G, K, M]`; infinite where that is."""
        if not bool(torch.isfinite(correction).all()):
            return math.inf
        change = (correction * (self.inputs @ correction - 2 * self.cross)).sum()
        return float(self.squares.sum() + change)


def fitting_correction(first: GramMatrices, second: GramMatrices) -> Tensor | None:
    """Return dW of all rows, `[G, K, M]`, with the μ that errs least on held-out rows.

    Args:
        first: Sums of one half of the rows.
        second: Sums of the other half.

    Returns:
        dW; None where no μ lowers the error of rows that it was not found from.
    """
    least, best = float(first.squares.sum() + second.squares.sum()), None
    for penalty in PENALTIES:
        error = second.error(first.correction(penalty)) + first.error(second.correction(penalty))
        if error < least:
            least, best = error, penalty
    if best is None:
        return None
    whole = first + second
    correction = whole.correction(best)
    return correction if whole.error(correction) < float(whole.squares.sum()) else None
