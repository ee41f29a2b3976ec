"""Bipolar M-HT neurons as a site of a spiking network."""

from __future__ import annotations

import torch
from torch import Tensor

from snnconv.errors import InvalidValueError
from snnconv.neurons.bipolar.function import bipolar_multithreshold
from snnconv.neurons.code import Code
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.site import HALF, Observer, SpikingSite, along_channels, require_positive_int
from snnconv.neurons.time import unfold_time

__all__ = ["BipolarMultiThreshold"]


class BipolarMultiThreshold(SpikingSite):
    """A site of an SNN: a layer of M-HT neurons that take back what they fired too early.

    What they are given, and what they give, holds at each step the mean so far: `[T*B, ...]`, time-major.

    Args:
        ceiling: λ, scalar or `[C]`; the threshold is λ·T/N.
        timesteps: T.
        levels: L, the highest level of a step, and the most that a step takes back.
        total_levels: N, the levels of a window, at most L·T; None: L·T. Fewer leave a step room to catch up.
        signed: Sums of levels from -N to N instead of 0 to N.
        channel_axis: Axis of the channels.

    Raises:
        InvalidValueError: N is above L·T.
    """

    code = Code.UNIFORM

    def __init__(
        self,
        ceiling: Tensor,
        timesteps: int,
        levels: int,
        *,
        total_levels: int | None = None,
        signed: bool = False,
        channel_axis: int = 1,
    ) -> None:
        super().__init__(
            ceiling, timesteps, levels, coupling=Coupling.DIFFERENTIAL, signed=signed, channel_axis=channel_axis
        )
        most = timesteps * levels
        self._total_levels = most if total_levels is None else require_positive_int("total_levels", total_levels)
        if self._total_levels > most:
            raise InvalidValueError(
                f"total_levels is {total_levels}: T={timesteps} steps of L={levels} levels fire at most {most}."
            )

    @property
    def total_levels(self) -> int:
        """N, the most levels that a window fires."""
        return self._total_levels

    @property
    def threshold(self) -> Tensor:
        """θ = λ·T/N, scalar or `[C]`."""
        return self.ceiling * (self.timesteps / self.total_levels)

    def messages(self, output: Tensor) -> Tensor:
        means = unfold_time(output, self.timesteps)
        theta = along_channels(self.threshold, output.dim(), self.channel_axis)
        sums = torch.stack([(mean * step / theta).round() for step, mean in enumerate(means, 1)])
        return torch.cat([sums[:1], sums[1:] - sums[:-1]])

    def unsettled(self, current: Tensor, output: Tensor) -> Tensor:
        """Return which neurons' sum of levels is not that of their quantized activation: L cut a step of theirs."""
        theta = along_channels(self.threshold, current.dim(), self.channel_axis)
        lowest = -self.total_levels if self.signed else 0
        level = torch.floor(current / (theta / self.timesteps) + HALF).clamp(lowest, self.total_levels)
        return level != (output * self.timesteps / theta).round()

    def run(self, currents: Tensor, threshold: Tensor, observe: Observer | None, out: Tensor | None = None) -> Tensor:
        return bipolar_multithreshold(
            currents, threshold, self.levels, total_levels=self.total_levels, signed=self.signed, out=out
        )
