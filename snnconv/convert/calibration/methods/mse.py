"""Ceilings by minimum squared error (SNN calibration, Li et al., ICML 2021, section 4.1).

For each channel the ceiling λ_c that minimises the squared error of quantizing what the site receives,

    sum over observed z of (a - λ_c/N · clip(floor(a·N/λ_c + 1/2), 0, N))²        a = min(max(z, 0), cap)

is searched on a grid of fractions of the channel's largest activation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.convert.calibration.method import METHODS, Method

if TYPE_CHECKING:
    from torch import Tensor

    from snnconv.convert.calibration.observation import Observation

__all__ = ["LARGEST", "SMALLEST", "STEPS", "LeastSquares", "mse"]

SMALLEST, LARGEST, STEPS = 0.1, 1.0, 91  # candidates: fractions of the channel's largest activation


def mse(observation: Observation, total_levels: int) -> Tensor:
    """Return λ of each channel, `[C]`, with the least squared error at N levels."""
    import torch

    fractions = torch.linspace(SMALLEST, LARGEST, STEPS)
    centres = observation.centres()
    steps = (fractions.double() / total_levels).unsqueeze(1)
    quantized = (centres / steps + 0.5).floor().clamp(0, total_levels) * steps
    error = observation.histogram @ (quantized - centres).square().T
    return fractions[error.argmin(1)] * observation.scale


@METHODS.register("mse")
class LeastSquares(Method):
    """Ceilings of least squared error."""

    summary = "ceilings of least squared error"
    place = 3
    ceilings = staticmethod(mse)
