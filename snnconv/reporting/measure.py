"""The behaviour of each site on data, and its distance from the plain network, watched from outside batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, fx, nn

from snnconv.data.images import Images
from snnconv.graph.access import display_name, largest_activation
from snnconv.graph.hooks import hooked
from snnconv.graph.precision import to_double
from snnconv.model import SNN, Model
from snnconv.neurons import SpikingSite
from snnconv.progress import Progress, no_progress
from snnconv.reporting.recorder import Recorder
from snnconv.reporting.site_statistics import SiteStatistics
from snnconv.runtime.batches import adapt
from snnconv.runtime.running import Dtype, in_dtype, placed
from snnconv.spiking.plan import prepare
from snnconv.spiking.sites import cap_of, is_rectifier, iter_sites
from snnconv.spiking.unrolling import without_time

__all__ = ["measure", "plain_form"]

ELEMENTS = 1 << 24  # elements of all activations of one batch that are held at a time
LARGEST_BATCH = 64


def measure(
    model: Model,
    images: Images,
    *,
    against: Model | None = None,
    precision: Dtype = "float64",
    progress: Progress = no_progress,
) -> tuple[SiteStatistics, ...]:
    """Watch every site of a network.

    A spiking network is run step by step, on its own spikes, under its own coupling.

    Args:
        model: Network of any stage; it is not changed.
        images: Images opened for the network.
        against: Network that it was made from, or another one with activations of the same names; None: compare with
            nothing. An activation of another shape is not compared, nor is anything if the input changes over time.
        precision: Arithmetic, float64 or float32.
        progress: Callable around each batch, for a progress bar.
    """
    watched = in_dtype(model, precision) if precision == "float64" else model.copy()
    watched.graph.eval()
    plain = None if against is None or model.input.timesteps is not None else plain_form(against)
    plain_sites = {} if plain is None else {display_name(node): site for node, site in iter_sites(plain.graph)}
    recorders = {
        node: Recorder(number, display_name(node), node, site, cap=_cap(plain_sites.get(display_name(node))))
        for number, (node, site) in enumerate(iter_sites(watched.graph), 1)
    }
    if plain is not None and precision == "float64":
        plain.graph = to_double(plain.graph)
    size = _batch_size(watched, plain)
    batches = progress(images.batches(size), "Watching sites", math.ceil(len(images) / size))
    with torch.inference_mode(), _watching(watched.graph, recorders):
        for x, _ in batches:
            if plain is not None and against is not None:
                activations = _activations(plain, placed(adapt(x, images.input, against.input), plain))
                for recorder in recorders.values():
                    recorder.ann_activation = activations.get(recorder.name)
            watched.graph(placed(x, watched))
    return tuple(recorder.statistics() for recorder in recorders.values())


def plain_form(against: Model) -> Model:
    """Return a copy of a network as conversion sees it, without time: activations in the places of its sites."""
    model = without_time(against) if isinstance(against, SNN) else prepare(against)
    model.graph.eval()
    return model


def _cap(activation: nn.Module | None) -> float:
    return cap_of(activation) if activation is not None and is_rectifier(activation) else math.inf


def _batch_size(model: Model, plain: Model | None) -> int:
    """Return how many images fit: all activations of the plain network, and of the other the largest over all steps."""
    elements = 4 * (model.timesteps or 1) * largest_activation(model.graph)
    if plain is not None:
        elements += sum(math.prod(node.meta["shape"]) for node, _ in iter_sites(plain.graph))
    return max(1, min(LARGEST_BATCH, ELEMENTS // elements))


def _activations(plain: Model, x: Tensor) -> dict[str, Tensor]:
    """Return the output of every site of the plain network, by the site's name."""
    activations: dict[str, Tensor] = {}

    def record(name: str, _: nn.Module, __: tuple[Tensor, ...], out: Tensor) -> None:
        activations[name] = out

    with hooked((site, partial(record, display_name(node))) for node, site in iter_sites(plain.graph)):
        plain.graph(x)
    return activations


@contextmanager
def _watching(graph: fx.GraphModule, recorders: Mapping[fx.Node, Recorder]) -> Iterator[None]:
    """Let recorders watch their sites.

    Neurons show their potentials in training only. Nothing else depends on the flag that is set for it.
    """
    for node, site in iter_sites(graph):
        if isinstance(site, SpikingSite):
            site.training = True
            site.observer = recorders[node].observe
    with hooked((site, recorders[node].hook) for node, site in iter_sites(graph)):
        yield
