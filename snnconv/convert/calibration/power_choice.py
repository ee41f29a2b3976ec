r"""Thresholds, octaves and initial values of sigma-delta neurons that suit the values that they are told.

With R_t what a channel's readers were told until step t of T, a the ANN's activation, n the number of messages that a
unit sends and e the mean over units of the error

    e = sum_t w^(T-t)·(R_t - a)²

each channel gets the θ and R_0 of a grid, and all channels of a site the K, with the least

    e + p·n         p = PRICE times the least e that a channel of the site can have, on average

A later layer tracks what it is told at every step, so that earlier steps count as well, the less the earlier they are.
In transformers and their like, and where the outputs are no classes, neurons track: a is the value z_T that the site is
told last, and messages are cheap. The error of what a site is told grows from block to block in a transformer. Measured
against the ANN, the least error is that of neurons which tell less than they are told, and a price in units of it
silences the many small values that norms and attention live on: each site gains, the answer loses
(docs/transformers.md).

R_0 is what readers take for granted: a unit tells its distance from there instead of from 0. The price is relative to
the error that the site has in any case, most of it from what it is told: a message is not worth what nobody can see.

From few images the θ of a channel is uncertain. One that is too large costs an octave, one that is too small never
catches up with what was not seen. So no channel of a site goes below a share of the layer's size, which is found by
cross-validation: channels choose on one half of the images, and are judged on the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from snnconv.convert.calibration.telling_record import TellingRecord
from snnconv.neurons import sigma_delta
from snnconv.options import MOST_OCTAVES

__all__ = ["Powers", "PowersSearch"]

OCTAVES = 8  # that the search begins with
FEWEST_OCTAVES = 5  # of the search: every candidate for R_0 is a sum of the smallest message
HALF_OCTAVES = (0, -8, -7, -6, -5, -4, -3, -2, -1, 1, 2)  # the layer's own size first: it is taken where all are equal
FACTORS = tuple(2.0 ** (half / 2) for half in HALF_OCTAVES)  # candidates for θ, in units of the layer's size
FLOORS = (0.0, 0.12, 0.25, 0.35, 0.5, 0.7, 1.0)  # candidates for the share of it that no channel goes below
FAR = 2  # octaves above the layer's size from which values that few units have get candidates of their own
STARTS = (0.0, 1 / 8, 1 / 4, 1 / 2)  # candidates for R_0, in units of θ
STEP_WEIGHT = 0.2  # w
PRICE, PRICE_OF_TRACKING = 0.12, 0.03  # of a message
QUANTILE = 0.999


@dataclass(frozen=True)
class Powers:
    """Neurons of one site: θ and R_0 (in units of θ) of each channel, `[C]`, and K."""

    theta: Tensor
    initial: Tensor
    octaves: int


class PowersSearch:
    """The search for one site.

    Args:
        halves: Records of few units, on which each candidate is tried, of each half of the images.
        cap: Value at which the activation saturates, for all channels or one a channel `[C]`; None: nowhere.
        signed: True where values have a sign.
        dead_zone: Least magnitude that is told, in units of the smallest message.
        together: True for one θ and R_0 for all channels.
        tracks: True where neurons track the values that they are told: a is z_T, messages are cheap, and thresholds
            reach the largest values, which few units have.
    """

    def __init__(
        self,
        halves: Sequence[TellingRecord],
        cap: Tensor | None,
        *,
        signed: bool,
        dead_zone: float,
        together: bool = False,
        tracks: bool = False,
    ) -> None:
        self.signed, self.dead_zone, self.together = signed, dead_zone, together
        self.cap = cap if cap is None or cap.dim() == 0 else cap.unsqueeze(1)
        self.price = PRICE_OF_TRACKING if tracks else PRICE
        self.halves = [half.tracked(self.cap, signed=signed) for half in halves] if tracks else halves
        halves = self.halves
        steps = len(halves[0].values)
        self.weights = torch.tensor([STEP_WEIGHT ** (steps - 1 - step) for step in range(steps)]).view(-1, 1, 1)
        self.channels = len(halves[0].activations)
        magnitudes = torch.cat([half.activations.abs().flatten() for half in halves])
        size = magnitudes.topk(max(1, round(len(magnitudes) * (1 - QUANTILE)))).values[-1]
        largest = magnitudes.max()
        self.size = size if size > 0 else largest if magnitudes.any() else torch.ones(())
        rare = math.ceil(math.log2(max(1.0, float(largest / self.size)))) if tracks else 0
        self.factors = (*FACTORS, *(2.0**octave for octave in range(FAR, rare + 1)))

    def told(self, powers: Powers, record: TellingRecord) -> Tensor:
        """Return what readers are told until each step, `[T, C, M]`."""
        return sigma_delta(
            record.values,
            powers.theta.unsqueeze(1),
            powers.octaves,
            dead_zone=self.dead_zone,
            cap=self.cap,
            initial=powers.initial.unsqueeze(1),
            signed=self.signed,
        )

    def errors(self, told: Tensor, record: TellingRecord) -> Tensor:
        """Return the mean error of each channel, `[C]`, over all steps by their weight."""
        return ((told - record.activations).square_() * self.weights).sum(0).mean(1)

    @staticmethod
    def messages(powers: Powers, told: Tensor) -> Tensor:
        """Return the mean number of messages of a unit of each channel, `[C]`."""
        start = (powers.theta * powers.initial).view(1, -1, 1).expand_as(told[:1])
        return (torch.diff(told, dim=0, prepend=start) != 0).sum(0).to(told.dtype).mean(1)

    def best(self, octaves: int | None) -> Powers:
        """Return θ, R_0 and K with the least cost; K as given, where it is not None."""
        trial = self._try(self._starts(OCTAVES if octaves is None else octaves), octaves or OCTAVES)
        price = self.price * trial.errors.mean(0).amin(0).mean()
        floor = trial.safest_floor(price)
        chosen, cost = trial.least(price, floor)
        if octaves is not None:
            return chosen
        for direction, limit in ((1, MOST_OCTAVES), (-1, FEWEST_OCTAVES)):
            while chosen.octaves != limit:
                other, other_cost = self._try([chosen.initial], chosen.octaves + direction).least(price, floor)
                if not other_cost < cost:
                    break
                chosen, cost = other, other_cost
        return chosen

    def _starts(self, octaves: int) -> list[Tensor]:
        """Return the candidates for R_0 that are sums of the smallest message."""
        fitting = [start for start in STARTS if start * 2 ** (octaves - 1) % 1 == 0]
        signs = [*fitting, *(-start for start in fitting if self.signed and start)]
        return [torch.full((self.channels,), start) for start in signs]

    def _try(self, starts: Sequence[Tensor], octaves: int) -> _Trial:
        """Return the errors and messages of each θ with each R_0."""
        factors = [factor for _ in starts for factor in self.factors]
        candidates = [
            Powers((factor * self.size).expand(self.channels), start, octaves)
            for start in starts
            for factor in self.factors
        ]
        figures = []
        for half in self.halves:
            for powers in candidates:
                known = self.told(powers, half)
                figures.append(torch.stack([self.errors(known, half), self.messages(powers, known)]))
        table = torch.stack(figures).unflatten(0, (len(self.halves), -1))  # type: ignore[no-untyped-call]
        if self.together:
            table = table.mean(3, keepdim=True).expand_as(table)
        return _Trial(candidates, torch.tensor(factors), table[:, :, 0], table[:, :, 1])


@dataclass(frozen=True)
class _Trial:
    """Candidates of one K, their θ in units of the layer's size `[n]`, and errors and messages, `[halves, n, C]`."""

    candidates: list[Powers]
    factors: Tensor
    errors: Tensor
    messages: Tensor

    def safest_floor(self, price: Tensor) -> float:
        """Return the least share of the layer's size with which channels do best on the other half of the images."""
        costs = self.errors + price * self.messages
        if len(costs) < 2:
            return 1.0
        totals = []
        for floor in FLOORS:
            allowed = costs.masked_fill((self.factors < floor).view(1, -1, 1), torch.inf)
            places = allowed.min(1, keepdim=True).indices
            totals.append(float(costs.flip(0).gather(1, places).sum()))
        return FLOORS[totals.index(min(totals))]

    def least(self, price: Tensor, floor: float) -> tuple[Powers, float]:
        """Return the candidate of least cost of each channel, and the cost of all channels."""
        costs = (self.errors + price * self.messages).mean(0)
        least, places = costs.masked_fill((self.factors < floor).view(-1, 1), torch.inf).min(0)
        theta = torch.stack([powers.theta for powers in self.candidates])
        initial = torch.stack([powers.initial for powers in self.candidates])
        channels = torch.arange(len(places))
        chosen = Powers(theta[places, channels], initial[places, channels], self.candidates[0].octaves)
        return chosen, float(least.sum())
