"""Spiking networks that are trained from scratch, of every kind of neuron."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comparing import accuracy, first_batch, state
from torch import nn

from snnconv.errors import InvalidValueError, ModelError, UnsupportedOperatorsError
from snnconv.finetune import TrainSettings, spiking_network, train
from snnconv.finetune.continuation import kind_of
from snnconv.formats.onnx import save
from snnconv.graph.modules import AveragePool, MaxPool
from snnconv.loading import load, load_module
from snnconv.model import Stage
from snnconv.neurons import NEURONS, Coupling, MultiLevel, NeuronSettings
from snnconv.spiking.sites import iter_sites

SHORT = TrainSettings(epochs=1, batch_size=50, lr=0.05, augment=False)
# neuron, and what comes of it: T, L, coupling, lambda, what a batch-norm's weight starts at
KINDS = [
    (NeuronSettings("mht", 2), 2, 2, Coupling.CAUSAL, 2.0, 1.0),
    (NeuronSettings("mht", 3, 4, coupling="mean"), 3, 4, Coupling.MEAN, 2.0, 1.0),
    (NeuronSettings("lmht", 2, 1, ceiling=3.0, mpr=True), 2, 1, Coupling.LEARNED, 3.0, 1.5),
    (NeuronSettings("if", 2), 2, 1, Coupling.CAUSAL, 1.0, 0.5),
    (NeuronSettings("lif", 3, 2, decay=0.5, reset="hard", surrogate="arctan:2"), 3, 2, Coupling.CAUSAL, 2.0, 0.5),
    (NeuronSettings("mlf", 2), 2, 3, Coupling.CAUSAL, 3.0, 0.6),
]


def _norms(model):
    return [module for module in model.graph.modules() if isinstance(module, nn.BatchNorm2d)]


def _sites(model):
    return [site for _, site in iter_sites(model.graph)]


@pytest.mark.parametrize(("neuron", "timesteps", "levels", "coupling", "ceiling", "norm"), KINDS)
def test_every_activation_becomes_neurons(
    small_cnn, few_digits, tmp_path, neuron, timesteps, levels, coupling, ceiling, norm
):
    before = state(small_cnn)
    start = spiking_network(small_cnn, neuron)
    assert [module.weight.tolist() for module in _norms(start)] == [
        [pytest.approx(norm)] * module.num_features for module in _norms(small_cnn)
    ]
    assert [module.weight.tolist() for module in _norms(spiking_network(small_cnn, neuron, threshold_norm=False))] == [
        [1.0] * module.num_features for module in _norms(small_cnn)
    ]
    log = []
    model = train(small_cnn, few_digits, replace(SHORT, neuron=neuron), on_epoch=log.append, device="cpu")
    assert all(torch.equal(before[name], value) for name, value in state(small_cnn).items())
    assert (model.stage, model.timesteps, model.levels, model.coupling) == (Stage.SNN, timesteps, levels, coupling)
    assert [(kind_of(site), site.timesteps, site.levels) for site in _sites(model)] == [
        (neuron.kind, timesteps, levels)
    ] * 3
    assert [site.ceiling.item() for site in _sites(model)] == [ceiling] * 3
    assert len(_norms(model)) == 3
    moved = {name for name, value in state(model).items() if not torch.equal(value, state(start)[name])}
    assert {name.rsplit(".", 1)[-1] for name in moved} >= {"weight", "bias", "running_mean", "running_var"}
    assert model.provenance["finetune"]["settings"]["neuron"]["kind"] == neuron.kind

    loaded = load(save(model, tmp_path / "snn.onnx"))
    x, _ = first_batch(few_digits, 50)
    assert torch.equal(loaded.logits(x), model.logits(x))
    assert (loaded.stage, loaded.timesteps, loaded.coupling) == (Stage.SNN, timesteps, coupling)
    assert model(x)[1].shape == (timesteps, 50, 10)
    torch.testing.assert_close(model(x)[1].mean(0), model.logits(x))


@pytest.mark.parametrize("kind", list(NEURONS))
def test_thresholds_are_trained_on_request(kind, small_cnn, few_digits):
    settings = replace(SHORT, neuron=NeuronSettings(kind, 2), train_ceilings=True)
    sites = _sites(train(small_cnn, few_digits, settings, device="cpu"))
    start = settings.neuron.initial_ceiling
    assert all(site.ceiling.item() != start for site in sites)
    assert all(site.ceiling.item() == pytest.approx(start, rel=0.2) for site in sites)


@pytest.mark.parametrize("kind", list(NEURONS))
def test_a_gradient_reaches_every_layer(kind, small_cnn, few_digits):
    graph = spiking_network(small_cnn, NeuronSettings(kind, 2)).graph.train()
    x, y = first_batch(few_digits, 100)
    nn.functional.cross_entropy(graph(x)[0], y).backward()
    weights = {name: p for name, p in graph.named_parameters() if name.endswith("weight")}
    assert len(weights) == 7
    assert all(p.grad.abs().max() > 1e-7 for p in weights.values())


def test_it_learns_the_digits(small_cnn, digits, held_out_digits):
    neuron = NeuronSettings("lif", 4)
    log = []
    settings = replace(SHORT, epochs=4, batch_size=32, lr=0.1, neuron=neuron)
    model = train(small_cnn, digits, settings, on_epoch=log.append, device="cpu")
    assert accuracy(model, held_out_digits) > 0.9
    assert log[-1].loss < log[0].loss / 2


def _pooled() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10), nn.ReLU(),
        nn.Linear(10, 10),
    )  # fmt: skip


@pytest.mark.parametrize("neuron", [NeuronSettings("lif", 2), NeuronSettings("lmht", 2)], ids=lambda n: n.kind)
def test_max_pooling_becomes_average_pooling_or_moves_before_the_neurons(neuron, few_digits, tmp_path):
    ann = load_module(_pooled(), (1, 8, 8))
    for average, (gone, kept) in {True: (MaxPool, AveragePool), False: (AveragePool, MaxPool)}.items():
        settings = replace(SHORT, neuron=neuron, average_pool=average)
        model = train(ann, few_digits, settings, device="cpu")
        kinds = [
            type(model.graph.get_submodule(str(n.target))) for n in model.graph.graph.nodes if n.op == "call_module"
        ]
        assert gone not in kinds
        site = next(i for i, kind in enumerate(kinds) if kind is type(_sites(model)[0]))
        assert (kinds.index(kept) < site) == (not average)
        x, _ = first_batch(few_digits, 20)
        assert torch.equal(load(save(model, tmp_path / "snn.onnx")).logits(x), model.logits(x))


def test_single_numbers_are_not_trained():
    class Shifted(nn.Module):
        def forward(self, x):
            return x + 3.0

    module = nn.Sequential(nn.Conv2d(1, 4, 8), Shifted(), nn.ReLU(), nn.Flatten(), nn.Linear(4, 10))
    network = spiking_network(load_module(module, (1, 8, 8)), NeuronSettings("lif", 2))
    assert [p.item() for p in network.graph.parameters() if not p.requires_grad] == [3.0, 1.0]


def test_what_cannot_be_given_neurons_is_refused(plain_ann, trained, few_digits):
    neuron = NeuronSettings("lif", 2)
    with pytest.raises(ModelError, match="stage quantized"):
        train(trained.model, few_digits, replace(SHORT, neuron=neuron), device="cpu")
    with pytest.raises(ModelError, match="SNN already: train it further with finetune"):
        train(spiking_network(plain_ann, neuron), few_digits, replace(SHORT, neuron=neuron), device="cpu")
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.LeakyReLU(), nn.Conv2d(4, 4, 3), nn.Sigmoid(), nn.ReLU(), nn.Flatten(),
        nn.Linear(64, 10),
    )  # fmt: skip
    with pytest.raises(UnsupportedOperatorsError) as caught:
        spiking_network(load_module(module, (1, 8, 8)), neuron)
    assert [node.operator for node in caught.value.nodes] == ["Sigmoid"]


BOTH_SIGNS = (
    nn.Conv2d(1, 4, 3), nn.LeakyReLU(0.2), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(),
    nn.Linear(4, 10),
)  # fmt: skip


@pytest.mark.parametrize(
    "neuron",
    [NeuronSettings("mht", 2), NeuronSettings("mht", 2, coupling="mean", mpr=True), NeuronSettings("lmht", 2)],
)
def test_activations_of_both_signs_are_trained_with_neurons_of_both_signs(few_digits, tmp_path, neuron):
    ann = load_module(nn.Sequential(*BOTH_SIGNS), (1, 8, 8))
    settings = replace(SHORT, neuron=neuron, rmp_loss=0.1, rmp_sites="all")
    model = train(ann, few_digits, settings, device="cpu")
    assert [site.signed for site in _sites(model)] == [True, False]
    x, _ = first_batch(few_digits, 20)
    again = load(save(model, tmp_path / "network.onnx"))
    assert [site.signed for site in _sites(again)] == [True, False]
    assert torch.equal(again.logits(x), model.logits(x))


@pytest.mark.parametrize("kind", ["if", "lif", "mlf"])
def test_neurons_without_negative_spikes_are_refused_where_activations_have_both_signs(kind):
    ann = load_module(nn.Sequential(*BOTH_SIGNS), (1, 8, 8))
    with pytest.raises(InvalidValueError, match=f"neuron is '{kind}': it fires no negative spikes.* mht, lmht"):
        spiking_network(ann, NeuronSettings(kind, 2))


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"kind": "lmth"}, "Unknown neuron 'lmth': did you mean lmht"),
        ({"kind": "if", "decay": 0.5}, "neuron 'if' has no option 'decay'; it belongs to: lif, mlf"),
        ({"kind": "mlf", "mpr": True}, "neuron 'mlf' has no option 'mpr'; it belongs to: if, lif, mht, lmht"),
        ({"kind": "lif", "coupling": "mean"}, "neuron 'lif' has no option 'coupling'; it belongs to: mht"),
        ({"kind": "lif", "surrogate": "arktan"}, "arctan"),
        ({"kind": "lif", "timesteps": 0}, "timesteps"),
    ],
)
def test_choices_that_a_neuron_has_not_are_refused(choices, said):
    with pytest.raises(InvalidValueError, match=said):
        NeuronSettings(**choices)


def test_frames_need_as_many_steps(plain_ann):
    ann = plain_ann.copy()
    ann.input = replace(ann.input, timesteps=3)
    with pytest.raises(InvalidValueError, match="3 frames, the neurons T=2"):
        spiking_network(ann, NeuronSettings("lif", 2))
    assert isinstance(_sites(spiking_network(ann, NeuronSettings("mlf", 3)))[0], MultiLevel)
