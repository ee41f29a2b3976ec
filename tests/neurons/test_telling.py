"""What neurons of differential coupling have of their own: exact sums, files with every choice, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from graph_cases import HEAD, conv, images, model_of, node, proto_of
from graph_cases import W as WEIGHTS
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import sigma_delta as reference

from snnconv.errors import InvalidValueError
from snnconv.formats.onnx import save, to_single_step
from snnconv.loading import load
from snnconv.neurons import BipolarMultiThreshold, SigmaDelta, bipolar_multithreshold, sigma_delta
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.runtime.streaming import StreamedNetwork
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import unroll

few = settings(max_examples=20, deadline=None)
T = 5
CHANNELS = torch.tensor([0.7, 1.1, 0.9, 1.3])
CHOICES = {
    "plain": lambda: SigmaDelta(torch.tensor(0.8), T, 6),
    "channels": lambda: SigmaDelta(CHANNELS, T, 4),
    "signed": lambda: SigmaDelta(CHANNELS, T, 4, signed=True),
    "dead zone below": lambda: SigmaDelta(CHANNELS, T, 3, dead_zone=0.5),
    "dead zone above": lambda: SigmaDelta(CHANNELS, T, 3, dead_zone=1.375, signed=True),
    "cap": lambda: SigmaDelta(CHANNELS, T, 5, cap=1.2),
    "caps": lambda: SigmaDelta(CHANNELS, T, 5, cap=2 * CHANNELS, signed=True),
    "start": lambda: SigmaDelta(CHANNELS, T, 3, initial=0.5),
    "starts": lambda: SigmaDelta(CHANNELS, T, 3, initial=torch.tensor([0.0, 0.25, 1.5, 0.75])),
    "bipolar": lambda: BipolarMultiThreshold(CHANNELS, T, 2),
    "slack": lambda: BipolarMultiThreshold(CHANNELS, T, 1, total_levels=4),
    "signed bipolar": lambda: BipolarMultiThreshold(torch.tensor(0.6), T, 2, total_levels=7, signed=True),
}


def network(choice):
    """Two convolutions of images with such neurons, and a head."""
    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        conv("r1", "c2", "w2", "b2"),
        node("Relu", "c2", "features"),
    ]
    snn = unroll(model_of(proto_of([*nodes, *HEAD], WEIGHTS)), lambda *_: CHOICES[choice]())
    snn.graph.eval()
    return snn


def settings_of(site):
    """All that a file keeps of a layer."""
    names = ("octaves", "dead_zone") if isinstance(site, SigmaDelta) else ("levels", "total_levels")
    kept = [getattr(site, name) for name in ("timesteps", "signed", *names)]
    return kept, {name: value.detach().tolist() for name, value in [*site.named_parameters(), *site.named_buffers()]}


@pytest.mark.parametrize("choice", CHOICES)
def test_files_run_as_the_network_and_keep_every_choice(choice, tmp_path):
    snn = network(choice)
    x = images(snn, 8)
    with torch.inference_mode():
        ours = snn(x)
    assert ours[1].diff(dim=0).count_nonzero()
    again = load(save(snn, tmp_path / "x.onnx"))
    for (_, first), (_, second) in zip(iter_sites(snn.graph), iter_sites(again.graph), strict=True):
        assert type(first) is type(second)
        assert settings_of(first) == settings_of(second)
    for run in (OnnxNetwork(tmp_path / "x.onnx"), StreamedNetwork(to_single_step(snn)), again):
        for theirs, out in zip(run(x), ours, strict=True):
            torch.testing.assert_close(theirs.detach(), out, rtol=0, atol=1e-5 * float(out.abs().max()))


def test_no_rounding_adds_up():
    """In single precision a thousand steps tell what they tell in double precision."""
    rng = np.random.default_rng(0)
    values = torch.tensor(rng.integers(-3000, 6000, (1000, 200)) / 2**11)
    for signed in (False, True):
        exact = sigma_delta(values, torch.tensor(1.0).double(), 10, signed=signed)
        single = sigma_delta(values.float(), torch.tensor(1.0), 10, signed=signed)
        assert torch.equal(single.double(), exact)
        assert torch.equal((exact * 2**9).round(), exact * 2**9)


@few
@given(st.integers(0, 2**31), st.integers(1, 8), st.sampled_from([0.5, 0.625, 0.75, 1.0, 1.5]), st.booleans())
def test_ties_at_thresholds_are_told(seed, octaves, dead_zone, signed):
    """At 0.75 of a level the message is that level, at the dead zone it is the smallest."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-64, 128, (6, 40)) / 2.0**octaves / 4
    code = reference.Code(octaves, dead_zone, signed)
    sent = reference.run(np.diff(values, axis=0, prepend=0), np.ones(()), code)
    told = sigma_delta(torch.tensor(values), torch.tensor(1.0).double(), octaves, dead_zone=dead_zone, signed=signed)
    np.testing.assert_array_equal(told.numpy(), sent.cumsum(0))


@few
@given(st.integers(0, 2**31), st.booleans())
def test_memory_that_is_given_is_written_and_nothing_else_changes(seed, signed):
    rng = np.random.default_rng(seed)
    values, theta = torch.tensor(rng.normal(0.3, 1, (4, 3, 5))), torch.tensor(rng.uniform(0.3, 2, 5))
    for function in (
        lambda x, out=None: sigma_delta(x, theta, 4, signed=signed, out=out),
        lambda x, out=None: bipolar_multithreshold(x, theta, 2, signed=signed, out=out),
    ):
        expected, memory = function(values), values.clone()
        assert function(memory, out=memory) is memory
        assert torch.equal(memory, expected)
        still = values[0].expand(4, 3, 5)
        assert torch.equal(function(still), function(still.contiguous()))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"octaves": 0}, "octaves is 0"),
        ({"octaves": 17}, "octaves is 17: at most 16"),
        ({"dead_zone": 0.4}, r"dead_zone is 0.4: it must be from 0.5 to 1.5"),
        ({"dead_zone": float("nan")}, "dead_zone is nan"),
        ({"cap": 0.0}, "Every cap must be above 0"),
        ({"cap": torch.ones(2, 2)}, "cap is a scalar or one value a channel"),
        ({"initial": 0.3}, r"multiple of 2\^-3"),
        ({"initial": float("inf")}, r"multiple of 2\^-3"),
        ({"initial": -0.5}, "below 0, where the neurons have no sign"),
    ],
)
def test_choices_that_are_refused(choices, message):
    with pytest.raises(InvalidValueError, match=message):
        SigmaDelta(torch.tensor(1.0), 4, **{"octaves": 4, **choices})


@pytest.mark.parametrize(("total", "message"), [(9, "total_levels is 9.*at most 8"), (0, "total_levels is 0")])
def test_sums_of_levels_that_are_refused(total, message):
    with pytest.raises(InvalidValueError, match=message):
        BipolarMultiThreshold(torch.tensor(1.0), 4, 2, total_levels=total)
