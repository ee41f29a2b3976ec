r"""Ceilings of channels shrunk towards their layer's, by the evidence there is.

From few images a channel's ceiling is uncertain, and one that is too low clips what was not seen. So the ceilings of a
layer are drawn towards the layer's own, on a logarithmic scale and upwards only,

    λ_c(w) = λ_c · max(λ_layer/λ_c, 1)^w        0 <= w <= 1, one for the whole layer

and w is chosen by cross-validation: ceilings are found from each half of the images by itself, and their squared errors
are measured on the other half, each channel's as a share of its own energy. With many images that agree w is 0 and each
channel keeps its own; where the other half holds what the first did not show, the layer's evidence wins. A channel that
only one half of the images activated goes at least half the way; one that none did gets the layer's median.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snnconv.convert.calibration.method import Rule
from snnconv.convert.calibration.observation import Observation

__all__ = ["shrunken", "squared_error"]

SHARES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)  # candidates for w


def squared_error(observation: Observation, ceiling: Tensor, total_levels: int) -> Tensor:
    """Return the sum of squared errors of each channel, `[C]`, at N levels below λ `[C]`, in units of λ²."""
    kind = observation.scale.dtype  # single precision, where the network has it, is half the work
    scale, exponent = torch.frexp(observation.scale)
    unit = torch.ldexp(torch.ones_like(scale, dtype=torch.float64), exponent)  # the squares may lie outside its range
    step = (ceiling / unit / total_levels).to(kind).unsqueeze(1)
    activation = observation.centres().to(kind) * scale.unsqueeze(1)
    levels = (activation / step).add_(0.5).floor_().clamp_(0, total_levels)
    squares = levels.mul_(step).sub_(activation).square_()
    return squares.mul_(observation.histogram.to(kind)).sum(1).double() * unit.square()


def shrunken(rule: Rule, observation: Observation, total_levels: int) -> Tensor:
    """Return λ of each channel, `[C]`, by a rule, shrunk towards the rule's λ of the whole layer, within the cap.

    Args:
        rule: Rule that finds λ of each channel from an observation and N.
        observation: Observation of at least one active channel.
        total_levels: N.
    """
    alive = observation.alive
    ceilings = rule(observation, total_levels)
    if int(alive.sum()) > 1:
        first, second = observation.half(0), observation.half(1)
        share = torch.full_like(ceilings, _share(rule, observation, total_levels))
        share = torch.where(first.alive & second.alive, share, share.clamp(min=0.5))
        ceilings = _towards(ceilings, rule(observation.pooled(), total_levels), share)
    ceilings = torch.minimum(ceilings, observation.cap.flatten())
    median = torch.minimum(ceilings[alive].median(), observation.cap.flatten()).expand_as(ceilings)
    return torch.where(alive, ceilings, median)


def _towards(channels: Tensor, layer: Tensor, share: Tensor | float) -> Tensor:
    """Return the channels' ceilings, moved towards the layer's by a share of their ratio's logarithm; never down."""
    moved = channels * (layer / channels).clamp(min=1) ** share
    wide = channels.double() * (layer.double() / channels.double()).clamp(min=1) ** share
    return torch.where(torch.isfinite(moved), moved, wide.to(channels.dtype))  # the ratio can overflow


def _share(rule: Rule, observation: Observation, total_levels: int) -> float:
    """Return w with the least error on the images that the ceilings were not found from."""
    halves = [observation.half(index) for index in (0, 1)]
    if not all(bool(half.alive.any()) for half in halves):
        return 1.0
    both = halves[0].alive & halves[1].alive
    energy = (observation.histogram * observation.centres().square()).sum(1) * observation.scale.double().square()
    errors = torch.zeros(len(SHARES), dtype=torch.float64)
    for seen, unseen in (halves, halves[::-1]):
        channels, layer = rule(seen, total_levels), rule(seen.pooled(), total_levels)
        for index, share in enumerate(SHARES):
            error = squared_error(unseen, _towards(channels, layer, share), total_levels) / energy
            errors[index] += error[both].sum()
    return SHARES[int(errors.argmin())]
