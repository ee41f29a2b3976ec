r"""Calibration of causal networks on their own steps, site by site: spikes come early or late there.

Under causal coupling a neuron meets its currents one by one, so that the time mean of what it fires is not what its
quantized form answers to their mean (unevenness), and the biases that suit the quantized form do not suit the neuron
best. So the spiking network is walked once more. Each site gets the spikes of the sites before it, which are calibrated
already, and two things of each channel move towards the ANN's own activation a:

    v_0 <- the one of a grid with the least  E (1/T·sum_t θ·s_t - a)²
    b <- b + E[a] - E[1/T·sum_t θ·s_t]

θ = λ/L threshold, s_t level that fires at step t, v_0 potential before the first step in units of θ, b the bias of the
operator before the site, a constant current at every step. No channel keeps a bias with which its squared error would
be larger than it was in the beginning. After Li et al., ICML 2021, section 4 (bias and initial potential; there v_0 is
moved by the mean error); v_0 = 1/2 is best where nothing is known of how currents arrive (Bu et al., AAAI 2022).
Ceilings stay: chosen anew by the squared error of their own site they made some networks worse and others better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from snnconv.convert.calibration.bias import add_bias, bias_carrier
from snnconv.convert.calibration.causal_record import SiteRecord, observe_steps
from snnconv.convert.calibration.frontier import Frontier
from snnconv.graph.access import calls, display_name, module_of, operands, samples_within
from snnconv.model import SNN, Model, QuantizedANN
from snnconv.neurons import SpikingSite, capabilities_of
from snnconv.neurons.forms import StartForm
from snnconv.neurons.site import along_channels
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import channel_axis, swap

__all__ = ["IMAGES", "CausalCalibration", "CausalSite", "calibrate_causal"]

IMAGES = 256  # at most: every activation is held T times
BYTES = 1 << 30  # of the largest activation of all images and steps
ELEMENTS = 1 << 24  # of the largest activation of one batch, over all steps
STARTS = tuple(sixteenth / 16 for sixteenth in range(17))  # v_0 in units of θ
CORRECTIONS = 2  # of the bias: the second mends what the first shifted over a level


@dataclass(frozen=True)
class CausalSite:
    """One site before and after its calibration.

    Attributes:
        name: Name of the activation in the user's file.
        before: Squared error of the time mean as a share of the squared activation, before the calibration.
        after: The error after it, given the same spikes.
        initial_min: Lowest v_0 of a channel, in units of θ.
        initial_max: Highest v_0 of a channel.
        bias: Mean magnitude of the current that was added, in units of θ; None where no operator can carry it.
    """

    name: str
    before: float
    after: float
    initial_min: float
    initial_max: float
    bias: float | None


@dataclass(frozen=True)
class CausalCalibration:
    """A calibrated pair of networks.

    Attributes:
        snn: The spiking network.
        quantized: Quantized ANN with the same biases, which the SNN's currents agree with.
        images: Number of images that were used.
        sites: Each site before and after; none where T = 1.
    """

    snn: SNN
    quantized: QuantizedANN
    images: int
    sites: tuple[CausalSite, ...]


@torch.no_grad()
def calibrate_causal(
    ann: Model, quantized: QuantizedANN, snn: SNN, batches: Sequence[Tensor], *, progress: Progress = no_progress
) -> CausalCalibration:
    """Move initial potentials and biases of a causal SNN towards the ANN's activations.

    Args:
        ann: Network before quantization.
        quantized: Quantized form of it.
        snn: Result of `spike(quantized, ..., Coupling.CAUSAL)`.
        batches: Normalised images, `[B, ...]` each; at most IMAGES of them are used, fewer where they are large.
        progress: Display of the progress.

    Returns:
        Copies of both networks with the same new biases; of one step, which is never uneven, they stay as they are.
    """
    spiking, reference = snn.copy(), quantized.copy()
    if snn.timesteps == 1:
        return CausalCalibration(spiking, reference, 0, ())
    parts = _parts(ann, batches, snn.timesteps)
    ann_nodes = iter(calls(ann.graph))
    generator = torch.Generator().manual_seed(0)
    sites = []
    with Frontier(ann.graph, parts) as ann_walk, Frontier(spiking.graph, parts) as walk:
        nodes = calls(spiking.graph)
        for node in progress(nodes, "calibrating steps", len(nodes)):
            module = module_of(spiking.graph, node)
            form = capabilities_of(module).start if isinstance(module, SpikingSite) else None
            if isinstance(module, SpikingSite) and isinstance(form, StartForm):
                activations = ann_walk.values(_reach(ann_walk, ann_nodes, node))
                record = observe_steps(spiking.graph, node, module, form, walk, activations, generator)
                sites.append(_calibrate_site(spiking.graph, reference.graph, node, module, record, walk))
            walk.run(node)
    for graph in (spiking.graph, reference.graph):
        graph.recompile()
    return CausalCalibration(spiking, reference, sum(map(len, parts)), tuple(sites))


def _calibrate_site(
    graph: fx.GraphModule,
    reference: fx.GraphModule,
    node: fx.Node,
    module: SpikingSite,
    record: SiteRecord,
    walk: Frontier,
) -> CausalSite:
    """Give a site its v_0, and the operator before it its bias, in both networks."""
    carrier, axis = bias_carrier(graph, node), channel_axis(graph, node)
    before = record.form.initial(module)
    initial, bias = _fit(record, before, biased=carrier is not None)
    start, start_axis = (initial[0], module.channel_axis) if axis is None else (initial, axis)
    swap(graph, node, record.form.moved(module, start, start_axis))
    if carrier is not None:
        assert axis is not None
        for x in walk.values(operands(node)[0]):
            x += along_channels(bias, x.dim(), axis)
        add_bias(graph, carrier, bias)
        add_bias(reference, next(twin for twin in calls(reference) if twin.target == carrier.target), bias)
    return _site(node, record, before, initial, bias, biased=carrier is not None)


def _parts(ann: Model, batches: Sequence[Tensor], timesteps: int) -> list[Tensor]:
    """Return the images that are used, spread evenly over those that there are, in small batches."""
    images = [image for batch in batches for image in batch]  # views
    count = max(1, min(len(images), IMAGES, samples_within(ann.graph, BYTES // 4, timesteps)))
    chosen = torch.stack([images[place * len(images) // count] for place in range(count)])
    return list(torch.split(chosen, samples_within(ann.graph, ELEMENTS, timesteps)))


def _reach(walk: Frontier, ann_nodes: Iterator[fx.Node], node: fx.Node) -> fx.Node:
    """Walk the ANN up to the same site, and return its node."""
    for twin in ann_nodes:
        walk.run(twin)
        if twin.target == node.target:
            return twin
    raise AssertionError(f"the ANN has no {node.target}")


def _fit(record: SiteRecord, initial: Tensor, *, biased: bool) -> tuple[Tensor, Tensor]:
    """Return v_0 and added current of each channel, `[C]`.

    Args:
        record: Currents and activations of the site.
        initial: Potential v_0 that the site has.
        biased: True where a bias can carry an added current.
    """
    now = initial.expand(len(record.activations)).clone()
    bias = torch.zeros_like(now)
    first = least = record.errors(now, bias)
    for start in STARTS:
        trial = torch.full_like(now, start)
        errors = record.errors(trial, bias)
        now, least = torch.where(errors < least, trial, now), torch.minimum(errors, least)
    for _ in range(CORRECTIONS if biased else 0):
        moved = bias + (record.activations - record.fired(now, bias)).mean(1)
        bias = torch.where(record.errors(now, moved) <= first, moved, bias)
    return now, bias


def _site(
    node: fx.Node, record: SiteRecord, before: Tensor, initial: Tensor, bias: Tensor, *, biased: bool
) -> CausalSite:
    energy = float(record.activations.square().sum()) or 1.0
    unmoved = torch.zeros_like(bias)
    return CausalSite(
        display_name(node),
        float(record.errors(before.expand_as(bias), unmoved).sum()) / energy,
        float(record.errors(initial, bias).sum()) / energy,
        float(initial.min()),
        float(initial.max()),
        float((bias / record.threshold[:, 0]).abs().mean()) if biased else None,
    )
