"""What stands in the way is listed all at once, before any work."""

from __future__ import annotations

import math

import pytest
from graph_cases import CASES, HEAD, W, classifier, conv, model_of, node, prepared, proto_of

from snnconv.convert import convert, make_plan
from snnconv.errors import ModelError, UnsupportedOperatorsError
from snnconv.neurons import Coupling
from snnconv.spiking.plan import prepare
from snnconv.spiking.sites import cap_of, is_signed, iter_sites


def plan_of(proto, coupling=Coupling.MEAN):
    return make_plan(prepare(model_of(proto)), coupling)


def tangled():
    """Activations of both signs, and two that would have to wait for their window."""
    nodes = [
        conv("input", "c1"),
        node("LeakyRelu", "c1", "leaky"),
        conv("leaky", "c2", "w2", "b2"),
        node("PRelu", "c2 slope", "prelu"),
        conv("prelu", "c3", "w2", "b2"),
        node("Clip", "c3 low high", "clip"),
        conv("clip", "c4", "w2", "b2"),
        node("Sigmoid", "c4", "gate"),
        node("Mul", "gate clip", "gated"),
        node("Mul", "gated leaky", "product"),
        node("Relu", "product", "features"),
    ]
    return classifier(nodes, {"slope": [[[0.1]]] * 4, "low": -1.0, "high": 1.0})


def test_activations_of_both_signs_become_signed_sites():
    ann = prepare(model_of(tangled()))
    plan = make_plan(ann)
    assert plan.convertible
    assert plan.sites == ("leaky", "prelu", "clip", "features")
    assert plan.on_means == ("prelu", "clip", "gate", "product")  # leaky meets no spikes
    assert [is_signed(site) for _, site in iter_sites(ann.graph)] == [True, True, True, False]
    assert [cap_of(site) for _, site in iter_sites(ann.graph)] == [math.inf, math.inf, 1.0, math.inf]


def test_an_activation_that_a_neuron_and_a_synapse_take_is_fired_for_the_synapse():
    nodes = [
        conv("input", "c1"),
        node("LeakyRelu", "c1", "leaky"),
        node("Relu", "leaky", "r1"),
        conv("leaky", "c2", "w2", "b2"),
        conv("r1", "c3", "w2", "b2"),
        node("Add", "c2 c3", "sum"),
        node("Relu", "sum", "features"),
    ]
    ann = prepare(model_of(classifier(nodes)))
    assert [
        (each, is_signed(site)) for each, (_, site) in zip(make_plan(ann).sites, iter_sites(ann.graph), strict=True)
    ] == [
        ("leaky", True),
        ("r1", False),
        ("features", False),
    ]
    assert make_plan(prepare(ann)).sites == make_plan(ann).sites


def test_all_that_is_unsupported_is_listed_at_once():
    plan = plan_of(tangled(), Coupling.CAUSAL)
    assert not plan.convertible
    assert [(each.name, each.operator) for each in plan.unsupported] == [("gate", "Sigmoid"), ("product", "Mul")]
    with pytest.raises(UnsupportedOperatorsError) as caught:
        plan.require()
    assert caught.value.nodes == plan.unsupported
    assert all(name in str(caught.value) for name in ("gate", "product", "(2)", "--coupling differential", "or mean"))


def test_convert_refuses_before_it_looks_at_data():
    with pytest.raises(UnsupportedOperatorsError):
        convert(model_of(tangled()), calibration_data="no such data", coupling="causal")


@pytest.mark.parametrize("tail", ["LeakyRelu", "PRelu", "Clip", "Sigmoid", "Softmax"])
def test_after_the_last_site_all_are_fine(tail):
    made = CASES["chain"]()
    made.graph.node[-1].output[0] = "logits"
    inputs = {"PRelu": "logits fb", "Clip": "logits low high"}.get(tail, "logits")
    made.graph.node.append(node(tail, inputs, "out"))
    if tail == "Clip":
        made.graph.initializer.extend(proto_of([], {"low": -1.0, "high": 1.0}).graph.initializer)
    plan = plan_of(made)
    assert plan.convertible
    assert plan.on_means == ("out",)
    assert plan_of(made, Coupling.CAUSAL).convertible


@pytest.mark.parametrize("tail", [[], [node("Sigmoid", "out", "y")]])
def test_a_network_without_sites_has_nothing_to_convert(tail):
    outputs = ("y",) if tail else ("out",)
    made = proto_of([conv("input", "features"), *HEAD, *tail], W, outputs=outputs)
    plan = plan_of(made)
    assert not plan.convertible
    assert plan.sites == ()
    with pytest.raises(ModelError, match="nothing to convert"):
        plan.require()
    with pytest.raises(ModelError, match="nothing to convert"):
        convert(model_of(made))


@pytest.mark.parametrize("name", CASES)
def test_every_case_converts_under_mean_coupling(name):
    plan = make_plan(prepared(name))
    assert plan.convertible
    plan.require()


WAITING = {
    "masked_attention": [("scores", "MatMul"), ("mixed", "MatMul")],
    "matrices_of_spikes": [("scores", "MatMul"), ("mixed", "MatMul")],
    "product_of_spikes": [("product", "Mul")],
    "squeeze_and_excite": [("gate", "Sigmoid")],
    "square_and_quotient": [("square", "Mul"), ("quotient", "Div")],
    "max_pool_after_concat": [("pool", "MaxPool")],
}


@pytest.mark.parametrize("name", CASES)
def test_causal_neurons_cannot_wait_for_a_window(name):
    plan = make_plan(prepared(name), Coupling.CAUSAL)
    assert [(each.name, each.operator) for each in plan.unsupported] == WAITING.get(name, [])
    for each in plan.unsupported:
        assert "use --coupling differential, which streams everything, or mean" in each.reason


def test_all_that_would_wait_is_listed_at_once():
    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        conv("r1", "c2", "w2", "b2"),
        node("Concat", "r1 c2", "both", axis=1),
        node("MaxPool", "both", "pool", kernel_shape=[2, 2], strides=[2, 2]),
        conv("pool", "c3", "w8", "b1"),
        node("Relu", "c3", "r3"),
        conv("r3", "c4", "w2", "b2"),
        node("Relu", "c4", "r4"),
        node("Mul", "r3 r4", "product"),
        conv("product", "c5", "w2", "b2"),
        node("Relu", "c5", "features"),
    ]
    plan = plan_of(classifier(nodes, {"w8": [[[[0.1]]] * 8] * 4}), Coupling.CAUSAL)
    assert [each.name for each in plan.unsupported] == ["pool", "product"]
    with pytest.raises(UnsupportedOperatorsError):
        plan.require()


def test_the_sites_are_named_as_in_the_file():
    assert make_plan(prepared("residual_of_spikes")).sites == ("r1", "features")
    assert make_plan(prepared("product_of_spikes")).on_means == ("product",)
