"""The matrix of kinds and capabilities: every form works, every absence is refused with its reason by the verb."""

from __future__ import annotations

import importlib
import re
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import numpy as np
import onnxruntime
import pytest
import torch
from graph_cases import HEAD, conv, images, model_of, node, proto_of, quantize
from graph_cases import W as WEIGHTS
from torch import nn

from snnconv.convert.calibration.causal import calibrate_causal
from snnconv.costs.activity import measure
from snnconv.costs.updates import update_of
from snnconv.errors import InvalidValueError, ModelError
from snnconv.finetune import FinetuneSettings
from snnconv.finetune.continuation import continued, kind_of
from snnconv.finetune.losses.potential import PotentialLoss
from snnconv.finetune.tuning import finetune
from snnconv.formats.hardware import HardwareNetwork, save_hardware, to_hardware
from snnconv.formats.nir.writing import save_nir, to_nir
from snnconv.formats.onnx import save, to_onnx, to_single_step
from snnconv.formats.onnx.int8 import to_int8
from snnconv.graph.emission import EMITTERS
from snnconv.graph.node import HANDLERS
from snnconv.loading import load
from snnconv.model import InputSpec, Stage
from snnconv.neurons import (
    KINDS,
    LIF,
    NEURONS,
    QCFS,
    BipolarMultiThreshold,
    Capabilities,
    Coupling,
    LearnableMultiThreshold,
    MultiLevel,
    MultiThreshold,
    NeuronSettings,
    NIRNeuron,
    NoForm,
    SigmaDelta,
    SpikingSite,
    build_neuron,
    capabilities_of,
    no_forms,
    register_neuron,
)
from snnconv.neurons import spike as fire
from snnconv.neurons.capabilities import NAMES
from snnconv.neurons.forms import LevelRule, NamedNeuron, NeuronNames, Update
from snnconv.neurons.kernels import use_kernels
from snnconv.neurons.matrix import MEANINGS, matrix_page
from snnconv.reporting.recorder import Recorder
from snnconv.runtime import inference
from snnconv.runtime.inference import fires_levels, for_inference
from snnconv.runtime.integers import fits
from snnconv.runtime.onnxruntime import OnnxNetwork
from snnconv.runtime.streaming import StreamedNetwork
from snnconv.spiking.couplings import variants, with_coupling
from snnconv.spiking.grid import Grid
from snnconv.spiking.reparameterize import single_threshold
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import collapse, of_one_frame, spike, unroll

DOCS = Path(__file__).parents[2] / "docs"
T, L = 4, 2
OCTAVES = 8
ONE = torch.tensor(1.0)
MAKE = {  # a layer of each kind, causally coupled where it can be
    QCFS: lambda ceiling: QCFS(ceiling, T * L),
    MultiThreshold: lambda ceiling: MultiThreshold(ceiling, T, L, coupling=Coupling.CAUSAL),
    LearnableMultiThreshold: lambda ceiling: LearnableMultiThreshold(ceiling, T, L),
    LIF: lambda ceiling: LIF(ceiling, T, 1, decay=0.5),
    MultiLevel: lambda ceiling: MultiLevel(ceiling, T, L),
    NIRNeuron: lambda _: NIRNeuron(T, torch.tensor(0.8), decay=0.5),
    BipolarMultiThreshold: lambda ceiling: BipolarMultiThreshold(ceiling, T, L),
    SigmaDelta: lambda ceiling: SigmaDelta(ceiling, T, OCTAVES),
}
MATRIX = [(kind, name) for kind in MAKE for name in NAMES]
FORMS = [pair for pair in MATRIX if not isinstance(getattr(KINDS[pair[0]], pair[1]), NoForm)]
ABSENT = [pair for pair in MATRIX if isinstance(getattr(KINDS[pair[0]], pair[1]), NoForm)]


def named(pair):
    return f"{pair[0].__name__}-{pair[1]}"


def plain():
    """Two convolutions with an activation each, of images."""
    first = [conv("input", "c1"), node("Relu", "c1", "r1")]
    second = [conv("r1", "c2", "w2", "b2"), node("Relu", "c2", "features")]
    model = model_of(proto_of([*first, *second, *HEAD], WEIGHTS))
    model.input = InputSpec(3, 6, 6, mean=(0.5,) * 3, std=(0.25,) * 3)
    return model


def network(kind):
    """The two layers as sites of a kind; a quantized ANN of QCFS."""
    if kind is QCFS:
        return quantize(plain(), T * L)
    snn = unroll(plain(), lambda *_: MAKE[kind](torch.tensor([0.7, 1.1, 0.9, 1.3])))
    snn.graph.eval()
    return snn


class Samples:
    """Images for fine-tuning, which nothing but a calibration looks at."""

    def __len__(self):
        return 8

    def sample(self, count, seed):
        return self

    def batches(self, size):
        yield images(plain(), 8), None


def site_of(kind):
    return MAKE[kind](ONE)


def test_every_kind_states_every_capability():
    ours = [kind for kind in KINDS if kind.__module__.startswith("snnconv.")]
    assert set(ours) == set(MAKE)
    assert list(MEANINGS) == list(NAMES)
    for kind in ours:
        for name, form in KINDS[kind]:
            if isinstance(form, NoForm):
                assert form.reason.strip(".") == form.reason != "", (kind, name)


def test_the_page_of_the_documentation_is_what_the_kinds_declare():
    assert (DOCS / "neurons-matrix.md").read_text(encoding="utf-8") == matrix_page()


# Forms


def assert_close(run, model, tolerance=1e-5):
    """Outputs of a file in onnxruntime beside the network's own."""
    x = images(model)
    with torch.inference_mode():
        out = model(x)
    for theirs, ours in zip(run(x), out if isinstance(out, tuple) else (out,), strict=True):
        assert ours.count_nonzero()
        torch.testing.assert_close(theirs, ours, rtol=0, atol=tolerance * float(ours.abs().max()))


class Works:
    """One check for each capability; the form's own reference where it has one."""

    def names(self, kind, form):
        for name in form.neurons:
            site = build_neuron(NeuronSettings(name, T), ONE)
            assert type(site) is kind
            assert kind_of(site) == name

    def trained(self, kind, form):
        site = site_of(kind).train()
        current = torch.linspace(-0.5, 1.5, 64).repeat(site.timesteps if isinstance(site, SpikingSite) else 1)
        site(current.requires_grad_()).sum().backward()
        assert current.grad.count_nonzero()

    def onnx(self, kind, form):
        assert_close(OnnxNetwork(to_onnx(network(kind))), network(kind))
        proto = to_onnx(network(kind))
        assert {function.name for function in proto.functions} & set(form.functions)

    def step(self, kind, form):
        assert_close(StreamedNetwork(to_single_step(network(kind))), network(kind))

    def integers(self, kind, form):
        snn = spike(network(QCFS), T) if kind is QCFS else network(kind)  # QCFS: the window of mean-coupled neurons
        folder = HardwareNetwork(to_hardware(snn, weight_bits=16))
        pixels = np.random.default_rng(0).integers(0, 256, (6, 3, 6, 6))
        ours = snn((torch.from_numpy(pixels).float() / 255 - 0.5) / 0.25)[0].detach().numpy()
        theirs = folder(pixels)[0] * folder.graph["outputs"][0]["scale"]
        assert np.linalg.norm(theirs - ours) < 0.05 * np.linalg.norm(ours)

    def nir(self, kind, form):
        to_nir(network(kind) if kind is NIRNeuron else single_threshold(network(kind)))

    def int8(self, kind, form):
        snn = network(kind)
        assert_close(OnnxNetwork(to_int8(snn, stepped=kind is not QCFS)), snn, 0.1)

    def engine(self, kind, form):
        model = network(kind)
        x = images(model)
        with torch.inference_mode():
            out = model(x)
            if not fits(model.graph):
                pytest.skip("this processor has no integer arithmetic")
            with mock.patch.object(inference, "least_sum", return_value=1):  # also the smallest operators take levels
                fast = for_inference(model, integers=True)
            assert fires_levels(fast)
            ours, theirs = (each if isinstance(each, torch.Tensor) else each[0] for each in (out, fast(x)))
        torch.testing.assert_close(theirs, ours, rtol=0, atol=0.1 * float(ours.abs().max()))

    def collapse(self, kind, form):
        site = site_of(kind)
        quantized = form(site)
        assert torch.equal(quantized.ceiling, site.ceiling)
        assert quantized.total_levels == site.total_levels == site.timesteps * site.levels
        assert collapse(network(kind)).stage is Stage.QUANTIZED

    def spiking(self, kind, form):
        site = site_of(kind)
        neurons = form.build(site, T, L, Coupling.MEAN)
        assert capabilities_of(neurons).written_as == form.neurons
        z = torch.linspace(-0.5, 1.5, 64)
        torch.testing.assert_close(neurons(z.repeat(T)).unflatten(0, (T, -1)).mean(0), site(z))

    def single_threshold(self, kind, form):
        site = site_of(kind)
        single = form(site, site.total_levels)
        assert (single.timesteps, single.levels) == (site.total_levels, 1)
        z = torch.linspace(0.01, 0.99, 64)
        counts = [
            (each(z.repeat(each.timesteps)) * each.levels / each.ceiling).unflatten(0, (each.timesteps, -1)).sum(0)
            for each in (site, single)
        ]
        torch.testing.assert_close(*counts)

    def signed(self, kind, form):
        site = QCFS(ONE, 4, signed=True) if kind is QCFS else kind(ONE, T, L, signed=True)
        assert site(-torch.ones(T)).max() < 0

    def other_coupling(self, kind, form):
        for coupling in (Coupling.MEAN, Coupling.CAUSAL):
            assert with_coupling(network(kind), coupling).coupling is coupling
        assert all(way.model is not None for way in variants(network(kind)))

    def start(self, kind, form):
        start = torch.tensor([0.25, 0.75])
        site = form.moved(kind(torch.ones(2), T, L, coupling=Coupling.CAUSAL), start, 1)
        assert torch.equal(form.initial(site), start)
        currents = torch.linspace(-1, 3, T * 2 * 5).reshape(T, 2, 5)
        ran = form.run(currents, site.ceiling.detach().unsqueeze(1) / L, L, start.unsqueeze(1), False)
        torch.testing.assert_close(site(currents.transpose(1, 2).flatten(0, 1)), ran.transpose(1, 2).flatten(0, 1))

    def other_timesteps(self, kind, form):
        assert form(site_of(kind), QCFS(ONE, 12), 3).timesteps == 3

    def other_levels(self, kind, form):
        own = None if isinstance(KINDS[kind].names, NoForm) else kind_of(site_of(kind))
        student = continued(network(kind), Samples(), FinetuneSettings(levels=3, neuron=own))
        assert {(type(site), site.timesteps, site.levels) for _, site in iter_sites(student.graph)} == {(kind, T, 3)}

    def become_lmht(self, kind, form):
        site = kind(ONE, T, L, coupling=Coupling.MEAN)
        x = torch.linspace(-1, 2, T * 16)
        learned = form(site, True)
        assert learned.rectified
        assert capabilities_of(learned).names.name_of(learned) == "lmht"
        torch.testing.assert_close(learned(x), site(x))

    def observed_levels(self, kind, form):
        site = site_of(kind)
        seen = []
        site.observer = seen.append
        site.train()(torch.linspace(-1, 4, T * 16))
        assert len(seen) == T
        assert max(float(u.detach().max()) for u in seen) > form(site) - 0.5

    def rmp_loss(self, kind, form):
        snn = network(kind)
        with PotentialLoss(snn.graph.train(), "all") as loss:
            snn(images(snn))
        assert float(loss.take()) > 0

    def mpr(self, kind, form):
        assert not site_of(kind).rectified
        kept = FinetuneSettings(neuron=kind_of(site_of(kind)), mpr=True)
        assert all(site.rectified for _, site in iter_sites(continued(network(kind), Samples(), kept).graph))

    def update(self, kind, form):
        update = form(site_of(kind), T)
        assert update.additions >= 2
        assert update.reads >= update.writes >= 1

    def telling(self, kind, form):
        site = site_of(kind).double()
        values = np.random.default_rng(0).normal(0.5, 0.7, (T, 64))
        told = site(torch.tensor(values).flatten()).detach().numpy().reshape(T, 64)
        before = np.zeros(64)
        for step in range(T):
            before = form(site, step + 1, values[step], before)
            np.testing.assert_allclose(told[step], before, rtol=1e-12, atol=1e-12)

    def spikes(self, kind, form):
        """Levels 1, 3 and 7 of 8: what is fired adds up to the output, and each count is at most the next."""
        site = MAKE[kind](torch.tensor(float(T * L)))
        x = torch.tensor([[1.0, 3.0, 7.0]])
        out = site(x if kind is QCFS else x.repeat(T, 1)).detach()
        with torch.no_grad():
            unary, power_of_two, graded = form.count(site, out, T)
        if kind is QCFS:
            fired = out * T * L / site.ceiling
        elif isinstance(KINDS[kind].telling, NoForm):
            fired = out.unflatten(0, (T, 1)).sum(0) * site.levels / site.ceiling
        else:
            elapsed = torch.arange(1, T + 1).view(-1, 1, 1) if kind is BipolarMultiThreshold else torch.ones(T, 1, 1)
            told = out.unflatten(0, (T, 1)) * elapsed / site.threshold
            changes = told.diff(dim=0, prepend=torch.zeros(1, 1, 3)).abs().sum(0)
            fired = changes if kind is BipolarMultiThreshold else changes / site.smallest
        torch.testing.assert_close(unary.float(), fired)
        assert (graded <= power_of_two).all()
        assert (power_of_two <= unary).all()
        assert unary.max() <= form.most(site)
        assert unary.sum() > 0

    def kernels(self, kind, form):
        if find_spec("triton") is None:
            pytest.skip("Triton is not installed: tests/neurons/test_kernels.py runs the kernels")
        assert callable(importlib.import_module(form).run)


@pytest.mark.parametrize("pair", FORMS, ids=named)
def test_a_form_works(pair):
    kind, name = pair
    getattr(Works(), name)(kind, getattr(KINDS[kind], name))


# Absences


def tuned(kind, **settings):
    """What `finetune` does first with a spiking network; another it refuses by its stage."""
    if kind is QCFS:
        return finetune(network(kind), Samples(), FinetuneSettings(**settings), device="cpu")
    return continued(network(kind), Samples(), FinetuneSettings(**settings))


class Refuses:
    """The verb that needs each capability; it raises, or returns where it says why."""

    def names(self, kind):
        kind_of(site_of(kind))

    def trained(self, kind):
        tuned(kind)

    def step(self, kind):
        to_single_step(network(kind))

    def integers(self, kind):
        to_hardware(network(kind))

    def nir(self, kind):
        to_nir(network(kind))

    single_threshold = nir

    def int8(self, kind):
        to_int8(network(kind), stepped=True)

    def collapse(self, kind):
        collapse(network(kind))

    def spiking(self, kind):
        spike(network(kind), T)

    def signed(self, kind):
        build_neuron(NeuronSettings(next(iter(KINDS[kind].names.neurons)), T), ONE, signed=True)

    def other_coupling(self, kind):
        reason = KINDS[kind].other_coupling.reason
        assert all(reason[1:] in way.note for way in variants(network(kind))[1:])
        list(Grid(couplings=("mean",)).settings(network(kind)))

    def other_timesteps(self, kind):
        tuned(kind, timesteps=3)

    def other_levels(self, kind):
        tuned(kind, levels=3)

    def become_lmht(self, kind):
        tuned(kind, neuron="lmht")

    def rmp_loss(self, kind):
        PotentialLoss(network(kind).graph)

    def mpr(self, kind):
        tuned(kind, mpr=True)


SILENT = ("start", "observed_levels", "kernels", "engine", "telling")  # what is absent is left out, no more changes
OWN_WAY = {(NIRNeuron, "signed"), (LearnableMultiThreshold, "become_lmht")}  # tested by themselves
OF_STEPS = [pair for pair in ABSENT if pair[0] is not QCFS and pair[1] not in SILENT and pair not in OWN_WAY]


@pytest.mark.parametrize("pair", OF_STEPS, ids=named)
def test_an_absence_is_refused_with_its_reason(pair):
    kind, name = pair
    with pytest.raises((ModelError, InvalidValueError)) as refused:
        getattr(Refuses(), name)(kind)
    reason = getattr(KINDS[kind], name).reason
    if network(kind).coupling is Coupling.LEARNED and name in ("step", "integers"):
        reason = "--coupling differential or causal"  # every layer of learned coupling waits for its window
    assert reason in str(refused.value)


@pytest.mark.parametrize("name", [name for kind, name in ABSENT if kind is QCFS and name not in SILENT])
def test_a_quantized_activation_is_refused_by_the_stage_of_its_network(name):
    verbs = {"other_coupling": lambda _: with_coupling(network(QCFS), Coupling.CAUSAL), "rmp_loss": None, "names": None}
    verb = verbs.get(name, getattr(Refuses(), name))
    if name == "names":
        with pytest.raises(InvalidValueError, match="Unknown neuron 'qcfs'"):
            NeuronSettings("qcfs")
    elif name == "rmp_loss":
        with pytest.raises(ModelError, match="of 0 sites"):
            PotentialLoss(network(QCFS).graph)
    else:
        with pytest.raises(ModelError, match=r"at the stage quantized|Only a spiking network|only an SNN"):
            verb(QCFS)


def test_neurons_of_a_nir_file_cannot_be_made_signed():
    with pytest.raises(TypeError, match="signed"):
        NIRNeuron(T, ONE, signed=True)


def test_what_is_lm_ht_already_stays_so():
    student = continued(network(LearnableMultiThreshold), Samples(), FinetuneSettings(neuron="lmht"))
    assert all(type(site) is LearnableMultiThreshold for _, site in iter_sites(student.graph))


@pytest.mark.parametrize("kind", [kind for kind, name in ABSENT if name == "start" and kind is not QCFS])
def test_calibration_leaves_neurons_alone_that_have_no_start_to_choose(kind):
    snn, quantized = network(kind), quantize(plain(), T * L)
    calibrated = calibrate_causal(plain(), quantized, snn, [images(snn)])
    assert calibrated.sites == ()
    assert all(torch.equal(x, y) for x, y in zip(calibrated.snn(images(snn)), snn(images(snn)), strict=True))


@pytest.mark.parametrize("kind", [kind for kind, name in ABSENT if name == "observed_levels"])
def test_a_report_has_no_potentials_of_neurons_that_show_none(kind):
    model = network(kind)
    place, site = next(iter(iter_sites(model.graph)))
    statistics = Recorder(1, "site", place, site).statistics()
    assert (statistics.potentials, statistics.potential_levels, statistics.potential_loss) == (None, None, None)


@pytest.mark.parametrize("kind", [kind for kind, name in ABSENT if name == "engine"])
def test_what_fires_no_levels_is_computed_in_floats_in_our_own_evaluation(kind):
    model = network(kind)
    with torch.inference_mode():
        out = model(images(model))
        fast = for_inference(model, integers=True)
        assert not fires_levels(fast)
        for theirs, ours in zip(fast(images(model)), out, strict=True):
            torch.testing.assert_close(theirs, ours)


@pytest.mark.parametrize("kind", [kind for kind, name in ABSENT if name == "kernels"])
def test_neurons_without_kernels_are_computed_with_torch_whatever_is_chosen(kind):
    x = torch.linspace(-1, 3, T * 8)
    with use_kernels("eager"):
        expected = site_of(kind)(x)
    if find_spec("triton") is not None:
        with use_kernels("triton"):
            assert torch.equal(site_of(kind)(x), expected)


# Kinds from outside


@pytest.fixture
def registries(monkeypatch):
    """Registries that forget what a test adds."""
    for registry in (KINDS, NEURONS, HANDLERS, EMITTERS):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))


def example():
    """A neuron that states its record in full."""

    def build(settings, ceiling, signed, channel_axis):
        steps, levels = settings.timesteps, settings.firing_levels
        return Forgetful(ceiling, steps, levels, coupling=Coupling.CAUSAL, channel_axis=channel_axis)

    def half(ceiling, levels):
        return ceiling / 2

    neuron = NamedNeuron("no memory", levels=1, ceiling=float, norm_threshold=half, options=frozenset(), build=build)
    forms = {
        "names": NeuronNames({"forgetful": neuron}, lambda site: "forgetful"),
        "update": lambda site, timesteps: Update(additions=2, multiplications=0, reads=1, writes=1),
        "engine": LevelRule(),
    }

    @register_neuron(
        Capabilities(title="Forgetful", written_as="Forgetful", **forms, **no_forms("it is an example", except_=forms))
    )
    class Forgetful(SpikingSite):
        def run(self, currents, threshold, observe, out=None):
            return fire(currents - threshold / 2) * threshold

    return {"Forgetful": Forgetful}


def plain_example():
    """The neuron of docs/extending.md."""
    page = (DOCS / "extending.md").read_text(encoding="utf-8")
    section = page[page.index("## A neuron") :]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL).group(1)
    names: dict[str, object] = {}
    exec(compile(code, "extending.md", "exec"), names)
    return names["Memoryless"]


def test_a_neuron_with_one_parameter(registries, tmp_path):
    kind = plain_example()
    settings = NeuronSettings("memoryless", 3, levels=2)
    assert type(build_neuron(settings, ONE)) is kind
    for signed in (False, True):
        currents = torch.tensor([-1.7, -0.6, -0.1, 0.2, 0.3, 0.8, 3.0]).repeat(3, 1, 1)
        fired = build_neuron(settings, ONE, signed=signed)(currents.flatten(0, 1)).unflatten(0, (3, 1))[0, 0]
        lowest = -2 if signed else 0
        torch.testing.assert_close(fired, (currents[0, 0] * 2).round().clamp(lowest, 2) / 2)
    snn = unroll(plain(), lambda *_: build_neuron(settings, ONE))
    again = load(save(snn, tmp_path / "x.onnx"))
    assert torch.equal(again(images(snn))[0], snn(images(snn))[0])
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx")
    (out, *_) = session.run(None, {session.get_inputs()[0].name: images(snn).numpy()})
    torch.testing.assert_close(torch.from_numpy(out), snn(images(snn))[0], rtol=1e-5, atol=1e-5)
    with pytest.raises(ModelError, match="registered without such a form"):
        collapse(snn)


def test_a_neuron_of_another_package(registries, tmp_path):
    names = example()
    assert "forgetful" in list(NEURONS)
    kind = names["Forgetful"]
    site = build_neuron(NeuronSettings("forgetful", 3), ONE)
    assert type(site) is kind
    assert kind_of(site) == "forgetful"
    snn = unroll(plain(), lambda *_: build_neuron(NeuronSettings("forgetful", 3), ONE))
    operations = measure(snn.graph, [images(snn)], timesteps=snn.timesteps).operations
    assert operations.neuron_additions_per_image == 2 * operations.neuron_updates_per_image > 0
    with torch.inference_mode():
        out, fast = snn(images(snn)), for_inference(snn)(images(snn))
    torch.testing.assert_close(fast[0], out[0])
    for verb in (lambda: save(snn, tmp_path / "x.onnx"), lambda: to_single_step(snn), lambda: collapse(snn)):
        with pytest.raises(ModelError, match="it is an example"):
            verb()
    with pytest.raises(ModelError, match="it is an example"):
        save_hardware(snn, tmp_path / "folder")
    with pytest.raises(ModelError, match="it is an example"):
        save_nir(snn, tmp_path / "x.nir")
    assert list(tmp_path.iterdir()) == []


def test_neurons_without_a_known_cost_are_reported_as_uncounted(registries):
    @register_neuron(Capabilities(title="Costly", written_as="Costly", **no_forms("nobody counted it")))
    class Costly(LIF):
        pass

    snn = unroll(plain(), lambda *_: Costly(ONE, T))
    uncounted = measure(snn.graph, [images(snn)], timesteps=T).operations.uncounted_operators
    assert [each["operator"] for each in uncounted] == ["Costly", "Costly"]
    with pytest.raises(ModelError, match="nobody counted it"):
        update_of(Costly(ONE, T), T)


def test_what_a_registration_forgets_is_named_at_once():
    with pytest.raises(TypeError, match="update"):
        Capabilities(title="x", written_as="x", **{k: v for k, v in no_forms("no reason").items() if k != "update"})
    with pytest.raises(ValueError, match="no capability is called updates: there are names, onnx"):
        no_forms("no reason", except_=["updates"])


def test_a_kind_is_registered_once_and_whole_or_not_at_all(registries):
    with pytest.raises(ValueError, match="registered already"):
        register_neuron(KINDS[LIF])(LIF)

    class Another(LIF):
        pass

    before = len(list(KINDS)), len(list(NEURONS)), len(list(HANDLERS)), len(list(EMITTERS))
    for kept in ({"names": KINDS[LIF].names}, {"onnx": KINDS[LIF].onnx}):
        other = Capabilities(title="x", written_as="x", **kept, **no_forms("it is another", except_=kept))
        with pytest.raises(ValueError, match=r"(if|SoftResetNeuron).* is registered already"):
            register_neuron(other)(Another)
    assert (len(list(KINDS)), len(list(NEURONS)), len(list(HANDLERS)), len(list(EMITTERS))) == before


def test_an_unknown_kind_is_refused_by_name():
    class Unknown(SpikingSite):
        pass

    site = Unknown(ONE, T, L, coupling=Coupling.CAUSAL)
    with pytest.raises(ModelError, match=r"Unknown is no registered kind of neuron.*register_neuron"):
        kind_of(site)


def test_nobody_outside_the_folders_asks_for_a_class():
    concrete = "|".join(kind.__name__ for kind in MAKE)
    package = Path(importlib.import_module("snnconv").__file__).parent
    asking = re.compile(rf"isinstance\([^\n]*\b({concrete})\b|type\([^\n]*\) (is|==) ({concrete})\b")
    guilty = [
        f"{path.relative_to(package)}:{number}"
        for path in package.rglob("*.py")
        if path.parent.parent != package / "neurons"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if asking.search(line)
    ]
    assert guilty == []


def test_of_one_frame_is_what_collapse_is_made_of():
    assert isinstance(next(iter_sites(of_one_frame(network(LIF)).graph))[1], nn.Module)


def test_files_name_their_kinds_as_they_always_did(tmp_path):
    assert {KINDS[kind].written_as for kind in MAKE} == {
        "QCFS",
        "MultiThreshold",
        "LearnableMultiThreshold",
        "Leaky",
        "MultiLevel",
        "IntegrateAndFire",
        "BipolarMultiThreshold",
        "SigmaDelta",
    }
    again = load(save(network(LIF), tmp_path / "x.onnx"))
    assert {type(site) for _, site in iter_sites(again.graph)} == {LIF}
