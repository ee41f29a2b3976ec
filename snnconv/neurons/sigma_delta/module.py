"""Sigma-delta neurons as a site of a spiking network."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from snnconv.errors import InvalidValueError
from snnconv.graph.modules import SignalSite
from snnconv.neurons.code import Code
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.sigma_delta.function import NEAREST, sigma_delta
from snnconv.neurons.site import Observer, SpikingSite, along_channels, require_positive_int
from snnconv.neurons.time import unfold_time
from snnconv.options import MOST_OCTAVES

__all__ = ["SigmaDelta"]


class SigmaDelta(SpikingSite):
    """A site of an SNN: a layer of sigma-delta neurons over T steps, which tell ±θ·2^-k.

    What they are given, and what they give, holds at each step the value so far: `[T*B, ...]`, time-major.

    Args:
        ceiling: θ, the largest message, scalar or `[C]`.
        timesteps: T.
        octaves: K, the number of sizes that a message may have; the smallest is θ·2^-(K-1).
        dead_zone: Least magnitude that is told, in units of the smallest message, from 0.5 to 1.5.
        cap: Value at which the activation saturates, a number or `[C]`.
        initial: S_0, which the readers know before the first step, in units of θ: a multiple of 2^-(K-1), a number or
            `[C]`; it is saved and not trained.
        signed: Values of both signs.
        channel_axis: Axis of the channels.

    Raises:
        InvalidValueError: A number is outside what is allowed, or has another shape.
    """

    code = Code.POWER_OF_TWO
    octaves: int
    cap: Tensor
    initial: Tensor

    def __init__(
        self,
        ceiling: Tensor,
        timesteps: int,
        octaves: int,
        *,
        dead_zone: float = NEAREST,
        cap: float | Tensor = math.inf,
        initial: float | Tensor = 0.0,
        signed: bool = False,
        channel_axis: int = 1,
    ) -> None:
        super().__init__(
            ceiling, timesteps, 1, coupling=Coupling.DIFFERENTIAL, signed=signed, channel_axis=channel_axis
        )
        self.octaves = require_positive_int("octaves", octaves)
        if octaves > MOST_OCTAVES:
            raise InvalidValueError(f"octaves is {octaves}: at most {MOST_OCTAVES} are allowed.")
        if not 0.5 <= dead_zone <= 1.5:
            raise InvalidValueError(f"dead_zone is {dead_zone!r}: it must be from 0.5 to 1.5.")
        self.dead_zone = dead_zone
        self.register_buffer("cap", self._checked("cap", cap), persistent=False)  # no state: infinities have no mean
        self.register_buffer("initial", self._checked("initial", initial))
        self.saturates = self.cap.device.type == "meta" or bool(torch.isfinite(self.cap).any())
        if self.cap.device.type != "meta":
            self._require_cap()
            self._require_grid()

    @property
    def smallest(self) -> float:
        """The smallest message in units of θ."""
        return 2.0 ** (1 - self.octaves)

    def _checked(self, name: str, value: float | Tensor) -> Tensor:
        tensor = torch.as_tensor(value, dtype=self.ceiling.dtype, device=self.ceiling.device).detach().clone()
        if tensor.dim() > 1:
            raise InvalidValueError(f"{name} is a scalar or one value a channel; it has shape {tuple(tensor.shape)}.")
        return tensor

    def _require_cap(self) -> None:
        if not bool((self.cap > 0).all()):
            raise InvalidValueError("Every cap must be above 0; infinity where the activation does not saturate.")

    def _require_grid(self) -> None:
        steps = self.initial / self.smallest
        if not bool(torch.isfinite(steps).all()) or not bool((steps == steps.round()).all()):
            raise InvalidValueError(f"Every initial value must be a multiple of 2^-{self.octaves - 1}, in units of θ.")
        if not self.signed and bool((self.initial < 0).any()):
            raise InvalidValueError("An initial value is below 0, where the neurons have no sign.")

    def run(self, currents: Tensor, threshold: Tensor, observe: Observer | None, out: Tensor | None = None) -> Tensor:
        rank = currents.dim() - 1
        return sigma_delta(
            currents,
            threshold,
            self.octaves,
            dead_zone=self.dead_zone,
            cap=along_channels(self.cap, rank, self.channel_axis) if self.saturates else None,
            initial=along_channels(self.initial, rank, self.channel_axis),
            signed=self.signed,
            out=out,
        )

    def limits_for(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values that T messages of θ reach from S_0, within the cap."""
        theta, start, cap = (
            along_channels(values, value.dim(), self.channel_axis) for values in (self.ceiling, self.initial, self.cap)
        )
        highest = torch.minimum(cap, theta * (start + self.timesteps))
        lowest = torch.maximum(-cap, theta * (start - self.timesteps))
        return lowest if self.signed else lowest.clamp_min(0), highest

    def messages(self, output: Tensor) -> Tensor:
        sums = unfold_time(self._on_grid(output), self.timesteps)
        start = along_channels(self.initial, sums.dim() - 1, self.channel_axis)
        return torch.cat([sums[:1] - start, sums[1:] - sums[:-1]])

    def target(self, value: Tensor) -> Tensor:
        cap = along_channels(self.cap, value.dim(), self.channel_axis)
        return torch.minimum(torch.maximum(value, -cap if self.signed else torch.zeros_like(cap)), cap)

    def activation(self) -> nn.Module:
        """Return f, a rectifier that saturates at the highest cap; of both signs the place of an activation."""
        cap = float(self.cap.max())
        if self.signed:
            return SignalSite(cap=cap)
        return nn.ReLU() if math.isinf(cap) else nn.Hardtanh(0.0, cap)

    def unsettled(self, current: Tensor, output: Tensor) -> Tensor:
        """Return which neurons would send one more message if their current stayed as it is: |u| is told."""
        unknown = self.target(current) / self.ceiling_for(current) - self._on_grid(output)
        return unknown.abs() >= self.dead_zone * self.smallest

    def _on_grid(self, output: Tensor) -> Tensor:
        """Return S, an exact multiple of the smallest message, for θ·S as it is rounded."""
        return (output / (self.ceiling_for(output) * self.smallest)).round() * self.smallest

    def extra_repr(self) -> str:
        """Describe the site in a printed graph."""
        sign = "±" if self.signed else ""
        return f"T={self.timesteps}, {sign}2^0..2^-{self.octaves - 1}, thresholds={self.ceiling.numel()}"
