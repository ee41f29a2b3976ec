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
from snnconv.spiking.signals import place_signals
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
    """A spiking network of an ANN's layers, to be trained; batch-norm stays, over time and batch together.

    Args:
        model: an ANN; its weights are where training starts.
        neuron: the neurons that take the place of its activations.
        average_pool: replace max-pooling by average pooling; else it moves before the activation that it follows.
        threshold_norm: scale batch-norms to the neurons' threshold (tdBN).
        train_ceilings: give thresholds a gradient.

    Raises:
        UnsupportedOperatorsError: lists every node that cannot be given spikes.
        ModelError: the network is not an ANN, or has no activation.
        InvalidValueError: its input has another number of time steps than the neurons, or it has activations of both
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
    pool_before_sites(prepared.graph)
    made = build_neuron(neuron, torch.tensor(1.0))
    make_plan(prepared, Coupling.CAUSAL if made.coupling is Coupling.CAUSAL else Coupling.MEAN).require()

    def neurons(node: fx.Node, site: nn.Module) -> SpikingSite:
        made = build_neuron(neuron, torch.tensor(neuron.initial_ceiling), signed=is_signed(site))
        made.ceiling.requires_grad_(train_ceilings)
        return made

    network = unroll(prepared, neurons)
    hold_scalars(network.graph)
    if threshold_norm:
        scale_to_threshold(network.graph, neuron.norm_threshold)
    assert next(iter_sites(network.graph), None) is not None
    return network
