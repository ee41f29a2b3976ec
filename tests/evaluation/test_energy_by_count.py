"""Energy in three counts of spikes: messages, analog operators, memory, and the plain network's beside."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import spike_counts as reference
from tiny_networks import build, classifier, node, quantize, weights

from snnconv.costs.activity import measure
from snnconv.costs.operations import MemoryAccesses
from snnconv.costs.sent_values import changed_values
from snnconv.evaluation import ann_energy, evaluate
from snnconv.neurons import Coupling, MultiThreshold, SigmaDelta
from snnconv.neurons.code import Code
from snnconv.neurons.spike_counts import SpikeCount
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import spike, unroll

T, K = 4, 5
RELU = node("Relu", ["input"], "relu")
few = settings(max_examples=10, deadline=None)


def telling(model, theta=1.0, timesteps=T, octaves=K):
    """The network of sigma-delta neurons with a model's weights."""
    return unroll(model, lambda *_: SigmaDelta(torch.tensor(theta), timesteps, octaves))


def uniform(model, levels=2, timesteps=T):
    return spike(quantize(model, levels * timesteps), timesteps, levels, Coupling.DIFFERENTIAL)


def counted(snn, x):
    activity = measure(snn.graph, [x], timesteps=snn.timesteps)
    for key, value in activity.operations.to_dict()["energy_by_count"].items():
        for name, energy in value.items():  # every figure of the network is the sum of its layers'
            parts = [layer.to_dict()["energy_by_count"][key][name] for layer in activity.layers]
            assert sum(parts) == pytest.approx(energy, rel=1e-12, abs=1e-9), (key, name)
    return activity.operations


def synops(operations):
    return [operations.estimate(count).synops_per_image for count in SpikeCount]


def told(snn, x, name):
    """What a node holds at each step, `[T, B, ...]`."""
    seen = {}
    target = next(place for place in snn.graph.graph.nodes if place.name == name)
    snn.graph.get_submodule(target.target).register_forward_hook(lambda _, __, out: seen.update(out=out.detach()))
    with torch.inference_mode():
        snn(x)
    return seen["out"].unflatten(0, (snn.timesteps, -1)).double()


def messages(values, theta=1.0, octaves=K):
    """The three counts of power-of-two messages, `[3, B, ...]`, one by one."""
    sent = np.diff(values.numpy() / theta, axis=0, prepend=0.0)
    exponents = np.full(sent.shape, None, dtype=object)
    for place, message in np.ndenumerate(sent):
        if message:
            exponents[place] = int(-np.log2(abs(message)))
    return reference.of_messages(exponents, octaves)


def fanned(counts, weight, **geometry):
    """Outputs that each of some counts `[3, B, C, H, W]` reaches through a convolution, added up for each count."""
    ones = torch.ones_like(weight).double()
    return [float(functional.conv2d(torch.tensor(count).double(), ones, **geometry).sum()) for count in counts]


@few
@given(st.integers(0, 2**16))
def test_messages_cross_as_many_synapses_as_they_reach(seed):
    nodes = [RELU, node("Conv", ["relu", "w"], "conv", pads=[1] * 4, strides=[2, 2]), node("Relu", ["conv"], "out")]
    model = build(nodes, {"w": weights(5, 2, 3, 3, seed=seed)}, (2, 5, 5))
    snn = telling(model)
    x = torch.rand(3, 2, 5, 5, generator=torch.Generator().manual_seed(seed)) * 3
    conv = next(module for module in snn.graph.modules() if isinstance(module, torch.nn.Conv2d))
    crossing = fanned(messages(told(snn, x, "relu")), conv.weight, stride=2, padding=1)
    read_out = messages(told(snn, x, "out")).sum(axis=(1, 2, 3, 4))  # the output adds up what it is told
    expected = [(a + b) / 3 for a, b in zip(crossing, read_out, strict=True)]
    assert synops(counted(snn, x)) == pytest.approx(expected, rel=1e-14)
    assert crossing[0] > crossing[1] == crossing[2] > 0


def test_levels_of_the_uniform_code_are_counted_by_their_digits():
    model = build([RELU, node("Gemm", ["relu", "w"], "out")], {"w": weights(4, 3)}, (4,))
    snn = uniform(model, levels=4, timesteps=2)
    x = torch.tensor([[0.1, 0.4, 0.77, 1.5]])
    elapsed = torch.arange(1, 3).view(-1, 1, 1)
    levels = np.diff((told(snn, x, "relu") * elapsed * 4).round().numpy(), axis=0, prepend=0.0)
    expected = 3 * reference.of_levels(levels).sum(axis=(1, 2))
    assert synops(counted(snn, x)) == expected.tolist()
    assert expected[0] > expected[1] > expected[2]


def test_residual_and_pooled_messages_are_routed_in_every_count():
    nodes = [
        RELU,
        node("Conv", ["relu", "w"], "conv"),
        node("Relu", ["conv"], "again"),
        node("Add", ["relu", "again"], "sum"),
        node("GlobalAveragePool", ["sum"], "pool"),
        node("Flatten", ["pool"], "flat"),
        node("Gemm", ["flat", "v"], "out"),
    ]
    model = build(nodes, {"w": weights(2, 2, 1, 1), "v": weights(2, 7)}, (2, 3, 3))
    snn = telling(model)
    x = torch.rand(2, 2, 3, 3, generator=torch.Generator().manual_seed(0)) * 2
    first, second = (messages(told(snn, x, name)).sum(axis=(1, 2, 3, 4)) for name in ("relu", "again"))
    assert synops(counted(snn, x)) == ((2 * first + 7 * (first + second)) / 2).tolist()


def test_what_a_function_gives_is_sent_where_it_changed_in_every_count_alike():
    nodes = [RELU, node("MaxPool", ["relu"], "pool", kernel_shape=[2, 2]), node("Conv", ["pool", "w"], "out")]
    snn = telling(build(nodes, {"w": weights(7, 1, 1, 1)}, (1, 3, 3)))
    x = torch.rand(2, 1, 3, 3, generator=torch.Generator().manual_seed(1)) * 2
    operations = counted(snn, x)
    changes = np.count_nonzero(np.diff(told(snn, x, "pool").numpy(), axis=0, prepend=0.0))
    assert operations.macs_per_image == 7 * changes / 2
    assert 0 < changes < told(snn, x, "pool").numel()
    assert synops(operations) == (messages(told(snn, x, "relu")).sum(axis=(1, 2, 3, 4)) / 2).tolist()


@pytest.mark.parametrize("make", [telling, uniform])
def test_a_product_of_two_accumulated_signals_is_computed_at_every_step(make):
    nodes = [
        RELU,
        node("Mul", ["input", "half"], "halved"),
        node("Relu", ["halved"], "other"),
        node("Mul", ["relu", "other"], "product"),
        node("Relu", ["product"], "out"),
    ]
    model = build(nodes, {"half": np.float32([0.5])}, (3,))
    snn = make(model)
    x = torch.tensor([[0.5, 1.0, 0.3]])
    operations = counted(snn, x)
    assert operations.macs_per_image == 3 + 3 * T  # the halving is done once, on the analog input
    assert ann_energy(model).macs_per_image == 3 + 3
    mean = spike(quantize(model, 2 * T), T, 2)
    assert counted(mean, x).macs_per_image == 3 + 3


def test_values_that_did_not_change_are_not_sent():
    steps = torch.tensor([[[0.0, 3.0, 1.0, 0.3]], [[0.0, 3.0, 2.0, 0.3 + 1e-8]], [[1.0, 3.0, 1.0, 0.3]]])
    assert changed_values(steps.flatten(0, 1), 3, Code.POWER_OF_TWO).tolist() == [[1, 1, 3, 1]]
    means = torch.tensor([[[0.0, 3.0, 6.0]], [[0.0, 3.0, 3.0]], [[1.0, 3.0, 2.0]]])  # sums 0 0 3, 3 6 9, 6 6 6
    assert changed_values(means.flatten(0, 1), 3, Code.UNIFORM).tolist() == [[1, 3, 1]]


def test_energy_of_each_count_by_hand():
    """One input of 1.75 is told as 2, then -1/4: 10 units of the smallest 1/4 (K=4), 2 messages, to 3 outputs."""
    model = build([RELU, node("Gemm", ["relu", "w"], "out")], {"w": weights(1, 3)}, (1,))
    operations = counted(telling(model, theta=2.0, timesteps=2, octaves=4), torch.tensor([[1.75]]))
    unary, power_of_two, graded = (operations.estimate(count) for count in SpikeCount)
    assert [estimate.synops_per_image for estimate in (unary, power_of_two, graded)] == [27, 6, 6]
    assert unary.energy_pj_per_image == operations.energy_pj_per_image == pytest.approx(27 * 0.9)
    assert power_of_two.energy_pj_per_image == pytest.approx(6 * 0.9)
    assert graded.energy_pj_per_image == pytest.approx(6 * 3.2)
    # 2 updates read two words and write one; a synaptic operation reads a weight and a potential, and writes it
    assert unary.memory_energy_pj_per_image == operations.memory_energy_pj_per_image == 5 * (6 + 3 * 27 + 2 * 9)
    assert power_of_two.memory_energy_pj_per_image == 5 * (6 + 3 * 6 + 2 * 2)
    assert graded.memory_energy_pj_per_image == power_of_two.memory_energy_pj_per_image
    assert graded.energy_with_memory_pj_per_image == pytest.approx(6 * 3.2 + 140)
    assert operations.graded.memory_accesses == MemoryAccesses(
        weight_read=6, potential_read=4 + 6, potential_write=2 + 6, spike_read=2, spike_write=2
    )


def test_a_network_of_one_level_has_one_count():
    snn = spike(quantize(classifier(), T), T, 1, Coupling.CAUSAL)
    operations = counted(snn, torch.rand(4, 3, 6, 6))
    first, second, third = synops(operations)
    assert first == second == third > 0


@few
@given(st.integers(0, 2**16), st.sampled_from([telling, uniform]))
def test_unary_counts_most_and_graded_least(seed, make):
    snn = make(classifier(seed=seed))
    unary, power_of_two, graded = synops(counted(snn, torch.rand(4, 3, 6, 6)))
    assert unary >= power_of_two >= graded > 0


def test_sites_tell_their_spikes_in_every_count():
    model = build([RELU], {}, (3,), outputs=("relu",))
    neurons = [MultiThreshold(torch.tensor(1.0), T, 3, coupling=Coupling.CAUSAL)]
    snn = unroll(model, lambda *_: neurons[0])
    (site,) = measure(snn.graph, [torch.tensor([[1.0, 0.4, 0.0]])], timesteps=T).sites  # 3333, 1211 and nothing
    assert (site.spikes_per_image, site.power_of_two_spikes_per_image, site.graded_spikes_per_image) == (17, 12, 8)
    (plain,) = measure(quantize(model, 4).graph, [torch.rand(2, 3)]).sites
    assert plain.power_of_two_spikes_per_image is plain.graded_spikes_per_image is None


@pytest.mark.parametrize("make", [telling, uniform])
def test_the_plain_networks_energy_stands_beside(make, images):
    ann = classifier()
    snn = make(ann)
    data = images(snn.input)
    with_reference, alone = evaluate(snn, data, against=ann), evaluate(snn, data)
    plain = ann_energy(ann)
    assert with_reference.ann_operations.energy_pj_per_image == plain.energy_pj_per_image
    assert alone.ann_operations.energy_pj_per_image == plain.energy_pj_per_image
    told = with_reference.to_dict()
    estimate = plain.estimate(SpikeCount.UNARY)
    assert told["ann_energy"] == {
        "energy_pj_per_image": estimate.energy_pj_per_image,
        "memory_energy_pj_per_image": estimate.memory_energy_pj_per_image,
        "energy_with_memory_pj_per_image": estimate.energy_with_memory_pj_per_image,
    }
    for count, figures in told["energy_by_count"].items():
        shares = told["energy_over_ann"][count]
        assert shares["energy"] == figures["energy_pj_per_image"] / plain.energy_pj_per_image
        whole = figures["energy_pj_per_image"] + figures["memory_energy_pj_per_image"]
        assert shares["energy_with_memory"] == pytest.approx(whole / estimate.energy_with_memory_pj_per_image)
    assert told["energy_pj_per_image"] == told["energy_by_count"]["unary"]["energy_pj_per_image"]


def test_no_plain_network_stands_beside_itself_alone(images):
    ann = classifier()
    found = evaluate(ann, images(ann.input))
    assert found.ann_operations is found.energy_over_ann() is None
    assert found.to_dict()["ann_energy"] is None
    compared = evaluate(ann, images(ann.input), against=ann).energy_over_ann()
    assert {share for shares in compared.values() for share in shares.values()} == {1.0}


def test_sites_are_those_of_the_network_that_is_counted():
    snn = telling(classifier())
    activity = measure(snn.graph, [torch.rand(2, 3, 6, 6)], timesteps=T)
    assert len(activity.sites) == len(list(iter_sites(snn.graph)))
    assert not activity.operations.uncounted_operators
