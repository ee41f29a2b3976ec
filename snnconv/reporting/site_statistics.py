"""The numbers of one site of a network."""

from __future__ import annotations

from dataclasses import dataclass

from snnconv.reporting.histogram import Histogram

__all__ = ["SiteStatistics"]


@dataclass(frozen=True)
class SiteStatistics:
    """Behaviour of one site on data. None stands for what its kind has not, or what there was nothing to compare with.

    Attributes:
        number: Place in the order of execution, counted from 1.
        name: Name of the node in the file.
        neurons: Number of neurons, or of units that do not spike.
        levels: L, the levels of one step, of neurons.
        total_levels: N, the levels of the whole window.
        octaves: K, the sizes of a message, of neurons of power-of-two messages.
        signed: True for a site that fires levels of both signs.
        ceilings: Number of ceilings λ.
        ceiling_min: The lowest ceiling.
        ceiling_max: The highest ceiling.
        firing_rate: Unit spikes a neuron and step; of power-of-two messages each counts as one.
        taken_back: Share of all these that are negative; None where spikes are not taken back, or have signs anyway.
        silent: Share of neurons that stay at 0 for an image.
        saturated: Share of neurons that fire all their levels for an image.
        fired: Levels that one step fires; the levels themselves in a quantized network. Of power-of-two messages ±n
            stands for ±θ·2^(n - K), and 0 for none.
        potentials: Membrane potential before firing in units of θ, shifted so that level k begins at k - 1/2.
        potential_levels: Highest spike value among those potentials.
        potential_loss: Mean squared distance of potentials to the nearest spike value (RMP-Loss).
        clipping: Activation above the ceiling, as a share of the mean activation.
        quantization: Activation lost between the levels, as a share of the mean activation; of power-of-two messages
            what is lost in their dead zone.
        unevenness: Difference from the quantized activation of the site's mean current, as a share of the mean
            activation: spikes that come unevenly and, where there are any, leak, reset and learned coupling. Under
            differential coupling what unsettled units lack at the end.
        unsettled: Share of neurons that have not settled when the window ends: code uniform, their sum of levels is
            not that of the quantized activation, because L cut a step; code power-of-two, they would send one more
            message. None under other couplings.
        correlation: Pearson's correlation of time mean and the ANN's activation, over units and images.
        ann_error: Squared difference of the two as a share of the ANN's squared activation.
    """

    number: int
    name: str
    neurons: int
    levels: int | None
    total_levels: int | None
    octaves: int | None
    signed: bool
    ceilings: int
    ceiling_min: float | None
    ceiling_max: float | None
    firing_rate: float | None
    taken_back: float | None
    silent: float
    saturated: float | None
    fired: Histogram | None
    potentials: Histogram | None
    potential_levels: int | None
    potential_loss: float | None
    clipping: float | None
    quantization: float | None
    unevenness: float | None
    unsettled: float | None
    correlation: float | None
    ann_error: float | None

    @property
    def error_names(self) -> tuple[str, str, str]:
        """Return what readers call the three errors: clipping, quantization, unevenness, and what takes their place."""
        lost = "quantization" if self.octaves is None else "dead zone"
        return "clipping", lost, "unevenness" if self.unsettled is None else "unsettled"

    @property
    def error(self) -> float | None:
        """Return the sum of the three conversion errors; None where none of them is known."""
        parts = (self.clipping, self.quantization, self.unevenness)
        known = [part for part in parts if part is not None]
        return sum(known) if known else None

    @property
    def badness(self) -> float:
        """Return the number that orders sites: the difference from the ANN if it is known, else the three errors."""
        return self.ann_error if self.ann_error is not None else self.error or 0.0
