r"""Calibration of bipolar M-HT neurons (differential coupling, code uniform) on the spiking network itself.

After T steps such a network is its quantized ANN wherever no step was cut by L. Where steps are cut, and because each
site is told what the sites before it tell and not what they should, the biases that suit the quantized ANN do not suit
it best. So the bias of the operator before a site moves towards the ANN's own activation a (SNN calibration, Li et al.,
ICML 2021, section 4),

    b <- b + E[a] - E[x'_T]

x'_T the mean of what readers were told until the last step. No channel keeps a bias with which its squared error is
larger than without. The quantized ANN gets the same biases. Ceilings chosen anew by the squared error of their own
site, and levels N < L·T that leave a step room to catch up, made ResNet-20 no better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor

from snnconv.convert.calibration.bias import add_bias
from snnconv.convert.calibration.differential_walk import DifferentialWalk, SiteVisit, fitting_bias
from snnconv.convert.calibration.telling_record import TellingRecord
from snnconv.graph.access import calls, display_name
from snnconv.model import SNN, Model, QuantizedANN
from snnconv.neurons import BipolarMultiThreshold, bipolar_multithreshold
from snnconv.progress import Progress, no_progress

__all__ = ["TakingBackCalibration", "TakingBackSite", "calibrate_taking_back"]


@dataclass(frozen=True)
class TakingBackSite:
    """One site before and after its calibration.

    Attributes:
        name: Name of the activation in the user's file.
        before: Squared error of the last mean as a share of the squared activation, before the calibration.
        after: The error after it, given the same values.
        bias: Mean magnitude of the bias that was added, in units of θ; None where no operator can carry it.
    """

    name: str
    before: float
    after: float
    bias: float | None


@dataclass(frozen=True)
class TakingBackCalibration:
    """A calibrated pair of networks.

    Attributes:
        snn: The spiking network.
        quantized: Quantized ANN with the same biases.
        images: Number of images that were used.
        sites: Each site before and after.
    """

    snn: SNN
    quantized: QuantizedANN
    images: int
    sites: tuple[TakingBackSite, ...]


@torch.no_grad()
def calibrate_taking_back(
    ann: Model, quantized: QuantizedANN, snn: SNN, batches: Sequence[Tensor], *, progress: Progress = no_progress
) -> TakingBackCalibration:
    """Move biases of a differential SNN of uniform code towards the ANN's activations.

    Args:
        ann: Network before quantization.
        quantized: Quantized form of it.
        snn: Result of `spike(quantized, ..., Coupling.DIFFERENTIAL)`.
        batches: Normalised images, `[B, ...]` each; at most 256 of them are used, fewer where they are large.
        progress: Display of the progress.

    Returns:
        Copies of both networks.
    """
    spiking, reference = snn.copy(), quantized.copy()
    walk = DifferentialWalk(ann, spiking, batches)
    twins = {str(node.target): node for node in calls(reference.graph)}
    sites = []
    for visit in walk.visits(progress):
        module = cast(BipolarMultiThreshold, visit.module)
        means = partial(_means, module)
        before = after = means(visit.record)
        bias: Tensor | None = None
        if visit.carrier is not None:
            bias = fitting_bias(means, _errors, visit.record)
            walk.shift(visit, bias)
            add_bias(reference.graph, twins[str(visit.carrier.target)], bias)
            after = means(visit.record.shifted(bias))
        sites.append(_report(visit, module, before, after, bias))
    reference.graph.recompile()
    return TakingBackCalibration(spiking, reference, walk.images, tuple(sites))


def _means(module: BipolarMultiThreshold, record: TellingRecord) -> Tensor:
    """Return the means that readers are told until each step, `[T, C, M]`."""
    threshold = module.threshold.detach().expand(len(record.activations)).unsqueeze(1)
    return bipolar_multithreshold(
        record.values, threshold, module.levels, total_levels=module.total_levels, signed=module.signed
    )


def _errors(means: Tensor, record: TellingRecord) -> Tensor:
    """Return the squared error of each channel after the last step, `[C]`."""
    return (means[-1] - record.activations).square_().mean(1)


def _report(
    visit: SiteVisit, module: BipolarMultiThreshold, before: Tensor, after: Tensor, bias: Tensor | None
) -> TakingBackSite:
    energy = float(visit.record.activations.square().mean()) or 1.0
    return TakingBackSite(
        name=display_name(visit.node),
        before=float(_errors(before, visit.record).mean()) / energy,
        after=float(_errors(after, visit.record).mean()) / energy,
        bias=None if bias is None else float((bias / module.threshold).abs().mean()),
    )
