from __future__ import annotations

import math

import pytest
import torch

from snnconv.errors import InvalidValueError
from snnconv.neuron_options import NEURON_WORDS
from snnconv.neurons import (
    LIF,
    NEURONS,
    Coupling,
    LearnableMultiThreshold,
    MultiLevel,
    MultiThreshold,
    NeuronSettings,
    build_neuron,
    parse_surrogate,
)
from snnconv.neurons.mlf.function import FIRST

# values that are not the defaults
CHOICES = {"decay": 0.5, "reset": "hard", "mpr": True, "surrogate": "tanh:3", "coupling": "mean", "initial": 0.25}
HAVE = {
    "if": {"reset", "mpr", "surrogate"},
    "lif": {"reset", "mpr", "surrogate", "decay"},
    "mht": {"mpr", "coupling"},
    "lmht": {"mpr", "initial"},
    "mlf": {"surrogate", "decay"},
}
EVERY = [(kind, choice) for kind in HAVE for choice in CHOICES]
ALLOWED = [each for each in EVERY if each[1] in HAVE[each[0]]]
REFUSED = [each for each in EVERY if each[1] not in HAVE[each[0]]]


def build(channel_axis: int = 1, **choices: object):
    settings = NeuronSettings(**choices)
    return build_neuron(settings, torch.tensor([0.5, 2.0]), channel_axis=channel_axis)


def test_the_kinds():
    assert list(NEURONS) == list(HAVE)
    assert all(NEURONS[kind].description for kind in NEURONS)


@pytest.mark.parametrize("kind", ["", "qcfs"])
def test_unknown_kinds_are_refused(kind):
    with pytest.raises(
        InvalidValueError, match=f"Unknown neuron '{kind}': did you mean if or lif or lmht or mht or mlf"
    ):
        NeuronSettings(kind=kind)


def test_the_nearest_kinds_are_named():
    with pytest.raises(InvalidValueError, match=r"Unknown neuron 'LIF': did you mean lif or "):
        NeuronSettings(kind="LIF")
    with pytest.raises(InvalidValueError, match=r"Unknown neuron 'lhmt': did you mean lmht\?"):
        NeuronSettings(kind="lhmt")


@pytest.mark.parametrize(("kind", "choice"), REFUSED)
def test_a_choice_that_a_kind_has_not_names_the_kinds_that_have_it(kind, choice):
    having = ", ".join(each for each in HAVE if choice in HAVE[each])
    with pytest.raises(InvalidValueError, match=f"neuron '{kind}' has no option '{choice}'; it belongs to: {having}"):
        NeuronSettings(kind=kind, **{choice: CHOICES[choice]})


@pytest.mark.parametrize("kind", ["mht", "lmht", "if"])
def test_a_decay_of_0_is_a_choice_too(kind):
    with pytest.raises(InvalidValueError, match="has no option 'decay'; it belongs to: lif, mlf"):
        NeuronSettings(kind=kind, decay=0.0)


@pytest.mark.parametrize(("kind", "choice"), ALLOWED)
def test_a_choice_that_a_kind_has_reaches_its_neurons(kind, choice):
    site = build(kind=kind, **{choice: CHOICES[choice]})
    plain = build(kind=kind)
    attribute = "rectified" if choice == "mpr" else choice
    wanted = parse_surrogate("tanh:3") if choice == "surrogate" else CHOICES[choice]
    assert getattr(site, attribute) == wanted
    assert getattr(plain, attribute) != wanted


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("timesteps", [0, -1, 2.0, True, None]),
        ("levels", [0, -1, 2.0, True]),
        ("ceiling", [0.0, -1.0, math.nan, math.inf]),
        ("decay", [-0.1, 1.1, math.nan]),
        ("initial", [-0.1, 1.1, math.nan]),
        ("reset", ["", "Soft", "none"]),
        ("surrogate", ["", "step", "tanh:0"]),
    ],
)
def test_values_outside_what_is_allowed_are_refused(name, values):
    for value in values:
        with pytest.raises(InvalidValueError, match=name):
            NeuronSettings(kind="lmht" if name == "initial" else "lif", **{name: value})


@pytest.mark.parametrize("coupling", ["", "learned", "Mean", "local"])
def test_couplings_of_mht_are_mean_and_causal(coupling):
    with pytest.raises(InvalidValueError, match="one of mean, causal"):
        NeuronSettings(kind="mht", coupling=coupling)


def test_edges_of_what_is_allowed():
    assert NeuronSettings(kind="lif", decay=0.0).decay == 0.0
    assert build(kind="lif", decay=0.0).decay == 0.0
    assert build(kind="mlf", decay=1.0).decay == 1.0


@pytest.mark.parametrize(
    ("kind", "levels", "ceiling", "norm"),
    [
        ("mht", 2, 2.0, 1.0),
        ("lmht", 2, 2.0, 1.0),
        ("if", 1, 1.0, 0.5),
        ("lif", 1, 1.0, 0.5),
        ("mlf", 3, 3.0, 0.6),
    ],
)
def test_defaults(kind, levels, ceiling, norm):
    settings = NeuronSettings(kind=kind)
    assert (settings.timesteps, settings.firing_levels) == (4, levels)
    assert (settings.initial_ceiling, settings.norm_threshold) == (ceiling, pytest.approx(norm))
    assert NeuronSettings(kind=kind, levels=5).firing_levels == 5
    assert NeuronSettings(kind=kind, ceiling=0.7).initial_ceiling == 0.7


@pytest.mark.parametrize(("kind", "ceiling"), [("mht", 2.0), ("lmht", 2.0), ("if", 5.0), ("lif", 5.0), ("mlf", 5.0)])
def test_a_spike_of_a_kind_of_unit_spikes_is_worth_1_whatever_the_levels(kind, ceiling):
    assert NeuronSettings(kind=kind, levels=5).initial_ceiling == ceiling


@pytest.mark.parametrize("kind", HAVE)
@pytest.mark.parametrize("levels", [1, 2, 5])
def test_batch_norms_scale_with_the_ceiling(kind, levels):
    one, two = (NeuronSettings(kind=kind, levels=levels, ceiling=ceiling) for ceiling in (1.0, 2.0))
    assert two.norm_threshold == pytest.approx(2 * one.norm_threshold)


@pytest.mark.parametrize("kind", ["if", "lif", "mlf"])
@pytest.mark.parametrize("levels", [1, 3])
def test_batch_norms_of_integrating_kinds_are_scaled_to_where_the_first_spike_begins(kind, levels):
    settings = NeuronSettings(kind=kind, levels=levels, timesteps=1, ceiling=1.7)
    site = build_neuron(settings, torch.tensor(1.7, dtype=torch.float64))
    begins = settings.norm_threshold
    x = torch.tensor([[begins * 0.999], [begins * 1.001]], dtype=torch.float64)
    assert (site(x) > 0).flatten().tolist() == [False, True]


@pytest.mark.parametrize(
    ("kind", "made"),
    [("mht", MultiThreshold), ("lmht", LearnableMultiThreshold), ("if", LIF), ("lif", LIF), ("mlf", MultiLevel)],
)
def test_every_kind_is_its_layer(kind, made):
    site = build(kind=kind, timesteps=3, levels=4, channel_axis=2)
    assert type(site) is made
    assert (site.timesteps, site.levels, site.channel_axis) == (3, 4, 2)
    assert site.ceiling.tolist() == [0.5, 2.0]


def test_what_layers_are_by_default():
    assert build(kind="mht").coupling is Coupling.CAUSAL
    assert build(kind="mht", coupling="mean").coupling is Coupling.MEAN
    assert build(kind="lmht").coupling is Coupling.LEARNED
    assert (build(kind="if").decay, build(kind="if").reset) == (1.0, "soft")
    assert (build(kind="lif").decay, build(kind="lif").reset) == (0.25, "soft")
    assert (build(kind="mlf").decay, build(kind="mlf").first) == (0.25, FIRST)
    for kind in ("if", "lif", "mlf"):
        assert build(kind=kind).surrogate == parse_surrogate("rectangular:1")


def test_lmht_starts_at_a_half_or_where_it_is_told_to():
    assert build(kind="lmht").initial == 0.5
    assert build(kind="lmht", initial=0.0).initial == 0.0


def test_help_texts_name_every_neuron_of_the_package():
    """They load no neurons, so the names stand in them a second time."""
    own = [name for name in NEURONS if NEURONS[name].build.__module__.startswith("snnconv.")]
    assert sorted(own) == sorted(NEURON_WORDS.removesuffix(", or one that a plug-in registers").split(", "))
