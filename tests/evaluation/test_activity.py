"""Operations of networks small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_networks import build, classifier, node, quantize, weights

from snnconv.costs.activity import measure
from snnconv.model import typed
from snnconv.neurons import QCFS, Coupling
from snnconv.spiking.sites import iter_sites, swap
from snnconv.spiking.unrolling import collapse, spike

T, L = 2, 2
N = T * L
RELU = node("Relu", ["input"], "relu")


def both(model, x, timesteps=T, levels=L):
    """Activity of the spiking form of a network, collapsed and stepped; both must tell the same."""
    snn = spike(quantize(model, timesteps * levels), timesteps, levels)
    collapsed = measure(collapse(snn).graph, [x], timesteps=timesteps)
    assert measure(snn.graph, [x], timesteps=timesteps) == collapsed
    layers_add_up(collapsed)
    return collapsed


def layers_add_up(activity):
    """Every figure of the network is the sum of its layers'."""
    whole = activity.operations.to_dict()
    assert activity.layers
    for key, value in whole.items():
        if isinstance(value, float):
            assert sum(layer.to_dict()[key] for layer in activity.layers) == pytest.approx(value, rel=1e-12), key
    for key, value in whole["memory_accesses_per_image"].items():
        parts = [getattr(layer.memory_accesses, key) for layer in activity.layers]
        assert sum(parts) == pytest.approx(value, rel=1e-12), key


def cost(activity):
    operations = activity.operations
    return operations.macs_per_image, operations.synops_per_image, operations.additions_per_image


def test_a_linear_layer_after_a_site_costs_its_spikes_times_its_outputs():
    model = build([RELU, node("Gemm", ["relu", "w"], "out", transB=1)], {"w": weights(3, 2)}, (2,))
    activity = both(model, torch.tensor([[0.5, 1.0], [0.25, -1.0]]))  # levels 2, 4 and 1, 0 of N = 4
    assert cost(activity) == (0, (2 + 4 + 1 + 0) * 3 / 2, 0)
    (site,) = activity.sites
    assert (site.name, site.neurons, site.spikes_per_image) == ("relu", 2, 3.5)
    assert site.firing_rate == 3.5 / 2 / T
    assert site.mean_level_fraction == 3.5 / 2 / N
    assert site.zero_fraction == 0.25
    assert activity.operations.energy_pj_per_image == pytest.approx(0.9 * 10.5)


def test_the_analog_input_costs_macs_once_however_long_the_window():
    nodes = [
        node("Conv", ["input", "w"], "conv", pads=[1] * 4),
        node("Relu", ["conv"], "relu"),
        node("Conv", ["relu", "v"], "out"),
    ]
    model = build(nodes, {"w": np.zeros((2, 3, 3, 3), np.float32), "v": weights(5, 2, 1, 1)}, (3, 4, 4))
    for timesteps in (1, 2, 3):
        activity = both(model, torch.rand(2, 3, 4, 4), timesteps)
        assert cost(activity) == (2 * 16 * 27, 0, 0)  # nothing fires


def test_spikes_at_borders_feed_fewer_outputs():
    nodes = [RELU, node("Conv", ["relu", "w"], "out", pads=[1] * 4)]
    model = build(nodes, {"w": weights(5, 1, 3, 3)}, (1, 3, 3))
    x = torch.zeros(1, 1, 3, 3)
    for place, outputs in (((0, 0), 4), ((0, 1), 6), ((1, 1), 9)):
        x.zero_()[0, 0][place] = 0.75  # level 3
        assert cost(both(model, x)) == (0, 3 * outputs * 5, 0)


def test_a_neuron_takes_spikes_at_one_addition_each():
    nodes = [RELU, node("Relu", ["relu"], "again"), node("Gemm", ["again", "w"], "out")]
    activity = both(build(nodes, {"w": weights(2, 3)}, (2,)), torch.tensor([[0.5, 1.0]]))
    assert cost(activity) == (0, 6 + 6 * 3, 0)


def test_adding_two_spike_trains_is_free_until_they_land():
    nodes = [
        RELU,
        node("Mul", ["input", "half"], "halved"),
        node("Relu", ["halved"], "other"),
        node("Add", ["relu", "other"], "sum"),
        node("Gemm", ["sum", "w"], "out"),
    ]
    model = build(nodes, {"w": weights(2, 3), "half": np.float32([0.5])}, (2,))
    activity = both(model, torch.tensor([[0.5, 1.0]]))  # levels 2, 4 and 1, 2
    assert cost(activity) == (2, 9 * 3, 0)  # the halving is done once, on the analog input


def test_spikes_added_to_a_current_cost_an_addition_each():
    nodes = [
        RELU,
        node("Gemm", ["relu", "w"], "current"),
        node("Add", ["current", "relu"], "sum"),
        node("Relu", ["sum"], "out"),
    ]
    activity = both(build(nodes, {"w": np.zeros((2, 2), np.float32)}, (2,)), torch.tensor([[0.5, 1.0]]))
    assert cost(activity) == (0, 6 * 2 + 6 + 6, 0)  # synapses, the residual, the read-out of the second site


def test_adding_two_currents_costs_real_additions_at_every_step():
    nodes = [
        RELU,
        node("Gemm", ["relu", "w"], "one"),
        node("Gemm", ["relu", "v"], "two"),
        node("Add", ["one", "two"], "out"),
    ]
    arrays = {"w": weights(2, 3), "v": weights(2, 3, seed=1)}
    assert cost(both(build(nodes, arrays, (2,)), torch.tensor([[0.5, 1.0]]))) == (0, 6 * 3 * 2, T * 3)


def test_concatenated_spikes_stay_spikes_and_constants_do_not_fire():
    nodes = [
        RELU,
        node("Concat", ["relu", "ones", "relu"], "joined", axis=1),
        node("Gemm", ["joined", "w"], "out"),
    ]
    model = build(nodes, {"ones": np.ones((1, 1), np.float32), "w": weights(5, 3)}, (2,))
    x = torch.tensor([[0.5, 1.0]])
    assert cost(both(model, x)) == (0, 12 * 3, 0)


def test_spikes_and_currents_joined_are_graded():
    nodes = [
        RELU,
        node("Gemm", ["relu", "w"], "current"),
        node("Concat", ["relu", "current"], "joined", axis=1),
        node("Gemm", ["joined", "v"], "out"),
    ]
    activity = both(build(nodes, {"w": weights(2, 3), "v": weights(5, 7)}, (2,)), torch.tensor([[0.5, 1.0]]))
    assert cost(activity) == (T * 5 * 7, 6 * 3, 0)


def test_a_pooled_spike_is_routed_to_every_window_it_is_in():
    pool = node("AveragePool", ["relu"], "pool", kernel_shape=[2, 2])  # 3 x 3 to 2 x 2, overlapping
    model = build([RELU, pool, node("Conv", ["pool", "w"], "out")], {"w": weights(5, 1, 1, 1)}, (1, 3, 3))
    x = torch.zeros(1, 1, 3, 3)
    for place, windows in (((0, 0), 1), ((0, 1), 2), ((1, 1), 4)):
        x.zero_()[0, 0][place] = 0.75
        assert cost(both(model, x)) == (0, 3 * windows * 5, 0)


def test_a_global_mean_passes_every_spike_to_the_read_out():
    nodes = [
        RELU,
        node("GlobalAveragePool", ["relu"], "pool"),
        node("Flatten", ["pool"], "flat"),
        node("Gemm", ["flat", "w"], "out"),
    ]
    activity = both(build(nodes, {"w": weights(2, 10)}, (2, 3, 3)), torch.full((1, 2, 3, 3), 0.5))
    assert cost(activity) == (0, 18 * 2 * 10, 0)


def test_a_mean_of_spikes_that_is_the_output_costs_an_addition_each():
    nodes = [RELU, node("GlobalAveragePool", ["relu"], "out")]
    assert cost(both(build(nodes, {}, (2, 3, 3)), torch.full((1, 2, 3, 3), 0.5))) == (0, 18 * 2, 0)


def test_two_linear_operators_without_a_neuron_send_graded_currents_at_every_step():
    nodes = [RELU, node("Gemm", ["relu", "w"], "narrow"), node("Gemm", ["narrow", "v"], "out")]
    activity = both(build(nodes, {"w": weights(2, 3), "v": weights(3, 5)}, (2,)), torch.tensor([[0.5, 1.0]]))
    assert cost(activity) == (T * 15, 6 * 3, 0)


def test_batch_norm_of_currents_is_multiplied_and_of_spikes_is_added():
    norm = {"g": np.ones(2, np.float32), "b": np.zeros(2, np.float32)}
    norm |= {"m": np.zeros(2, np.float32), "s": np.ones(2, np.float32), "w": weights(2, 2)}
    on_spikes = [RELU, node("BatchNormalization", ["relu", "g", "b", "m", "s"], "out")]
    x = torch.tensor([[0.5, 1.0]])
    assert cost(both(build(on_spikes, norm, (2,)), x)) == (0, 6, 0)
    on_currents = [
        RELU,
        node("Gemm", ["relu", "w"], "current"),
        node("BatchNormalization", ["current", "g", "b", "m", "s"], "out"),
    ]
    assert cost(both(build(on_currents, norm, (2,)), x)) == (T * 2, 6 * 2, 0)


def test_constant_factors_and_summands_belong_to_the_next_synapse():
    nodes = [
        RELU,
        node("Mul", ["relu", "two"], "scaled"),
        node("Add", ["scaled", "two"], "shifted"),
        node("Gemm", ["shifted", "w"], "out"),
    ]
    arrays = {"two": np.float32([2.0]), "w": weights(2, 3)}
    assert cost(both(build(nodes, arrays, (2,)), torch.tensor([[0.5, 1.0]]))) == (0, 18, 0)


def test_moved_spikes_land_where_they_were_moved():
    nodes = [
        RELU,
        node("Pad", ["relu", "pads"], "padded"),
        node("Transpose", ["padded"], "turned", perm=[0, 1, 3, 2]),
        node("Slice", ["turned", "from", "to", "axis"], "cut"),
        node("Conv", ["cut", "w"], "out"),
    ]
    arrays = {"pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "w": weights(5, 1, 3, 3)}
    arrays |= {"from": np.array([0]), "to": np.array([3]), "axis": np.array([2])}
    x = torch.zeros(1, 1, 3, 3)
    x[0, 0, 0, 0], x[0, 0, 0, 2] = 0.25, 1.0  # the second is cut away, the first feeds two places
    assert cost(both(build(nodes, arrays, (1, 3, 3)), x)) == (0, 1 * 2 * 5, 0)


def test_what_is_not_known_is_listed_and_its_spikes_are_paid_for_once():
    nodes = [
        RELU,
        node("MaxPool", ["relu"], "pool", kernel_shape=[2, 2]),
        node("Sigmoid", ["relu"], "sigmoid"),
        node("Conv", ["pool", "w"], "a"),
        node("Conv", ["sigmoid", "v"], "b"),
        node("Add", ["a", "b"], "out"),
    ]
    arrays = {"w": weights(2, 1, 1, 1), "v": weights(2, 1, 2, 2)}
    activity = both(build(nodes, arrays, (1, 2, 2)), torch.full((1, 1, 2, 2), 0.5))
    assert {entry["name"]: entry["operator"] for entry in activity.operations.uncounted_operators} == {
        "pool": "MaxPool",
        "sigmoid": "Sigmoid",
    }
    # after the time mean nothing changes over time any more
    assert cost(activity) == (1 * 2 + 4 * 2, 8, 2)


def test_without_time_there_are_macs_only(ann, quantized):
    expected = 144 * 27 + 144 * 36 + 16 * 4 + 16  # convolutions, read-out, one factor a mean
    x = torch.rand(3, 3, 6, 6)
    for model in (ann, quantized):
        activity = measure(model.graph, [x])
        assert cost(activity) == (expected, 0, 144 + 16 * 8)
        assert activity.operations.neuron_updates_per_image == 0
        layers_add_up(activity)
    plain, levelled = (measure(model.graph, [x]).sites[0] for model in (ann, quantized))
    assert plain.spikes_per_image is plain.mean_level_fraction is plain.firing_rate is None
    assert levelled.firing_rate is None
    assert levelled.spikes_per_image == pytest.approx(levelled.mean_level_fraction * 144 * 8)
    assert 0 < plain.zero_fraction < 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("timesteps", [1, 3])
def test_collapsed_and_stepped_count_the_same(seed, timesteps):
    snn = spike(quantize(classifier(seed=seed), 2 * timesteps, 0.7), timesteps, 2)
    x = torch.rand(8, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    one = measure(collapse(snn).graph, [x], timesteps=timesteps).operations
    other = measure(snn.graph, [x[:5], x[5:]], timesteps=timesteps).operations
    assert one.synops_per_image > 0
    assert other.macs_per_image == one.macs_per_image
    # a value on a level's border may fall to either side
    assert other.synops_per_image == pytest.approx(one.synops_per_image, rel=1e-3)


def test_causal_neurons_fire_what_reaches_them_at_each_step():
    nodes = [RELU, node("Gemm", ["relu", "w"], "current"), node("Relu", ["current"], "out")]
    model = build(nodes, {"w": np.float32([[1.0], [-1.0]])}, (2,))
    snn = spike(quantize(model, 2), 2, 1, Coupling.CAUSAL)
    # The first fires at both steps, the second at step 1 (m = 0.5 + 0.5); so the last gets 0, then 1.
    activity = measure(snn.graph, [torch.tensor([[1.0, 0.5]])], timesteps=2)
    assert [site.spikes_per_image for site in activity.sites] == [3, 1]
    assert cost(activity) == (0, 3 + 1, 0)


@pytest.mark.parametrize("coupling", ["mean", "causal"])
def test_a_negative_spike_costs_as_many_additions_as_a_positive_one(coupling):
    """Levels 4, -2 and -8 of 8 in T steps are 14 unit spikes, each of which lands on 3 synapses."""
    model = build([RELU, node("Gemm", ["relu", "w"], "out")], {"w": weights(3, 3)}, (3,))
    site_node = next(node for node, _ in iter_sites(model.graph))
    swap(model.graph, site_node, QCFS(torch.tensor(1.0), 2 * T, signed=True))
    model = typed(model)
    x = torch.tensor([[0.5, -0.25, -1.5]])
    snn = spike(model, T, 2, Coupling(coupling))
    for graph in (model.graph, snn.graph):
        activity = measure(graph, [x], timesteps=T)
        layers_add_up(activity)
        assert activity.sites[0].spikes_per_image == 2 * T * 1.75
        assert activity.operations.synops_per_image == 2 * T * 1.75 * 3
