r"""Layers of neurons as NIR nodes.

NIR's IF and LIF reset to v_reset. What a site of ours does at a spike, potentials in units of the current:

| site | θ | at a spike | v_0 | node |
|---|---|---|---|---|
| M-HT of one level, IF (soft reset) | λ | v - λ | v_0·λ | IF, `reset: subtract` in its metadata |
| LIF (soft reset), decay d | λ | v - λ | λ/2 | LIF with v_leak = λ/2, `reset: subtract` |
| IF, LIF (hard reset) | λ/2 | v = 0 | 0 | IF or LIF, v_reset = 0: NIR's own definition |

(A LIF of ours decides at λ/2 and starts at 0; its potential plus λ/2 decides at λ, starts and leaks to λ/2.)

With exact reset, what subtracts is built of primitives, and needs no metadata: an integrator u that starts at 0, a
threshold on it, and a loop that takes λ away one step later:

    u_t = d·(u_{t-1} - λ·s_{t-1}) + I_t         I (LI where d < 1)  <-  Delay  <-  Scale(-d·λ)
    s_t = 1 where u_t > λ - v_0                 Threshold

Here u is the potential less v_0 (with leak: the potential that decides at λ/2), so that no initial state is needed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnconv.graph.node import Refusal
from snnconv.neurons import NoForm, SpikingSite, capabilities_of
from snnconv.neurons.forms import PointNeurons, Shape

__all__ = ["Neurons", "neurons_of"]

Array = NDArray[np.float64]


class Neurons(PointNeurons):
    """A layer as nodes of a NIR file."""

    def in_thresholds(self) -> Neurons:
        """The same neurons with θ = 1: their currents divided by θ.

        Raises:
            Refusal: θ is not one a channel and above 0, as it can be in files of others.
        """
        axes = tuple(range(1, self.threshold.ndim))
        if (self.threshold <= 0).any() or np.ptp(self.threshold, axes).any():
            raise Refusal("its thresholds differ within a channel, or are not above 0: leave unit thresholds out")
        factor: Array = 1 / (self.threshold.mean(axes) if axes else self.threshold)
        whole = factor.reshape(-1, *(1,) * len(axes))
        return Neurons(
            np.ones_like(self.threshold),
            self.worth,
            self.decay,
            self.leak_to * whole,
            self.initial * whole,
            None if self.reset_to is None else self.reset_to * whole,
            factor if np.ptp(factor) else factor.reshape(-1)[0],
        )

    def node(self, dt: float) -> Any:
        """A `nir.IF` or `nir.LIF`."""
        import nir

        metadata: dict[str, Any] = {"reset": "zero"} if self.reset_to is not None else {"reset": "subtract"}
        if self.initial.any():
            metadata["v0"] = _single(self.initial)
        reset_to = np.zeros_like(self.threshold) if self.reset_to is None else self.reset_to
        if (self.decay == 1).all():
            return nir.IF(
                r=_single(np.ones_like(self.threshold)),
                v_threshold=_single(self.threshold),
                v_reset=_single(reset_to),
                metadata=metadata,
            )
        share = 1 - self.decay
        return nir.LIF(
            tau=_single(dt / share),
            r=_single(1 / share),
            v_leak=_single(self.leak_to),
            v_threshold=_single(self.threshold),
            v_reset=_single(reset_to),
            metadata=metadata,
        )

    def loop(self, dt: float) -> dict[str, Any]:
        """The nodes of an exact soft reset, by what they do: potential, fire, taken, later."""
        import nir

        if (self.decay == 1).all():
            potential = nir.I(r=_single(np.ones_like(self.threshold)))
            fires_at = self.threshold - self.initial
        else:
            share = 1 - self.decay
            zero = np.zeros_like(self.threshold)
            potential = nir.LI(tau=_single(dt / share), r=_single(1 / share), v_leak=_single(zero))
            fires_at = self.threshold - self.leak_to
        return {
            "potential": potential,
            "fire": nir.Threshold(threshold=_single(fires_at)),
            "taken": nir.Scale(scale=_single(-self.decay * self.threshold)),
            "later": nir.Delay(delay=_single(np.full_like(self.threshold, dt))),
        }

    @property
    def loops(self) -> bool:
        """Whether the primitives of an exact reset hold these neurons: they subtract, and start where they leak to."""
        return self.reset_to is None and bool(((self.decay == 1) | (self.initial == self.leak_to)).all())


def _single(values: Array) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, dtype=np.float32)


def neurons_of(site: SpikingSite, shape: Shape) -> Neurons:
    """Return a layer that fires one level a step.

    Args:
        site: Neurons of one level, without negative levels, and not coupled over time.
        shape: Shape of one sample.

    Raises:
        Refusal: its kind has no form in NIR.
    """
    form = capabilities_of(site).nir
    if isinstance(form, NoForm):
        raise Refusal(form.reason)
    return Neurons(**vars(form(site, shape)))
