"""The comparison with neurobench: what it is shown, and with neurobench present that both count the same."""

from __future__ import annotations

import pytest
import torch

import snnconv
from benchmarks.energy import compare, linear_layers, name_of, show_spikes, small, unpadded_macs
from snnconv.costs.activity import measure
from snnconv.loading import load_module


@pytest.fixture(scope="module")
def images():
    return torch.rand(16, 3, 16, 16, generator=torch.Generator().manual_seed(1)) + 0.05


@pytest.fixture(scope="module")
def snn(images):
    """A binary network: L = 1, causal, with padding, strides and groups."""
    ann = load_module(small(1), (3, 16, 16))
    return snnconv.convert(
        ann, timesteps=3, levels=1, coupling="causal", calibration="mse", calibration_data=images, seed=0
    )


def test_operations_are_the_connections_that_spikes_meet(snn, images):
    """Counted in another way: a layer of weights 1 on inputs of 0 and 1, summed."""
    graph = snn.copy().graph.double()
    found = {layer.name: layer for layer in measure(graph, [images.double()], timesteps=3).layers}
    layers = {name_of(node): layer for node, layer in linear_layers(graph).items()}
    show_spikes(graph)
    met = {}

    def count(name):
        def hook(layer, inputs):
            ones = torch.ones_like(layer.weight)
            kept, bias = layer.weight.data, layer.bias
            layer.weight.data, layer.bias = ones, None
            met[name] = float(layer.forward(inputs[0]).sum()) / len(images)
            layer.weight.data, layer.bias = kept, bias

        return hook

    names = list(layers)
    hooks = [layers[name].register_forward_pre_hook(count(name)) for name in names[1:]]
    with torch.no_grad():
        graph(images.double())
    for hook in hooks:
        hook.remove()
    assert len(met) == 2
    assert all(count > 0 for count in met.values())
    for name, connections in met.items():
        assert found[name].synops_per_image == pytest.approx(connections, rel=1e-12)
    assert unpadded_macs(graph)[names[0]] < found[names[0]].macs_per_image == 16 * 16 * 8 * 27


def test_showing_spikes_changes_no_answer(snn, images):
    plain, shown = snn.copy(), snn.copy()
    show_spikes(shown.graph)
    torch.testing.assert_close(shown.graph(images)[0], plain.graph(images)[0], rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore")
def test_neurobench_counts_the_same(snn, images):
    pytest.importorskip("neurobench")
    row = compare("padding", snn, images)
    assert (row["layers"], row["layers_that_agree"]) == (3, 3)
    assert row["effective_acs"] == row["synops"] > 0
    assert row["effective_macs"] == row["macs_without_padding"]
