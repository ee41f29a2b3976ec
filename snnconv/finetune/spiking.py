"""ANN -> spiking network that is trained from scratch: every rectifier becomes a layer of neurons."""

from __future__ import annotations

import torch
from torch import fx, nn

from snnconv.errors import InvalidValueError, ModelError
from snnconv.finetune.quantize import average_pools, hold_scalars
from snnconv.model import ANN, SNN, Model
from snnconv.neurons import Coupling, NeuronSettings, SpikingSite, build_neuron, scale_to_threshold
from snnconv.spiking.plan import make_plan
from snnconv.spiking.pooling import pool_before_sites
from snnconv.spiking.signals import place_reads, place_signals
from snnconv.spiking.sites import is_signed, iter_sites
from snnconv.spiking.unrolling import unroll

__all__ = ["spiking_network"]


def spiking_network(
    model: Model,
    neuron: NeuronSettings,
    *,
    average_pool: bool = True,
    threshold_norm: bool = True,
    train_ceilings: bool = False,
) -> SNN:
    """Return a spiking network of an ANN's layers, to be trained; batch-norm stays, over time and batch together.

    Args:
        model: ANN, with whose weights the training starts.
        neuron: Neurons that take the place of its activations.
        average_pool: True to replace max-pooling by average pooling; else it moves before the activation that it
            follows.
        threshold_norm: True to scale batch-norms to the neurons' threshold (tdBN).
        train_ceilings: True to give thresholds a gradient.

    Raises:
        UnsupportedOperatorsError: Nodes cannot be given spikes; all are listed.
        ModelError: The network is not an ANN, or has no activation.
        InvalidValueError: Its input has another number of time steps than the neurons, or it has activations of both
            signs and the neurons fire no negative spikes.
    """
    if not isinstance(model, ANN):
        raise ModelError(f"Only an ANN can be given neurons; this network is at the stage {model.stage.value}.")
    if model.input.timesteps not in (None, neuron.timesteps):
        raise InvalidValueError(
            f"The data have {model.input.timesteps} frames, the neurons T={neuron.timesteps}: give the same."
        )
    prepared = model.copy()
    if average_pool:
        average_pools(prepared.graph)
    place_signals(prepared.graph)
    place_reads(prepared.graph)
    pool_before_sites(prepared.graph)
    coupling = build_neuron(neuron, torch.tensor(1.0)).coupling
    make_plan(prepared, Coupling.CAUSAL if coupling is Coupling.CAUSAL else Coupling.MEAN).require()

    def neurons(node: fx.Node, site: nn.Module) -> SpikingSite:
        layer = build_neuron(neuron, torch.tensor(neuron.initial_ceiling), signed=is_signed(site))
        layer.ceiling.requires_grad_(train_ceilings)
        return layer

    network = unroll(prepared, neurons)
    hold_scalars(network.graph)
    if threshold_norm:
        scale_to_threshold(network.graph, neuron.norm_threshold)
    assert next(iter_sites(network.graph), None) is not None
    return network
