"""The walk of a differential network beside its ANN, site by site: values that are told, and biases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from snnconv.convert.calibration.batches import evenly
from snnconv.convert.calibration.bias import add_bias, bias_carrier
from snnconv.convert.calibration.frontier import Frontier
from snnconv.convert.calibration.telling_record import TellingRecord, observe_values
from snnconv.graph.access import calls, module_of, operands, samples_within
from snnconv.model import SNN, Model
from snnconv.neurons import SpikingSite
from snnconv.neurons.site import along_channels
from snnconv.progress import Progress
from snnconv.spiking.sites import channel_axis

__all__ = ["DifferentialWalk", "SiteVisit", "fitting_bias"]

IMAGES = 256  # at most: every activation is held T times
BYTES = 1 << 30  # of the largest activation of all images and steps
ELEMENTS = 1 << 23  # of the largest activation of one batch, over all steps
UNITS, RECORDED = 1 << 13, 1 << 22  # units of a channel that are observed, and those of all channels and steps
TRIED, TRIED_IN_ALL = 1 << 10, 1 << 18  # the same, that every candidate is tried on
UNITS_OF_FEW, TRIED_OF_FEW = 1 << 17, 1 << 14  # of all channels together, where those are less than 16
CORRECTIONS = 2  # of a bias: the second mends what the first shifted over a message


@dataclass(frozen=True)
class SiteVisit:
    """A site that the walk has reached.

    Attributes:
        node: Node of the site in the spiking network.
        module: Neurons that are there.
        axis: Axis of the channels in `[B, ...]`; None: all units are those of one channel.
        halves: Records of few units, to try candidates on: of each half of the images; of one batch its record.
        record: Record of more units, of all images.
        carrier: Node whose bias shifts what the site is told; None where there is none.
    """

    node: fx.Node
    module: SpikingSite
    axis: int | None
    halves: tuple[TellingRecord, ...]
    record: TellingRecord
    carrier: fx.Node | None


class DifferentialWalk:
    """The walk of one calibration.

    Args:
        ann: ANN with the same sites.
        snn: Differential network, whose sites and biases may change when they are reached.
        batches: Normalised images, `[B, ...]` each; at most IMAGES of them are used, fewer where they are large.
    """

    def __init__(self, ann: Model, snn: SNN, batches: Sequence[Tensor]) -> None:
        self.ann, self.snn, self.timesteps = ann, snn, snn.timesteps
        count = min(IMAGES, samples_within(ann.graph, BYTES // 4, self.timesteps))
        images = torch.cat(evenly(batches, count))
        self.images = len(images)
        size = min(samples_within(ann.graph, ELEMENTS, self.timesteps), max(1, self.images // 2))
        self.parts = list(torch.split(images, size))
        self.generator = torch.Generator().manual_seed(0)
        self._walk: Frontier | None = None

    def visits(self, progress: Progress) -> Iterator[SiteVisit]:
        """Yield the sites in the order of execution; the walk goes on with what was made of them."""
        graph = self.snn.graph
        twins = iter(calls(self.ann.graph))
        nodes = calls(graph)
        with Frontier(self.ann.graph, self.parts) as ann_walk, Frontier(graph, self.parts) as walk:
            self._walk = walk
            for node in progress(nodes, "calibrating steps", len(nodes)):
                module = module_of(graph, node)
                if isinstance(module, SpikingSite):
                    yield self._visit(node, module, ann_walk, _reach(ann_walk, twins, node), walk)
                walk.run(node)
        graph.recompile()

    def _visit(
        self, node: fx.Node, module: SpikingSite, ann_walk: Frontier, twin: fx.Node, walk: Frontier
    ) -> SiteVisit:
        axis = channel_axis(self.snn.graph, node)
        channels = 1 if axis is None else int(node.meta["shape"][axis - 1])
        units = max(1, min(max(UNITS, UNITS_OF_FEW // channels), RECORDED // (channels * self.timesteps)))
        targets = ann_walk.values(twin)
        halves = observe_values(node, self.timesteps, axis, walk, targets, units, self.generator)
        tried = max(1, min(max(TRIED, TRIED_OF_FEW // channels), TRIED_IN_ALL // channels) // len(halves))
        carrier = None if axis is None else bias_carrier(self.snn.graph, node)
        few = tuple(half.part(tried) for half in halves)
        return SiteVisit(node, module, axis, few, TellingRecord.joined(halves), carrier)

    def shift(self, visit: SiteVisit, bias: Tensor) -> None:
        """Tell a site a bias more, `[C]`; it has a carrier."""
        assert self._walk is not None
        assert visit.carrier is not None
        assert visit.axis is not None
        for x in self._walk.values(operands(visit.node)[0]):
            x += along_channels(bias, x.dim(), visit.axis)
        add_bias(self.snn.graph, visit.carrier, bias)


def fitting_bias(
    told: Callable[[TellingRecord], Tensor], errors: Callable[[Tensor, TellingRecord], Tensor], record: TellingRecord
) -> Tensor:
    """Return the bias that brings each channel's mean to the ANN's, `[C]`; less where its error would grow.

    Args:
        told: Function of a record that returns what readers are told until each step, `[T, C, M]`.
        errors: Function of that and the record that returns the error of each channel, `[C]`.
        record: Record of the site.
    """
    now = told(record)
    least = errors(now, record)
    bias = torch.zeros_like(least)
    for _ in range(CORRECTIONS):
        trial = bias + (record.activations - now[-1]).mean(1)
        trial_told = told(record.shifted(trial))
        error = errors(trial_told, record)
        better = error <= least
        bias, least = torch.where(better, trial, bias), torch.where(better, error, least)
        now = torch.where(better.view(1, -1, 1), trial_told, now)
    return bias


def _reach(walk: Frontier, ann_nodes: Iterator[fx.Node], node: fx.Node) -> fx.Node:
    """Walk the ANN up to the same site, and return its node."""
    for twin in ann_nodes:
        walk.run(twin)
        if twin.target == node.target:
            return twin
    raise AssertionError(f"the ANN has no {node.target}")
