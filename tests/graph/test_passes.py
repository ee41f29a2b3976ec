"""Every pass keeps the outputs, ensures what it says, and finds nothing to do a second time."""

from __future__ import annotations

import copy

import pytest
import torch
from graph_cases import CASES, prepared
from hypothesis import HealthCheck, given, settings
from pass_graphs import Net, graphs, kinds, rewritten
from torch import nn

from snnconv.graph.access import calls, module_of
from snnconv.graph.modules import Arithmetic, AveragePool, MaxPool, ReduceMean
from snnconv.graph.passes import (
    MERGE,
    SIMPLIFY,
    Pass,
    Property,
    guaranteed,
    merge_constants,
    remove_identities,
    run_passes,
    split_calls,
)
from snnconv.spiking.pooling import pool_before_sites

PIPELINES = {"simplify": SIMPLIFY, "merge": MERGE, "prepare": (*SIMPLIFY, pool_before_sites)}


def simplify(graph):
    return run_passes(graph, SIMPLIFY)


def merge(graph):
    changed = False
    while run_passes(graph, MERGE):
        changed = True
    return changed


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs())
def test_random_graphs(graph):
    rewritten(graph, simplify)
    rewritten(graph, merge)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs())
def test_after_each_pass_all_that_is_guaranteed_holds(graph):
    for passes in PIPELINES.values():
        copied, held = copy.deepcopy(graph), frozenset()
        for each in passes:
            each(copied)
            held = guaranteed([each], given=held)
            for ensured in held:
                assert ensured.holds(copied), f"{each.name}: {ensured.name}"
            assert not each(copied), f"{each.name} a second time"
        assert held == guaranteed(passes)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs())
def test_the_merged_network_is_no_larger(graph):
    before, after = (rewritten(graph, run) for run in (simplify, merge))
    assert sum(p.numel() for p in after.parameters()) <= sum(p.numel() for p in before.parameters())
    assert len(calls(after)) <= len(calls(before))


def test_an_order_in_which_a_requirement_is_not_met_is_refused_before_any_work():
    net = Net(3, 4, 4)
    graph = net.finish(net.call(nn.Identity(), net.input))
    with pytest.raises(ValueError, match="merge_constants requires a module of its own for every call"):
        run_passes(graph, (remove_identities, merge_constants))
    assert kinds(graph) == [nn.Identity]


def test_what_a_pass_does_not_keep_is_lost():
    bold = Property("boldness", lambda graph: True)
    make, forget = Pass("make", lambda graph: False, ensures=frozenset({bold})), Pass("forget", lambda graph: False)
    use = Pass("use", lambda graph: False, requires=frozenset({bold}))
    assert guaranteed((make, use)) == frozenset()
    with pytest.raises(ValueError, match="use requires boldness"):
        guaranteed((make, forget, use))


def test_a_convolution_called_twice_with_two_norms():
    net = Net(3, 5, 5)
    one = net.conv(net.input, 3, padding=1)
    first = net.norm(one)
    second = net.norm(net.again(str(one.target), net.call(nn.ReLU(), first)))
    graph = rewritten(net.finish(second), simplify)
    assert kinds(graph) == [nn.Conv2d, nn.ReLU, nn.Conv2d]
    one, _, two = (module_of(graph, node) for node in calls(graph))
    assert one.weight is not two.weight


def test_one_module_under_two_names_is_split_and_keeps_its_weights_shared():
    net = Net(3, 5, 5)
    one = net.conv(net.input, 3, padding=1)
    net.root.add_module("alias", net.root.get_submodule(str(one.target)))
    graph = rewritten(net.finish(net.again("alias", one)), split_calls)
    first, second = (module_of(graph, node) for node in calls(graph))
    assert first is not second
    assert first.weight is second.weight


def test_names_with_a_dot_and_names_that_are_taken():
    net = Net(3, 5, 5)
    block = nn.Module()
    block.add_module("conv", net._drawn(nn.Conv2d(3, 3, 1)))
    net.root.add_module("block", block)
    one = net.again("block.conv", net.input)
    two = net.again("block.conv", one)
    graph = rewritten(net.finish(net.again("block.conv", two)), split_calls)
    assert [node.target for node in calls(graph)] == ["block.conv", "block.conv_1", "block.conv_2"]


@pytest.mark.parametrize("padding", [0, 1])
def test_a_norm_before_a_convolution(padding):
    net = Net(4, 6, 6)
    x = net.norm(net.call(nn.ReLU(), net.conv(net.input, 4)))
    graph = rewritten(net.finish(net.conv(x, 6, padding=padding, groups=2)), simplify)
    assert (nn.BatchNorm2d in kinds(graph)) == bool(padding)


def test_a_scale_goes_into_a_convolution_that_pads():
    net = Net(4, 6, 6)
    x = net.constant("mul", net.input, 4, 1, 1)
    assert kinds(rewritten(net.finish(net.conv(x, 6, padding=1)), simplify)) == [nn.Conv2d]


def test_a_norm_without_affine_on_the_input():
    net = Net(4, 6, 6)
    x = net.call(nn.BatchNorm2d(4, affine=False), net.input)
    assert kinds(rewritten(net.finish(net.conv(x, 6, bias=False)), simplify)) == [nn.Conv2d]


def test_a_norm_without_statistics_stays():
    net = Net(4, 6, 6)
    x = net.call(nn.BatchNorm2d(4, track_running_stats=False), net.conv(net.input, 4))
    assert kinds(rewritten(net.finish(x), simplify)) == [nn.Conv2d, nn.BatchNorm2d]


@pytest.mark.parametrize("all_can", [True, False])
def test_a_norm_that_feeds_two_convolutions(all_can):
    net = Net(4, 6, 6)
    x = net.norm(net.call(nn.ReLU(), net.input))
    one, two = net.conv(x, 3, 1), net.conv(x, 3, 1, padding=0 if all_can else 1)
    graph = rewritten(net.finish(one, two), simplify)
    assert (nn.BatchNorm2d in kinds(graph)) != all_can


def test_a_norm_that_is_an_output_too_stays():
    net = Net(4, 6, 6)
    x = net.norm(net.call(nn.ReLU(), net.input))
    assert nn.BatchNorm2d in kinds(rewritten(net.finish(net.conv(x, 3), x), simplify))


def test_a_norm_before_convolutions_that_share_a_weight():
    net = Net(4, 6, 6)
    one = nn.Conv2d(4, 4, 1)
    two = nn.Conv2d(4, 4, 1)
    y = net.call(one, net.input)
    two.weight, two.bias = one.weight, one.bias
    x = net.norm(net.call(nn.ReLU(), y))
    graph = rewritten(net.finish(net.call(two, x)), simplify)
    assert kinds(graph) == [nn.Conv2d, nn.ReLU, nn.Conv2d]


@pytest.mark.parametrize("flatten", [True, False])
def test_a_norm_before_a_linear_operator(flatten):
    net = Net(4, 3, 3) if flatten else Net(4)
    x = net.norm(net.call(nn.ReLU(), net.input))
    x = net.call(nn.Flatten(1), x) if flatten else x
    graph = rewritten(net.finish(net.call(nn.Linear(x.meta["shape"][0], 5), x)), simplify)
    assert not {nn.BatchNorm1d, nn.BatchNorm2d} & set(kinds(graph))


def test_a_norm_before_a_linear_operator_on_another_axis_stays():
    net = Net(4, 7)
    x = net.norm(net.call(nn.ReLU(), net.input))
    assert nn.BatchNorm1d in kinds(rewritten(net.finish(net.call(nn.Linear(7, 5), x)), simplify))


@pytest.mark.parametrize(
    ("options", "exact"),
    [
        ({"kernel_size": 1}, True),
        ({"kernel_size": 3, "padding": 2, "groups": 2}, True),
        ({"kernel_size": 3, "padding": 4, "dilation": 2}, True),
        ({"kernel_size": 3, "padding": 1}, False),
        ({"kernel_size": 1, "stride": 2}, False),
        ({"kernel_size": 2, "stride": 2, "groups": 2}, False),
    ],
)
def test_a_norm_before_a_transposed_convolution(options, exact):
    net = Net(4, 5, 5)
    x = net.norm(net.call(nn.ReLU(), net.input))
    graph = rewritten(net.finish(net.call(nn.ConvTranspose2d(4, 6, **options), x)), simplify)
    assert (nn.BatchNorm2d not in kinds(graph)) == exact


def test_a_scale_goes_into_any_grouped_transposed_convolution():
    net = Net(4, 5, 5)
    x = net.constant("div", net.input, 4, 1, 1)
    graph = rewritten(net.finish(net.call(nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), x)), simplify)
    assert kinds(graph) == [nn.ConvTranspose2d]


def test_a_convolution_with_two_users_keeps_its_norm():
    net = Net(4, 5, 5)
    x = net.conv(net.input, 4)
    graph = rewritten(net.finish(net.add(net.norm(x), net.call(nn.ReLU(), x))), simplify)
    assert nn.BatchNorm2d in kinds(graph)


@pytest.mark.parametrize("operators", [("add", "sub"), ("mul", "div"), ("sub", "sub"), ("div", "div")])
def test_constants_in_a_row(operators):
    net = Net(4, 5, 5)
    x = net.call(nn.ReLU(), net.input)
    for operator in operators:
        x = net.constant(operator, x, 4, 1, 1, first=operator == "sub")
    assert kinds(rewritten(net.finish(x), simplify)) == [nn.ReLU, Arithmetic]


def test_constants_that_cancel_each_other_vanish():
    net = Net(4, 5, 5)
    x = net.constant("mul", net.constant("mul", net.call(nn.ReLU(), net.input), value=2.0), value=0.5)
    assert kinds(rewritten(net.finish(x), simplify)) == [nn.ReLU]


def test_constants_along_different_axes_would_make_a_larger_one():
    net = Net(4, 5, 5)
    x = net.constant("add", net.constant("add", net.input, 4, 1, 1), 1, 5, 5)
    assert len(kinds(rewritten(net.finish(x), simplify))) == 2


def test_a_zero_that_widens_its_operand_stays():
    net = Net(1, 5, 5)
    assert kinds(rewritten(net.finish(net.constant("add", net.input, 4, 1, 1, value=0.0)), simplify)) == [Arithmetic]


def test_factors_whose_product_leaves_the_range_stay():
    net = Net(2, 3, 3)
    x = net.constant("mul", net.constant("mul", net.input, value=1e30), value=1e30)
    graph = net.finish(x).float()
    assert not merge_constants(graph)
    assert len(calls(graph)) == 2


def test_a_network_that_does_nothing():
    net = Net(2, 3, 3)
    graph = rewritten(net.finish(net.call(nn.Identity(), net.input)), simplify)
    assert not calls(graph)


def test_training_statistics_are_left_alone():
    net = Net(3, 5, 5)
    graph = net.finish(net.call(nn.ReLU(), net.norm(net.input)))
    before = copy.deepcopy(graph.state_dict())
    rewritten(graph, simplify)
    assert all(torch.equal(tensor, before[name]) for name, tensor in graph.state_dict().items())


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("pads", [0, 1])
def test_a_norm_before_a_mean(include, pads):
    net = Net(4, 6, 6)
    x = net.norm(net.call(nn.ReLU(), net.input))
    x = net.call(AveragePool([2, 2], [2, 2], [pads] * 4, count_include_pad=include), x)
    graph = rewritten(net.finish(net.conv(x, 3, 2)), simplify)
    assert (nn.BatchNorm2d in kinds(graph)) == (include and bool(pads))


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("pads", [0, 1])
def test_a_norm_after_a_mean(include, pads):
    net = Net(4, 6, 6)
    x = net.call(AveragePool([2, 2], [2, 2], [pads] * 4, count_include_pad=include), net.conv(net.input, 4))
    graph = rewritten(net.finish(net.call(nn.ReLU(), net.norm(x))), simplify)
    assert (nn.BatchNorm2d in kinds(graph)) == (include and bool(pads))


@pytest.mark.parametrize("pads", [0, 1])
@pytest.mark.parametrize("lowest", [-0.1, 0.0, 0.1])
def test_a_norm_after_a_maximum(lowest, pads):
    net = Net(4, 9, 9)
    x = net.call(MaxPool([3, 3], [2, 2], [pads] * 4, [1, 1]), net.conv(net.input, 4))
    x = net.norm(net.call(AveragePool([2, 2], [1, 1], [0] * 4), x))
    net.root.get_submodule(str(x.target)).weight.data = torch.tensor([0.5, lowest, 1.0, 2.0], dtype=torch.float64)
    graph = rewritten(net.finish(net.call(nn.ReLU(), x)), simplify)
    assert (nn.BatchNorm2d in kinds(graph)) == (lowest < 0)


def test_a_maximum_with_two_users_keeps_its_norm():
    net = Net(4, 6, 6)
    x = net.call(MaxPool([2, 2], [2, 2], [0] * 4, [1, 1]), net.conv(net.input, 4))
    norm = net.norm(x)
    net.root.get_submodule(str(norm.target)).weight.data.fill_(0.5)
    graph = rewritten(net.finish(net.add(norm, net.call(nn.ReLU(), x))), simplify)
    assert nn.BatchNorm2d in kinds(graph)


@pytest.mark.parametrize("keepdims", [True, False])
def test_a_norm_before_a_mean_over_all_positions(keepdims):
    net = Net(4, 6, 6)
    x = net.norm(net.call(nn.ReLU(), net.input))
    x = net.call(ReduceMean((2, -1), keepdims=keepdims), x)
    x = net.conv(x, 3, 1) if keepdims else net.call(nn.Linear(4, 3), x)
    assert nn.BatchNorm2d not in kinds(rewritten(net.finish(x), simplify))


def test_a_norm_before_a_mean_over_its_channels_stays():
    net = Net(4, 6, 6)
    x = net.call(ReduceMean((1,), keepdims=False), net.norm(net.call(nn.ReLU(), net.input)))
    assert nn.BatchNorm2d in kinds(rewritten(net.finish(net.call(nn.Linear(6, 3), x)), simplify))


@pytest.mark.parametrize("name", CASES)
def test_a_prepared_network_needs_nothing_more(name):
    graph = copy.deepcopy(prepared(name).graph)
    assert not run_passes(graph, PIPELINES["prepare"])
    assert all(ensured.holds(graph) for ensured in guaranteed(PIPELINES["prepare"]))
