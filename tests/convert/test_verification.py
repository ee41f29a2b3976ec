"""The check before anything is written: it sees what is wrong, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from graph_cases import CASES, conv, images, model_of, node, plain, prepared, proto_of, quantize

from snnconv.convert.verification import TOLERANCE, verify
from snnconv.errors import InvalidValueError, ModelError, VerificationError
from snnconv.graph.access import results
from snnconv.model import class_count
from snnconv.neurons import Coupling
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import spike

FLOAT64 = 1e-12  # hand-computed values


@pytest.mark.parametrize("name", CASES)
def test_a_right_network_passes(name):
    quantized = quantize(prepared(name), 8)
    result = verify(quantized, spike(quantized, 4, 2), images(quantized, 6), ann=prepared(name))
    assert result.images == 6
    assert result.tolerance <= 1e-9
    assert result.logits_difference <= 1e-9
    named = class_count(results(quantized.graph)[0].meta["shape"]) is not None
    assert result.agreement == (100 if named else None)
    assert [site.name for site in result.sites] == [place.meta["onnx_name"] for place, _ in iter_sites(quantized.graph)]
    for site in result.sites:
        assert site.difference <= TOLERANCE
        assert site.unevenness <= 1e-9
        assert site.quantization > 0


def test_the_models_are_unchanged():
    quantized = quantize(prepared("chain"), 8)
    snn = spike(quantized, 4, 2)
    before = [{key: value.clone() for key, value in model.graph.state_dict().items()} for model in (quantized, snn)]
    verify(quantized, snn, images(snn))
    for model, state in zip((quantized, snn), before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in model.graph.state_dict().items())
        assert all(not module._forward_hooks for module in model.graph.modules())


DAMAGES = {
    "a ceiling": ("r1", "ceiling", 1.01, "'r1'"),
    "a weight before a site": ("c2", "weight", 1.001, "'features'"),
    "a bias": ("c2", "bias", 1.001, "'features'"),
    "a weight after the last site": ("out", "weight", 1.001, "outputs"),
}


@pytest.mark.parametrize("coupling", [Coupling.MEAN, Coupling.CAUSAL])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_wrong_number_is_found(damage, coupling):
    part, name, factor, told = DAMAGES[damage]
    quantized = quantize(prepared("chain"), 8)
    snn = spike(quantized, 4, 2, coupling)
    verify(quantized, snn, images(snn))
    getattr(snn.graph.get_submodule(part), name).data[0] *= factor
    if damage == "a ceiling" and coupling is Coupling.CAUSAL:
        return  # there activations differ anyway
    with pytest.raises(VerificationError, match=told):
        verify(quantized, snn, images(snn))


def test_another_number_of_levels_is_found():
    quantized = quantize(prepared("chain"), 8)
    with pytest.raises(VerificationError, match="r1"):
        verify(quantized, spike(quantized, 4, 1), images(quantized))


def test_a_second_output_is_compared_too():
    made = CASES["chain"]()
    made.graph.node.append(node("Gemm", "flat fc", "second", transB=1))
    made.graph.output.append(made.graph.output[0].__class__(name="second"))
    made.graph.output[1].type.CopyFrom(made.graph.output[0].type)
    quantized = quantize(model_of(made), 8)
    snn = spike(quantized, 4, 2)
    verify(quantized, snn, images(snn))
    second = snn.graph.get_submodule("second")
    second.weight = torch.nn.Parameter(1.5 * second.weight.detach())  # the first output shares the old one
    with pytest.raises(VerificationError, match="outputs"):
        verify(quantized, snn, images(snn))
    second.weight = torch.nn.Parameter(math.nan * second.weight.detach())
    with pytest.raises(VerificationError, match="'second' is infinite or not a number"):
        verify(quantized, snn, images(snn))


@pytest.mark.parametrize("coupling", [Coupling.MEAN, Coupling.CAUSAL])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("part", "place"), [("c1", "'r1'"), ("c2", "'features'"), ("out", "'out'")])
def test_a_network_that_is_not_finite_does_not_pass(part, place, value, coupling):
    broken = quantize(prepared("chain"), 8)
    broken.graph.get_submodule(part).bias.data[0] = value
    with pytest.raises(VerificationError, match=f"{place} is infinite or not a number"):
        verify(broken, spike(broken, 4, 2, coupling), images(broken))


@pytest.mark.parametrize("coupling", [Coupling.MEAN, Coupling.CAUSAL])
@pytest.mark.parametrize(("part", "place"), [("c1", "'r1'"), ("out", "'out'")])
def test_what_overflows_in_single_precision_alone_does_not_pass(part, place, coupling):
    """Products of a few numbers below 3.4e38, or their sum over the steps of the read-out, are finite in double."""
    broken = quantize(prepared("chain"), 8)
    module = broken.graph.get_submodule(part)
    module.weight.data = 3e38 * module.weight.detach().sign()
    snn = spike(broken, 4, 2, coupling)
    with pytest.raises(VerificationError, match=f"{place} is infinite or not a number"):
        verify(broken, snn, images(broken))


def test_a_sum_over_time_that_overflows_does_not_pass():
    broken = quantize(prepared("chain"), 8)
    broken.graph.get_submodule("out").bias.data[0] = 3e38
    with pytest.raises(VerificationError, match="'out' is infinite or not a number"):
        verify(broken, spike(broken, 4, 2), images(broken))


@pytest.mark.parametrize(("timesteps", "levels"), [(3, 1), (5, 1), (7, 2), (4, 2)])
@pytest.mark.parametrize("ceiling", [1.0, 0.3, 1.1])
def test_currents_on_the_edge_of_two_levels_are_no_difference(timesteps, levels, ceiling):
    """Means of four quantized activations fall on edges again and again, where rounding decides."""
    nodes = [
        node("Conv", "input w", "c"),
        node("Relu", "c", "r1"),
        node("AveragePool", "r1", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Relu", "p", "r2"),
        node("Conv", "r2 v", "out"),
    ]
    rng = np.random.default_rng(0)
    weights = {"w": rng.standard_normal((4, 3, 1, 1)), "v": rng.standard_normal((2, 4, 1, 1))}
    quantized = quantize(model_of(proto_of(nodes, weights)), timesteps * levels)
    for _, site in iter_sites(quantized.graph):
        site.ceiling.data = torch.tensor(ceiling)
    result = verify(quantized, spike(quantized, timesteps, levels), images(quantized, 8))
    assert result.tolerance <= 1e-9


def hand_network(seconds=None):
    """One unit, or two in a row, with the identity around them."""
    nodes = [node("Gemm", "input one", "z1", transB=1), node("Relu", "z1", "r1")]
    last = "r1"
    weights = {"one": [[1.0]]}
    if seconds is not None:
        nodes += [node("Gemm", "r1 one shift", "z2", transB=1), node("Relu", "z2", "r2")]
        weights["shift"] = [seconds]
        last = "r2"
    return model_of(proto_of([*nodes, node("Gemm", f"{last} one", "out", transB=1)], weights, (1,)))


def with_ceilings(model, total_levels, *ceilings):
    quantized = quantize(model, total_levels)
    for (_, site), ceiling in zip(iter_sites(quantized.graph), ceilings, strict=True):
        site.ceiling.data = torch.tensor([ceiling])
    return quantized


def test_clipping_and_quantization_by_hand():
    """Currents 0.6, 1.5, 0.1, -1; λ = 1, N = 2: levels 0.5, 1, 0, 0; activations sum to 2.2."""
    ann = hand_network()
    quantized = with_ceilings(ann, 2, 1.0)
    x = torch.tensor([[0.6], [1.5], [0.1], [-1.0]], dtype=torch.float64)
    (site,) = verify(quantized, spike(quantized, 2, 1), x, ann=ann).sites
    assert (site.name, site.ceilings, site.ceiling_min, site.ceiling_max) == ("r1", 1, 1.0, 1.0)
    assert site.clipping == pytest.approx(0.5 / 2.2, abs=FLOAT64)
    assert site.quantization == pytest.approx((0.1 + 0.1) / 2.2, abs=FLOAT64)
    assert site.unevenness == 0
    assert site.difference == 0


def test_what_a_rectifier_clips_itself_is_no_clipping():
    made = proto_of([node("Clip", "input low high", "r"), node("Gemm", "r one", "out")], {"one": [[1.0]]}, (1,))
    made.graph.initializer.extend(proto_of([], {"low": 0.0, "high": 1.25}).graph.initializer)
    ann = model_of(made)
    quantized = quantize(ann, 2)
    next(iter_sites(quantized.graph))[1].ceiling.data = torch.tensor(1.0)
    (site,) = verify(quantized, spike(quantized, 2, 1), torch.tensor([[5.0], [0.5]]), ann=ann).sites
    assert site.clipping == pytest.approx(0.25 / 1.75, abs=FLOAT64)


def test_unevenness_by_hand():
    """λ = 1 and 0.5, T = 2, L = 1, shift -0.5.

    x = 0.5: the first unit fires 1, 0; the second receives 0.5, -0.5 and fires once although the mean is 0.
    x = 1.5: the first unit fires 1, 1; the second receives 0.5, 0.5 and fires twice, as the mean says.
    """
    ann = hand_network(-0.5)
    quantized = with_ceilings(ann, 2, 1.0, 0.5)
    x = torch.tensor([[0.5], [1.5]])
    causal = verify(quantized, spike(quantized, 2, 1, Coupling.CAUSAL), x, ann=ann)
    first, second = causal.sites
    assert (first.unevenness, first.clipping, first.quantization) == (0, 0.25, 0)
    assert second.unevenness == pytest.approx(0.25 / 0.5, abs=FLOAT64)
    assert second.difference == pytest.approx(0.25 / 0.5, abs=FLOAT64)
    assert (second.clipping, second.quantization) == (0, 0)
    assert causal.logits_difference == pytest.approx(0.25 / 0.5, abs=FLOAT64)
    mean = verify(quantized, spike(quantized, 2, 1), x, ann=ann)
    assert [site.unevenness for site in mean.sites] == [0, 0]


def test_nothing_to_compare_is_refused():
    quantized = quantize(prepared("chain"), 8)
    snn = spike(quantized, 4, 2)
    with pytest.raises(InvalidValueError, match="no image"):
        verify(quantized, snn, images(snn)[:0])


def test_the_stages_are_checked():
    quantized = quantize(prepared("chain"), 8)
    snn = spike(quantized, 4, 2)
    for pair in ((snn, quantized), (quantized, quantized), (plain("chain"), snn)):
        with pytest.raises(ModelError, match="Compare a quantized ANN with an SNN"):
            verify(*pair, images(snn))


def test_networks_with_other_sites_are_no_pair():
    quantized = quantize(prepared("chain"), 8)
    other = spike(quantize(prepared("concat_of_spikes"), 8), 4, 2)
    with pytest.raises(VerificationError, match="r2"):
        verify(quantized, other, images(quantized))


def test_a_network_that_is_silent_everywhere_passes():
    nodes = [conv("input", "c"), node("Relu", "c", "out")]
    weights = {"w1": np.zeros((4, 3, 3, 3)), "b1": -np.ones(4)}
    quantized = quantize(model_of(proto_of(nodes, weights)), 4)
    result = verify(quantized, spike(quantized, 2, 2), images(quantized))
    assert result.logits_difference == 0
    assert result.sites[0].clipping == 0
