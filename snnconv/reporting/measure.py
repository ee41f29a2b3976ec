"""What each site does on data, and how far that is from the plain network: watched from outside, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, fx, nn

from snnconv.data.images import Images
from snnconv.evaluation.inputs import adapt
from snnconv.graph.access import display_name
from snnconv.graph.precision import to_double
from snnconv.model import SNN, Model
from snnconv.neurons import SpikingSite
from snnconv.progress import Progress, no_progress
from snnconv.reporting.numbers import SiteStatistics
from snnconv.reporting.recorder import Recorder
from snnconv.runtime.running import Precision, in_precision, placed
from snnconv.spiking.plan import prepare
from snnconv.spiking.sites import cap_of, is_rectifier, iter_sites
from snnconv.spiking.unrolling import of_one_frame

__all__ = ["measure", "plain_form"]

ELEMENTS = 1 << 24  # of all activations of one batch that are held at a time
LARGEST_BATCH = 64


def measure(
    model: Model,
    images: Images,
    *,
    against: Model | None = None,
    precision: Precision = "float64",
    progress: Progress = no_progress,
) -> tuple[SiteStatistics, ...]:
    """Watch every site of a network.

    A spiking network is run step by step, on its own spikes, under its own coupling.

    Args:
        model: of any stage; it is not changed.
        images: opened for it.
        against: the network it was made from, or another with activations of the same names; where an activation of
            that name has another shape, or is none, nothing is compared; nor where the input changes over time. None:
            compare with no ANN.
        precision: float64 or float32.
        progress: told of each batch.
    """
    watched = in_precision(model, precision) if precision == "float64" else model.copy()
    watched.graph.eval()
    plain = None if against is None or model.input.timesteps is not None else plain_form(against)
    theirs = {} if plain is None else _by_name(plain.graph)
    recorders = {
        node: Recorder(number, display_name(node), node, site, cap=_cap(theirs.get(display_name(node))))
        for number, (node, site) in enumerate(iter_sites(watched.graph), 1)
    }
    if plain is not None and precision == "float64":
        plain.graph = to_double(plain.graph)
    size = _batch_size(watched, plain)
    batches = progress(images.batches(size), "Watching sites", math.ceil(len(images) / size))
    with torch.inference_mode(), _watching(watched.graph, recorders):
        for x, _ in batches:
            if plain is not None and against is not None:
                found = _activations(plain, placed(adapt(x, images.input, against.input), plain))
                for recorder in recorders.values():
                    recorder.wanted = found.get(recorder.name)
            watched.graph(placed(x, watched))
    return tuple(recorder.statistics() for recorder in recorders.values())


def plain_form(against: Model) -> Model:
    """A copy of a network as conversion sees it, without time: activations where its sites would be."""
    model = of_one_frame(against) if isinstance(against, SNN) else prepare(against)
    model.graph.eval()
    return model


def _by_name(graph: fx.GraphModule) -> dict[str, tuple[fx.Node, nn.Module]]:
    return {display_name(node): (node, site) for node, site in iter_sites(graph)}


def _cap(found: tuple[fx.Node, nn.Module] | None) -> float:
    return cap_of(found[1]) if found is not None and is_rectifier(found[1]) else math.inf


def _batch_size(model: Model, plain: Model | None) -> int:
    """All of the plain network's activations are held at a time, and of the other's the largest, over all steps."""
    shapes = [node.meta["shape"] for node in model.graph.graph.nodes if "shape" in node.meta]
    held: int = 4 * (model.timesteps or 1) * max(math.prod(shape) for shape in shapes)
    if plain is not None:
        held += sum(math.prod(node.meta["shape"]) for node, _ in iter_sites(plain.graph))
    return max(1, min(LARGEST_BATCH, ELEMENTS // held))


def _activations(plain: Model, x: Tensor) -> dict[str, Tensor]:
    """What every site of the plain network puts out, by name."""
    found: dict[str, Tensor] = {}
    handles = []
    for node, site in iter_sites(plain.graph):

        def keep(_: nn.Module, __: tuple[Tensor, ...], out: Tensor, name: str = display_name(node)) -> None:
            found[name] = out

        handles.append(site.register_forward_hook(keep))
    try:
        plain.graph(x)
    finally:
        for handle in handles:
            handle.remove()
    return found


@contextmanager
def _watching(graph: fx.GraphModule, recorders: Mapping[fx.Node, Recorder]) -> Iterator[None]:
    """Neurons show their potentials in training only; their own flag says so, nothing else depends on it."""
    handles = []
    for node, site in iter_sites(graph):
        handles.append(site.register_forward_hook(recorders[node].hook))
        if isinstance(site, SpikingSite):
            site.training = True
            site.observer = recorders[node].observe
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
