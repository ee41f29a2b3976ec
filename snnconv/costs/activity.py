"""Activity and operations of a network on data, averaged over the images, by site and by layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.costs.operations import LayerOperations, Operations
from snnconv.costs.site_activity import SiteActivity
from snnconv.costs.walk import Walk
from snnconv.graph.access import display_name, module_of
from snnconv.neurons import NoForm, QuantizedSite, capabilities_of
from snnconv.spiking.plan import operator_name

__all__ = ["Activity", "measure"]


@dataclass(frozen=True)
class Activity:
    """Activity and operations of a network, averaged over the images counted.

    Attributes:
        sites: Activity of each site, in the order of execution.
        operations: Operations of the whole network, the sum of its layers'.
        layers: Every node that computes, fires or adds spikes up, in the order of execution; of nodes that only pass on
            what they get there is none, nor of uncounted operators.
        images: Number of images counted.
    """

    sites: tuple[SiteActivity, ...]
    operations: Operations
    layers: tuple[LayerOperations, ...]
    images: int


def measure(
    graph: fx.GraphModule,
    batches: Iterable[Tensor],
    *,
    timesteps: int | None = None,
    frames: int = 1,
    energy_model: EnergyModel = DEFAULT,
) -> Activity:
    """Count activity and operations.

    Args:
        graph: Graph of any stage, in evaluation mode.
        batches: Inputs `[B, ...]`, or `[T, B, ...]` where the graph folds them over time; at least one.
        timesteps: T of the spiking network that the graph is, or that it is the collapse of; None for a plain
            or quantized network, which has no spikes.
        frames: Number of times that an image takes the network, of a plain one that is run on frames one by one.
        energy_model: Prices of operations.
    """
    walk = Walk(graph, timesteps)
    with torch.inference_mode():
        for batch in batches:
            walk.count(batch)
    return _averages(walk, frames, energy_model)


def _averages(walk: Walk, frames: int, energy_model: EnergyModel) -> Activity:
    """Return averages over the images of a walk.

    Args:
        walk: Walk that has seen all images.
        frames: Number of times that an image takes the network.
        energy_model: Prices of operations.
    """
    uncounted = tuple({"name": name, "operator": kind} for name, kind in walk.uncounted.items())
    total = walk.total().mean(walk.images, frames, energy_model)
    layers = (
        LayerOperations(
            name=display_name(node), operator=_operator(walk, node), **sums.mean(walk.images, frames, energy_model)
        )
        for node in walk.graph_module.graph.nodes
        if (sums := walk.layers.get(node)) is not None
    )
    sites = tuple(sums.mean(display_name(node), walk.timesteps) for node, sums in walk.sites.items())
    return Activity(sites, Operations(uncounted_operators=uncounted, **total), tuple(layers), walk.images)


def _operator(walk: Walk, node: fx.Node) -> str:
    """Return the operator's name; of a quantized activation that stands for neurons, theirs."""
    module = module_of(walk.graph_module, node)
    if isinstance(module, QuantizedSite) and walk.timesteps is not None:
        form = capabilities_of(module).spiking
        return operator_name(module) if isinstance(form, NoForm) else form.neurons
    return operator_name(module)
