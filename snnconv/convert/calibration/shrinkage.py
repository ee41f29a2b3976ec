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

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from snnconv.convert.calibration.observation import Observation

__all__ = ["Rule", "shrunken", "squared_error"]

Rule: TypeAlias = Callable[[Observation, int], Tensor]

SHARES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)  # candidates for w


def squared_error(observation: Observation, ceiling: Tensor, total_levels: int) -> Tensor:
    """Sum of squared errors of each channel's observed activations at N levels below λ `[C]`, `[C]`, in units of λ²."""
    kind = observation.scale.dtype  # single precision, where the network has it, is half the work
    scale, exponent = torch.frexp(observation.scale)
    unit = torch.ldexp(torch.ones_like(scale, dtype=torch.float64), exponent)  # the squares may lie outside its range
    step = (ceiling / unit / total_levels).to(kind).unsqueeze(1)
    activation = observation.centres().to(kind) * scale.unsqueeze(1)
    levels = (activation / step).add_(0.5).floor_().clamp_(0, total_levels)
    squares = levels.mul_(step).sub_(activation).square_()
    return squares.mul_(observation.histogram.to(kind)).sum(1).double() * unit.square()


def shrunken(rule: Rule, observation: Observation, total_levels: int) -> Tensor:
    """λ of each channel `[C]` by a rule, shrunk towards the rule's λ of the whole layer, within the cap.

    Args:
        rule: λ of each channel from an observation and N.
        observation: of at least one active channel.
        total_levels: N.
    """
    alive = observation.alive
    own = rule(observation, total_levels)
    if int(alive.sum()) > 1:
        first, second = observation.half(0), observation.half(1)
        share = torch.full_like(own, _share(rule, observation, total_levels))
        share = torch.where(first.alive & second.alive, share, share.clamp(min=0.5))
        own = _towards(own, rule(observation.pooled(), total_levels), share)
    own = torch.minimum(own, observation.cap.flatten())
    median = torch.minimum(own[alive].median(), observation.cap.flatten()).expand_as(own)
    return torch.where(alive, own, median)


def _towards(own: Tensor, layer: Tensor, share: Tensor | float) -> Tensor:
    """`own` moved towards the layer's by a share of their ratio's logarithm; never down."""
    moved = own * (layer / own).clamp(min=1) ** share
    wide = own.double() * (layer.double() / own.double()).clamp(min=1) ** share
    return torch.where(torch.isfinite(moved), moved, wide.to(own.dtype))  # the ratio can overflow


def _share(rule: Rule, observation: Observation, total_levels: int) -> float:
    """W with the least error on the images that the ceilings were not found from."""
    halves = [observation.half(index) for index in (0, 1)]
    if not all(bool(half.alive.any()) for half in halves):
        return 1.0
    both = halves[0].alive & halves[1].alive
    energy = (observation.histogram * observation.centres().square()).sum(1) * observation.scale.double().square()
    errors = torch.zeros(len(SHARES), dtype=torch.float64)
    for seen, unseen in (halves, halves[::-1]):
        own, layer = rule(seen, total_levels), rule(seen.pooled(), total_levels)
        for index, share in enumerate(SHARES):
            error = squared_error(unseen, _towards(own, layer, share), total_levels) / energy
            errors[index] += error[both].sum()
    return SHARES[int(errors.argmin())]
