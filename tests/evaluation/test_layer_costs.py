"""Operations, neuron updates and memory accesses of each layer, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_networks import build, node, quantize, weights

from snnconv.costs.activity import measure
from snnconv.costs.operations import MemoryAccesses
from snnconv.costs.updates import Update, update_of
from snnconv.neurons import LIF, QCFS, Coupling, LearnableMultiThreshold, MultiLevel, MultiThreshold, NIRNeuron
from snnconv.spiking.sites import iter_sites, swap
from snnconv.spiking.unrolling import collapse, spike

T, L = 2, 2
ONE = torch.tensor(1.0)

TWO_LAYERS = [
    node("Gemm", ["input", "v"], "first"),
    node("Relu", ["first"], "relu"),
    node("Gemm", ["relu", "w"], "out"),
]


def layers(activity):
    return {layer.name: layer for layer in activity.layers}


def test_two_layers_by_hand():
    """2 inputs, 2 neurons, 3 outputs. T = L = 2, ceiling 1: currents 0.5 and 1 fire 2 and 4 unit spikes."""
    model = build(TWO_LAYERS, {"v": np.eye(2, dtype=np.float32), "w": weights(2, 3)}, (2,))
    snn = spike(quantize(model, T * L), T, L)
    x = torch.tensor([[0.5, 1.0]])
    for graph in (snn.graph, collapse(snn).graph):
        activity = measure(graph, [x], timesteps=T)
        assert activity.operations.energy_pj_per_image == pytest.approx(34.6)
        assert activity.operations.neuron_energy_pj_per_image == pytest.approx(14.4)
        assert activity.operations.memory_energy_pj_per_image == 440
        found = layers(activity)
        assert list(found) == ["first", "relu", "out"]
        assert [layer.operator for layer in found.values()] == ["Linear", "MultiThreshold", "Linear"]
        first, relu, out = found.values()
        assert first.macs_per_image == 2 * 2
        assert first.energy_pj_per_image == pytest.approx(4 * 4.6)
        assert first.memory_accesses == MemoryAccesses(weight_read=4, value_read=4, value_write=2)
        # 2 neurons, 2 steps; each adds its current, compares with 2 levels, and resets
        assert relu.neuron_updates_per_image == 4
        assert relu.neuron_additions_per_image == 4 * (1 + 2 + 1)
        assert relu.neuron_multiplications_per_image == relu.energy_pj_per_image == 0
        assert relu.neuron_energy_pj_per_image == pytest.approx(16 * 0.9)
        # an update reads the window's current and the potential, and writes the potential
        assert relu.memory_accesses == MemoryAccesses(potential_read=8, potential_write=4, spike_write=6)
        assert relu.memory_energy_pj_per_image == 5 * 18
        assert out.synops_per_image == 6 * 3
        assert out.energy_pj_per_image == pytest.approx(18 * 0.9)
        assert out.memory_accesses == MemoryAccesses(
            weight_read=18, potential_read=18, potential_write=18, spike_read=6
        )


def test_the_plain_network_by_hand():
    model = build(TWO_LAYERS, {"v": np.eye(2, dtype=np.float32), "w": weights(2, 3)}, (2,))
    found = layers(measure(model.graph, [torch.tensor([[0.5, 1.0]])]))
    assert [layer.macs_per_image for layer in found.values()] == [4, 0, 6]
    assert [layer.operator for layer in found.values()] == ["Linear", "Relu", "Linear"]
    assert found["out"].memory_accesses == MemoryAccesses(weight_read=6, value_read=6, value_write=3)
    assert found["relu"].memory_accesses == MemoryAccesses()


def test_each_addition_belongs_to_where_the_spikes_land():
    nodes = [
        node("Relu", ["input"], "relu"),
        node("Gemm", ["relu", "w"], "current"),
        node("Add", ["current", "relu"], "sum"),
        node("Relu", ["sum"], "again"),
    ]
    model = build(nodes, {"w": np.zeros((2, 2), np.float32)}, (2,), outputs=("again",))
    snn = spike(quantize(model, T * L), T, L)
    found = layers(measure(snn.graph, [torch.tensor([[0.5, 1.0]])], timesteps=T))
    assert {name: layer.synops_per_image for name, layer in found.items()} == {
        "relu": 0,
        "current": 6 * 2,
        "sum": 6,  # the residual
        "again": 6,  # the time mean of what it fires
    }
    assert found["sum"].memory_accesses == MemoryAccesses(potential_read=6, potential_write=6, spike_read=6)
    assert found["current"].memory_accesses.weight_read == 12


def test_operators_on_real_values():
    """A mean of 4 values reads 4 and writes 1; a sum of two reads both; a batch-norm has weights."""
    nodes = [
        node("GlobalAveragePool", ["input"], "mean"),
        node("Add", ["mean", "mean"], "sum"),
        node("BatchNormalization", ["sum", "g", "g", "g", "g"], "out"),
    ]
    model = build(nodes, {"g": np.ones(1, np.float32)}, (1, 2, 2))
    found = layers(measure(model.graph, [torch.rand(1, 1, 2, 2)]))
    assert found["mean"].memory_accesses == MemoryAccesses(value_read=4, value_write=1)
    assert found["sum"].memory_accesses == MemoryAccesses(value_read=2, value_write=1)
    assert found["out"].memory_accesses == MemoryAccesses(weight_read=1, value_read=1, value_write=1)


@pytest.mark.parametrize(
    ("site", "additions", "multiplications", "reads", "writes"),
    [
        (LIF(ONE, 4, 1), 3, 0, 1, 1),  # IF: integrate, compare, reset
        (LIF(ONE, 4, 1, decay=0.5), 3, 1, 1, 1),
        (LIF(ONE, 4, 1, decay=0.5, reset="hard"), 2, 1, 1, 1),
        (LIF(ONE, 4, 3), 5, 0, 1, 1),
        (MultiThreshold(ONE, 4, 2, coupling=Coupling.CAUSAL), 4, 0, 1, 1),
        (MultiThreshold(ONE, 4, 2), 4, 0, 2, 1),
        (MultiThreshold(ONE, 4, 2, signed=True), 6, 0, 2, 1),
        (LearnableMultiThreshold(ONE, 4, 2), 4 + 3, 4 + 1, 5, 1),  # ω: 4 products and 3 sums; leak
        (MultiLevel(ONE, 4, 3), 3 + 3, 3, 4, 3),  # 3 membranes: integrate, compare, leak
        (NIRNeuron(4, ONE, reset="soft"), 3, 0, 1, 1),  # NIR's IF: integrate, compare, reset
        (NIRNeuron(4, ONE, decay=0.5, reset="soft"), 3, 1, 1, 1),
        (NIRNeuron(4, ONE, decay=0.5, reset="hard"), 2, 1, 1, 1),
        (QCFS(ONE, 8), 4, 0, 2, 1),  # collapsed: L = 8/4
        (QCFS(ONE, 8, signed=True), 6, 0, 2, 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, torch.nn.Module) else str(value),
)
def test_what_an_update_takes(site, additions, multiplications, reads, writes):
    assert update_of(site, 4) == Update(additions, multiplications, reads, writes)


@pytest.mark.parametrize("timesteps", [1, 3])
def test_neurons_of_another_kind_are_updated_at_every_step(timesteps):
    model = build([node("Relu", ["input"], "out")], {}, (2,))
    snn = spike(quantize(model, timesteps), timesteps, 1, Coupling.CAUSAL)
    place = next(place for place, _ in iter_sites(snn.graph))
    swap(snn.graph, place, LIF(ONE, timesteps, 1, decay=0.5))
    activity = measure(snn.graph, [torch.rand(5, 2)], timesteps=timesteps)
    (layer,) = activity.layers
    assert layer.operator == "Leaky"
    assert layer.neuron_updates_per_image == layer.neuron_multiplications_per_image == 2 * timesteps
    assert layer.neuron_additions_per_image == 3 * 2 * timesteps


def test_a_plain_network_on_frames_costs_each_of_them(ann):
    x = torch.zeros(1, 3, 6, 6)
    once, often = measure(ann.graph, [x]), measure(ann.graph, [x], frames=3)
    assert often.operations.macs_per_image == 3 * once.operations.macs_per_image
    assert often.operations.memory_energy_pj_per_image == 3 * once.operations.memory_energy_pj_per_image
    assert [layer.macs_per_image for layer in often.layers] == [3 * layer.macs_per_image for layer in once.layers]
