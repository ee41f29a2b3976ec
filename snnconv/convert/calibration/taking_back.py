r"""Calibration of bipolar M-HT neurons (differential coupling, code uniform) on the spiking network itself.

After T steps such a network is its quantized ANN wherever no step was cut by L. So three things of a site move towards
the ANN's own activation a, given what the sites before it tell step by step: the ceiling λ of each channel, the levels
N <= L·T of the site, whose threshold λ·T/N grows as N falls so that a step has room to catch up, and the bias of the
operator before it. λ and N are those of a grid with the least

    e = sum_t w^(T-t)·(x'_t - a)²

summed over units, x'_t the mean of what readers were told until step t. The quantized ANN gets the same λ, N and
biases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, fx

from snnconv.convert.calibration.bias import add_bias
from snnconv.convert.calibration.differential_walk import DifferentialWalk, SiteVisit, fitting_bias
from snnconv.convert.calibration.telling_record import TellingRecord
from snnconv.graph.access import calls, display_name
from snnconv.model import SNN, Model, QuantizedANN
from snnconv.neurons import QCFS, BipolarMultiThreshold, bipolar_multithreshold
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import swap

__all__ = ["TakingBackCalibration", "TakingBackSite", "calibrate_taking_back"]

FACTORS = tuple(
    2.0 ** (eighth / 8) for eighth in (0, -5, -4, -3, -2, -1, 1, 2, 3, 4)
)  # candidates for λ, times its own
SLACKS = (0.0, 0.0625, 0.125, 0.25, 0.375)  # candidates for the share of L·T that N leaves out
STEP_WEIGHT = 0.5  # w


@dataclass(frozen=True)
class TakingBackSite:
    """One site before and after its calibration.

    Attributes:
        name: Name of the activation in the user's file.
        total_levels: N.
        before: Squared error of the last mean as a share of the squared activation, before the calibration.
        after: The error after it, given the same values.
        bias: Mean magnitude of the bias that was added, in units of θ; None where no operator can carry it.
    """

    name: str
    total_levels: int
    before: float
    after: float
    bias: float | None


@dataclass(frozen=True)
class TakingBackCalibration:
    """A calibrated pair of networks.

    Attributes:
        snn: The spiking network.
        quantized: Quantized ANN with the same ceilings, levels and biases.
        images: Number of images that were used.
        sites: Each site before and after.
    """

    snn: SNN
    quantized: QuantizedANN
    images: int
    sites: tuple[TakingBackSite, ...]


@dataclass(frozen=True)
class _Levels:
    """Neurons of one site: λ of each channel, `[C]`, and N."""

    ceiling: Tensor
    total_levels: int


@torch.no_grad()
def calibrate_taking_back(
    ann: Model, quantized: QuantizedANN, snn: SNN, batches: Sequence[Tensor], *, progress: Progress = no_progress
) -> TakingBackCalibration:
    """Move ceilings, levels and biases of a differential SNN of uniform code towards the ANN's activations.

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
        module = visit.module
        assert isinstance(module, BipolarMultiThreshold)
        site, levels, bias = _calibrate_site(walk, visit, module)
        sites.append(site)
        _follow(reference.graph, twins, visit, levels, bias)
    reference.graph.recompile()
    return TakingBackCalibration(spiking, reference, walk.images, tuple(sites))


def _calibrate_site(
    walk: DifferentialWalk, visit: SiteVisit, module: BipolarMultiThreshold
) -> tuple[TakingBackSite, _Levels, Tensor | None]:
    record = visit.record
    channels = len(record.activations)
    before = _Levels(module.ceiling.detach().expand(channels), module.total_levels)
    search = _Search(module, visit.halves)
    levels = search.best(before)
    told = partial(search.told, levels)
    bias: Tensor | None = None
    if visit.carrier is not None:
        bias = fitting_bias(told, search.errors, record)
        walk.shift(visit, bias)
    energy = float(record.activations.square().mean()) or 1.0
    errors = [
        float((told_means[-1] - record.activations).square().mean()) / energy
        for told_means in (search.told(before, record), told(record if bias is None else record.shifted(bias)))
    ]
    alike = visit.axis is None or module.ceiling.dim() == 0
    neurons = BipolarMultiThreshold(
        levels.ceiling[0].clone() if alike else levels.ceiling,
        module.timesteps,
        module.levels,
        total_levels=levels.total_levels,
        signed=module.signed,
        channel_axis=module.channel_axis,
    )
    swap(walk.snn.graph, visit.node, neurons)
    threshold = levels.ceiling * (module.timesteps / levels.total_levels)
    shift = None if bias is None else float((bias / threshold).abs().mean())
    site = TakingBackSite(display_name(visit.node), levels.total_levels, errors[0], errors[1], shift)
    return site, levels, bias


def _follow(
    graph: fx.GraphModule, twins: dict[str, fx.Node], visit: SiteVisit, levels: _Levels, bias: Tensor | None
) -> None:
    """Give a quantized ANN the same site and bias."""
    node = twins[str(visit.node.target)]
    alike = visit.axis is None or visit.module.ceiling.dim() == 0
    ceiling = levels.ceiling[0].clone() if alike else levels.ceiling.clone()
    module = visit.module
    swap(graph, node, QCFS(ceiling, levels.total_levels, signed=module.signed, channel_axis=module.channel_axis))
    if bias is not None and visit.carrier is not None:
        add_bias(graph, twins[str(visit.carrier.target)], bias)


class _Search:
    """The search for λ and N of one site.

    Args:
        module: Neurons as they are.
        halves: Records on which each candidate is tried.
    """

    def __init__(self, module: BipolarMultiThreshold, halves: Sequence[TellingRecord]) -> None:
        self.module, self.record = module, TellingRecord.joined(halves)
        self.together = module.ceiling.dim() == 0
        steps = range(module.timesteps - 1, -1, -1)
        self.weights = torch.tensor([STEP_WEIGHT**step for step in steps]).view(-1, 1, 1)

    def told(self, levels: _Levels, record: TellingRecord) -> Tensor:
        """Return the means that readers are told until each step, `[T, C, M]`."""
        threshold = levels.ceiling.unsqueeze(1) * (self.module.timesteps / levels.total_levels)
        return bipolar_multithreshold(
            record.values,
            threshold,
            self.module.levels,
            total_levels=levels.total_levels,
            signed=self.module.signed,
        )

    def errors(self, told: Tensor, record: TellingRecord) -> Tensor:
        """Return the mean error of each channel, `[C]`, over all steps by their weight."""
        return ((told - record.activations).square_() * self.weights).sum(0).mean(1)

    def best(self, before: _Levels) -> _Levels:
        """Return λ and N with the least error."""
        most = self.module.timesteps * self.module.levels
        best, least = before, float("inf")
        for total in dict.fromkeys(max(1, round(most * (1 - slack))) for slack in SLACKS):
            candidates = [_Levels(before.ceiling * factor, total) for factor in FACTORS]
            errors = torch.stack([self.errors(self.told(levels, self.record), self.record) for levels in candidates])
            if self.together:
                errors = errors.mean(1, keepdim=True).expand_as(errors)
            lowest, places = errors.min(0)
            if float(lowest.sum()) < least:
                least = float(lowest.sum())
                ceilings = torch.stack([levels.ceiling for levels in candidates])
                best = _Levels(ceilings[places, torch.arange(len(places))], total)
        return best
