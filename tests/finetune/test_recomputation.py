"""Gradient checkpointing by blocks: the same step, with less kept for the backward pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from comparing import same, state
from torch import nn

from benchmarks.memory import measured
from snnconv.finetune import FinetuneSettings, TrainSettings, finetune, quantize_activations, spiking_network, train
from snnconv.finetune.losses import Objective
from snnconv.finetune.recomputation import Blockwise, recomputing
from snnconv.loading import load_module
from snnconv.model import Model
from snnconv.networks import NETWORKS
from snnconv.neurons import NeuronSettings
from snnconv.spiking.sites import insert_after, iter_sites

KINDS = {
    "qcfs": None,
    "lmht": NeuronSettings("lmht", 2),
    "mht": NeuronSettings("mht", 2),
    "lif": NeuronSettings("lif", 3, mpr=True),
    "mlf": NeuronSettings("mlf", 2),
}
BATCH = 4


class Branching(nn.Module):
    """Two outputs, modules that are called several times, a concatenation, and the input read late."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.twice = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.head, self.other = nn.Linear(11, 10), nn.Linear(11, 4)
        self.relu = nn.ReLU()

    def forward(self, x):
        y = self.relu(self.norm(self.first(x)))
        y = self.relu(self.twice(y))
        y = self.relu(self.norm(self.twice(y))) + y
        y = self.relu(self.twice(self.relu(self.twice(y))))
        y = torch.cat([y, x], 1).mean((2, 3))
        return self.head(y), self.other(y)


@pytest.fixture(scope="module")
def resnet() -> Model:
    return load_module(NETWORKS["resnet8"](3, 10), (3, 16, 16))


def _network(model: Model, kind: str) -> Model:
    neuron = KINDS[kind]
    return quantize_activations(model, 8, 4.0) if neuron is None else spiking_network(model, neuron)


def _step(model: Model, *, blockwise: bool, bf16: bool = False, **choices) -> dict[str, torch.Tensor]:
    """Gradients, and the state after a step."""
    torch.manual_seed(0)
    x, y = torch.randn(BATCH, *model.input.sample_shape()), torch.arange(BATCH)
    graph = model.copy().graph.train()
    settings = TrainSettings(epochs=2, bf16=bf16, **choices)
    with Objective(graph, settings) as objective:
        loss, logits, _ = objective(Blockwise(graph) if blockwise else graph, x, y, 1)
        loss.backward()
        if objective.potential is not None:
            assert objective.potential.losses == []
    found = {f"gradient of {name}": p.grad for name, p in graph.named_parameters() if p.grad is not None}
    return {**found, **graph.state_dict(), "logits": logits.detach(), "loss": loss.detach()}


def _equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_and_statistics_are_the_same_bit_for_bit(resnet, kind, bf16):
    network = _network(resnet, kind)
    plain = _step(network, blockwise=False, bf16=bf16)
    assert sum(name.startswith("gradient") for name in plain) > 20
    counts = [value for name, value in plain.items() if name.endswith("num_batches_tracked")]
    assert counts
    assert all(int(count) == 1 for count in counts)
    assert _equal(plain, _step(network, blockwise=True, bf16=bf16))


@pytest.mark.parametrize("kind", ["lmht", "lif"])
def test_every_potential_is_seen_once_and_with_its_gradient(resnet, kind):
    network = _network(resnet, kind)
    choices = {"neuron": KINDS[kind], "rmp_loss": 0.5}
    plain = _step(network, blockwise=False, **choices)
    assert not _equal(plain, _step(network, blockwise=False))  # it has a gradient
    assert _equal(plain, _step(network, blockwise=True, **choices))


@pytest.mark.parametrize("kind", ["qcfs", "lmht"])
def test_a_graph_of_any_shape_and_its_random_numbers(kind):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = _network(load_module(Branching(), (3, 8, 8)), kind)
    assert len(Blockwise(network.graph).parts) > 1
    plain = _step(network, blockwise=False)
    assert _equal(plain, _step(network, blockwise=True))
    for node, _ in list(iter_sites(network.graph)):
        readers = list(node.users)
        dropped = insert_after(network.graph, node, nn.Dropout(0.5), "dropped")
        for reader in readers:
            reader.replace_input_with(node, dropped)
    network.graph.recompile()
    random = _step(network, blockwise=False)
    assert not _equal(plain, random)
    assert _equal(random, _step(network, blockwise=True))


def test_all_blocks_but_the_last_are_computed_twice(resnet):
    network = _network(resnet, "qcfs")
    graph, seen = network.graph.train(), []
    blockwise = Blockwise(graph)
    for name, module in graph.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda *_, name=name: seen.append((name, recomputing())))
    out = blockwise(torch.randn(BATCH, 3, 16, 16))
    first = len(seen)
    assert not any(again for _, again in seen)
    F.cross_entropy(out, torch.arange(BATCH)).backward()
    assert all(again for _, again in seen[first:])
    assert not recomputing()
    own = {str(node.target) for node in blockwise.parts[-1][0].nodes}
    assert {name for name, again in seen if again} == {name for name, _ in seen} - own
    with torch.no_grad():
        seen.clear()
        blockwise(torch.randn(BATCH, 3, 16, 16))
        assert not any(again for _, again in seen)


def test_less_is_kept(resnet):
    graph = _network(resnet, "lmht").graph.train()
    x, y = torch.randn(16, 3, 16, 16), torch.arange(16) % 10
    whole, blocks = measured(graph, x, y), measured(Blockwise(graph), x, y)
    assert blocks["kept"] < whole["kept"] / 2
    assert blocks["peak"] < whole["peak"]


def test_what_is_alive_is_what_the_backward_pass_waits_for(resnet):
    graph = _network(resnet, "lmht").graph.train()
    own = {values.untyped_storage().data_ptr() for values in graph.state_dict().values()}
    saved: dict[int, torch.Tensor] = {}

    def pack(values: torch.Tensor) -> torch.Tensor:
        saved[values.untyped_storage().data_ptr()] = values
        return values

    x = torch.randn(16, 3, 16, 16)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda values: values):
        graph(x)
    found = sum(values.untyped_storage().nbytes() for at, values in saved.items() if at not in own)
    found -= x.untyped_storage().nbytes()
    assert measured(graph, x, torch.arange(16) % 10)["kept"] == pytest.approx(found, rel=0.01)  # and the logits


SHORT = TrainSettings(epochs=2, batch_size=40, lr=0.01, initial_ceiling=4.0, accumulate=2)


def test_a_training_comes_to_the_same_weights(small_cnn, few_digits):
    for neuron in (None, NeuronSettings("lif", 2)):
        settings = replace(SHORT, neuron=neuron, rmp_loss=0.1 if neuron else 0.0)
        plain, again = (
            train(small_cnn, few_digits, replace(settings, checkpoint_blocks=choice), device="cpu")
            for choice in (False, True)
        )
        assert same(plain, again)
        assert not same(plain, train(small_cnn, few_digits, replace(settings, seed=1), device="cpu"))


def test_distillation_sees_every_activation_once(spiking, trained, few_digits):
    settings = FinetuneSettings(epochs=1, batch_size=100, distill_features=1.0)
    teacher = trained.model
    plain, again = (
        finetune(spiking, few_digits, replace(settings, checkpoint_blocks=choice), teacher=teacher, device="cpu")
        for choice in (False, True)
    )
    assert same(plain, again)
    alone = finetune(spiking, few_digits, settings, device="cpu")
    assert any(not torch.equal(state(plain)[name], values) for name, values in state(alone).items())
