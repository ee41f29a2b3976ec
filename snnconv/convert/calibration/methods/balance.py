r"""Local threshold balancing: what is clipped against what is lost between the levels.

After LTB (Bu et al., CVPR 2025), which moves every threshold by the gradient of a local error until it rests; with
the error of N levels in it, the error of a channel is

    E(λ) = 1/2·E[(z - λ)²; z > λ] + λ²/(24·N²)·P(0 < z <= λ)

(a value between two levels errs evenly within half a step λ/N), and λ rests where its gradient, the second factor held
fixed, is zero:

    E[z - λ; z > λ] = λ/(12·N²)·P(0 < z <= λ)

The left side falls and the right side rises in λ, so that the balance is found by bisection instead of by small steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnconv.convert.calibration.method import METHODS, Method

if TYPE_CHECKING:
    from torch import Tensor

    from snnconv.convert.calibration.observation import Observation

__all__ = ["Balance", "balance"]


def balance(observation: Observation, total_levels: int) -> Tensor:
    """Return λ of each channel, `[C]`, at which its local errors balance at N levels."""
    import torch

    histogram, centres = observation.histogram, observation.centres()
    bins = len(centres)
    above = histogram.flip(1).cumsum(1).flip(1)
    mass = (histogram * centres).flip(1).cumsum(1).flip(1)
    edges = torch.arange(bins, dtype=torch.float64) / bins  # bins from k on lie above edge k
    clipped = mass - edges * above
    lost = edges / (12 * total_levels**2) * (above[:, :1] - above)
    rests = (clipped > lost).sum(1).clamp(min=1)  # the first edge at which too little is clipped
    return (rests / bins).to(observation.scale.dtype) * observation.scale


@METHODS.register("balance")
class Balance(Method):
    """Ceilings by local threshold balancing."""

    summary = "ceilings where clipping and quantization errors balance"
    place = 4
    ceilings = staticmethod(balance)
