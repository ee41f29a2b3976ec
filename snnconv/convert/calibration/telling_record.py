"""The values that a site of a differential network is told step by step, and the activations that it should tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from snnconv.convert.calibration.frontier import Frontier
from snnconv.graph.access import operands
from snnconv.neurons import unfold_time

__all__ = ["TellingRecord", "observe_values"]


@dataclass(frozen=True)
class TellingRecord:
    """Values so far, `[T, C, M]`, of M units of each channel, and the ANN's activations there, `[C, M]`."""

    values: Tensor
    activations: Tensor

    @staticmethod
    def joined(records: Sequence[TellingRecord]) -> TellingRecord:
        """Return the record of all units."""
        values = torch.cat([record.values for record in records], 2)
        return TellingRecord(values, torch.cat([record.activations for record in records], 1))

    def part(self, units: int) -> TellingRecord:
        """Return at most so many units of each channel, spread evenly over those that there are."""
        there = self.activations.shape[1]
        places = torch.arange(min(units, there)) * there // min(units, there)
        return TellingRecord(self.values[:, :, places], self.activations[:, places])

    def tracked(self, cap: Tensor | None, *, signed: bool) -> TellingRecord:
        """Return the record of a site that should tell the value that it is told last, whatever the ANN's is.

        Args:
            cap: Value at which the activation saturates, for all channels or one a channel `[C, 1]`; None: nowhere.
            signed: True where values have a sign.
        """
        value = self.values[-1] if signed else self.values[-1].clamp(min=0)
        if cap is not None:
            value = torch.minimum(torch.maximum(value, -cap), cap)
        return TellingRecord(self.values, value)

    def shifted(self, bias: Tensor) -> TellingRecord:
        """Return the record of a site that is told a bias more, `[C]`."""
        return TellingRecord(self.values + bias.unsqueeze(1), self.activations)


def observe_values(
    node: fx.Node,
    timesteps: int,
    axis: int | None,
    walk: Frontier,
    targets: Iterator[Tensor],
    units: int,
    generator: torch.Generator,
) -> list[TellingRecord]:
    """Return the values that a site is told, and the ANN's activations, of units drawn at random.

    Args:
        node: Node of the site in the spiking network.
        timesteps: T.
        axis: Axis of the channels in `[B, ...]`; None: all units are those of one channel.
        walk: Walk that has reached the site.
        targets: Activations of the ANN, batch by batch.
        units: Number of units of each channel, where there are as many.
        generator: Source of the draw.

    Returns:
        The records of the first and of the second half of the batches; of one batch its record.
    """
    source = operands(node)[0]
    channels = 1 if axis is None else int(node.meta["shape"][axis - 1])
    share = min(1.0, units * channels * timesteps / sum(x.numel() for x in walk.values(source)))
    records = []
    for x, target in zip(walk.values(source), targets, strict=True):
        steps = unfold_time(x, timesteps)
        by_channel = steps.flatten(1).unsqueeze(1) if axis is None else steps.movedim(axis + 1, 1).flatten(2)
        goals = target.reshape(1, -1) if axis is None else target.movedim(axis, 0).flatten(1)
        if share < 1:
            count = max(1, round(goals.shape[1] * share))
            places = torch.randint(goals.shape[1], (count,), generator=generator)
            by_channel, goals = by_channel[:, :, places], goals[:, places]
        records.append(TellingRecord(by_channel, goals))
    middle = len(records) // 2
    return [TellingRecord.joined(half) for half in (records[:middle], records[middle:]) if half]
