"""Operations and energy by layer, of a network and of the plain network of the same layers."""

from __future__ import annotations

from snnconv.costs.energy import DEFAULT, EnergyModel
from snnconv.costs.operations import LayerOperations
from snnconv.evaluation import Evaluation, ann_activity
from snnconv.model import SNN, Model
from snnconv.neurons.spike_counts import SpikeCount
from snnconv.reporting.numbers import LayerCost

__all__ = ["layer_costs"]


def layer_costs(counted: Evaluation, model: Model, energy_model: EnergyModel = DEFAULT) -> tuple[LayerCost, ...]:
    """Return the costs of every layer beside those of the plain network's layer of the same name.

    Args:
        counted: Evaluation of the network that counted operations layer by layer.
        model: The network. One that does not spike is its own plain network, which is then left out.
        energy_model: Costs of operations.

    Returns:
        The network's layers in the order of execution, then those that only the plain network has.
    """
    plain: dict[str, LayerOperations] = {}
    if isinstance(model, SNN):
        plain = {layer.name: layer for layer in ann_activity(model, energy_model=energy_model).layers}
    costs = [_cost(layer, plain.pop(layer.name, None)) for layer in counted.layers]
    return (*costs, *(_plain_only(layer) for layer in plain.values()))


def _cost(layer: LayerOperations, plain: LayerOperations | None) -> LayerCost:
    return LayerCost(
        name=layer.name,
        operator=layer.operator,
        macs=layer.macs_per_image,
        synops=layer.synops_per_image,
        additions=layer.additions_per_image,
        neuron_updates=layer.neuron_updates_per_image,
        energy_pj=layer.energy_pj_per_image,
        neuron_energy_pj=layer.neuron_energy_pj_per_image,
        ann_energy_pj=None if plain is None else plain.energy_pj_per_image,
        power_of_two_energy_pj=layer.estimate(SpikeCount.POWER_OF_TWO).energy_pj_per_image,
        graded_energy_pj=layer.estimate(SpikeCount.GRADED).energy_pj_per_image,
    )


def _plain_only(layer: LayerOperations) -> LayerCost:
    return LayerCost(layer.name, layer.operator, None, None, None, None, None, None, layer.energy_pj_per_image)
