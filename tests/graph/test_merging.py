"""Linear operators merged on request: same outputs, never more parameters or multiply-accumulates."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pass_graphs import Net, kinds, rewritten
from torch import nn

from snnconv.graph.access import calls, module_of
from snnconv.graph.linear import LINEAR
from snnconv.graph.modules import Arithmetic
from snnconv.graph.passes import MERGE, run_passes
from snnconv.loading import load_module
from snnconv.spiking.plan import prepare


def merge(graph):
    changed = False
    while run_passes(graph, MERGE):
        changed = True
    return changed


def cost(graph) -> tuple[int, int]:
    """Parameters and multiply-accumulates; weights as pytorch lays them out, `[out, in/groups, ...]`."""
    layers = [(node, module_of(graph, node)) for node in calls(graph)]
    linear = [(node, module) for node, module in layers if isinstance(module, LINEAR)]
    outputs = [math.prod(node.meta["shape"]) for node, _ in linear]
    macs = sum(size * module.weight[0].numel() for size, (_, module) in zip(outputs, linear, strict=True))
    return sum(parameter.numel() for parameter in graph.parameters()), macs


@st.composite
def rows_of_convolutions(draw: st.DrawFn):
    """Two to four in a row, wide or narrow, also in parallel."""
    net = Net(4, 6, 6)
    net.random.manual_seed(draw(st.integers(0, 100)))

    def convolved(x, channels):
        kernel = draw(st.sampled_from([1, 1, 3]))
        options = {
            "padding": draw(st.sampled_from([0, kernel // 2, kernel // 2])),
            "bias": draw(st.booleans()),
            "groups": draw(st.sampled_from([1, 1, 2])),
            "stride": draw(st.sampled_from([1, 1, 2])),
        }
        return net.conv(x, channels, min(kernel, *x.meta["shape"][1:]), **options)

    x, shared = net.input, []
    for _ in range(draw(st.integers(2, 4))):
        channels = draw(st.sampled_from([2, 4, 8]))
        one = convolved(x, channels)
        two = convolved(x, channels) if draw(st.booleans()) else net.norm(x)
        shared.append(one)
        x = net.add(one, two) if one.meta["shape"] == two.meta["shape"] else one
        if draw(st.integers(0, 5)) == 0:  # its weights are still needed
            shared.append(net.call(nn.ReLU(), net.again(str(one.target), one.args[0])))
    return net.finish(x, *(node for node in shared if not node.users))


@settings(max_examples=400, deadline=None)
@given(rows_of_convolutions())
def test_rows_of_convolutions(graph):
    before = rewritten(graph, lambda graph: run_passes(graph, MERGE[:5]))
    after = rewritten(graph, merge)
    assert all(now <= then for now, then in zip(cost(after), cost(before), strict=True))


@pytest.mark.parametrize(("width", "merged"), [(8, True), (2, False)])
def test_linear_operators_merge_unless_they_are_a_bottleneck(width, merged):
    net = Net(6)
    x = net.call(nn.Linear(width, 6), net.call(nn.Linear(6, width), net.input))
    assert kinds(rewritten(net.finish(x), merge)) == [nn.Linear] * (1 if merged else 2)


@pytest.mark.parametrize("first", [1, 3])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_pointwise_convolution_and_another(first, groups):
    net = Net(4, 6, 6)
    x = net.conv(net.input, 4, first, padding=first // 2, bias=first == 3, groups=groups)
    x = net.conv(x, 4, 4 - first, padding=1 - first // 2, groups=groups)
    graph = rewritten(net.finish(x), merge)
    assert kinds(graph) == [nn.Conv2d]


def test_a_bias_that_would_be_padded_with_zeros_stays():
    net = Net(4, 6, 6)
    x = net.conv(net.conv(net.input, 4, 1), 4, padding=1)
    assert len(kinds(rewritten(net.finish(x), merge))) == 2


def test_strides_multiply():
    net = Net(4, 9, 9)
    x = net.conv(net.conv(net.input, 4, 3, padding=1, stride=2), 4, 1, stride=3)
    graph = rewritten(net.finish(x), merge)
    assert module_of(graph, calls(graph)[0]).stride == (6, 6)


def test_fewer_parameters_but_more_multiplications_are_refused():
    net = Net(16, 4, 4)
    x = net.conv(net.input, 6, 1, bias=False)  # 96 weights at 4x4 positions
    x = net.conv(x, 1, 3, padding=6, bias=False)  # 54 weights at 14x14; as one 144 weights at 14x14
    assert len(kinds(rewritten(net.finish(x), merge))) == 2


def test_weights_that_another_module_shares_are_not_saved():
    net = Net(4)
    inner = nn.Linear(4, 4)
    x = net.call(inner, net.input)
    twin = nn.Linear(4, 4)
    twin.weight, twin.bias = inner.weight, inner.bias
    other = net.call(twin, net.call(nn.ReLU(), net.input))
    narrow = net.call(nn.Linear(4, 1), x)  # 4 weights and a bias of its own: as one it has as many
    assert kinds(rewritten(net.finish(narrow, other), merge)).count(nn.Linear) == 2
    wide = Net(4)
    inner = nn.Linear(4, 4)
    twin.weight, twin.bias = inner.weight, inner.bias
    last = wide.call(nn.Linear(4, 8, bias=False), wide.call(inner, wide.input))  # 32 weights become 32 and a bias
    graph = wide.finish(last, wide.call(twin, wide.call(nn.ReLU(), wide.input)))
    assert kinds(rewritten(graph, merge)).count(nn.Linear) == 3


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_block_of_repvgg(order, groups):
    net = Net(4, 6, 6)
    x = net.call(nn.ReLU(), net.input)
    branches = [
        net.norm(net.conv(x, 4, 3, padding=1, bias=False, groups=groups)),
        net.norm(net.conv(x, 4, 1, bias=False, groups=groups)),
        net.norm(x),
    ]
    one, two, three = (branches[index] for index in order)
    out = net.call(nn.ReLU(), net.add(net.add(one, two), three))
    assert kinds(rewritten(net.finish(out), merge)) == [nn.ReLU, nn.Conv2d, nn.ReLU]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"kernel_size": 3, "padding": 1}, {"kernel_size": 1, "groups": 2}),
        ({"kernel_size": 3, "padding": 1}, {"kernel_size": 3, "padding": 1, "padding_mode": "circular"}),
        ({"kernel_size": 3, "padding": 1}, {"kernel_size": 3, "padding": 2, "dilation": 2}),
        ({"kernel_size": 4}, {"kernel_size": 2, "dilation": 3}),
        ({"kernel_size": 3, "padding": 1, "dilation": 2, "stride": 3}, {"kernel_size": 1, "stride": 3}),
        ({"kernel_size": 3, "stride": 6}, {"kernel_size": 1, "padding": 1, "stride": 6}),
    ],
)
def test_branches_that_do_not_fit_stay(one, two):
    net = Net(4, 9, 9)
    one, two = (net.call(nn.Conv2d(4, 4, **options), net.input) for options in (one, two))
    graph = rewritten(net.finish(net.add(one, two)), merge)
    assert kinds(graph) == [nn.Conv2d, nn.Conv2d, Arithmetic]


def test_a_sum_of_a_convolution_with_itself():
    net = Net(4, 6, 6)
    x = net.conv(net.input, 4, 3, padding=1)
    assert kinds(rewritten(net.finish(net.add(x, x)), merge)) == [nn.Conv2d, Arithmetic]


def test_prepare_merges_when_asked():
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 2))
    model = load_module(module, (3, 8, 8))
    assert len(calls(prepare(model).graph)) == 5
    assert len(calls(prepare(model, merge_linear=True).graph)) == 4
