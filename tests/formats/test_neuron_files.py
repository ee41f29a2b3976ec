"""Networks of every kind of neuron, as files: they come back as they were, and onnxruntime fires as they do."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from graph_cases import images, model_of, node, plain, prepared, proto_of
from onnx import numpy_helper
from torch import Tensor

from snnconv.errors import UnsupportedOperatorsError
from snnconv.formats.onnx.writing import save, to_onnx
from snnconv.graph.importer import import_graph
from snnconv.loading import load
from snnconv.model import Model
from snnconv.neurons import (
    LIF,
    Coupling,
    LearnableMultiThreshold,
    MultiLevel,
    MultiThreshold,
    NeuronSettings,
    SpikingSite,
    build_neuron,
)
from snnconv.neurons.onnx_functions import DOMAIN, functions
from snnconv.spiking.sites import channel_axis
from snnconv.spiking.unrolling import unroll

RUNTIME = 1e-5  # of the largest magnitude of an output, in float32
T = 3

KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "mht": ("MultiThreshold", {"kind": "mht"}),
    "mht mean mpr": ("MultiThreshold", {"kind": "mht", "coupling": "mean", "levels": 3, "mpr": True}),
    "lmht": ("LMHT", {"kind": "lmht"}),
    "lmht mpr": ("LMHT", {"kind": "lmht", "levels": 4, "mpr": True}),
    "if": ("SoftResetNeuron", {"kind": "if"}),
    "if hard": ("HardResetNeuron", {"kind": "if", "reset": "hard", "levels": 3}),
    "lif": ("SoftResetNeuron", {"kind": "lif", "decay": 0.3, "levels": 2, "surrogate": "tanh:3"}),
    "lif hard mpr": ("HardResetNeuron", {"kind": "lif", "reset": "hard", "mpr": True, "surrogate": "sigmoid:2.5"}),
    "mlf": ("MLF", {"kind": "mlf"}),
    "mlf of two": ("MLF", {"kind": "mlf", "levels": 2, "decay": 0.7, "surrogate": "triangular:0.3"}),
}
SETTINGS = ("timesteps", "levels", "coupling", "decay", "reset", "rectified", "surrogate", "first", "initial", "signed")


def neurons(kind: str, timesteps: int = T) -> Callable[[Tensor, int], SpikingSite]:
    """Makes layers of a kind; what is learned is drawn, so that each layer has its own."""
    settings = NeuronSettings(timesteps=timesteps, **KINDS[kind][1])
    rng = np.random.default_rng(0)

    def make(ceiling: Tensor, axis: int) -> SpikingSite:
        site = build_neuron(settings, ceiling, channel_axis=axis)
        if isinstance(site, LearnableMultiThreshold):
            site.mixing.data = torch.tensor(rng.normal(0, 1.5, site.mixing.shape), dtype=torch.float32)
            site.leakage.data = torch.tensor(rng.normal(0, 1.5), dtype=torch.float32)
        return site

    return make


def spiking(network: Model, make: Callable[[Tensor, int], SpikingSite]) -> Model:
    """The network with layers in the place of its rectifiers, ceilings drawn, one a channel where those are known."""
    rng = np.random.default_rng(1)

    def neuron(place, _):
        axis = channel_axis(network.graph, place)
        size = () if axis is None else (place.meta["shape"][axis - 1],)
        return make(torch.tensor(rng.uniform(0.4, 1.5, size), dtype=torch.float32), axis or 1)

    snn = unroll(network, neuron)
    snn.graph.eval()
    return snn


def frames(timesteps: int = T) -> Model:
    """Neurons directly on an input that changes from step to step, each channel with its own convolution of one tap."""
    weight = np.array([1.0, -1.0, 0.5], np.float32).reshape(3, 1, 1, 1)
    made = model_of(proto_of([node("Conv", "input w", "c", group=3), node("Relu", "c", "out")], {"w": weight}))
    made.input = replace(made.input, timesteps=timesteps)
    return made


def sites_of(model: Model) -> dict[str, SpikingSite]:
    return {name: module for name, module in model.graph.named_modules() if isinstance(module, SpikingSite)}


def run_onnx(path: Path, x: Tensor) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.numpy()})


def assert_comes_back(model: Model, x: Tensor, path: Path, exact: bool) -> None:
    """The file gives the same outputs and settings here, and the same outputs in onnxruntime."""
    wanted = model(x)
    again = load(save(model, path))
    assert (again.stage, again.timesteps, again.levels) == (model.stage, model.timesteps, model.levels)
    assert (again.coupling, again.input) == (model.coupling, model.input)
    old, new = sites_of(model), sites_of(again)
    assert old.keys() == new.keys()
    assert len(old) > 0
    for name, site in old.items():
        assert type(new[name]) is type(site)
        for setting in SETTINGS:
            mine, wanted_setting = (getattr(each, setting, None) for each in (new[name], site))
            assert torch.equal(mine, wanted_setting) if isinstance(mine, Tensor) else mine == wanted_setting
        for mine, reference in zip(new[name].parameters(), site.parameters(), strict=True):
            assert torch.equal(mine, reference)
    for mine, theirs, reference in zip(again(x), run_onnx(path, x), wanted, strict=True):
        assert torch.equal(mine, reference)
        assert theirs.shape == reference.shape
        assert reference.unique().numel() > 1
        tolerance = 0 if exact else RUNTIME * float(reference.abs().max())
        assert np.abs(theirs - reference.numpy()).max() <= tolerance


@pytest.mark.parametrize("name", ["chain", "flat_mlp", "channels_last"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_neurons_comes_back(kind, name, tmp_path, capfd):
    model = spiking(prepared(name), neurons(kind))
    for batch in (1, 5):
        assert_comes_back(model, images(model, batch), tmp_path / "network.onnx", exact=False)
    proto = onnx.load(tmp_path / "network.onnx")
    onnx.checker.check_model(proto, full_check=True)
    called = [each.op_type for each in proto.graph.node if each.domain == DOMAIN]
    assert called.count(KINDS[kind][0]) == len(sites_of(model))
    assert {each.name for each in proto.functions} == set(called)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""  # onnxruntime warns here


@pytest.mark.parametrize("kind", KINDS)
def test_onnxruntime_fires_the_same_spikes_at_every_step(kind, tmp_path, capfd):
    """Exactly: the currents are the same numbers here and there, drawn so that none meets a decision level."""
    model = spiking(frames(), neurons(kind))
    x = torch.tensor(np.random.default_rng(2).normal(0.3, 1.0, model.input.batch_shape(4)), dtype=torch.float32)
    site = sites_of(model)["out"]
    _, steps = model(x)
    fired = (steps * site.levels / site.ceiling.detach()[:, None, None]).round()
    assert fired.unique().tolist() == list(range(site.levels + 1))
    assert_comes_back(model, x, tmp_path / "network.onnx", exact=True)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize(
    "make",
    [
        lambda one: MultiThreshold(one * 2, 4, 2, coupling=Coupling.CAUSAL),
        lambda one: MultiThreshold(one * 2, 4, 2, coupling=Coupling.MEAN),
        lambda one: MultiThreshold(one * 2, 4, 2, coupling=Coupling.CAUSAL, initial=0.25),
        lambda one: MultiThreshold(one * 2, 4, 2, coupling=Coupling.CAUSAL, initial=torch.tensor([0.0, 0.75, 1.0])),
        lambda one: LearnableMultiThreshold(one * 2, 4, 2),
        lambda one: LearnableMultiThreshold(one * 2, 4, 2, initial=0.0),
        lambda one: MultiThreshold(one * 2, 4, 2, coupling=Coupling.CAUSAL, signed=True),
        lambda one: MultiThreshold(one * 2, 4, 2, coupling=Coupling.MEAN, signed=True),
        lambda one: LearnableMultiThreshold(one * 2, 4, 2, signed=True),
        lambda one: LIF(one * 2, 4, 2),
        lambda one: LIF(one * 2, 4, 2, reset="hard"),
        lambda one: LIF(one, 4, decay=0.5),
        lambda one: MultiLevel(one * 2, 4, 2, first=0.75),
    ],
)
def test_onnxruntime_decides_as_we_do_on_the_levels_themselves(make, tmp_path):
    """Quarters of theta are exact in every step, and many of the potentials are where a level begins."""
    model = unroll(frames(4), lambda *_: make(torch.tensor(2.0)))
    model.graph.eval()
    x = torch.tensor(np.random.default_rng(3).integers(-16, 24, model.input.batch_shape(8)) / 2, dtype=torch.float32)
    assert_comes_back(model, x, tmp_path / "network.onnx", exact=True)


@pytest.mark.parametrize("kind", ["mht mean mpr", "lmht", "lif", "mlf"])
def test_one_step_and_one_ceiling_come_back(kind, tmp_path):
    model = unroll(plain("chain"), lambda *_: neurons(kind, timesteps=1)(torch.tensor(0.8), 1))
    model.graph.eval()
    assert_comes_back(model, images(model), tmp_path / "network.onnx", exact=False)


@pytest.mark.parametrize(
    "make",
    [
        lambda ceiling, axis: MultiLevel(ceiling, T, 3, first=0.35, decay=0.1, channel_axis=axis),
        lambda ceiling, axis: MultiLevel(ceiling, T, 1, first=-0.2, channel_axis=axis),
        lambda ceiling, axis: MultiThreshold(
            ceiling, T, 2, coupling=Coupling.CAUSAL, initial=torch.linspace(0, 1, 4), channel_axis=axis
        ),
        lambda ceiling, axis: LearnableMultiThreshold(ceiling, T, 2, initial=0.5, channel_axis=axis),
        lambda ceiling, axis: LearnableMultiThreshold(ceiling, T, 2, initial=0.3, channel_axis=axis),
        lambda ceiling, axis: LearnableMultiThreshold(ceiling, T, 2, signed=True, channel_axis=axis),
        lambda ceiling, axis: MultiThreshold(ceiling, T, 3, signed=True, channel_axis=axis),
        lambda ceiling, axis: LIF(ceiling, T, 2, decay=0.9, reset="hard", channel_axis=axis),
        lambda ceiling, axis: LIF(ceiling, T, 2, surrogate="arctan:0.125", rectified=True, channel_axis=axis),
        lambda ceiling, axis: LIF(ceiling, T, surrogate="rectangular:0.1234567", channel_axis=axis),
    ],
)
def test_choices_that_no_kind_has_by_default_come_back(make, tmp_path):
    model = spiking(prepared("chain"), make)
    assert_comes_back(model, images(model), tmp_path / "network.onnx", exact=False)


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_back_is_trained_on_as_it_was(kind, tmp_path):
    """Gradients of the loaded network are those of the saved one: rectifier, surrogate and coupling included."""
    model = spiking(prepared("chain"), neurons(kind))
    again = load(save(model, tmp_path / "network.onnx"))
    x = images(model)
    gradients = []
    for network in (model, again):
        network.graph.train()
        network.graph(x)[0].square().sum().backward()
        gradients.append({name: each.grad for name, each in network.graph.named_parameters()})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-5, atol=1e-6)
    assert all(gradient.count_nonzero() for name, gradient in gradients[0].items() if name.endswith("ceiling"))


def test_a_file_from_before_potentials_had_a_place_starts_at_one_half(tmp_path):
    model = spiking(prepared("chain"), neurons("mht"))
    proto = to_onnx(model)
    for each in proto.graph.node:
        if each.op_type == "MultiThreshold":
            del each.input[3]
    onnx.save(proto, tmp_path / "old.onnx")
    again = load(tmp_path / "old.onnx")
    assert all(float(site.initial) == 0.5 for site in sites_of(again).values())
    x = images(model)
    for mine, reference in zip(again(x), model(x), strict=True):
        assert torch.equal(mine, reference)


@pytest.mark.parametrize("shape", [(5, 1, 1), (2, 2, 1), (1, 1, 4)])
def test_potentials_that_fit_no_channel_are_refused(shape, tmp_path):
    proto = to_onnx(spiking(prepared("chain"), neurons("mht")))
    site_node(proto).input[3] = "starts"
    proto.graph.initializer.append(numpy_helper.from_array(np.full(shape, 0.5, np.float32), "starts"))
    onnx.save(proto, tmp_path / "network.onnx")
    with pytest.raises(UnsupportedOperatorsError, match="v_0"):
        load(tmp_path / "network.onnx")


def test_every_neuron_has_a_function():
    assert {name for name, _ in KINDS.values()} <= set(functions())


# Files that are damaged


def site_node(proto: onnx.ModelProto, name: str = "r1") -> onnx.NodeProto:
    return next(each for each in proto.graph.node if each.name == name)


def attribute(name: str, value: object) -> Callable[[onnx.ModelProto], None]:
    """Damage: an attribute of the first site is another, or missing where the value is None."""

    def damage(proto: onnx.ModelProto) -> None:
        found = site_node(proto)
        kept = [each for each in found.attribute if each.name != name]
        assert len(kept) == len(found.attribute) - 1
        del found.attribute[:]
        found.attribute.extend(kept)
        if value is not None:
            found.attribute.append(onnx.helper.make_attribute(name, value))

    return damage


def initializer(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[onnx.ModelProto], None]:
    """Damage: a constant that the first site reads is another."""

    def damage(proto: onnx.ModelProto) -> None:
        reads = {each for each in site_node(proto).input if each.split(".", 1)[-1].startswith(name)}
        (found,) = [each for each in proto.graph.initializer if each.name in reads or each.name.startswith(name)]
        found.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(found)).astype(np.float32), found.name))

    return damage


def entry(value: float) -> Callable[[np.ndarray], np.ndarray]:
    """The array with one value another."""

    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array.flat[-1] = value
        return array

    return change


NAN, INF = float("nan"), float("inf")
DAMAGES = [
    *((kind, attribute(name, value)) for kind in KINDS for name in ("levels", "timesteps") for value in (0, -1, None)),
    *((kind, attribute("levels", 2.0)) for kind in ("mht", "lmht", "lif", "mlf")),
    *((kind, initializer("ceiling", entry(value))) for kind in ("mht", "lmht", "if", "mlf") for value in (0, -1, NAN)),
    *(
        (kind, attribute("decay", value))
        for kind in ("if", "if hard", "lif", "mlf")
        for value in (2.0, -0.1, NAN, INF, 1, None)
    ),
    *(
        (kind, attribute("surrogate", value))
        for kind in ("if", "if hard", "lif", "mlf")
        for value in ("step", "", "tanh:0", "tanh:nan", "tanh:x")
    ),
    *(("lmht", attribute("initial", value)) for value in (NAN, INF, 1, None)),
    *(("lmht", initializer("mixing", change)) for change in (entry(NAN), entry(INF), lambda a: a[:2], lambda a: a[0])),
    *(("lmht", initializer("leakage", change)) for change in (entry(NAN), entry(-INF), lambda a: np.stack([a, a]))),
    *(
        ("mlf", initializer("thresholds", change))
        for change in (
            entry(2.7),
            entry(NAN),
            lambda a: a[::-1],
            lambda a: a[:2],
            lambda a: a * 2,
            lambda a: a * INF,
            lambda a: -a * INF,
            lambda a: a[:, None],
            lambda a: a[0],
        )
    ),
    *(
        ("mht", initializer("coupling", change))
        for change in (entry(0.5), entry(NAN), lambda a: a[:2], lambda a: 2 * a)
    ),
]


@functools.cache
def healthy(kind: str) -> onnx.ModelProto:
    """A file, not to be changed, of which only the damage is wrong."""
    proto = to_onnx(spiking(prepared("chain"), neurons(kind)))
    import_graph(proto)
    return proto


@pytest.mark.parametrize(("kind", "damage"), DAMAGES)
def test_a_damaged_neuron_is_refused_by_name(kind, damage, tmp_path):
    proto = onnx.ModelProto()
    proto.CopyFrom(healthy(kind))
    damage(proto)
    onnx.save(proto, tmp_path / "damaged.onnx")
    with pytest.raises(UnsupportedOperatorsError) as caught:
        load(tmp_path / "damaged.onnx")
    assert "r1" in [each.name for each in caught.value.nodes]
    assert {each.operator for each in caught.value.nodes} == {KINDS[kind][0]}
    assert all(each.reason for each in caught.value.nodes)


@pytest.mark.parametrize("kind", ["if", "mlf"])
def test_all_damaged_neurons_are_reported_at_once(kind, tmp_path):
    proto = to_onnx(spiking(prepared("residual_of_spikes"), neurons(kind)))
    damaged = [each for each in proto.graph.node if each.op_type == KINDS[kind][0]]
    assert len(damaged) == 2
    for each in damaged:
        next(a for a in each.attribute if a.name == "decay").f = 2.0
    onnx.save(proto, tmp_path / "damaged.onnx")
    with pytest.raises(UnsupportedOperatorsError, match="from 0 to 1") as caught:
        load(tmp_path / "damaged.onnx")
    assert caught.value.nodes[0].name == damaged[0].name


def test_how_it_was_trained_may_be_left_unsaid(tmp_path):
    """Files of other software need not know rectified and surrogate: inference is the same without them."""
    model = spiking(prepared("chain"), neurons("lif hard mpr"))
    proto = to_onnx(model)
    for name in ("r1", "features"):
        found = site_node(proto, name)
        kept = [each for each in found.attribute if each.name not in ("rectified", "surrogate")]
        del found.attribute[:]
        found.attribute.extend(kept)
    onnx.save(proto, tmp_path / "bare.onnx")
    bare = load(tmp_path / "bare.onnx")
    assert {(site.rectified, str(site.surrogate)) for site in sites_of(bare).values()} == {(False, "rectangular:1")}
    x = images(model)
    assert torch.equal(bare.logits(x), model.logits(x))
