"""Batch-norm and constant additions folded into the linear operator before them: same outputs, fewer nodes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from graph_cases import conv, node, proto_of
from torch import nn

from snnconv.graph.access import calls, module_of
from snnconv.graph.importer import import_graph
from snnconv.graph.modules import Arithmetic
from snnconv.graph.passes import fold_affine, split_calls

TOLERANCE = 1e-5  # of the largest magnitude
RNG = np.random.default_rng(0)


def rand(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def norm(source, output, channels=4):
    names = [f"{output}_{part}" for part in ("scale", "shift", "mean", "var")]
    values = [rand(channels), rand(channels), rand(channels), RNG.uniform(0.2, 3, channels).astype(np.float32)]
    return node("BatchNormalization", " ".join([source, *names]), output), dict(zip(names, values, strict=True))


def fold(nodes, weights, shape=(3, 5, 5), outputs=("out",)):
    """Fold, compare with the network before, and return the modules that are left."""
    graph = import_graph(proto_of(nodes, weights, shape, outputs)).graph
    folded = copy.deepcopy(graph)
    changed = fold_affine(folded)
    assert changed == (len(calls(folded)) < len(calls(graph)))
    x = torch.from_numpy(rand(3, *shape))
    with torch.no_grad():
        for before, after in zip(_tuple(graph(x)), _tuple(folded(x)), strict=True):
            torch.testing.assert_close(after, before, rtol=0, atol=TOLERANCE * float(before.abs().max()))
    assert not fold_affine(folded)
    return [type(module_of(folded, call)) for call in calls(folded)]


def _tuple(out):
    return out if isinstance(out, tuple) else (out,)


@pytest.mark.parametrize("bias", [True, False])
def test_convolution_and_batch_norm(bias):
    bn, weights = norm("c", "out")
    weights |= {"w": rand(4, 3, 3, 3)} | ({"b": rand(4)} if bias else {})
    assert fold([node("Conv", "input w b" if bias else "input w", "c", pads=[1] * 4), bn], weights) == [nn.Conv2d]


def test_grouped_convolution_and_batch_norm():
    bn, weights = norm("c", "out", 6)
    assert fold([node("Conv", "input w", "c", group=3), bn], weights | {"w": rand(6, 1, 3, 3)}) == [nn.Conv2d]


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolution_and_batch_norm(groups):
    bn, weights = norm("c", "out", 6)
    nodes = [node("ConvTranspose", "input w b", "c", group=groups, strides=[2, 2]), bn]
    weights |= {"w": rand(4, 6 // groups, 3, 3), "b": rand(6)}
    assert fold(nodes, weights, (4, 5, 5)) == [nn.ConvTranspose2d]


def test_linear_and_batch_norm():
    bn, weights = norm("z", "out")
    assert fold([node("Gemm", "input w b", "z", transB=1), bn], weights | {"w": rand(4, 7), "b": rand(4)}, (7,)) == [
        nn.Linear
    ]


def test_batch_norm_of_other_channels_than_the_linear_operators_stays():
    bn, weights = norm("z", "out", 4)
    kinds = fold([node("MatMul", "input w", "z"), bn], weights | {"w": rand(5, 5)}, (4, 5))
    assert nn.BatchNorm1d in kinds


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1), (1, 1, 1), ()])
def test_convolution_and_a_constant_per_channel(shape):
    nodes = [node("Conv", "input w", "c"), node("Add", "c k", "out")]
    assert fold(nodes, {"w": rand(4, 3, 3, 3), "k": rand(*shape)}) == [nn.Conv2d]


@pytest.mark.parametrize("shape", [(5,), (3, 1), (4, 3, 5)])
def test_other_constants_stay(shape):
    nodes = [node("Conv", "input w", "c"), node("Add", "c k", "out")]
    assert Arithmetic in fold(nodes, {"w": rand(4, 3, 3, 1), "k": rand(*shape)})


@pytest.mark.parametrize("first", [True, False])
def test_matrix_product_and_a_constant(first):
    nodes = [node("MatMul", "input w", "z"), node("Add", "k z" if first else "z k", "out")]
    assert fold(nodes, {"w": rand(7, 4), "k": rand(4)}, (7,)) == [nn.Linear]


def test_convolution_and_batch_norm_and_a_constant():
    bn, weights = norm("c", "n")
    nodes = [node("Conv", "input w", "c"), bn, node("Add", "n k", "out")]
    assert fold(nodes, weights | {"w": rand(4, 3, 3, 3), "k": rand(4, 1, 1)}) == [nn.Conv2d]


def test_a_convolution_with_another_user_stays():
    bn, weights = norm("c", "n")
    kinds = fold([node("Conv", "input w", "c"), bn, node("Add", "n c", "out")], weights | {"w": rand(4, 3, 3, 3)})
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, Arithmetic]


def test_a_convolution_that_is_an_output_too_stays():
    bn, weights = norm("c", "out")
    kinds = fold([node("Conv", "input w", "c"), bn], weights | {"w": rand(4, 3, 3, 3)}, outputs=("out", "c"))
    assert kinds == [nn.Conv2d, nn.BatchNorm2d]


def test_a_weight_that_another_convolution_shares_stays_its_own():
    bn, weights = norm("c1", "n")
    nodes = [
        conv("input", "c1", "w", "b"),
        bn,
        node("Relu", "n", "r"),
        conv("r", "c2", "w", "b"),
        node("Relu", "c2", "out"),
    ]
    kinds = fold(nodes, weights | {"w": rand(4, 4, 3, 3), "b": rand(4)}, (4, 5, 5))
    assert kinds == [nn.Conv2d, nn.ReLU, nn.Conv2d, nn.ReLU]


@pytest.mark.parametrize("twice", ["convolution", "batch-norm"])
def test_a_module_that_is_called_twice_is_split_first(twice):
    bn, weights = norm("c", "out", 3)
    made = proto_of([node("Conv", "input w", "c"), bn], weights | {"w": rand(3, 3, 1, 1)}, (3, 5, 5))
    graph = import_graph(made).graph
    first, second = calls(graph)
    again = first if twice == "convolution" else second
    with graph.graph.inserting_after(second):
        extra = graph.graph.call_module(again.target, (second,))
    extra.meta = dict(second.meta)
    second.replace_all_uses_with(extra, delete_user_cb=lambda user: user is not extra)
    graph.recompile()
    x = torch.from_numpy(rand(2, 3, 5, 5))
    with torch.no_grad():
        before = graph(x)
        with pytest.raises(AssertionError, match="a module of its own"):
            fold_affine(graph)
        assert torch.equal(graph(x), before)
        assert split_calls(graph)
        assert fold_affine(graph)
        torch.testing.assert_close(graph(x), before, rtol=0, atol=TOLERANCE * float(before.abs().max()))
