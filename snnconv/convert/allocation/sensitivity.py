"""The benefit and the cost of each site's levels: the error of the logits, and the energy of its spikes.

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
from snnconv.convert.calibration.method import Rule
from snnconv.convert.calibration.walk import ceiling_axis, fitted, observed
from snnconv.costs.energy import AC_PJ
from snnconv.costs.fan_out import spike_fan_out
from snnconv.costs.routing import fired_spikes
from snnconv.graph.access import calls, input_of, module_of, operands, results
from snnconv.model import Model, rows_of
from snnconv.progress import Progress, no_progress
from snnconv.spiking.sites import iter_sites

__all__ = ["Sensitivity", "SiteChoices", "relative_error", "sensitivity"]


@dataclass(frozen=True)
class SiteChoices:
    """A site at each number of levels that it may get.

    Attributes:
        name: Name of its module.
        total_levels: Numbers of levels N, ascending.
        errors: Error of the logits when only this site has N levels (`relative_error`).
        spikes: Unit spikes of an image.
        energies: Energy of those spikes, in picojoules an image.
    """

    name: str
    total_levels: tuple[int, ...]
    errors: tuple[float, ...]
    spikes: tuple[float, ...]
    energies: tuple[float, ...]


@dataclass(frozen=True)
class Sensitivity:
    """The sensitivities of all sites.

    Attributes:
        sites: Sites in the order of execution.
        fixed_pj: Energy of one image that no spike causes, in picojoules.
    """

    sites: tuple[SiteChoices, ...]
    fixed_pj: float

    def error(self, choice: Sequence[int]) -> float:
        """Return the predicted error of an assignment: one place in `total_levels` a site."""
        return sum(site.errors[place] for site, place in zip(self.sites, choice, strict=True))

    def energy_pj(self, choice: Sequence[int]) -> float:
        """Return the predicted energy of one image, in picojoules."""
        return self.fixed_pj + sum(site.energies[place] for site, place in zip(self.sites, choice, strict=True))

    def levels(self, choice: Sequence[int]) -> dict[str, int]:
        """Return N by the names of the sites' modules."""
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
        ann: Network as `plan.prepare` returns it, every site a rectifier.
        batches: Normalised images, `[B, ...]` each.
        candidates: Numbers of levels N, ascending.
        timesteps: T, which counts where work is done at every step.
        rule: Rule that chooses ceilings.
        by_channel: True for one ceiling a channel, False for one a site.
        progress: Display of the progress.
    """
    graph = ann.graph
    nodes = calls(graph)
    sites = dict(iter_sites(graph))
    logits = torch.cat([_rest(graph, nodes, {input_of(graph): batch}) for batch in batches])
    with torch.enable_grad():
        fan_out = spike_fan_out(graph, batches[0][:1], timesteps)
    choices = []
    with Frontier(graph, batches) as frontier:
        for index, node in enumerate(progress(nodes, "sensitivity of sites", len(nodes))):
            if node in sites:
                received = list(frontier.values(operands(node)[0]))
                site = _Site(graph, node, received, fan_out.additions[str(node.target)], rule, by_channel)
                rest, live = nodes[index + 1 :], _live(frontier, len(batches))
                columns = [site.at(total, rest, live, logits) for total in candidates]
                errors, spikes, energies = zip(*columns, strict=True)
                choices.append(SiteChoices(str(node.target), tuple(candidates), errors, spikes, energies))
            frontier.run(node)
    return Sensitivity(tuple(choices), fan_out.fixed_pj)


class _Site:
    """One site, quantized alone.

    Args:
        graph: Graph of the ANN.
        node: Node of the site.
        received: Inputs of the site, batch by batch.
        additions: Additions that one unit spike of each of its neurons causes.
        rule: Rule that chooses ceilings.
        by_channel: True for one ceiling a channel, False for one a site.
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
        reference: Tensor,
    ) -> tuple[float, float, float]:
        """Return error, spikes and energy at N levels; all are 0 where the site was never active.

        Args:
            total_levels: N.
            rest: Nodes behind the site.
            live: Activations that those nodes need, batch by batch.
            reference: Logits of the ANN.
        """
        if not self.observation.alive.any():
            return 0.0, 0.0, 0.0
        site = fitted(self.observation, total_levels, self.rule, self.axis)
        logits, spikes, landed, images = [], 0.0, 0.0, 0
        for values, x in zip(live, self.received, strict=True):
            activation = site(x)
            fired = fired_spikes(site, activation)
            assert fired is not None
            counts = fired.unary.sum(0, dtype=torch.float64)
            spikes += float(counts.sum())
            landed += float((counts * self.additions).sum())
            images += len(x)
            logits.append(_rest(self.graph, rest, {**values, self.node: activation}))
        return relative_error(torch.cat(logits), reference), spikes / images, AC_PJ * landed / images


def _live(frontier: Frontier, batches: int) -> list[dict[fx.Node, Tensor]]:
    """Return the activations that later nodes need, batch by batch."""
    live: list[dict[fx.Node, Tensor]] = [{} for _ in range(batches)]
    for node in frontier.live:
        for values, value in zip(live, frontier.values(node), strict=True):
            values[node] = value
    return live


def _rest(graph: fx.GraphModule, rest: Sequence[fx.Node], values: dict[fx.Node, Tensor]) -> Tensor:
    """Return the first output, `[B, classes]`, of a network whose earlier nodes have these values."""
    out = results(graph)[0]
    last = {operand: node for node in rest for operand in operands(node)}
    for node in rest:
        values[node] = module_of(graph, node)(*(values[operand] for operand in operands(node)))
        for operand in set(operands(node)):
            if last[operand] is node and operand is not out:
                del values[operand]
    return rows_of(values[out])


def relative_error(logits: Tensor, reference: Tensor) -> float:
    """Return the squared error of logits, `[B, classes]`, as a share of the variance of the reference.

    What all images have in common is left out of both; a single image has nothing else, and is taken as it is.

    >>> relative_error(torch.tensor([[1.0], [2.5]]), torch.tensor([[0.0], [1.0]]))
    0.25
    """
    error, spread = logits.double() - reference.double(), reference.double()
    if len(reference) > 1:
        error, spread = error - error.mean(0), spread - spread.mean(0)
    return float(error.square().sum()) / (float(spread.square().sum()) or 1.0)
