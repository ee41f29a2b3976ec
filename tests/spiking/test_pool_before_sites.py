"""Max-pooling moved before the activation it follows: same outputs, neurons that still receive currents."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from graph_cases import HEAD, SHAPE, W, conv, images, model_of, node, proto_of, quantize
from onnx import numpy_helper

from snnconv.graph.access import calls, module_of
from snnconv.spiking.pooling import pool_before_sites

POOL = {"kernel_shape": [2, 2], "strides": [2, 2]}


def move(nodes, *, levels=None, weights=W, outputs=("out",)):
    """Move, compare with the network before, and return the kinds of modules in their order."""
    model = model_of(proto_of(nodes, weights, SHAPE, outputs))
    if levels:
        model = quantize(model, levels)
    x = images(model)
    before = model(x)
    graph = copy.deepcopy(model.graph)
    changed = pool_before_sites(graph)
    with torch.no_grad():
        torch.testing.assert_close(graph(x), before, rtol=0, atol=0)
    kinds = [type(module_of(graph, call)).__name__ for call in calls(graph)]
    assert changed == (kinds != [type(module_of(model.graph, call)).__name__ for call in calls(model.graph)])
    assert not pool_before_sites(graph)
    graph.graph.lint()
    return kinds


@pytest.mark.parametrize("levels", [None, 4])
def test_site_then_pool(levels):
    site = "QCFS" if levels else "ReLU"
    nodes = [conv("input", "c"), node("Relu", "c", "r"), node("MaxPool", "r", "out", **POOL)]
    assert move(nodes, levels=levels) == ["Conv2d", "MaxPool", site]


def test_saturating_site():
    weights = W | {"low": 0.0, "high": 6.0}
    nodes = [conv("input", "c"), node("Clip", "c low high", "r"), node("MaxPool", "r", "out", **POOL)]
    assert move(nodes, weights=weights)[:2] == ["Conv2d", "MaxPool"]


def padded(pads, value=None, levels=4):
    inputs = "r pads value" if value is not None else "r pads"
    nodes = [conv("input", "c"), node("Relu", "c", "r"), node("Pad", inputs, "p"), node("MaxPool", "p", "out", **POOL)]
    made = proto_of(nodes, W | ({} if value is None else {"value": value}))
    made.graph.initializer.append(numpy_helper.from_array(np.array(pads, np.int64), "pads"))
    model = model_of(made)
    model = quantize(model, levels)
    x = images(model)
    before = model(x)
    pool_before_sites(model.graph)
    assert torch.equal(model(x), before)
    return [type(module_of(model.graph, call)).__name__ for call in calls(model.graph)]


def test_zero_padding_between_them():
    assert padded([0, 0, 0, 1, 0, 0, 1, 0]) == ["Conv2d", "Pad", "MaxPool", "QCFS"]


def test_other_padding_stays_behind_the_site():
    assert padded([0, 0, 0, 1, 0, 0, 1, 0], value=1.0) == ["Conv2d", "QCFS", "Pad", "MaxPool"]


def test_padded_channels_would_have_no_ceilings():
    assert padded([0, 2, 0, 0, 0, 2, 0, 0]) == ["Conv2d", "QCFS", "Pad", "MaxPool"]


@pytest.mark.parametrize("levels", [None, 4])
def test_another_user_keeps_a_site_of_its_own(levels):
    site = "QCFS" if levels else "ReLU"
    nodes = [
        conv("input", "c"),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "m", kernel_shape=[3, 3], pads=[1] * 4),
        node("Add", "m r", "out"),
    ]
    kinds = move(nodes, levels=levels)
    assert sorted(kinds) == sorted(["Conv2d", "MaxPool", site, site, "Arithmetic"])
    assert kinds.index("MaxPool") < len(kinds) - 1 - kinds[::-1].index(site)


def test_two_pools_of_one_site():
    nodes = [
        conv("input", "c"),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "m1", kernel_shape=[3, 3], pads=[1] * 4),
        node("MaxPool", "r", "m2", kernel_shape=[1, 1]),
        node("Add", "m1 m2", "out"),
    ]
    assert move(nodes, levels=4) == ["Conv2d", "MaxPool", "QCFS", "MaxPool", "QCFS", "Arithmetic"]


def test_a_site_that_is_an_output_too_stays():
    nodes = [conv("input", "c"), node("Relu", "c", "r"), node("MaxPool", "r", "out", **POOL)]
    assert move(nodes, outputs=("out", "r")).count("ReLU") == 2


def test_two_pools_in_a_row():
    nodes = [
        conv("input", "c"),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "m1", **POOL),
        node("MaxPool", "m1", "out", **POOL),
    ]
    assert move(nodes, levels=4) == ["Conv2d", "MaxPool", "MaxPool", "QCFS"]


def test_nothing_to_move():
    nodes = [conv("input", "c"), node("MaxPool", "c", "m", **POOL), node("Relu", "m", "features"), *HEAD]
    assert move(nodes)[:3] == ["Conv2d", "MaxPool", "ReLU"]
