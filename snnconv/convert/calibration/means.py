r"""Bias correction: the bias before a site moves until every channel's mean output is the ANN's, as far as is known.

SNN calibration (Li et al., ICML 2021, section 4.2) moves the bias by the whole difference of the two means. A
difference that few images show is uncertain: it is shrunk by its evidence, as a positive-part James-Stein estimate,

    shift_c = d_c · max(0, 1 - se_c²/d_c²)

with d_c the mean difference of channel c over groups of images and se_c its standard error between the groups. With
many images se vanishes and the correction is whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, fx, nn

from snnconv.convert.calibration.bias import add_bias, bias_carrier
from snnconv.convert.calibration.frontier import Frontier
from snnconv.graph.access import operands
from snnconv.neurons import QCFS
from snnconv.neurons.qcfs import qcfs
from snnconv.neurons.site import along_channels
from snnconv.progress import Progress
from snnconv.spiking.sites import channel_axis, iter_sites

__all__ = ["GroupMeans", "correct", "mean_activations", "shrunken_shift"]

GROUPS = 8  # of images, whose means tell how certain a mean is
CORRECTIONS = 2  # rounds: the second mends what the first shifted over a level or into the ceiling


class GroupMeans:
    """Running means of each channel, one for each of a few groups of images."""

    def __init__(self) -> None:
        self.images = 0
        self.sums: Tensor | None = None
        self.counts = torch.zeros(GROUPS, dtype=torch.float64)

    def add(self, x: Tensor, axis: int | None) -> None:
        """Take in a batch `[B, ...]` with its channels on `axis`, the next images in order."""
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
        """Of the groups that have images, `[G, C]`."""
        assert self.sums is not None
        filled = self.counts > 0
        return self.sums[filled] / self.counts[filled].unsqueeze(1)


def shrunken_shift(difference: Tensor) -> Tensor:
    """The shift of each channel `[C]` from its differences in G groups `[G, C]`, shrunk by their spread.

    One group alone has no spread, and is believed.
    """
    mean = difference.mean(0)
    if len(difference) < 2:
        return mean
    variance = difference.var(0) / len(difference)
    return mean * (1 - variance / mean.square().clamp(min=torch.finfo(mean.dtype).tiny)).clamp(min=0)


def mean_activations(graph: fx.GraphModule, batches: Sequence[Tensor], progress: Progress) -> dict[str, GroupMeans]:
    """Mean output of each site of the ANN, streamed."""
    means: dict[str, GroupMeans] = {}
    handles = []
    for node, site in iter_sites(graph):
        found = means[str(node.target)] = GroupMeans()
        axis = channel_axis(graph, node)

        def add(_: nn.Module, __: object, out: Tensor, found: GroupMeans = found, axis: int | None = axis) -> None:
            found.add(out, axis)

        handles.append(site.register_forward_hook(add))
    try:
        for batch in progress(batches, "running the ANN", len(batches)):
            graph(batch)
    finally:
        for handle in handles:
            handle.remove()
    return means


def correct(graph: fx.GraphModule, node: fx.Node, site: QCFS, frontier: Frontier, wanted: GroupMeans) -> None:
    """Shift a site's input until its mean output is the ANN's, where a bias can carry the shift.

    Args:
        graph: being quantized.
        node: of the site.
        site: with its ceilings.
        frontier: holds what the site receives; it is shifted as well.
        wanted: the ANN's means.
    """
    carrier = bias_carrier(graph, node)
    axis = channel_axis(graph, node)
    if carrier is None or axis is None:
        return
    source = operands(node)[0]
    goal = wanted.means()
    shift = torch.zeros(goal.shape[1])
    for _ in range(CORRECTIONS):
        found = GroupMeans()
        for x in frontier.values(source):
            moved = x + along_channels(shift, x.dim(), axis)
            found.add(qcfs(moved, site.ceiling_for(x), site.total_levels, site.signed, out=moved), axis)
        shift += shrunken_shift(goal - found.means()).float()
    for x in frontier.values(source):
        x += along_channels(shift, x.dim(), axis)
    add_bias(graph, carrier, shift)
