"""Networks of differential coupling: what streams, where it ends, and that no faulty one passes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from graph_cases import CASES, images, plain, prepared, quantize, run_double
from hypothesis import given, settings
from hypothesis import strategies as st

from snnconv.convert import convert
from snnconv.convert.message_verification import verify_messages
from snnconv.errors import InvalidValueError, ModelError, UnsupportedOperatorsError, VerificationError
from snnconv.graph.access import calls, module_of
from snnconv.graph.hooks import hooked
from snnconv.graph.precision import to_double
from snnconv.model import SNN
from snnconv.neurons import BipolarMultiThreshold, Coupling, SigmaDelta, TimeMean
from snnconv.spiking.messages import MessagePassing, code_of
from snnconv.spiking.plan import make_plan
from snnconv.spiking.sites import cap_of, channel_axis, is_signed, iter_sites
from snnconv.spiking.unrolling import collapse, spike, unroll

CODES = ("power-of-two", "uniform")
WITH_SITES = sorted(name for name in CASES if list(iter_sites(prepared(name).graph)))


def telling(name: str, timesteps: int, octaves: int = 8, share: float = 1.0) -> SNN:
    """A network of sigma-delta neurons whose θ is that share of the largest activation of a few images."""
    ann = prepared(name)
    largest: dict[str, torch.Tensor] = {}

    def observe(module, inputs, out, *, name):
        largest[name] = out.abs().max().clamp_min(1e-3)

    observed = (
        (site, lambda m, i, o, n=str(node.target): observe(m, i, o, name=n)) for node, site in iter_sites(ann.graph)
    )
    with torch.inference_mode(), hooked(observed):
        ann.graph(images(ann, 8))

    def neuron(node, site):
        return SigmaDelta(
            largest[str(node.target)].clone() * share,
            timesteps,
            octaves,
            cap=cap_of(site),
            signed=is_signed(site),
            channel_axis=channel_axis(ann.graph, node) or 1,
        )

    return unroll(ann, neuron)


def doubled(snn: SNN) -> SNN:
    return replace(snn, graph=to_double(snn.graph))


def answers(snn: SNN, x: torch.Tensor) -> list[torch.Tensor]:
    """Each output after each step, `[T, B, ...]`."""
    outputs = snn(x)
    steps = outputs[len(outputs) // 2 :]
    return [torch.stack([each[: t + 1].mean(0) for t in range(len(each))]) for each in steps]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", WITH_SITES)
def test_every_network_streams_and_equals_its_messages(name, code):
    snn = convert(
        plain(name), timesteps=3, coupling="differential", code=code, calibration_data=images(plain(name), 24)
    )
    assert (snn.coupling, code_of(snn).value, snn.report.code) == (Coupling.DIFFERENTIAL, code, code)
    assert snn.report.verification.tolerance <= 1e-9
    assert snn.report.on_means == ()
    waiting = [node for node in calls(snn.graph) if isinstance(module_of(snn.graph, node), TimeMean) and node.users]
    assert all(user.op == "output" for node in waiting for user in node.users)
    double, x = doubled(snn), images(plain(name), 4).double()
    with torch.no_grad():  # a row that attends to itself alone is what neurons fired: no value between two levels
        for place, (_, site) in enumerate(iter_sites(double.graph)):
            site.ceiling.mul_(1 + 1e-3 / (place + 2))
    told = answers(double, x)
    passing = MessagePassing(double)
    with torch.inference_mode():
        for step in range(3):
            for found, wanted in zip(passing.advance(x), told, strict=True):
                torch.testing.assert_close(found, wanted[step], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["squeeze_and_excite", "product_of_spikes", "sigmoid_tail"])
def test_nothing_that_mean_coupling_takes_is_refused(name):
    ann = prepared(name)
    assert make_plan(ann, Coupling.MEAN).convertible == make_plan(ann, Coupling.DIFFERENTIAL).convertible
    assert not make_plan(ann, Coupling.DIFFERENTIAL).on_means


def test_causal_coupling_names_the_one_that_streams():
    with pytest.raises(UnsupportedOperatorsError, match="--coupling differential"):
        convert(
            plain("squeeze_and_excite"), coupling="causal", calibration_data=images(plain("squeeze_and_excite"), 24)
        )


@pytest.mark.parametrize("name", ["residual_of_spikes", "squeeze_and_excite", "max_pool_after_concat", "leaky_chain"])
def test_after_many_steps_a_network_is_its_ann_but_for_the_dead_zone(name):
    ann, x = prepared(name), images(prepared(name), 6)
    wanted = run_double(ann, x)[0]
    errors = []
    for octaves in (4, 8, 16):
        found = doubled(telling(name, 40, octaves))(x.double())[0]
        errors.append(float((found - wanted).abs().max() / wanted.abs().max()))
    assert errors[2] < 2e-3
    assert errors[2] < errors[1] < errors[0]


@pytest.mark.parametrize("code", CODES)
def test_samples_of_a_batch_do_not_mix(code):
    snn = convert(
        plain("squeeze_and_excite"),
        timesteps=3,
        coupling="differential",
        code=code,
        calibration_data=images(plain("squeeze_and_excite"), 24),
    )
    double, x = doubled(snn), images(snn, 4).double()
    together = double(x)[0]
    for member in range(4):
        torch.testing.assert_close(double(x[member : member + 1])[0][0], together[member], rtol=1e-10, atol=1e-10)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["residual_of_spikes", "concat_of_spikes", "flat_mlp"]), st.integers(2, 5), st.integers(1, 6))
def test_a_sample_of_which_no_level_is_cut_ends_at_the_quantized_network(name, timesteps, levels):
    reference = quantize(prepared(name), timesteps * levels)
    snn = spike(reference, timesteps, levels, Coupling.DIFFERENTIAL)
    double, x = doubled(snn), images(snn, 12).double()
    cut = torch.zeros(12, dtype=torch.bool)

    def observe(site, inputs, out):
        nonlocal cut
        missing = site.unsettled(site.window_value(inputs[0]), site.window_value(out))
        cut |= missing.flatten(1).any(1)

    with hooked((site, observe) for _, site in iter_sites(double.graph)):
        found = double(x)[0]
    wanted = run_double(collapse(snn), x.float())[0]
    torch.testing.assert_close(found[~cut], wanted[~cut], rtol=1e-9, atol=1e-9)


def test_some_samples_are_cut_and_some_are_not():
    """What the law above is about happens."""
    reference = quantize(prepared("residual_of_spikes"), 8)
    for levels, some in ((1, True), (8, False)):
        snn = spike(quantize(prepared("residual_of_spikes"), 8 * levels), 8, levels, Coupling.DIFFERENTIAL)
        verified = verify_messages(reference, snn, images(snn, 12))
        assert any(site.unsettled > 0 for site in verified.telling) is some


class TestFaults:
    def test_a_message_that_breaks_the_rule_is_found(self):
        snn = telling("residual_of_spikes", 3)
        site = next(site for _, site in iter_sites(snn.graph))
        run = site.run

        def faulty(*arguments, **keywords):
            told = run(*arguments, **keywords).clone()
            told[1].flatten()[0] += 0.25 * site.threshold
            return told

        site.run = faulty
        with pytest.raises(VerificationError, match="differs from its messages"):
            verify_messages(prepared("residual_of_spikes"), snn, images(snn, 4))

    def test_an_operator_that_is_not_what_its_record_says_is_found(self, monkeypatch):
        snn = telling("residual_of_spikes", 3)
        convolution = next(module for module in snn.graph.modules() if isinstance(module, torch.nn.Conv2d))
        forward = type(convolution).forward
        monkeypatch.setattr(type(convolution), "forward", lambda self, x: forward(self, x).abs())
        with pytest.raises(VerificationError, match=r"differs? from"):
            verify_messages(prepared("residual_of_spikes"), snn, images(snn, 4))

    def test_another_coupling_has_no_messages(self):
        snn = spike(quantize(prepared("flat_mlp"), 4), 2, 2, Coupling.MEAN)
        with pytest.raises(ModelError, match="differential"):
            verify_messages(prepared("flat_mlp"), snn, images(snn, 2))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"code": "uniform"}, "belong to --coupling differential"),
        ({"octaves": 4, "coupling": "causal"}, "belong to --coupling differential"),
        ({"coupling": "differential", "code": "uniform", "octaves": 4}, "leave --octaves out"),
        ({"coupling": "differential", "code": "uniform", "timesteps": 1}, "--timesteps 2 or more"),
        ({"coupling": "differential", "levels": 4}, "take --code uniform"),
        ({"coupling": "differential", "total_levels": "auto:8"}, "take --code uniform"),
        ({"coupling": "differential", "neuron": "lif"}, "leave --neuron out"),
        ({"coupling": "differential", "octaves": 17}, "octaves is 17"),
        ({"coupling": "differential", "code": "binary"}, "code is 'binary'"),
        ({"coupling": "differential", "calibration": "mse"}, "leave --calibration out"),
    ],
)
def test_choices_that_do_not_go_together(wrong, named):
    with pytest.raises(InvalidValueError, match=named):
        convert(plain("flat_mlp"), **wrong)


def test_a_network_is_one_of_bipolar_neurons_only_where_it_is_asked_for():
    x = images(plain("flat_mlp"), 24)
    kinds = {
        code: {
            type(site)
            for _, site in iter_sites(
                convert(plain("flat_mlp"), coupling="differential", code=code, calibration_data=x).graph
            )
        }
        for code in (None, "uniform")
    }
    assert kinds == {None: {SigmaDelta}, "uniform": {BipolarMultiThreshold}}
