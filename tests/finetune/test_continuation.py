"""What fine-tuning starts from: the same network, with the neurons, T and L that are asked for."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch
from comparing import accuracy, first_batch, same, state
from torch import nn

from snnconv.errors import InvalidValueError, ModelError, SnnconvWarning
from snnconv.finetune import FinetuneSettings, finetune, spiking_network
from snnconv.finetune.continuation import continued, kind_of
from snnconv.formats.onnx import save
from snnconv.loading import load, load_module
from snnconv.model import Stage
from snnconv.neurons import (
    LIF,
    Coupling,
    LearnableMultiThreshold,
    MultiLevel,
    MultiThreshold,
    NeuronSettings,
    coupling_matrix,
    leak_factor,
)
from snnconv.spiking.sites import channel_axis, iter_sites
from snnconv.spiking.unrolling import collapse

AS_IT_IS = FinetuneSettings(epochs=1)
CLASSES = {"mht": MultiThreshold, "lmht": LearnableMultiThreshold, "if": LIF, "lif": LIF, "mlf": MultiLevel}


def _sites(model):
    return [site for _, site in iter_sites(model.graph)]


def _scratch(ann, kind, **choices):
    """An SNN of such neurons with the ANN's weights."""
    return spiking_network(ann, NeuronSettings(kind, **{"timesteps": 3, **choices}))


@pytest.fixture(scope="module")
def learned(spiking, few_digits):
    """LM-HT whose coupling and leak have moved."""
    settings = FinetuneSettings(epochs=1, batch_size=50, lr=0.05, augment=False)
    model = finetune(spiking, few_digits, settings, device="cpu")
    assert all(site.mixing.abs().max() > 1e-4 for site in _sites(model))
    assert all(site.leakage.abs() > 1e-5 for site in _sites(model)[1:])
    return model


def test_a_mean_coupled_network_becomes_lm_ht_and_equals_the_quantized_one(spiking, trained, held_out_digits):
    before = state(spiking)
    student = continued(spiking, held_out_digits, AS_IT_IS)
    assert (student.stage, student.timesteps, student.levels) == (Stage.SNN, 2, 4)
    assert (student.coupling, spiking.coupling) == (Coupling.LEARNED, Coupling.MEAN)
    assert all(isinstance(site, LearnableMultiThreshold) for site in _sites(student))
    assert all(isinstance(site, MultiThreshold) for site in _sites(spiking))
    assert all(torch.equal(before[name], value) for name, value in state(spiking).items())
    for site in _sites(student):
        assert torch.equal(coupling_matrix(site.mixing), torch.full((2, 2), 0.5))
        assert (leak_factor(site.leakage).item(), site.initial) == (1.0, 0.5)

    quantized = trained.model.copy()
    x, _ = first_batch(held_out_digits, len(held_out_digits))
    student.graph.double()
    quantized.graph.double()
    found, wanted = student.logits(x.double()), quantized.logits(x.double())
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)
    assert torch.equal(found.argmax(1), wanted.argmax(1))
    assert wanted.abs().max() > 1


@pytest.mark.parametrize("train_ceilings", [False, True])
def test_what_is_trained(spiking, few_digits, train_ceilings):
    student = continued(spiking, few_digits, replace(AS_IT_IS, train_ceilings=train_ceilings))
    held = {name.rsplit(".", 1)[-1] for name, p in student.graph.named_parameters() if not p.requires_grad}
    trained = {name.rsplit(".", 1)[-1] for name, p in student.graph.named_parameters() if p.requires_grad}
    assert held == (set() if train_ceilings else {"ceiling"})
    assert trained == {"weight", "bias", "mixing", "leakage"} | ({"ceiling"} if train_ceilings else set())


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("named", [False, True])
def test_other_files_go_on_with_their_own_neurons(plain_ann, few_digits, kind, named):
    snn = _scratch(plain_ann, kind)
    student = continued(snn, few_digits, replace(AS_IT_IS, neuron=kind if named else None))
    assert [type(site) for site in _sites(student)] == [CLASSES[kind]] * 3
    assert {kind_of(site) for site in _sites(student)} == {kind}
    assert same(student, snn)
    assert student.coupling == snn.coupling


def test_a_mean_coupled_network_may_keep_its_neurons(spiking, few_digits):
    student = continued(spiking, few_digits, replace(AS_IT_IS, neuron="mht"))
    assert {kind_of(site) for site in _sites(student)} == {"mht"}
    assert student.coupling is Coupling.MEAN
    assert same(student, spiking)


def test_a_causally_coupled_network_cannot_become_lm_ht(converted, few_digits):
    snn = converted(timesteps=2, levels=2, coupling="causal")
    assert {kind_of(site) for site in _sites(continued(snn, few_digits, AS_IT_IS))} == {"mht"}
    with pytest.raises(ModelError, match=r"--neuron mht.*--coupling mean"):
        continued(snn, few_digits, replace(AS_IT_IS, neuron="lmht"))


@pytest.mark.parametrize(("kind", "wanted"), [("lmht", "mht"), ("lif", "lmht"), ("mlf", "lif"), ("if", "lif")])
def test_neurons_that_sites_cannot_become_are_named(plain_ann, few_digits, kind, wanted):
    snn = _scratch(plain_ann, kind)
    with pytest.raises(ModelError, match=rf"neurons are {kind} .*cannot become {wanted}.*train --neuron {wanted}"):
        finetune(snn, few_digits, replace(AS_IT_IS, neuron=wanted), device="cpu")


@pytest.mark.parametrize("kind", ["mht", "lmht", "if", "lif"])
def test_mpr_is_of_every_site(plain_ann, few_digits, kind):
    snn = _scratch(plain_ann, kind)
    assert [site.rectified for site in _sites(continued(snn, few_digits, replace(AS_IT_IS, mpr=True)))] == [True] * 3
    assert [site.rectified for site in _sites(continued(snn, few_digits, AS_IT_IS))] == [False] * 3
    assert not any(site.rectified for site in _sites(snn))


def test_mpr_of_what_becomes_lm_ht(spiking, few_digits):
    for changed in ({}, {"levels": 2}, {"timesteps": 3}):
        student = continued(spiking, few_digits, replace(AS_IT_IS, mpr=True, **changed))
        assert [site.rectified for site in _sites(student)] == [True] * 3


@pytest.mark.parametrize("changed", [{}, {"neuron": "lmht"}, {"levels": 2}, {"timesteps": 3}])
def test_mpr_that_a_file_has_stays(spiking, few_digits, changed):
    kept = continued(spiking, few_digits, replace(AS_IT_IS, mpr=True, neuron="mht"))
    student = continued(kept, few_digits, replace(AS_IT_IS, **changed))
    assert [site.rectified for site in _sites(student)] == [True] * 3


def test_more_levels_than_there_may_be(spiking, few_digits):
    with pytest.raises(InvalidValueError, match=r"N = L\*T = 131072 levels; at most 65536"):
        continued(spiking, few_digits, replace(AS_IT_IS, levels=65536))


def test_mpr_is_not_of_several_membranes(plain_ann, few_digits):
    with pytest.raises(ModelError, match="MLF neurons have several"):
        continued(_scratch(plain_ann, "mlf"), few_digits, replace(AS_IT_IS, mpr=True))


def _means(model, images):
    """Mean output of every channel of every site."""
    found: dict[str, torch.Tensor] = {}
    handles = []
    for node, site in iter_sites(model.graph):
        axis = channel_axis(model.graph, node)

        def keep(_, __, out, name=str(node.target), axis=axis):
            found[name] = out.double().movedim(axis, 0).flatten(1).mean(1)

        handles.append(site.register_forward_hook(keep))
    model(first_batch(images, len(images))[0])
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("origin", ["mean", "causal", "learned"])
@pytest.mark.parametrize(("timesteps", "levels"), [(2, 2), (4, 4), (1, 3), (3, 4)])
@pytest.mark.filterwarnings("ignore:The learned coupling")
def test_another_t_or_l_starts_from_the_calibrated_equivalent(
    converted, spiking, learned, few_digits, origin, timesteps, levels
):
    old = {"mean": spiking, "learned": learned}.get(origin) or converted(timesteps=2, levels=4, coupling="causal")
    settings = replace(AS_IT_IS, timesteps=timesteps, levels=levels, calibration_images=len(few_digits))
    student = continued(old, few_digits, settings)
    assert (student.timesteps, student.levels, student.stage) == (timesteps, levels, Stage.SNN)
    assert {kind_of(site) for site in _sites(student)} == {"mht" if origin == "causal" else "lmht"}
    assert {(site.timesteps, site.levels) for site in _sites(student)} == {(timesteps, levels)}
    assert student.coupling is (Coupling.CAUSAL if origin == "causal" else Coupling.LEARNED)
    wanted, found = _means(collapse(old), few_digits), _means(collapse(student), few_digits)
    for (node, before), (_, after) in zip(iter_sites(old.graph), iter_sites(student.graph), strict=True):
        assert (after.ceiling <= before.ceiling * (1 + 1e-6)).all()
        if levels * timesteps < 8:
            assert (after.ceiling < 0.99 * before.ceiling).any()
        error = (found[str(node.target)] - wanted[str(node.target)]).abs() / before.ceiling.detach()
        assert error.max() < 0.04  # what two rounds leave of a channel that is nearly constant
        assert error.mean() < 0.006


def test_the_calibrated_equivalent_is_nearly_as_accurate(spiking, few_digits, held_out_digits):
    few = continued(spiking, few_digits, replace(AS_IT_IS, timesteps=2, levels=1))
    assert accuracy(few, held_out_digits) > accuracy(spiking, held_out_digits) - 0.05
    uncalibrated = continued(spiking, few_digits, replace(AS_IT_IS, timesteps=2, levels=4))
    for site in _sites(uncalibrated):
        site.levels = 1  # below the old ceilings
    assert accuracy(uncalibrated, held_out_digits) < accuracy(few, held_out_digits) - 0.05


def test_calibration_images_are_drawn_by_the_seed(spiking, few_digits):
    resized = replace(AS_IT_IS, levels=2, calibration_images=20)
    first, again, other = (continued(spiking, few_digits, replace(resized, seed=seed)) for seed in (0, 0, 1))
    assert same(first, again)
    assert not same(first, other)
    assert not same(first, continued(spiking, few_digits, replace(resized, calibration_images=200)))


def test_learned_coupling_is_kept_where_t_is(learned, few_digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        student = continued(learned, few_digits, replace(AS_IT_IS, levels=2))
    for old, new in zip(_sites(learned), _sites(student), strict=True):
        assert torch.equal(old.mixing, new.mixing)
        assert torch.equal(old.leakage, new.leakage)
        assert old.mixing is not new.mixing


def test_learned_coupling_is_lost_with_a_warning_where_t_changes(learned, few_digits):
    with pytest.warns(SnnconvWarning, match="belong to T=2; at T=3 they start anew"):
        student = continued(learned, few_digits, replace(AS_IT_IS, timesteps=3))
    for site in _sites(student):
        assert torch.equal(coupling_matrix(site.mixing), torch.full((3, 3), 1 / 3))
        assert leak_factor(site.leakage).item() == 1


@pytest.mark.parametrize("kind", ["if", "lif", "mlf"])
def test_other_neurons_take_another_t_and_keep_their_levels(plain_ann, few_digits, kind):
    snn = _scratch(plain_ann, kind, timesteps=4)
    levels = snn.levels
    student = continued(snn, few_digits, replace(AS_IT_IS, timesteps=2, levels=levels))
    assert (student.timesteps, student.levels, snn.timesteps) == (2, levels, 4)
    assert {site.timesteps for site in _sites(student)} == {2}
    x, _ = first_batch(few_digits, 20)
    built = _scratch(plain_ann, kind, timesteps=2)
    assert torch.equal(student.logits(x), built.logits(x))
    assert built.logits(x).std() > 0.01
    with pytest.raises(ModelError, match=rf"\({kind}\) keep their {levels} levels.*--levels"):
        continued(snn, few_digits, replace(AS_IT_IS, levels=levels + 1))


def test_frames_fix_t_and_l(plain_ann, few_digits):
    ann = plain_ann.copy()
    ann.input = replace(ann.input, timesteps=3)
    for changed in ({"timesteps": 2}, {"levels": 3}):
        with pytest.raises(InvalidValueError, match=r"takes 3 frames a sample.*T=3, L=1"):
            continued(_scratch(ann, "if"), few_digits, replace(AS_IT_IS, **changed))


def test_single_numbers_of_a_file_are_not_trained(few_digits, tmp_path):
    class Shifted(nn.Module):
        def forward(self, x):
            return (x + 3.0) / 6.0

    module = nn.Sequential(nn.Conv2d(1, 4, 8), nn.ReLU(), Shifted(), nn.Flatten(), nn.Linear(4, 10))
    path = save(_scratch(load_module(module, (1, 8, 8)), "lif"), tmp_path / "snn.onnx")
    student = continued(load(path), few_digits, AS_IT_IS)
    held = sorted(round(p.item(), 4) for p in student.graph.parameters() if not p.requires_grad)
    assert held in ([1.0, 3.0, 6.0], [0.1667, 1.0, 3.0])  # the ceiling is 1
