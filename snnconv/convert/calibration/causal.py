r"""Causal networks calibrated on their own steps: what spikes that come early or late change, site by site.

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
from snnconv.convert.calibration.frontier import Frontier
from snnconv.graph.access import calls, display_name, module_of, operands
from snnconv.model import SNN, Model, QuantizedANN
from snnconv.neurons import SpikingSite, capabilities_of, unfold_time
from snnconv.neurons.forms import StartForm
from snnconv.neurons.site import along_channels
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import channel_axis, swap

__all__ = ["IMAGES", "CausalCalibration", "CausalSite", "calibrate_causal"]

IMAGES = 256  # at most: every activation is held T times
BYTES = 1 << 30  # of the largest activation of all images and steps
ELEMENTS = 1 << 24  # of the largest activation of one batch, over all steps
STEPS_SEEN, FEWEST_SEEN = 1 << 15, 1 << 10  # currents and units of a channel that its error is measured on
STARTS = tuple(sixteenth / 16 for sixteenth in range(17))  # v_0 in units of θ
CORRECTIONS = 2  # of the bias: the second mends what the first shifted over a level


@dataclass(frozen=True)
class CausalSite:
    """What became of one site.

    Attributes:
        name: of the activation in the user's file.
        before: squared error of the time mean, as a share of the squared activation, as the site was converted.
        after: as it was calibrated, given the same spikes.
        initial_min: lowest v_0 of a channel, in units of θ.
        initial_max: highest.
        bias: mean magnitude of the current that was added, in units of θ; None where no operator can carry it.
    """

    name: str
    before: float
    after: float
    initial_min: float
    initial_max: float
    bias: float | None


@dataclass(frozen=True)
class CausalCalibration:
    """What a calibration made.

    Attributes:
        snn: the spiking network.
        quantized: the quantized ANN with the same biases, which the SNN's currents agree with.
        images: how many it took.
        sites: one a site; none where T = 1.
    """

    snn: SNN
    quantized: QuantizedANN
    images: int
    sites: tuple[CausalSite, ...]


@dataclass(frozen=True)
class _Seen:
    """Currents `[T, C, M]` of M units of each channel, the ANN's activations `[C, M]` there, and θ `[C, 1]`."""

    currents: Tensor
    wanted: Tensor
    threshold: Tensor
    levels: int
    signed: bool
    form: StartForm

    def fired(self, initial: Tensor, bias: Tensor) -> Tensor:
        """Time means of the output `[C, M]`, given v_0 in units of θ and an added current of each channel, `[C]`."""
        currents = self.currents + bias.unsqueeze(1)
        start = initial.unsqueeze(1)
        spikes = self.form.run(currents, self.threshold, self.levels, start, self.signed)
        return spikes.mean(0)

    def errors(self, initial: Tensor, bias: Tensor) -> Tensor:
        """Sum of squared errors of each channel."""
        return (self.fired(initial, bias) - self.wanted).square().sum(1)


@torch.no_grad()
def calibrate_causal(
    ann: Model, quantized: QuantizedANN, snn: SNN, batches: Sequence[Tensor], *, progress: Progress = no_progress
) -> CausalCalibration:
    """Move initial potentials and biases of a causal SNN towards the ANN's activations.

    Args:
        ann: the network before quantization.
        quantized: its quantized form.
        snn: `spike(quantized, ..., Coupling.CAUSAL)`.
        batches: normalised images, `[B, ...]` each; at most IMAGES of them are used, fewer where they are large.
        progress: shows the work.

    Returns:
        Copies of both networks with the same new biases; of one step, which is never uneven, they stay as they are.
    """
    spiking, reference = snn.copy(), quantized.copy()
    if snn.timesteps == 1:
        return CausalCalibration(spiking, reference, 0, ())
    graph = spiking.graph
    twins = {node.target: node for node in calls(reference.graph)}
    parts = _parts(ann, batches, snn.timesteps)
    theirs = iter(calls(ann.graph))
    generator = torch.Generator().manual_seed(0)
    sites = []
    with Frontier(ann.graph, parts) as wanted, Frontier(graph, parts) as given:
        nodes = calls(graph)
        for node in progress(nodes, "calibrating steps", len(nodes)):
            module = module_of(graph, node)
            form = capabilities_of(module).start if isinstance(module, SpikingSite) else None
            if isinstance(module, SpikingSite) and isinstance(form, StartForm):
                before = form.initial(module)
                seen = _see(graph, node, module, form, given, wanted.values(_reach(wanted, theirs, node)), generator)
                carrier = bias_carrier(graph, node)
                initial, bias = _fit(seen, before, biased=carrier is not None)
                axis = channel_axis(graph, node)
                start = initial[0] if axis is None else initial
                swap(graph, node, form.moved(module, start, module.channel_axis if axis is None else axis))
                if carrier is not None:
                    assert axis is not None
                    for x in given.values(operands(node)[0]):
                        x += along_channels(bias, x.dim(), axis)
                    add_bias(graph, carrier, bias)
                    add_bias(reference.graph, twins[carrier.target], bias)
                sites.append(_site(node, seen, before, initial, bias, biased=carrier is not None))
            given.run(node)
    for changed in (graph, reference.graph):
        changed.recompile()
    return CausalCalibration(spiking, reference, sum(map(len, parts)), tuple(sites))


def _parts(ann: Model, batches: Sequence[Tensor], timesteps: int) -> list[Tensor]:
    """The images that are used, spread evenly over those that there are, in small batches."""
    largest = max(int(torch.Size(n.meta["shape"]).numel()) for n in ann.graph.graph.nodes if "shape" in n.meta)
    images = [image for batch in batches for image in batch]  # views
    count = max(1, min(len(images), IMAGES, BYTES // (4 * timesteps * largest)))
    chosen = torch.stack([images[place * len(images) // count] for place in range(count)])
    return list(torch.split(chosen, max(1, ELEMENTS // (timesteps * largest))))


def _reach(frontier: Frontier, theirs: Iterator[fx.Node], node: fx.Node) -> fx.Node:
    """Walk the ANN up to the same site."""
    for other in theirs:
        frontier.run(other)
        if other.target == node.target:
            return other
    raise AssertionError(f"the ANN has no {node.target}")


def _see(
    graph: fx.GraphModule,
    node: fx.Node,
    module: SpikingSite,
    form: StartForm,
    given: Frontier,
    wanted: Iterator[Tensor],
    generator: torch.Generator,
) -> _Seen:
    """What the site receives and what it should answer, of units drawn at random; one channel where none are known."""
    axis = channel_axis(graph, node)
    source = operands(node)[0]
    channels = 1 if axis is None else int(node.meta["shape"][axis - 1])
    units = sum(x.numel() for x in given.values(source)) // (module.timesteps * channels)
    share = min(1.0, max(FEWEST_SEEN, STEPS_SEEN // module.timesteps) / units)
    currents, activations = [], []
    for x, a in zip(given.values(source), wanted, strict=True):
        steps = unfold_time(x, module.timesteps)
        steps = steps.flatten(1).unsqueeze(1) if axis is None else steps.movedim(axis + 1, 1).flatten(2)
        answers = a.reshape(1, -1) if axis is None else a.movedim(axis, 0).flatten(1)
        if share < 1:
            kept = max(1, round(answers.shape[1] * share))
            places = torch.randperm(answers.shape[1], generator=generator)[:kept]
            steps, answers = steps[:, :, places], answers[:, places]
        currents.append(steps)
        activations.append(answers)
    threshold = (module.ceiling.detach() / module.levels).expand(channels).unsqueeze(1)
    return _Seen(torch.cat(currents, 2), torch.cat(activations, 1), threshold, module.levels, module.signed, form)


def _fit(seen: _Seen, initial: Tensor, *, biased: bool) -> tuple[Tensor, Tensor]:
    """v_0 and added current of each channel, `[C]`; `biased`: a bias can carry such a current."""
    now = initial.expand(len(seen.wanted)).clone()
    bias = torch.zeros_like(now)
    first = least = seen.errors(now, bias)
    for start in STARTS:
        trial = torch.full_like(now, start)
        errors = seen.errors(trial, bias)
        now, least = torch.where(errors < least, trial, now), torch.minimum(errors, least)
    for _ in range(CORRECTIONS if biased else 0):
        moved = bias + (seen.wanted - seen.fired(now, bias)).mean(1)
        bias = torch.where(seen.errors(now, moved) <= first, moved, bias)
    return now, bias


def _site(node: fx.Node, seen: _Seen, before: Tensor, initial: Tensor, bias: Tensor, *, biased: bool) -> CausalSite:
    energy = float(seen.wanted.square().sum()) or 1.0
    unmoved = torch.zeros_like(bias)
    return CausalSite(
        display_name(node),
        float(seen.errors(before.expand_as(bias), unmoved).sum()) / energy,
        float(seen.errors(initial, bias).sum()) / energy,
        float(initial.min()),
        float(initial.max()),
        float((bias / seen.threshold[:, 0]).abs().mean()) if biased else None,
    )
