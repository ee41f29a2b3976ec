"""Linear operators as matrices, and ridge regression, one value at a time or by numpy's own solver, in float64."""

from __future__ import annotations

import numpy as np


def convolution_rows(x: np.ndarray, kernel: tuple[int, int], stride: int, padding: int, dilation: int) -> np.ndarray:
    """What each place of a convolution sees, `[B*H'*W', C*kh*kw]`, from `x` `[B, C, H, W]`."""
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    high, wide = (dilation * (size - 1) + 1 for size in kernel)
    rows = []
    for image in padded:
        for top in range(0, image.shape[1] - high + 1, stride):
            for left in range(0, image.shape[2] - wide + 1, stride):
                window = image[:, top : top + high : dilation, left : left + wide : dilation]
                rows.append(window.reshape(-1))
    return np.array(rows)


def ridge(inputs: np.ndarray, residuals: np.ndarray, penalty: float) -> np.ndarray:
    """dW of `inputs` `[rows, K]`, whose last column has no penalty, as least squares with K - 1 rows more."""
    columns = inputs.shape[1]
    mu = penalty * np.mean(np.sum(inputs[:, :-1] ** 2, axis=0))
    extra = np.sqrt(mu) * np.eye(columns)[:-1]
    solution, *_ = np.linalg.lstsq(
        np.concatenate([inputs, extra]), np.concatenate([residuals, np.zeros((columns - 1, residuals.shape[1]))])
    )
    return solution
