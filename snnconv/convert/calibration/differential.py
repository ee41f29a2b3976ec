r"""Calibration of sigma-delta neurons on the spiking network itself, site by site.

The spiking network is walked once, beside the ANN. Each site gets what the sites before it tell step by step, which are
calibrated already, so that their errors are measured where they matter and do not pile up unseen. It gets thresholds,
octaves and initial values (power_choice.py), and then the bias of the operator before it moves towards the ANN's own
activation a, as in SNN calibration (Li et al., ICML 2021, section 4),

    b <- b + E[a] - E[R_T]

R_T what readers are told until the last step: values below the dead zone are lost on one side. No channel keeps a bias
with which its error is larger than without.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, fx, nn

from snnconv.convert.calibration.batches import evenly
from snnconv.convert.calibration.bias import add_bias, bias_carrier
from snnconv.convert.calibration.frontier import Frontier
from snnconv.convert.calibration.power_choice import Powers, PowersSearch
from snnconv.convert.calibration.telling_record import TellingRecord, observe_values
from snnconv.errors import SnnconvWarning
from snnconv.graph.access import calls, display_name, module_of, operands, samples_within
from snnconv.model import SNN, Model
from snnconv.neurons import QuantizedSite, SigmaDelta, SpikingSite
from snnconv.neurons.site import along_channels
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import cap_of, channel_axis, is_signed, swap
from snnconv.spiking.unrolling import unroll

__all__ = ["SigmaDeltaCalibration", "SigmaDeltaSite", "calibrate_sigma_delta"]

IMAGES = 256  # at most that are walked: every activation is held T times
BYTES = 1 << 30  # of the largest activation of all images and steps
ELEMENTS = 1 << 23  # of the largest activation of one batch, over all steps
UNITS, TRIED = 1 << 13, 1 << 10  # of a channel, that biases are measured on, and that every candidate is tried on
RECORDED, TRIED_IN_ALL = 1 << 22, 1 << 18  # of all channels, the first over all steps
CORRECTIONS = 2  # of the bias: the second mends what the first shifted over a message


@dataclass(frozen=True)
class SigmaDeltaSite:
    """One site after its calibration.

    Attributes:
        name: Name of the activation in the user's file.
        octaves: K.
        error: Squared error of what readers were told until the last step, as a share of the squared activation.
        messages: Mean number of messages of a unit in T steps.
        started: Share of channels with an initial value other than 0.
        bias: Mean magnitude of the bias that was added, in units of θ; None where no operator can carry it.
    """

    name: str
    octaves: int
    error: float
    messages: float
    started: float
    bias: float | None


@dataclass(frozen=True)
class SigmaDeltaCalibration:
    """A calibrated network of sigma-delta neurons.

    Attributes:
        snn: The spiking network.
        octaves: K, the most of any site.
        images: Number of images that were used.
        sites: Each site in the order of execution.
    """

    snn: SNN
    octaves: int
    images: int
    sites: tuple[SigmaDeltaSite, ...]


@torch.no_grad()
def calibrate_sigma_delta(
    ann: Model,
    batches: Sequence[Tensor],
    timesteps: int,
    octaves: int | None = None,
    *,
    ceilings: str | None = None,
    progress: Progress = no_progress,
) -> SigmaDeltaCalibration:
    """Give an ANN sigma-delta neurons whose thresholds, octaves, initial values and biases suit its activations.

    Args:
        ann: ANN or quantized ANN, as `plan.prepare` returns it.
        batches: Normalised images, `[B, ...]` each; at most IMAGES of them are used, fewer where they are large.
        timesteps: T.
        octaves: K of every site; None: each site's own, by measurement.
        ceilings: "layer" for one threshold a site; "channel" or None: one a channel.
        progress: Display of the progress.

    Returns:
        The spiking network, with the ANN's weights and other biases.

    Warns:
        SnnconvWarning: No unit of some site tells anything, because its messages are all too large.
    """
    walk = _Walk(ann, batches, timesteps, octaves, ceilings != "layer")
    sites = tuple(walk.sites(progress))
    if walk.silent:
        warnings.warn(
            f"No activation is told in {'; '.join(walk.silent)}: take more octaves (--octaves).",
            SnnconvWarning,
            stacklevel=3,
        )
    walk.snn.graph.recompile()
    return SigmaDeltaCalibration(walk.snn, max(site.octaves for site in sites), walk.images, sites)


class _Walk:
    """The walk of one calibration; its arguments are those of `calibrate_sigma_delta`."""

    def __init__(
        self, ann: Model, batches: Sequence[Tensor], timesteps: int, octaves: int | None, by_channel: bool
    ) -> None:
        self.ann, self.timesteps, self.octaves, self.by_channel = ann, timesteps, octaves, by_channel
        count = min(IMAGES, samples_within(ann.graph, BYTES // 4, timesteps))
        images = torch.cat(evenly(batches, count))
        self.images = len(images)
        size = min(samples_within(ann.graph, ELEMENTS, timesteps), max(1, self.images // 2))
        self.parts = list(torch.split(images, size))
        self.snn = unroll(ann, partial(_uncalibrated, timesteps))
        self.generator = torch.Generator().manual_seed(0)
        self.silent: list[str] = []

    def sites(self, progress: Progress) -> Iterator[SigmaDeltaSite]:
        """Calibrate one site after the other."""
        ann_nodes = iter(calls(self.ann.graph))
        graph = self.snn.graph
        nodes = calls(graph)
        with Frontier(self.ann.graph, self.parts) as ann_walk, Frontier(graph, self.parts) as walk:
            for node in progress(nodes, "calibrating steps", len(nodes)):
                module = module_of(graph, node)
                if isinstance(module, SigmaDelta):
                    twin = _reach(ann_walk, ann_nodes, node)
                    yield self._site(node, twin, module, ann_walk, walk)
                walk.run(node)

    def _site(
        self, node: fx.Node, twin: fx.Node, module: SigmaDelta, ann_walk: Frontier, walk: Frontier
    ) -> SigmaDeltaSite:
        axis = channel_axis(self.snn.graph, node)
        channels = 1 if axis is None else int(node.meta["shape"][axis - 1])
        units = max(1, min(UNITS, RECORDED // (channels * self.timesteps)))
        targets = ann_walk.values(twin)
        halves = observe_values(node, self.timesteps, axis, walk, targets, units, self.generator)
        tried = max(1, min(TRIED, TRIED_IN_ALL // channels) // len(halves))
        search = PowersSearch(
            [half.part(tried) for half in halves],
            module.cap if module.saturates else None,
            signed=module.signed,
            dead_zone=module.dead_zone,
            together=not self.by_channel,
        )
        record = TellingRecord.joined(halves)
        powers = search.best(self.octaves)
        carrier = bias_carrier(self.snn.graph, node)
        bias = None if carrier is None else _bias(search, powers, record)
        if carrier is not None and bias is not None and axis is not None:
            for x in walk.values(operands(node)[0]):
                x += along_channels(bias, x.dim(), axis)
            add_bias(self.snn.graph, carrier, bias)
            record = record.shifted(bias)
        swap(self.snn.graph, node, _neurons(module, powers, axis))
        return self._report(node, search, powers, record, bias)

    def _report(
        self, node: fx.Node, search: PowersSearch, powers: Powers, record: TellingRecord, bias: Tensor | None
    ) -> SigmaDeltaSite:
        told = search.told(powers, record)
        messages = float(search.messages(powers, told).mean())
        largest = float(record.values[-1].abs().max())
        if messages == 0 and float(record.activations.abs().max()) > 0:
            least = float(powers.theta.min()) * search.dead_zone * 2.0 ** (1 - powers.octaves)
            self.silent.append(
                f"{display_name(node)} (K={powers.octaves} tells from {least:.3g} on, the largest value is "
                f"{largest:.3g})"
            )
        energy = float(record.activations.square().mean()) or 1.0
        error = float((told[-1] - record.activations).square().mean()) / energy
        shift = None if bias is None else float((bias / powers.theta).abs().mean())
        started = float((powers.initial != 0).float().mean())
        return SigmaDeltaSite(display_name(node), powers.octaves, error, messages, started, shift)


def _uncalibrated(timesteps: int, _: fx.Node, site: nn.Module) -> SpikingSite:
    """Return neurons that stand in a site's place until it is calibrated."""
    if isinstance(site, QuantizedSite):
        cap, axis = site.ceiling.detach(), site.channel_axis
    else:
        cap, axis = torch.tensor(cap_of(site)), 1
    return SigmaDelta(torch.tensor(1.0), timesteps, 1, cap=cap, signed=is_signed(site), channel_axis=axis)


def _neurons(module: SigmaDelta, powers: Powers, axis: int | None) -> SigmaDelta:
    """Return the neurons of a site."""
    alike = axis is None or len(powers.theta.unique()) == len(powers.initial.unique()) == 1
    return SigmaDelta(
        powers.theta[0].clone() if alike else powers.theta,
        module.timesteps,
        powers.octaves,
        dead_zone=module.dead_zone,
        cap=module.cap,
        initial=powers.initial[0] if alike else powers.initial,
        signed=module.signed,
        channel_axis=module.channel_axis if axis is None else axis,
    )


def _bias(search: PowersSearch, powers: Powers, record: TellingRecord) -> Tensor:
    """Return the bias that brings each channel's mean to the ANN's, `[C]`; 0 where its error would grow."""
    bias = torch.zeros_like(powers.theta)
    first = search.errors(search.told(powers, record), record)
    for _ in range(CORRECTIONS):
        told = search.told(powers, record.shifted(bias))
        trial = bias + (record.activations - told[-1]).mean(1)
        error = search.errors(search.told(powers, record.shifted(trial)), record)
        bias = torch.where(error <= first, trial, bias)
    return bias


def _reach(walk: Frontier, ann_nodes: Iterator[fx.Node], node: fx.Node) -> fx.Node:
    """Walk the ANN up to the same site, and return its node."""
    for twin in ann_nodes:
        walk.run(twin)
        if twin.target == node.target:
            return twin
    raise AssertionError(f"the ANN has no {node.target}")
