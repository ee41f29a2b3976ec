r"""Sites that fire levels: what reaches a site is added up in units of its levels, and leaves as 8-bit integers.

    a   = what reaches the site, over θ              QCFS: θ = λ/N, neurons: θ = λ/L
    k   = floor(clip(a + 1/2, 0, N))                 QCFS, and neurons of one step that start at 1/2
    s_t = floor(1/2 + t·d) - floor(1/2 + (t-1)·d)    mean coupling, d = clip(time mean of a, 0, L)
    m_t = v_{t-1} + a_t,  s_t = floor(clip(m_t, 0, L)),  v_t = m_t - s_t          causal coupling

The rules are those of QCFS and of M-HT (snnconv/neurons). The potential is where the inputs add up: a convolution of
levels adds to it as it computes. Under mean coupling all T steps add to one memory of the size of a step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from snnconv.neurons import Coupling, QuantizedSite, SpikingSite, capabilities_of, fold_time, unfold_time
from snnconv.neurons.forms import LevelRule
from snnconv.neurons.site import HALF, along_channels
from snnconv.runtime.levels import Input, Weighted, laid_out

__all__ = ["FiringSite", "firing_of"]


class FiringSite(nn.Module):
    """A site whose output is levels.

    Args:
        inputs: what adds each argument of `forward`, in units of θ.
        bias: `[C]`, of all inputs together, in units of θ.
        timesteps: T.
        levels: the most that are fired at a step.
        still: Inputs `[B, ...]`, the same at each step, instead of `[T*B, ...]`.
    """

    def __init__(
        self, inputs: Sequence[Input], bias: Tensor, *, timesteps: int = 1, levels: int, still: bool = False
    ) -> None:
        super().__init__()
        # weights first: they make the potential that the others are added to
        self.order = sorted(range(len(inputs)), key=lambda place: not isinstance(inputs[place], Weighted))
        self.inputs = list(inputs)
        self.bias = bias.float()
        self.timesteps = timesteps
        self.levels = levels
        self.still = still

    def _windows(self, given: Sequence[Tensor]) -> list[tuple[Input, Tensor]]:
        """Return each input with its steps, `[T, B, ...]`; `[1, B, ...]` of a still site."""
        steps = 1 if self.still else self.timesteps
        return [(self.inputs[place], unfold_time(laid_out(given[place]), steps)) for place in self.order]

    def _sum(
        self, windows: list[tuple[Input, Tensor]], total: Tensor | None = None, bias: Tensor | None = None
    ) -> Tensor:
        """Add all inputs and all their steps, and the bias once, to `total`, `[B, ...]`."""
        bias = self.bias if bias is None else bias
        for source, steps in windows:
            total, bias = source.add_steps(steps, total, bias), None
        assert total is not None
        return total

    def _room(self, like: Tensor) -> Tensor:
        """Return memory for levels, `[T*B, ...]`, laid out as a potential `[B, ...]`."""
        shape = (self.timesteps * like.shape[0], *like.shape[1:])
        layout = torch.channels_last if like.dim() == 4 else torch.contiguous_format
        return torch.empty(shape, dtype=torch.uint8, memory_format=layout)

    def extra_repr(self) -> str:
        """Shown in a printed graph."""
        return f"T={self.timesteps}, levels={self.levels}, inputs={[type(source).__name__ for source in self.inputs]}"


class Rounding(FiringSite):
    """Quantized activations, or neurons of one step that start at 1/2. The bias holds the 1/2."""

    def forward(self, *given: Tensor) -> Tensor:
        """`[B, ...]` to levels of the same shape."""
        return self._sum(self._windows(given)).clamp_(0, self.levels).to(torch.uint8)


class MeanFiring(FiringSite):
    """Multi-threshold neurons under mean coupling. Inputs are in units of T·θ, of a still site in units of θ."""

    def forward(self, *given: Tensor) -> Tensor:
        """`[T*B, ...]`, of a still site `[B, ...]`, to levels `[T*B, ...]`."""
        drive = self._sum(self._windows(given)).clamp_(0, self.levels)
        out = self._room(drive)
        fired, half, counted = unfold_time(out, self.timesteps), drive.new_tensor(HALF), torch.empty_like(drive)
        for step in range(self.timesteps):
            fired[step].copy_(torch.add(half, drive, alpha=step + 1, out=counted))  # to integers: rounds down
        for step in range(self.timesteps - 1, 0, -1):
            fired[step].sub_(fired[step - 1])
        return out


class CausalFiring(FiringSite):
    """Multi-threshold neurons under causal coupling.

    Args:
        initial: v_0 in units of θ, `[]` or `[C]`.
    """

    initial: Tensor

    def forward(self, *given: Tensor) -> Tensor:
        """`[T*B, ...]`, of a still site `[B, ...]`, to levels `[T*B, ...]`."""
        windows = self._windows(given)
        drive = self._sum(windows) if self.still else None
        potential = out = None
        for step in range(self.timesteps):
            if drive is None:
                now = [(source, steps[step : step + 1]) for source, steps in windows]
                potential = self._sum(now, potential, self.bias if step else self.bias + self.initial)
            elif potential is None:
                potential = drive + along_channels(self.initial, drive.dim(), 1)
            else:
                potential.add_(drive)
            out = self._room(potential) if out is None else out
            spikes = potential.clamp(0, self.levels).floor_()
            unfold_time(out, self.timesteps)[step].copy_(spikes)
            potential.sub_(spikes)
        assert out is not None
        return out


class OwnFiring(FiringSite):
    """Neurons of any other kind, run by their own module at θ = 1."""

    site: SpikingSite

    def forward(self, *given: Tensor) -> Tensor:
        """`[T*B, ...]`, of a still site `[B, ...]`, to levels `[T*B, ...]`."""
        total: Tensor | None = None
        for place in self.order:
            total = self.inputs[place].add(given[place], total, self.bias if total is None else None)
        assert total is not None
        steps = total.expand(self.timesteps, *total.shape) if self.still else unfold_time(total, self.timesteps)
        return laid_out(fold_time(self.site.run(steps, total.new_tensor(1.0), None))).to(torch.uint8)


def firing_of(site: QuantizedSite | SpikingSite, inputs: Sequence[Input], bias: Tensor) -> FiringSite:
    """Return the form of a site that fires levels.

    Args:
        site: A site without negative levels, whose kind has a rule by which it fires levels.
        inputs: Inputs in units of θ, under mean coupling of T·θ where the site is not still.
        bias: Bias of a step, `[C]`, in units of θ.
    """
    rule = capabilities_of(site).engine
    assert isinstance(rule, LevelRule)
    initial = None if rule.initial is None else rule.initial(site)
    if isinstance(site, QuantizedSite):
        assert initial is not None
        return Rounding(inputs, bias + float(initial), levels=site.total_levels)
    if initial is None:
        by_module = OwnFiring(inputs, bias, timesteps=site.timesteps, levels=site.levels, still=site.still)
        by_module.site = site
        return by_module
    if site.timesteps == 1 and bool((initial == HALF).all()):
        return Rounding(inputs, bias + HALF, levels=site.levels)
    if site.coupling is Coupling.MEAN:
        return MeanFiring(inputs, bias, timesteps=site.timesteps, levels=site.levels, still=site.still)
    causal = CausalFiring(inputs, bias, timesteps=site.timesteps, levels=site.levels, still=site.still)
    causal.initial = initial.clone()
    return causal
