r"""MPR, the membrane potential rectifier (Guo et al., "Reducing Information Loss for SNNs", ECCV 2022, eq. 9).

    φ(u) = 1 - (1-u)^(1/3)                            u < 0
           tanh(3(u - 1/2))/(2·tanh(3/2)) + 1/2       0 <= u <= 1
           u^(1/3)                                    u > 1

Symbols: u membrane potential before firing, in units where a spike is 1 and the decision level 1/2.

φ is monotone and φ(1/2) = 1/2, so a rectified potential fires as the potential itself does: the rectifier shapes the
gradient of training, and is left out of inference. For neurons of L levels the same φ is applied in each unit
interval, φ_L(u) = k + φ(u - k) with k = clip(floor(u), 0, L - 1), which leaves every decision level k + 1/2 in place
(derived; the papers have L = 1, where φ_1 = φ). For signed neurons k = clip(floor(u), -L, L - 1).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snnconv.neurons.surrogate import Rectangular, Surrogate

__all__ = ["rectified_slopes", "rectify"]

SHARPNESS = 3.0


def rectify(u: Tensor, levels: int = 1, lowest: int = 0) -> Tensor:
    """Rectify membrane potentials.

    Args:
        u: potentials before firing, in units of the threshold, level k beginning at k - 1/2; any shape.
        levels: L >= 1.
        lowest: the lowest level, 0, or of signed neurons -L.

    Returns:
        φ_L(u), of the shape of `u`.

    >>> rectify(torch.tensor([-7.0, 0.0, 0.5, 1.0, 8.0]))
    tensor([-1.0000,  0.0000,  0.5000,  1.0000,  2.0000])
    """
    interval = u.detach().floor().clamp_(lowest, levels - 1)
    x = u - interval
    one = torch.ones_like(x)
    # each root sees only its own arguments, so that the other branch's infinite slope does not reach the gradient
    below = 1 - torch.where(x < 0, 1 - x, one).pow(1 / 3)
    above = torch.where(x > 1, x, one).pow(1 / 3)
    middle = (SHARPNESS * (x - 0.5)).tanh() / (2 * math.tanh(SHARPNESS / 2)) + 0.5
    return interval + torch.where(x < 0, below, torch.where(x > 1, above, middle))


def _slope(x: Tensor) -> Tensor:
    """φ' within the unit interval, of x = u - k."""
    return (1 - (SHARPNESS * (x - 0.5)).tanh_().square_()) * (SHARPNESS / (2 * math.tanh(SHARPNESS / 2)))


def rectified_slopes(u: Tensor, levels: int, surrogate: Surrogate, lowest: int = 0) -> Tensor:
    """Gradient of what fires at a rectified potential: of a surrogate at φ_L(u), times φ_L'(u).

    Args:
        u: potentials as in `rectify`.
        levels: L.
        surrogate: whose slopes are taken.
        lowest: the lowest level, 0, or of signed neurons -L; then the surrogate is rectangular:1.

    Returns:
        Of the shape of `u`.
    """
    x = u - u.floor().clamp_(lowest, levels - 1)
    if surrogate == Rectangular(1.0):  # its window is 0 <= φ < L, which is 0 <= u < L; signed it begins at -L
        return _slope(x) * surrogate.slopes(u - lowest, levels - lowest)
    below, above = x < 0, x > 1
    root = torch.where(below, 1 - x, torch.where(above, x, torch.ones_like(x))).pow_(-2 / 3) / 3
    return surrogate.slopes(rectify(u, levels), levels) * torch.where(below | above, root, _slope(x))
