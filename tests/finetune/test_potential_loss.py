"""RMP-Loss against a loop over values, and where it is taken from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from comparing import first_batch
from reference import potential as reference

from snnconv.errors import InvalidValueError, ModelError
from snnconv.finetune import FinetuneSettings, TrainSettings, finetune, spiking_network
from snnconv.finetune.losses import Objective, PotentialLoss, potential_loss, triangle
from snnconv.neurons import NeuronSettings, SpikingSite
from snnconv.spiking.sites import iter_sites

KINDS = [
    NeuronSettings("mht", 2, 3),
    NeuronSettings("mht", 2, 2, coupling="mean"),
    NeuronSettings("lmht", 3, 2),
    NeuronSettings("if", 2),
    NeuronSettings("lif", 3, reset="hard"),
]


def _potentials(levels: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-2, levels + 2, (5, 7))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("levels", [1, 2, 5])
def test_the_loss_and_its_gradient(levels, signed):
    u, lowest = _potentials(levels), -levels if signed else 0
    x = torch.tensor(u, requires_grad=True)
    loss = potential_loss(x, levels, signed)
    loss.backward()
    np.testing.assert_allclose(loss.item(), reference.potential_loss(u, levels, lowest), rtol=1e-12)
    np.testing.assert_allclose(x.grad, reference.gradient(u, levels, lowest), rtol=1e-12, atol=1e-15)


def test_at_one_level_it_is_the_papers():
    u = _potentials(1)
    expected = sum(reference.paper(each) for each in u.flat) / u.size
    np.testing.assert_allclose(potential_loss(torch.tensor(u)).item(), expected, rtol=1e-12)


def test_it_is_0_where_every_potential_is_a_level():
    assert potential_loss(torch.tensor([0.0, 1.0, 2.0]), 2).item() == 0
    assert potential_loss(torch.tensor([0.0, 1.0, 2.0]), 1).item() == pytest.approx(1 / 3)


@pytest.mark.parametrize("epochs", [1, 2, 5, 30])
def test_its_weight_is_a_triangle_over_the_epochs(epochs):
    weights = [triangle(epoch, epochs, 0.1) for epoch in range(1, epochs + 1)]
    expected = [reference.weight(epoch, epochs, 0.1) for epoch in range(1, epochs + 1)]
    np.testing.assert_allclose(weights, expected, rtol=1e-12)
    np.testing.assert_allclose(weights, weights[::-1], rtol=1e-12)
    assert 0 < weights[0] <= max(weights) <= 0.1


def _network(ann, neuron):
    return spiking_network(ann, neuron).graph


def _watched(graph, x, sites):
    """The mean over sites and steps of the loss of what each neuron observes, from the loop over values."""
    spiking = [site for _, site in iter_sites(graph)]
    chosen = spiking[1:-1] if sites == "inner" else spiking
    losses: list[float] = []
    for site in chosen:
        site.observer = lambda u, levels=site.levels: losses.append(
            reference.potential_loss(u.detach().double().numpy(), levels)
        )
    graph.train()(x)
    for site in chosen:
        site.observer = None
    assert len(losses) == len(chosen) * chosen[0].timesteps
    return sum(losses) / len(losses)


@pytest.mark.parametrize("sites", ["inner", "all"])
@pytest.mark.parametrize("neuron", KINDS, ids=lambda n: n.kind)
def test_it_is_taken_of_what_the_sites_compute(plain_ann, few_digits, neuron, sites):
    x, _ = first_batch(few_digits, 10)
    graph = _network(plain_ann, neuron)
    expected = _watched(graph, x, sites)
    with PotentialLoss(graph, sites) as watch:
        graph.train()(x)
        loss = watch.take()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    reached = {name for name, p in graph.named_parameters() if p.grad is not None and p.grad.any()}
    assert reached


def test_inner_sites_are_all_but_the_first_and_the_last(plain_ann):
    graph = _network(plain_ann, KINDS[0])
    found = [site for _, site in iter_sites(graph)]
    assert len(found) == 3
    assert PotentialLoss(graph).sites == found[1:2]
    assert PotentialLoss(graph, "all").sites == found


def test_only_training_is_watched_and_only_while_it_lasts(plain_ann, few_digits):
    x, _ = first_batch(few_digits, 4)
    graph = _network(plain_ann, KINDS[0])
    watch = PotentialLoss(graph, "all")
    with watch:
        graph.eval()(x)
        assert watch.losses == []
        graph.train()(x)
        assert len(watch.losses) == 3 * 2  # sites, steps
        watch.take()
        assert watch.losses == []
    graph(x)
    assert watch.losses == []
    assert all(site.observer is None for _, site in iter_sites(graph) if isinstance(site, SpikingSite))


@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_the_objective_adds_it_by_its_weight(plain_ann, few_digits, epoch):
    x, y = first_batch(few_digits, 10)
    graph = _network(plain_ann, KINDS[2]).train()
    settings = TrainSettings(epochs=4, rmp_loss=0.3, neuron=KINDS[2])
    with Objective(graph, settings) as objective:
        loss, _, parts = objective(graph, x, y, epoch)
    assert parts.keys() == {"task", "rmp"}
    assert parts["rmp"] > 0
    weight = reference.weight(epoch, 4, 0.3)
    assert loss.item() == pytest.approx(float(parts["task"] + weight * parts["rmp"]), rel=1e-6)


def test_a_network_without_inner_sites_takes_all(small_cnn, plain_ann):
    graph = spiking_network(plain_ann, KINDS[3]).graph
    watch = PotentialLoss(graph)
    assert len(watch.sites) == 1
    for node, _ in list(iter_sites(graph))[:2]:  # leave one site
        graph.add_submodule(str(node.target), torch.nn.Identity())
    with pytest.raises(ModelError, match="--rmp-sites all"):
        PotentialLoss(graph)
    assert len(PotentialLoss(graph, "all").sites) == 1


def test_neurons_of_several_membranes_are_refused(plain_ann, few_digits):
    with pytest.raises(ModelError, match="several"):
        PotentialLoss(_network(plain_ann, NeuronSettings("mlf", 2)))
    with pytest.raises(InvalidValueError, match=r"rmp_loss is 0\.1, .* neurons of the kind mlf: .* one membrane"):
        TrainSettings(neuron=NeuronSettings("mlf", 2), rmp_loss=0.1)
    with pytest.raises(InvalidValueError, match=r"rmp_loss is 0\.1, .* which only neurons have: give neuron"):
        TrainSettings(rmp_loss=0.1)
    mlf = spiking_network(plain_ann, NeuronSettings("mlf", 2))
    with pytest.raises(ModelError, match="several"):
        finetune(mlf, few_digits, FinetuneSettings(epochs=1, rmp_loss=0.1), device="cpu")
