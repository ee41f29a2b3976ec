"""M-HT neurons in other formats, and what else they can become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from snnconv.graph.node import Refusal
from snnconv.neurons.catalogue import NeuronSettings, build_neuron
from snnconv.neurons.coupling import Coupling
from snnconv.neurons.forms import IntegerNeurons, NamedNeuron, NeuronNames, PointNeurons, Shape, StartForm, Update
from snnconv.neurons.mht.function import multithreshold
from snnconv.neurons.mht.module import MultiThreshold
from snnconv.neurons.shared_forms import over_sample, retimed
from snnconv.neurons.site import HALF, QuantizedSite, Site, SpikingSite

if TYPE_CHECKING:
    from snnconv.neurons.lmht import LearnableMultiThreshold

__all__ = [
    "NAMES",
    "START",
    "become_lmht",
    "bipolar",
    "coupled",
    "integers",
    "nir",
    "recalibrated",
    "single_threshold",
    "start",
    "update",
]


def _build(settings: NeuronSettings, ceiling: Tensor, signed: bool, channel_axis: int) -> MultiThreshold:
    return MultiThreshold(
        ceiling,
        settings.timesteps,
        settings.firing_levels,
        coupling=Coupling(settings.coupling or "causal"),
        rectified=settings.mpr,
        signed=signed,
        channel_axis=channel_axis,
    )


NAMES = NeuronNames(
    {
        "mht": NamedNeuron(
            "M-HT, multi-threshold, fixed coupling",
            levels=2,
            ceiling=lambda _: 2.0,
            norm_threshold=lambda ceiling, _: ceiling / 2,
            options=frozenset({"mpr", "coupling"}),
            build=_build,
        )
    },
    lambda _: "mht",
)


def start(site: MultiThreshold) -> Tensor:
    """Return v_0 in units of θ, `[]` or `[C]`."""
    return site.initial


def integers(site: MultiThreshold) -> IntegerNeurons:
    """Return the layer as integers hold it."""
    return IntegerNeurons(site.levels, site.initial)


def nir(site: MultiThreshold, shape: Shape) -> PointNeurons:
    """Return a layer of one level in NIR's terms: it decides at θ = λ and starts at v_0."""
    ceiling, zero = over_sample(site.ceiling, shape, site.channel_axis), np.zeros(shape)
    initial = over_sample(site.initial, shape, site.channel_axis) * ceiling
    worth = site.ceiling.detach().double().cpu().numpy()
    return PointNeurons(ceiling, worth, np.ones(shape), zero, initial, None)


def single_threshold(site: MultiThreshold, timesteps: int) -> MultiThreshold:
    """Return the same neurons with one threshold (LM-HT, Hao et al., NeurIPS 2024, Lemma 4.1)."""
    return retimed(site, timesteps, 1)


def coupled(site: SpikingSite, coupling: Coupling) -> SpikingSite:
    """Return M-HT neurons under a coupling, of a layer of M-HT or LM-HT; v_0 stays where it is causal.

    Under differential coupling they are bipolar.
    """
    if coupling is Coupling.DIFFERENTIAL:
        return bipolar(site, site.timesteps, site.levels)
    initial: float | Tensor = getattr(site, "initial", HALF) if coupling is Coupling.CAUSAL else HALF
    return MultiThreshold(
        site.ceiling,
        site.timesteps,
        site.levels,
        coupling=coupling,
        signed=site.signed,
        initial=initial,
        channel_axis=site.channel_axis,
    )


def bipolar(site: Site, timesteps: int, levels: int) -> SpikingSite:
    """Return bipolar neurons of a site's ceilings."""
    from snnconv.neurons.bipolar.module import BipolarMultiThreshold  # whose other couplings are M-HT

    return BipolarMultiThreshold(site.ceiling, timesteps, levels, signed=site.signed, channel_axis=site.channel_axis)


def _moved(site: MultiThreshold, initial: Tensor, channel_axis: int) -> MultiThreshold:
    """Return the same neurons with other initial potentials, `[]` or one a channel."""
    return MultiThreshold(
        site.ceiling,
        site.timesteps,
        site.levels,
        coupling=site.coupling,
        rectified=site.rectified,
        signed=site.signed,
        initial=initial,
        channel_axis=channel_axis,
    )


def _run(currents: Tensor, threshold: Tensor, levels: int, initial: Tensor, signed: bool) -> Tensor:
    return multithreshold(currents, threshold, levels, initial=initial, signed=signed)


START = StartForm(start, _run, _moved)


def recalibrated(site: MultiThreshold, quantized: QuantizedSite, timesteps: int) -> MultiThreshold:
    """Return the neurons at another T or L, which start from newly calibrated ceilings."""
    return MultiThreshold(
        quantized.ceiling,
        timesteps,
        quantized.total_levels // timesteps,
        coupling=site.coupling,
        rectified=site.rectified,
        signed=quantized.signed,
        channel_axis=quantized.channel_axis,
    )


def become_lmht(site: MultiThreshold, mpr: bool) -> LearnableMultiThreshold:
    """Return LM-HT neurons at their start, which compute the same as mean-coupled ones.

    Raises:
        Refusal: the neurons are not mean-coupled.
    """
    from snnconv.neurons.lmht import LearnableMultiThreshold

    if site.coupling is not Coupling.MEAN:
        raise Refusal(
            "LM-HT's coupling starts as the mean of the window, and theirs is causal: continue it as it is with "
            "--neuron mht, or convert with --coupling mean"
        )
    settings = NeuronSettings("lmht", site.timesteps, site.levels, mpr=mpr or site.rectified)
    learnable = build_neuron(settings, site.ceiling, signed=site.signed, channel_axis=site.channel_axis)
    assert isinstance(learnable, LearnableMultiThreshold)
    return learnable


def update(site: MultiThreshold, timesteps: int) -> Update:
    """Return the cost of an update: integration, a comparison a level, soft reset; under mean coupling a window."""
    decision = 2 * site.levels if site.signed else site.levels
    return Update(2 + decision, 0, 1 + (site.coupling is Coupling.MEAN), 1)
