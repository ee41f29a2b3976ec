"""Reading a graph: how many samples fit, and functions that are called while it runs."""

from __future__ import annotations

import pytest
import torch
from graph_cases import plain
from torch import nn

from snnconv.graph.access import samples_within
from snnconv.graph.hooks import hooked


def test_samples_that_fit_the_largest_activation():
    graph = plain("chain").graph
    largest = max(torch.Size(node.meta["shape"]).numel() for node in graph.graph.nodes if "shape" in node.meta)
    assert samples_within(graph, 12 * largest) == 12
    assert samples_within(graph, 12 * largest, steps=4) == 3
    assert samples_within(graph, 12 * largest - 1, steps=4) == 2
    assert samples_within(graph, 1) == 1


@pytest.mark.parametrize("before", [True, False])
def test_hooks_end_with_their_context(before):
    layer, calls = nn.Identity(), []

    def run():
        with hooked([(layer, lambda *_: calls.append(1))], before=before):
            layer(torch.zeros(1))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        run()
    layer(torch.zeros(1))
    assert len(calls) == 1


def test_what_a_hook_gives_takes_the_place_of_the_output():
    layer = nn.Identity()
    with hooked([(layer, lambda module, inputs, out: out + 1)]):
        assert layer(torch.zeros(1)) == 1
    assert layer(torch.zeros(1)) == 0
