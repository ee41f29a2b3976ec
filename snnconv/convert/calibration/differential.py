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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor, fx, nn

from snnconv.convert.calibration.differential_walk import DifferentialWalk, SiteVisit, fitting_bias
from snnconv.convert.calibration.power_choice import Powers, PowersSearch
from snnconv.errors import SnnconvWarning
from snnconv.graph.access import display_name
from snnconv.model import SNN, Model, class_count
from snnconv.neurons import QuantizedSite, SigmaDelta, SpikingSite
from snnconv.progress import Progress, no_progress
from snnconv.runtime.runnable import shapes_of
from snnconv.spiking.signals import reads_signals
from snnconv.spiking.sites import cap_of, is_signed, swap
from snnconv.spiking.unrolling import unroll

__all__ = ["SigmaDeltaCalibration", "SigmaDeltaSite", "calibrate_sigma_delta"]


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
        batches: Normalised images, `[B, ...]` each; at most 256 of them are used, fewer where they are large.
        timesteps: T.
        octaves: K of every site; None: each site's own, by measurement.
        ceilings: "layer" for one threshold a site; "channel" or None: one a channel.
        progress: Display of the progress.

    Returns:
        The spiking network, with the ANN's weights and other biases.

    Warns:
        SnnconvWarning: No unit of some site tells anything, because its messages are all too large.
    """
    snn = unroll(ann, partial(_uncalibrated, timesteps))
    tracks = _tracks_values(ann)
    walk = DifferentialWalk(ann, snn, batches)
    sites: list[SigmaDeltaSite] = []
    silent: list[str] = []
    for visit in walk.visits(progress):
        site = _calibrate_site(walk, visit, octaves, together=ceilings == "layer", tracks=tracks)
        sites.append(site)
        if not site.messages and bool(visit.record.activations.any()):
            silent.append(_why_silent(snn, visit))
    if silent:
        warnings.warn(
            f"Not one activation is told in {'; '.join(silent)}: take more octaves (--octaves).",
            SnnconvWarning,
            stacklevel=3,
        )
    return SigmaDeltaCalibration(snn, max(site.octaves for site in sites), walk.images, tuple(sites))


def _tracks_values(ann: Model) -> bool:
    """Return whether neurons should track the values that they are told: where layers read norms or attention.

    And where the outputs name no classes: which of two numbers is larger survives much that a box's edge does not.
    """
    return reads_signals(ann.graph) or class_count(shapes_of(ann)[0]) is None


def _calibrate_site(
    walk: DifferentialWalk, visit: SiteVisit, octaves: int | None, *, together: bool, tracks: bool
) -> SigmaDeltaSite:
    """Give a site its neurons, and the operator before it its bias."""
    module, record = cast(SigmaDelta, visit.module), visit.record
    search = PowersSearch(
        visit.halves,
        module.cap if module.saturates else None,
        signed=module.signed,
        dead_zone=module.dead_zone,
        together=together,
        tracks=tracks,
    )
    powers = search.best(octaves)
    values = partial(search.told, powers)
    bias: Tensor | None = None
    if visit.carrier is not None:
        bias = fitting_bias(values, search.errors, record)
        walk.shift(visit, bias)
        record = record.shifted(bias)
    swap(walk.snn.graph, visit.node, _neurons(module, powers, visit.axis))
    known = values(record)
    energy = float(record.activations.square().mean()) or 1.0
    return SigmaDeltaSite(
        name=display_name(visit.node),
        octaves=powers.octaves,
        error=float((known[-1] - record.activations).square().mean()) / energy,
        messages=float(search.messages(powers, known).mean()),
        started=float((powers.initial != 0).float().mean()),
        bias=None if bias is None else float((bias / powers.theta).abs().mean()),
    )


def _uncalibrated(timesteps: int, _: fx.Node, site: nn.Module) -> SpikingSite:
    """Return neurons that stand in a site's place until it is calibrated."""
    if isinstance(site, QuantizedSite):
        cap, axis = site.ceiling.detach(), site.channel_axis
    else:
        cap, axis = torch.tensor(cap_of(site)), 1
    return SigmaDelta(torch.tensor(1.0), timesteps, 1, cap=cap, signed=is_signed(site), channel_axis=axis)


def _neurons(module: SigmaDelta, powers: Powers, axis: int | None) -> SigmaDelta:
    """Return the neurons of a site; one number stands for all channels where they are alike."""
    alike = axis is None or all(bool((values == values[0]).all()) for values in (powers.theta, powers.initial))
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


def _why_silent(snn: SNN, visit: SiteVisit) -> str:
    """Return the numbers of a site that tells nothing, in words."""
    module = cast(SigmaDelta, snn.graph.get_submodule(str(visit.node.target)))
    least = float((module.ceiling * (module.dead_zone * module.smallest)).min())
    largest = float(visit.record.values.abs().max())
    return f"{display_name(visit.node)} (K={module.octaves} tells from {least:.3g} on, the largest is {largest:.3g})"
