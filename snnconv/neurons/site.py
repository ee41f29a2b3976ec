"""The base classes of sites: any with a ceiling, quantized activations, and layers of neurons."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

import torch
from torch import Tensor, nn

from snnconv.errors import InvalidValueError
from snnconv.neurons.code import Code
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.time import fold_time, mean_of_steps, unfold_time

__all__ = [
    "HALF",
    "Observer",
    "QuantizedSite",
    "Site",
    "SpikingSite",
    "along_channels",
    "in_single",
    "require_positive_int",
]

Observer: TypeAlias = Callable[[Tensor], None]
HALF = 0.5  # v_0 in units of θ at which levels round to the nearest


def require_positive_int(name: str, value: int) -> int:
    """Return `value`, or raise InvalidValueError where it is not an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidValueError(f"{name} is {value!r}: it must be an integer of at least 1.")
    return value


def along_channels(values: Tensor, rank: int, axis: int) -> Tensor:
    """A scalar or `[C]` tensor, shaped to broadcast over a tensor of this rank with its channels on `axis`."""
    if values.dim() == 0:
        return values
    return values.reshape(-1, *(1 for _ in range(rank - 1 - axis % rank)))


class Site(nn.Module):
    """An activation with a ceiling λ (lam): the largest magnitude that its time mean can have.

    Args:
        ceiling: λ > 0, scalar `[]` or one a channel `[C]`, in units of the activation.
        signed: Values within -λ..λ instead of 0..λ.
        channel_axis: Axis of the channels in an input `[B, ...]`, the batch's axis counted.

    `forward` takes an input and `out`, memory that the output may be written to where no gradient is needed; that may
    be the input itself.
    """

    def __init__(self, ceiling: Tensor, *, signed: bool = False, channel_axis: int = 1) -> None:
        super().__init__()
        if ceiling.dim() > 1:
            raise InvalidValueError(
                f"A ceiling is a scalar or one value a channel; it has shape {tuple(ceiling.shape)}."
            )
        values = ceiling.detach()
        if values.device.type != "meta" and not bool(((values > 0) & torch.isfinite(values)).all()):
            raise InvalidValueError("Every ceiling must be finite and above 0.")
        self.ceiling = ceiling if isinstance(ceiling, nn.Parameter) else nn.Parameter(ceiling)
        self.signed = signed
        self.channel_axis = channel_axis

    def ceiling_for(self, x: Tensor) -> Tensor:
        """λ, shaped to broadcast over `x`."""
        return along_channels(self.ceiling, x.dim(), self.channel_axis)


class QuantizedSite(Site):
    """A site of a quantized ANN: an activation of N levels above 0 (signed: and N below), multiples of λ/N.

    Args:
        ceiling: λ, scalar or `[C]`.
        total_levels: N.
        signed: Levels from -N to N instead of 0 to N.
        channel_axis: Axis of the channels.
    """

    def __init__(self, ceiling: Tensor, total_levels: int, *, signed: bool = False, channel_axis: int = 1) -> None:
        super().__init__(ceiling, signed=signed, channel_axis=channel_axis)
        self.total_levels = require_positive_int("total_levels", total_levels)

    def extra_repr(self) -> str:
        """Describe the site in a printed graph."""
        sign = "±" if self.signed else ""
        return f"total_levels={sign}{self.total_levels}, ceilings={self.ceiling.numel()}"


def in_single(currents: Tensor) -> Tensor:
    """The currents that potentials are computed of: shorter floats in single precision, others as they are."""
    return currents.float() if currents.dtype in (torch.bfloat16, torch.float16) else currents


def _single_precision(device: torch.device) -> AbstractContextManager[object]:
    """No autocast; some devices, such as meta, know none."""
    known = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if known else nullcontext()


class SpikingSite(Site):
    """A site of an SNN: a layer of neurons over T steps, which emit θ·s_t with θ = λ/L and s_t in 0..L, or -L..L.

    Args:
        ceiling: λ, scalar or `[C]`.
        timesteps: T.
        levels: L, the highest level that one step can fire.
        coupling: Part of its window that a neuron sees.
        signed: Levels from -L to L instead of 0 to L.
        channel_axis: axis of the channels.

    Attributes:
        code: Code of its messages under differential coupling, else None.
        octaves: K, the number of sizes of a message, where the code is power-of-two; else None.
        observer: given the membrane potential u of each step before it fires, `[B, ...]` in units of θ and shifted so
            that level k begins at k - 1/2; set by what regularises potentials, and called in training only.
    """

    code: Code | None = None
    octaves: int | None = None

    def __init__(
        self,
        ceiling: Tensor,
        timesteps: int,
        levels: int,
        *,
        coupling: Coupling,
        signed: bool = False,
        channel_axis: int = 1,
    ) -> None:
        super().__init__(ceiling, signed=signed, channel_axis=channel_axis)
        self.timesteps = require_positive_int("timesteps", timesteps)
        self.levels = require_positive_int("levels", levels)
        self.coupling = coupling
        self.observer: Observer | None = None

    @property
    def total_levels(self) -> int:
        """N = L·T, the most levels that a window fires."""
        return self.timesteps * self.levels

    @property
    def threshold(self) -> Tensor:
        """θ = λ/L, scalar or `[C]`."""
        return self.ceiling / self.levels

    def forward(self, x: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Turn input currents `[T*B, ...]`, time-major, into output currents of the same shape and type."""
        return self.fire(unfold_time(x, self.timesteps), None if out is None else unfold_time(out, self.timesteps))

    def fire(self, currents: Tensor, out: Tensor | None = None) -> Tensor:
        """Turn the input currents of all steps into output currents.

        Args:
            currents: Input currents, `[T, B, ...]`; all steps may be one piece of memory.
            out: Memory of the same shape that the output may be written to; None: new memory.

        Returns:
            Output currents, `[T*B, ...]`, time-major.
        """
        observe = self.observer if self.training else None
        threshold = along_channels(self.threshold, currents.dim() - 1, self.channel_axis)
        with _single_precision(currents.device):
            return fold_time(self.run(currents, threshold, observe, out))

    @abstractmethod
    def run(self, currents: Tensor, threshold: Tensor, observe: Observer | None, out: Tensor | None = None) -> Tensor:
        """Turn input currents `[T, B, ...]` and θ into output currents `[T, B, ...]`, of the type of the input.

        Potentials are kept in single precision where the currents are shorter floats. A kind of neuron that has no use
        for `out`, memory that the output may be written to, leaves it.
        """

    def window_value(self, signal: Tensor) -> Tensor:
        """Return the value over the window, `[B, ...]`, of a signal `[T*B, ...]` that the neurons are given or give.

        It is the time mean; under differential coupling a signal holds the value so far, and the last one is it.
        """
        steps = unfold_time(signal, self.timesteps)
        return steps[-1] if self.coupling is Coupling.DIFFERENTIAL else mean_of_steps(steps)

    def limits_for(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lowest and the highest value that a window can hold, to broadcast over a value `[B, ...]`."""
        highest = self.ceiling_for(value)
        return -highest if self.signed else torch.zeros_like(highest), highest

    def messages(self, output: Tensor) -> Tensor:
        """Return what is sent at each step, `[T, B, ...]` in units of θ, for an output `[T*B, ...]`."""
        return unfold_time((output * self.levels / self.ceiling_for(output)).round(), self.timesteps)

    def target(self, value: Tensor) -> Tensor:
        """Return the activation without levels of a value that the neurons were told, `[B, ...]`: clip(value, 0, λ)."""
        highest = self.ceiling_for(value)
        return torch.minimum(torch.maximum(value, -highest if self.signed else torch.zeros_like(highest)), highest)

    def activation(self) -> nn.Module | None:
        """Return the activation without levels that the neurons approach; None where they end at levels."""
        return None

    def unsettled(self, value: Tensor, told: Tensor) -> Tensor | None:
        """Return which units do not stand where what they were told puts them after T steps, bool `[B, ...]`.

        Args:
            value: Value that the units were told in their window, `[B, ...]`.
            told: Value that they told their readers.

        Returns:
            Truth values; None where neurons take nothing back.
        """
        return None

    def extra_repr(self) -> str:
        """Shown in a printed graph."""
        sign = "±" if self.signed else ""
        return f"T={self.timesteps}, L={sign}{self.levels}, {self.coupling.value}, ceilings={self.ceiling.numel()}"
