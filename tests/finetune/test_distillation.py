"""Distillation from the ANN: its logits, and its activations at the sites."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from comparing import first_batch
from torch import nn

from snnconv.errors import ModelError
from snnconv.finetune import FinetuneSettings, TrainSettings, finetune, quantize_activations, train
from snnconv.finetune.continuation import continued
from snnconv.finetune.losses import Distillation, Objective, feature_loss, logit_loss
from snnconv.finetune.teacher import open_teacher
from snnconv.loading import load_module
from snnconv.neurons import unfold_time
from snnconv.spiking.plan import prepare
from snnconv.spiking.sites import iter_sites

TINY = FinetuneSettings(epochs=1, batch_size=50, lr=1e-3, augment=False)


def _logits(seed: int) -> torch.Tensor:
    return torch.randn(6, 10, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3


@pytest.mark.parametrize("temperature", [1.0, 2.5, 4.0])
def test_logits_are_compared_by_their_softened_probabilities(temperature):
    student, teacher = _logits(0), _logits(1)
    p, q = ((logits / temperature).softmax(1) for logits in (teacher, student))
    expected = temperature**2 * (p * (p.log() - q.log())).sum(1).mean()
    torch.testing.assert_close(logit_loss(student, teacher, temperature), expected)


def test_equal_networks_cost_nothing():
    assert logit_loss(_logits(0), _logits(0) + 5).item() == pytest.approx(0, abs=1e-12)  # a shift is no difference
    assert feature_loss(_logits(0), _logits(0)).item() == 0


def test_features_are_compared_relative_to_the_teachers():
    student, teacher = _logits(0), _logits(1)
    expected = F.mse_loss(student, teacher) / teacher.square().mean()
    torch.testing.assert_close(feature_loss(student, teacher), expected)
    torch.testing.assert_close(feature_loss(7 * student, 7 * teacher), expected)
    assert torch.isfinite(feature_loss(student, torch.zeros_like(student)))


def _recorded(model, x):
    """Output of every site, by name."""
    found = {}
    for node, site in iter_sites(model.graph):
        site.register_forward_hook(lambda _, __, out, name=str(node.target): found.setdefault(name, out))
    model.graph(x)
    return found


@pytest.mark.parametrize("coupling", ["mean", "causal", "differential"])
def test_time_means_are_compared_with_the_anns_activations(plain_ann, converted, few_digits, coupling):
    x, _ = first_batch(few_digits, 16)
    levels = {} if coupling == "differential" else {"levels": 2}
    snn = converted(timesteps=2, coupling=coupling, **levels)
    student = continued(snn, few_digits, TINY).graph.train()
    with Distillation(student, prepare(plain_ann), logits=0.3, features=0.7, temperature=2.0) as distillation:
        logits = student(x)[0]
        loss = distillation.loss(x, logits)
        loss.backward()

    wanted = {name: out.detach() for name, out in _recorded(prepare(plain_ann), x).items()}
    steps = {name: out.detach() for name, out in _recorded(snn.copy(), x).items()}
    last = coupling == "differential"  # whose values hold until the step, instead of at it
    means = {name: unfold_time(out, 2)[-1] if last else unfold_time(out, 2).mean(0) for name, out in steps.items()}
    assert len(means) == 3
    assert means.keys() == wanted.keys()
    features = torch.stack(
        [(means[name] - wanted[name]).square().mean() / wanted[name].square().mean() for name in means]
    ).mean()
    assert features > 1e-4
    expected = 0.3 * logit_loss(snn.logits(x), plain_ann.logits(x), 2.0) + 0.7 * features
    torch.testing.assert_close(loss.detach(), expected, rtol=1e-4, atol=1e-7)
    first = next(iter(student.parameters()))
    assert first.grad is not None
    assert first.grad.any()


def test_the_quantized_network_itself_teaches_nothing(spiking, trained, few_digits):
    x, _ = first_batch(few_digits, 32)
    student = continued(spiking, few_digits, TINY).graph.train()
    teacher = open_teacher(trained.model, spiking)
    with Distillation(student, teacher, logits=1.0, features=1.0, temperature=4.0) as distillation:
        assert distillation.loss(x, student(x)[0]).item() == pytest.approx(0, abs=1e-5)


def test_it_sees_training_alone_and_leaves_no_hooks(plain_ann, converted, few_digits):
    x, _ = first_batch(few_digits, 4)
    student = continued(converted(timesteps=2, levels=2), few_digits, TINY).graph
    teacher = prepare(plain_ann)
    with Distillation(student, teacher, logits=1.0, features=1.0, temperature=4.0) as distillation:
        student.eval()(x)
        assert distillation.activations == {}
        student.train()(x)
        assert len(distillation.activations) == 3
    sites = [site for graph in (student, teacher.graph) for _, site in iter_sites(graph)]
    assert len(sites) == 6
    assert all(not site._forward_hooks for site in sites)


def test_without_features_no_site_is_watched(plain_ann, converted, few_digits):
    student = continued(converted(timesteps=2, levels=2), few_digits, TINY).graph
    with Distillation(student, prepare(plain_ann), logits=1.0, features=0.0, temperature=4.0):
        assert all(not site._forward_hooks for _, site in iter_sites(student))


def test_the_teacher_gets_no_gradient_and_stays_as_it_is(plain_ann, converted, few_digits):
    before = {name: value.clone() for name, value in plain_ann.graph.state_dict().items()}
    settings = FinetuneSettings(epochs=1, batch_size=50, lr=1e-2, distill_features=1.0)
    log = []
    finetune(
        converted(timesteps=2, levels=2),
        few_digits,
        settings,
        teacher=plain_ann,
        on_epoch=log.append,
        device="cpu",
    )
    assert log[0].parts.keys() == {"task", "distillation"}
    assert log[0].parts["distillation"] > 0
    after = plain_ann.graph.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_it_brings_the_student_nearer_to_the_teacher(trained, small_cnn, few_digits):
    x, _ = first_batch(few_digits, 200)
    settings = TrainSettings(epochs=6, batch_size=50, initial_ceiling=4.0, distill_logits=1.0, augment=False)
    alone = train(small_cnn, few_digits, settings, device="cpu")
    taught = train(small_cnn, few_digits, settings, teacher=trained.model, device="cpu")
    wanted = trained.model.logits(x)
    assert logit_loss(taught.logits(x), wanted) < 0.8 * logit_loss(alone.logits(x), wanted)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_label_smoothing(plain_ann, few_digits, smoothing):
    x, y = first_batch(few_digits, 20)
    graph = quantize_activations(plain_ann, 4).graph.train()
    settings = TrainSettings(label_smoothing=smoothing)
    with Objective(graph, settings) as objective:
        loss, logits, parts = objective(graph, x, y, 1)
    log_p = logits.detach().double().log_softmax(1)
    expected = -(1 - smoothing) * log_p[range(20), y].mean() - smoothing * log_p.mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert parts == {"task": loss.item()}


def test_networks_without_the_same_sites_have_no_features_in_common(plain_ann, converted, few_digits):
    other = load_module(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10)), (1, 8, 8))
    snn = converted(timesteps=2, levels=2)
    features = FinetuneSettings(epochs=1, batch_size=50, distill_features=0.1)
    with pytest.raises(ModelError, match="--distill-features 0"):
        finetune(snn, few_digits, features, teacher=other, device="cpu")
    assert finetune(snn, few_digits, TINY, teacher=other, device="cpu").levels == 2


@pytest.mark.parametrize("kind", ["classes", "shape", "stage"])
def test_a_teacher_that_cannot_teach_is_refused(kind, spiking, small_cnn, few_digits):
    side, classes = (6 if kind == "shape" else 8), (7 if kind == "classes" else 10)
    module = nn.Sequential(nn.Conv2d(1, 4, side), nn.ReLU(), nn.Flatten(), nn.Linear(4, classes))
    teacher = spiking if kind == "stage" else load_module(module, (1, side, side))
    said = {"classes": "10 classes, the teacher 7", "shape": r"\[1, 8, 8\].*\[1, 6, 6\]", "stage": "is a spiking"}[kind]
    with pytest.raises(ModelError, match=said):
        finetune(spiking, few_digits, TINY, teacher=teacher, device="cpu")
    with pytest.raises(ModelError, match=said):
        train(small_cnn, few_digits, TrainSettings(epochs=1, batch_size=50), teacher=teacher, device="cpu")


def test_sites_of_other_shapes_have_no_features_in_common(few_digits):
    """Same names, another stride: the teacher may teach its logits alone."""

    def network(stride):
        layers = nn.Conv2d(1, 4, 3, stride), nn.ReLU(), nn.Flatten(), nn.Linear({1: 144, 2: 36}[stride], 10)
        return load_module(nn.Sequential(*layers), (1, 8, 8))

    settings = TrainSettings(epochs=1, batch_size=50, distill_features=0.1)
    with pytest.raises(ModelError, match=r"these differ: n_1\..*--distill-features 0"):
        train(network(1), few_digits, settings, teacher=network(2), device="cpu")
