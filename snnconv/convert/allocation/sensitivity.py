"""What each site's levels bring and cost: the error of the logits, and the energy of its spikes.

A site is quantized alone, with the ceilings that its N levels get, and the ANN goes on from there; what the logits then
lose, images compared with each other, is the site's error at N. Errors of sites add: each is small, and roundings of
different sites are hardly correlated (ZeroQ, Cai et al., CVPR 2020, assumes the same). What is the same for all images
is left out of the error, since bias correction takes it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from snnconv.convert.calibration.frontier import Frontier
from snnconv.convert.calibration.shrinkage import Rule
from snnconv.convert.calibration.walk import ceiling_axis, fitted, observed
from snnconv.costs.energy import AC_PJ
from snnconv.costs.fan_out import spike_fan_out
from snnconv.costs.routing import fired_levels
from snnconv.graph.access import calls, module_of, operands, results
from snnconv.model import Model, rows_of
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import iter_sites

__all__ = ["Sensitivity", "SiteChoices", "relative_error", "sensitivity"]


@dataclass(frozen=True)
class SiteChoices:
    """A site at each number of levels that it may get.

    Attributes:
        name: of its module.
        total_levels: N, ascending.
        errors: of the logits when only this site has N levels (`relative_error`).
        spikes: unit spikes per image.
        energies: of those spikes, in picojoules per image.
    """

    name: str
    total_levels: tuple[int, ...]
    errors: tuple[float, ...]
    spikes: tuple[float, ...]
    energies: tuple[float, ...]


@dataclass(frozen=True)
class Sensitivity:
    """What `sensitivity` found.

    Attributes:
        sites: in the order of execution.
        fixed_pj: energy of one image that no spike causes, in picojoules.
    """

    sites: tuple[SiteChoices, ...]
    fixed_pj: float

    def error(self, choice: Sequence[int]) -> float:
        """Predicted error of one choice (a place in `total_levels`) a site."""
        return sum(site.errors[place] for site, place in zip(self.sites, choice, strict=True))

    def energy_pj(self, choice: Sequence[int]) -> float:
        """Predicted energy of one image."""
        return self.fixed_pj + sum(site.energies[place] for site, place in zip(self.sites, choice, strict=True))

    def levels(self, choice: Sequence[int]) -> dict[str, int]:
        """N by the names of the sites' modules."""
        return {site.name: site.total_levels[place] for site, place in zip(self.sites, choice, strict=True)}


@torch.no_grad()
def sensitivity(
    ann: Model,
    batches: Sequence[Tensor],
    candidates: Sequence[int],
    timesteps: int,
    *,
    rule: Rule,
    by_channel: bool = True,
    progress: Progress = no_progress,
) -> Sensitivity:
    """Measure every site at every number of levels.

    Args:
        ann: as `plan.prepare` returns it, every site a rectifier.
        batches: normalised images, `[B, ...]` each.
        candidates: N, ascending.
        timesteps: T, for what is computed at every step.
        rule: how ceilings are chosen.
        by_channel: one ceiling a channel.
        progress: shows the work.
    """
    graph = ann.graph
    nodes = calls(graph)
    sites = dict(iter_sites(graph))
    placeholder = next(node for node in graph.graph.nodes if node.op == "placeholder")
    wanted = torch.cat([_rest(graph, nodes, {placeholder: batch}) for batch in batches])
    with torch.enable_grad():
        found = spike_fan_out(graph, batches[0][:1], timesteps)
    measured = []
    with Frontier(graph, batches) as frontier:
        for index, node in enumerate(progress(nodes, "sensitivity of sites", len(nodes))):
            if node in sites:
                received = list(frontier.values(operands(node)[0]))
                site = _Site(graph, node, received, found.additions[str(node.target)], rule, by_channel)
                rest, live = nodes[index + 1 :], _live(frontier, len(batches))
                columns = [site.at(total, rest, live, wanted) for total in candidates]
                errors, spikes, energies = zip(*columns, strict=True)
                measured.append(SiteChoices(str(node.target), tuple(candidates), errors, spikes, energies))
            frontier.run(node)
    return Sensitivity(tuple(measured), found.fixed_pj)


class _Site:
    """One site, quantized alone.

    Args:
        graph: the ANN.
        node: of the site.
        received: its inputs, batch by batch.
        additions: that one unit spike of each of its neurons causes.
        rule: how ceilings are chosen.
        by_channel: one ceiling a channel.
    """

    def __init__(
        self,
        graph: fx.GraphModule,
        node: fx.Node,
        received: list[Tensor],
        additions: Tensor,
        rule: Rule,
        by_channel: bool,
    ) -> None:
        self.graph, self.node, self.received, self.additions, self.rule = graph, node, received, additions, rule
        self.axis = ceiling_axis(graph, node, by_channel=by_channel)
        self.observation = observed(graph, node, received, self.axis)

    def at(
        self,
        total_levels: int,
        rest: Sequence[fx.Node],
        live: Sequence[dict[fx.Node, Tensor]],
        wanted: Tensor,
    ) -> tuple[float, float, float]:
        """Error, spikes and energy at N levels; none of a site that was never active."""
        if not self.observation.alive.any():
            return 0.0, 0.0, 0.0
        site = fitted(self.observation, total_levels, self.rule, self.axis)
        logits, spikes, landed, images = [], 0.0, 0.0, 0
        for values, x in zip(live, self.received, strict=True):
            activation = site(x)
            fired = fired_levels(site, activation)
            assert fired is not None
            counts = fired[0].sum(0, dtype=torch.float64)
            spikes += float(counts.sum())
            landed += float((counts * self.additions).sum())
            images += len(x)
            logits.append(_rest(self.graph, rest, {**values, self.node: activation}))
        return relative_error(torch.cat(logits), wanted), spikes / images, AC_PJ * landed / images


def _live(frontier: Frontier, batches: int) -> list[dict[fx.Node, Tensor]]:
    """What later nodes need, batch by batch."""
    found: list[dict[fx.Node, Tensor]] = [{} for _ in range(batches)]
    for node in frontier.live:
        for values, value in zip(found, frontier.values(node), strict=True):
            values[node] = value
    return found


def _rest(graph: fx.GraphModule, rest: Sequence[fx.Node], values: dict[fx.Node, Tensor]) -> Tensor:
    """The first output `[B, classes]` of a network whose earlier nodes have these values."""
    out = results(graph)[0]
    last = {operand: node for node in rest for operand in operands(node)}
    for node in rest:
        values[node] = module_of(graph, node)(*(values[operand] for operand in operands(node)))
        for operand in set(operands(node)):
            if last[operand] is node and operand is not out:
                del values[operand]
    return rows_of(values[out])


def relative_error(logits: Tensor, wanted: Tensor) -> float:
    """Squared error of logits `[B, classes]` as a share of the variance of those wanted.

    What all images have in common is left out of both; a single image has nothing else, and is taken as it is.

    >>> relative_error(torch.tensor([[1.0], [2.5]]), torch.tensor([[0.0], [1.0]]))
    0.25
    """
    error, reference = logits.double() - wanted.double(), wanted.double()
    if len(wanted) > 1:
        error, reference = error - error.mean(0), reference - reference.mean(0)
    return float(error.square().sum()) / (float(reference.square().sum()) or 1.0)
