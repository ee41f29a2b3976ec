"""Labels of sites: the file's own names where they say something, the layer before them where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from graph_cases import CASES, conv, model_of, plain, proto_of
from onnx import helper

from snnconv.spiking.site_labels import feeding_layer, site_labels
from snnconv.spiking.sites import iter_sites

NAMES = ("Relu_1", "Relu_3", "137", "block.relu")


def network(names, layers=("/stem/Conv", "/block/block.0/conv1/Conv", "Conv_7", "/head/Conv")):
    """Four convolutions, each with a rectifier, by these names; a residual sum comes before the third one."""
    nodes, source = [], "input"
    for place, (layer, name) in enumerate(zip(layers, names, strict=True)):
        made = conv(source, f"c{place}", weight=f"w{place}", bias="b")
        made.name = layer
        nodes.append(made)
        source = f"c{place}"
        if place == 2:
            nodes.append(helper.make_node("Add", ["r0", source], ["sum"], name="sum"))
            source = "sum"
        nodes.append(helper.make_node("Relu", [source], [f"r{place}"], name=name))
        source = f"r{place}"
    channels = (3, 4, 4, 4)
    weights = {f"w{place}": np.ones((4, channels[place], 3, 3)) for place in range(4)}
    return model_of(proto_of(nodes, {**weights, "b": np.zeros(4)}, outputs=(source,)))


def test_a_name_that_says_nothing_gets_the_layer_before_it():
    assert site_labels(network(NAMES).graph) == (
        "Relu_1 after stem",
        "Relu_3 after block.0.conv1",
        "137 after Conv_7",
        "block.relu",
    )


def test_sites_of_one_name_are_told_apart():
    labels = site_labels(network(("Relu",) * 4, ("Conv",) * 4).graph)
    assert labels == tuple(f"Relu after Conv (site {place})" for place in range(1, 5))


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_site_has_a_label_of_its_own(case):
    graph = plain(case).graph
    labels = site_labels(graph)
    names = [node.meta["onnx_name"] for node, _ in iter_sites(graph)]
    assert len(set(labels)) == len(labels) == len(names)
    assert all(label.startswith(name) for label, name in zip(labels, names, strict=True))


def test_a_site_on_the_input_has_no_layer_before_it():
    graph = plain("relu_on_the_input").graph
    first, _ = next(iter_sites(graph))
    assert feeding_layer(graph, first) is None
