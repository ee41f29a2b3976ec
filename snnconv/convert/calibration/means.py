r"""Bias correction: the bias before a site moves until every channel's mean output is the ANN's, as far as is known.

SNN calibration (Li et al., ICML 2021, section 4.2) moves the bias by the whole difference of the two means. A
difference that few images show is uncertain: it is shrunk by its evidence, as a positive-part James-Stein estimate,

    shift_c = d_c · max(0, 1 - se_c²/d_c²)

with d_c the mean difference of channel c over groups of images and se_c its standard error between the groups. With
many images se vanishes and the correction is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, fx, nn

from snnconv.convert.calibration.bias import add_bias, bias_carrier
from snnconv.convert.calibration.frontier import Frontier
from snnconv.graph.access import operands
from snnconv.graph.hooks import hooked
from snnconv.neurons import QCFS
from snnconv.neurons.qcfs import qcfs
from snnconv.neurons.site import along_channels
from snnconv.progress import Progress
from snnconv.spiking.sites import channel_axis, iter_sites

__all__ = ["GroupMeans", "correct", "mean_activations", "shrunken_shift"]

GROUPS = 8  # of images, whose means tell how certain a mean is
CORRECTIONS = 2  # rounds: the second mends what the first shifted over a level or into the ceiling


class GroupMeans:
    """Running means of every channel, one for each of a few groups of images."""

    def __init__(self) -> None:
        self.images = 0
        self.sums: Tensor | None = None
        self.counts = torch.zeros(GROUPS, dtype=torch.float64)

    def add(self, x: Tensor, axis: int | None) -> None:
        """Take in a batch, `[B, ...]`, with its channels on `axis`: the next images in order."""
        channels = x.unsqueeze(1) if axis is None else x.movedim(axis, 1)
        by_image = channels.reshape(*channels.shape[:2], -1)
        means = by_image.mean(2).double()  # summing into doubles is many times slower, and no better of one image
        if not bool(torch.isfinite(means).all()):
            means = by_image.double().mean(2)  # their sum overflowed
        groups = (torch.arange(len(x)) + self.images) % GROUPS
        if self.sums is None:
            self.sums = torch.zeros(GROUPS, means.shape[1], dtype=torch.float64)
        self.sums.index_add_(0, groups, means)
        self.counts += torch.bincount(groups, minlength=GROUPS)
        self.images += len(x)

    def means(self) -> Tensor:
        """Return the means of the groups that have images, `[G, C]`."""
        assert self.sums is not None
        filled = self.counts > 0
        return self.sums[filled] / self.counts[filled].unsqueeze(1)


def shrunken_shift(difference: Tensor) -> Tensor:
    """Return the shift of each channel, `[C]`, from its differences in G groups, `[G, C]`, shrunk by their spread.

    One group alone has no spread, and is believed.
    """
    mean = difference.mean(0)
    if len(difference) < 2:
        return mean
    variance = difference.var(0) / len(difference)
    return mean * (1 - variance / mean.square().clamp(min=torch.finfo(mean.dtype).tiny)).clamp(min=0)


def mean_activations(graph: fx.GraphModule, batches: Sequence[Tensor], progress: Progress) -> dict[str, GroupMeans]:
    """Return the mean output of each site of the ANN, by the name of its module.

    Args:
        graph: Graph of the ANN.
        batches: Normalised images, `[B, ...]` each, that run one batch after the other.
        progress: Display of the progress.
    """
    means: dict[str, GroupMeans] = {}
    hooks = []
    for node, site in iter_sites(graph):
        means[str(node.target)] = GroupMeans()
        hooks.append((site, partial(_add_output, means[str(node.target)], channel_axis(graph, node))))
    with hooked(hooks):
        for batch in progress(batches, "running the ANN", len(batches)):
            graph(batch)
    return means


def _add_output(means: GroupMeans, axis: int | None, _: nn.Module, __: object, out: Tensor) -> None:
    means.add(out, axis)


def correct(graph: fx.GraphModule, node: fx.Node, site: QCFS, frontier: Frontier, targets: GroupMeans) -> None:
    """Shift a site's input until its mean output is the ANN's, where a bias can carry the shift.

    Args:
        graph: Graph that is being quantized.
        node: Node of the site.
        site: Site with its ceilings.
        frontier: Walk that holds the inputs of the site; they are shifted as well.
        targets: Mean outputs of the ANN.
    """
    carrier = bias_carrier(graph, node)
    axis = channel_axis(graph, node)
    if carrier is None or axis is None:
        return
    source = operands(node)[0]
    goal = targets.means()
    shift = torch.zeros(goal.shape[1])
    for _ in range(CORRECTIONS):
        outputs = GroupMeans()
        for x in frontier.values(source):
            moved = x + along_channels(shift, x.dim(), axis)
            outputs.add(qcfs(moved, site.ceiling_for(x), site.total_levels, site.signed, out=moved), axis)
        shift += shrunken_shift(goal - outputs.means()).float()
    for x in frontier.values(source):
        x += along_channels(shift, x.dim(), axis)
    add_bias(graph, carrier, shift)
