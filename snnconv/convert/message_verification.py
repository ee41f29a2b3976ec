"""Check a differential network against its messages, site by site, in double precision.

The network runs with values so far; beside it, its messages are passed on, one step after the other, as a chip would
(snnconv.spiking.messages). Each part of that run gets what the same part of the network was told, so that a message
that one rounding error turned over somewhere cannot pass for a difference of what comes after it, nor hide one. Then
each site must have received the same, and told what its neurons' rule, written in numpy, says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, fx

from snnconv.convert.report import TellingSite, Verification
from snnconv.convert.site_comparison import TOLERANCE, largest_magnitude
from snnconv.convert.site_records import OutputDifference, Sites, record_sites, require_finite
from snnconv.errors import InvalidValueError, VerificationError
from snnconv.graph.access import display_name, samples_kept_within, samples_within
from snnconv.graph.precision import to_double
from snnconv.model import SNN, Model, class_count, rows_of
from snnconv.neurons import Code, NoForm, SpikingSite, capabilities_of, unfold_time
from snnconv.spiking.messages import MessagePassing, code_of, initial_value
from snnconv.spiking.sites import iter_sites

__all__ = ["verify_messages"]

ELEMENTS, KEPT = 1 << 21, 1 << 26  # of the largest activation of one batch, and of all that are kept, over all steps


@torch.inference_mode()
def verify_messages(reference: Model, snn: Model, x: Tensor) -> Verification:
    """Compare a differential network with its messages, and its answer with a reference's.

    Args:
        reference: ANN, or of uniform code the quantized ANN that the SNN ends at.
        snn: SNN of differential coupling.
        x: Normalised samples, `[n, ...]`.

    Returns:
        Differences, and of each site what it has not told after T steps.

    Raises:
        VerificationError: The network and its messages differ by more than rounding, or a value is not finite.
        ModelError: The SNN's coupling is another one.
        InvalidValueError: `x` holds no sample.
    """
    code_of(snn)
    assert isinstance(snn, SNN)
    if not x.shape[0]:
        raise InvalidValueError("There is no sample to compare on.")
    comparison = _Comparison(reference, snn)
    limit = samples_kept_within(snn.graph, KEPT, snn.timesteps)
    for part in torch.split(x, min(limit, samples_within(snn.graph, ELEMENTS, snn.timesteps))):
        comparison.add(part)
    comparison.require_equal()
    return comparison.result(x.shape[0])


@dataclass
class _Sums:
    """Running sums of one site over images."""

    activation: float = 0.0
    error: float = 0.0
    unsettled: float = 0.0
    messages: float = 0.0
    units: int = 0
    difference: float = 0.0


class _Comparison:
    """Running comparison over batches of images."""

    def __init__(self, reference: Model, snn: SNN) -> None:
        self.snn, self.dtype = snn, next(snn.graph.parameters()).dtype
        self.double = replace(snn, graph=to_double(snn.graph))
        self.reference = replace(reference, graph=to_double(reference.graph))
        self.sums = {node: _Sums() for node, _ in iter_sites(self.double.graph)}
        self.outputs, self.answers = OutputDifference(), OutputDifference()
        self.same: int | None = None  # samples of the same class; None where the first output names none

    def add(self, x: Tensor) -> None:
        """Compare on one batch of images."""
        require_finite(self.snn, record_sites(self.snn.graph, x.to(self.dtype)))
        batch = x.double()
        outputs, sites = require_finite(self.double, record_sites(self.double.graph, batch))
        self._pass_messages(batch, outputs, sites)
        for node, sums in self.sums.items():
            site, received, output = sites[str(node.target)]
            assert isinstance(site, SpikingSite)
            _add_figures(sums, site, received, output)
        reference = self.reference(batch)
        references = reference if isinstance(reference, tuple) else (reference,)
        self.answers.add(outputs, references)
        if class_count(references[0].shape[1:]) is not None:
            self.same = (self.same or 0) + int(
                (rows_of(references[0]).argmax(1) == rows_of(outputs[0]).argmax(1)).sum()
            )

    def _pass_messages(self, x: Tensor, outputs: tuple[Tensor, ...], sites: Sites) -> None:
        """Run the messages beside the network, step by step."""
        timesteps = self.snn.timesteps

        def teller(node: fx.Node, site: SpikingSite, step: int, value: Tensor) -> Tensor:
            return unfold_time(sites[str(node.target)][2], timesteps)[step - 1]

        passing = MessagePassing(self.double, teller)
        for step in range(1, timesteps + 1):
            answers = passing.advance(x)
            for node, sums in self.sums.items():
                site, received, output = sites[str(node.target)]
                assert isinstance(site, SpikingSite)
                value = unfold_time(received, timesteps)[step - 1]
                departure = (passing.received[node] - value) / site.ceiling_for(value)
                rule = _rule(site, step, value, unfold_time(output, timesteps))
                sums.difference = max(sums.difference, largest_magnitude(departure), rule)
        self.outputs.add(outputs, answers)

    def require_equal(self) -> None:
        """Refuse a network that differs from its messages by more than rounding."""
        for node, sums in self.sums.items():
            if not sums.difference <= TOLERANCE:
                raise VerificationError(
                    f"The SNN differs from its messages by {sums.difference:.2g} thresholds at {display_name(node)!r}, "
                    f"where at most {TOLERANCE:g} is rounding. Nothing was written; please report this network."
                )
        if not self.outputs.relative <= TOLERANCE:
            raise VerificationError(
                f"The SNN's outputs differ from those of its messages by {self.outputs.relative:.2g} of the largest, "
                f"where at most {TOLERANCE:g} is rounding. Nothing was written; please report this network."
            )

    def result(self, images: int) -> Verification:
        """Return the comparison on so many images."""
        telling = tuple(_site(node, site, self.sums[node]) for node, site in _neurons(self.double))
        tolerance = 10.0 ** math.ceil(math.log10(max(1e-16, *(site.difference for site in telling))))
        agreement = None if self.same is None else 100 * self.same / images
        return Verification(images, tolerance, self.answers.relative, agreement, (), telling)


def _neurons(model: Model) -> list[tuple[fx.Node, SpikingSite]]:
    return [(node, site) for node, site in iter_sites(model.graph) if isinstance(site, SpikingSite)]


def _rule(site: SpikingSite, step: int, value: Tensor, told: Tensor) -> float:
    """Return how far a site told something else than its rule, in thresholds; on the edge of two, either is right."""
    rule = capabilities_of(site).telling
    assert not isinstance(rule, NoForm)
    before = (told[step - 2] if step > 1 else initial_value(site, value)).numpy()
    theta = site.ceiling_for(value)
    difference = np.abs(told[step - 1].numpy() - rule(site, step, value.numpy(), before))
    if difference.any():
        for side in (-1, 1):
            beside = rule(site, step, (value + side * TOLERANCE * theta).numpy(), before)
            difference = np.minimum(difference, np.abs(told[step - 1].numpy() - beside))
    return largest_magnitude(torch.from_numpy(difference) / theta)


def _add_figures(sums: _Sums, site: SpikingSite, received: Tensor, told: Tensor) -> None:
    """Add what a site told, `[T*B, ...]`, of the values that it was told."""
    value, known = site.window_value(received), site.window_value(told)
    activation = site.target(value)
    unsettled = site.unsettled(value, known)
    assert unsettled is not None
    sums.activation += float(activation.abs().sum())
    sums.error += float((known - activation).abs().sum())
    sums.unsettled += float(unsettled.sum())
    sums.messages += float((site.messages(told) != 0).sum())
    sums.units += value.numel()


def _site(node: fx.Node, site: SpikingSite, sums: _Sums) -> TellingSite:
    threshold = site.threshold
    return TellingSite(
        name=display_name(node),
        thresholds=threshold.numel(),
        threshold_min=float(threshold.min()),
        threshold_max=float(threshold.max()),
        levels=site.levels if site.code is Code.UNIFORM else None,
        octaves=site.octaves,
        error=sums.error / (sums.activation or 1.0),
        unsettled=sums.unsettled / sums.units,
        messages=sums.messages / sums.units,
        difference=sums.difference,
    )
