"""Activity, operations and estimated energy of a network, and of the plain network behind a spiking one."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import fx

from snnconv.costs.activity import Activity, measure
from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.costs.operations import Operations
from snnconv.data.images import Images
from snnconv.errors import ModelError
from snnconv.graph.passes import fold_affine, run_passes, split_calls
from snnconv.graph.size import Size
from snnconv.model import SNN, Model
from snnconv.progress import Progress, no_progress
from snnconv.runtime.running import device_of, placed
from snnconv.spiking.unrolling import without_time

__all__ = ["ann_activity", "ann_energy", "compared_energy", "counted_form", "measured_activity"]


def ann_energy(model: Model, *, size: Size | None = None, energy_model: EnergyModel = DEFAULT) -> Operations:
    """Return the operations of one image in the plain network, for comparison: every operator once, batch-norm folded.

    Of data that change over time every operator counts once a frame: the plain network is run on each of them.

    Args:
        model: Network of any stage; a spiking network counts as the plain network of the same layers. It is not
            changed.
        size: Height and width of the input, where the network leaves them open.
        energy_model: Prices of operations.

    Raises:
        ModelError: The network leaves its input's size open and `size` is not given.
    """
    return ann_activity(model, size=size, energy_model=energy_model).operations


def ann_activity(model: Model, *, size: Size | None = None, energy_model: EnergyModel = DEFAULT) -> Activity:
    """Return `ann_energy` by layer: the same operations, and each node's; no sites, for it is shown no image.

    Layers have the names of a spiking network's made from it, as far as conversion keeps them.

    Args:
        model: Network of any stage, as `ann_energy` takes it.
        size: Height and width of the input, where the network leaves them open.
        energy_model: Prices of operations.

    Raises:
        ModelError: The network leaves its input's size open and `size` is not given.
    """
    plain = without_time(model) if isinstance(model, SNN) else model
    sample = torch.zeros(1, *model.input.override(size=size).sample_shape(), device=device_of(plain))
    frames = model.input.timesteps or 1
    activity = measure(counted_form(plain), [sample], frames=frames, energy_model=energy_model)
    return replace(activity, sites=())


def compared_energy(model: Model, against: Model | None, energy_model: EnergyModel = DEFAULT) -> Operations | None:
    """Return the operations of the plain network that a network's own are set beside.

    Args:
        model: Network that is evaluated; it is not changed.
        against: Reference that it is compared with; a spiking one has spikes to count itself, and is left out.
        energy_model: Prices of operations.

    Returns:
        Those of the reference, or of the plain network of a spiking network's own layers where there is none; None of
        a network that does not spike and is compared with none, and where no plain network can be counted: neurons of
        a NIR file stand for no activation.
    """
    beside = against is not None and not isinstance(against, SNN)
    if not beside and not isinstance(model, SNN):
        return None
    plain = against if beside and against is not None else model
    try:
        return ann_energy(plain, energy_model=energy_model)
    except ModelError:
        return None


def measured_activity(
    model: Model,
    images: Images,
    *,
    count: int,
    batch_size: int,
    timesteps: int | None = None,
    energy_model: EnergyModel = DEFAULT,
    progress: Progress = no_progress,
) -> Activity | None:
    """Run a network over some images once more and count its activity and operations.

    Args:
        model: Network as it is run; it is not changed.
        images: Images opened for it.
        count: Number of images to count; 0: none.
        batch_size: Images at a time.
        timesteps: T of the spiking network that it is, or that it is the collapse of; else None.
        energy_model: Prices of operations.
        progress: Receiver of each batch's progress.

    Returns:
        The activity, or None where no image is to be counted.
    """
    if not count:
        return None
    counted = images.first(count)
    batches = progress(
        (placed(x, model) for x, _ in counted.batches(batch_size)),
        "Counting operations",
        math.ceil(len(counted) / batch_size),
    )
    return measure(counted_form(model), batches, timesteps=timesteps, energy_model=energy_model)


def counted_form(model: Model) -> fx.GraphModule:
    """Return a copy of a network's graph as operations are counted on it: in evaluation mode, batch-norm folded.

    Every count and every estimate goes through this form, so that one network has one energy.
    """
    graph = model.copy().graph.eval()
    run_passes(graph, (split_calls, fold_affine))
    return graph
