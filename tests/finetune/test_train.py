from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from comparing import same, state
from torch import nn

from snnconv.data import open_data
from snnconv.errors import DataError, InvalidValueError, ModelError
from snnconv.finetune import DivergenceError, TrainSettings, quantize_activations, train
from snnconv.finetune.trainer import SMALLEST_CEILING
from snnconv.formats.onnx import save
from snnconv.loading import load
from snnconv.model import Stage
from snnconv.neurons import QCFS
from snnconv.spiking.sites import iter_sites

SHORT = TrainSettings(epochs=1, batch_size=50, initial_ceiling=4.0)


def test_it_learns_the_digits(trained):
    settings, metrics = trained.settings, trained.metrics
    assert [m.epoch for m in metrics] == list(range(1, settings.epochs + 1))
    assert metrics[-1].eval_accuracy > 0.95
    assert metrics[-1].loss < metrics[0].loss / 4
    assert all(m.wall_s > 0 for m in metrics)


def test_its_learning_rate_falls_along_a_cosine(trained):
    settings, metrics = trained.settings, trained.metrics
    rates = np.array([m.lr for m in metrics])
    per_epoch = 1438 // settings.batch_size
    last_steps = np.arange(1, settings.epochs + 1) * per_epoch - 1
    expected = settings.lr * (1 + np.cos(np.pi * last_steps / (settings.epochs * per_epoch))) / 2
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_it_is_a_quantized_ann_with_its_origin(trained, small_cnn, held_out_digits):
    model, settings, metrics = trained.model, trained.settings, trained.metrics
    assert model.stage is Stage.QUANTIZED
    assert not model.graph.training
    assert all(isinstance(site, QCFS) and site.total_levels == 8 for _, site in iter_sites(model.graph))
    assert (model.input.mean, model.input.std) == ((0.0,), (1.0,))
    assert model.input.classes == tuple("0123456789")
    origin = model.provenance["finetune"]
    assert origin["data"] == "digits"
    assert origin["seed"] == settings.seed
    assert origin["settings"]["epochs"] == settings.epochs
    assert origin["metrics"]["eval_accuracy"] == metrics[-1].eval_accuracy
    right = sum(int((model.logits(x).argmax(1) == y).sum()) for x, y in held_out_digits.batches(100))
    assert right / len(held_out_digits) == metrics[-1].eval_accuracy


def test_a_file_of_it_is_read_back_equal(trained, held_out_digits, tmp_path):
    model = trained.model
    loaded = load(save(model, tmp_path / "trained.onnx"))
    x, _ = next(held_out_digits.batches(len(held_out_digits)))
    assert torch.equal(loaded.logits(x), model.logits(x))
    assert (loaded.stage, loaded.input) == (model.stage, model.input)
    assert loaded.provenance["finetune"] == model.provenance["finetune"]


def test_a_quantized_network_is_trained_further(trained, few_digits):
    model = trained.model
    before = model.copy()
    further = train(model, few_digits, SHORT, device="cpu")
    assert further.stage is Stage.QUANTIZED
    assert not same(before, further)
    with pytest.raises(InvalidValueError, match="quantized to 8 levels, total_levels is 4"):
        train(model, few_digits, replace(SHORT, total_levels=4))


def test_the_callers_network_is_not_changed(small_cnn, few_digits):
    before, graph = small_cnn.copy(), str(small_cnn.graph)
    provenance = dict(small_cnn.provenance)
    train(small_cnn, few_digits, SHORT, device="cpu")
    assert same(before, small_cnn)
    assert (str(small_cnn.graph), small_cnn.provenance, small_cnn.stage) == (graph, provenance, Stage.ANN)


def test_the_same_seed_trains_the_same_network(small_cnn, few_digits):
    first, again = (train(small_cnn, few_digits, SHORT, device="cpu") for _ in range(2))
    other = train(small_cnn, few_digits, replace(SHORT, seed=1), device="cpu")
    assert same(first, again)
    assert not same(first, other)


def test_training_draws_from_nobody_elses_random_numbers(small_cnn, few_digits):
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    settings = replace(SHORT, mixup=0.2, auto_augment="randaugment", cutout=2)
    train(small_cnn, few_digits, settings, device="cpu")
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])


def test_a_gradient_reaches_every_parameter(small_cnn, few_digits):
    graph = quantize_activations(small_cnn, 8, 0.5).graph.train()  # low, so that values lie above the ceilings too
    x, y = next(few_digits.batches(100))
    F.cross_entropy(graph(x), y).backward()
    silent = {name for name, p in graph.named_parameters() if p.grad is None or not p.grad.any()}
    assert any(name.endswith("ceiling") for name, _ in graph.named_parameters())
    # batch-norm takes a convolution's bias away again: its gradient is 0 but for rounding
    assert all(name.endswith("bias") for name in silent)


def test_everything_is_updated_batch_norm_statistics_and_ceilings_among_it(small_cnn, few_digits):
    before = state(quantize_activations(small_cnn, 8, 4.0))
    after = state(train(small_cnn, few_digits, SHORT, device="cpu"))
    assert before.keys() == after.keys()
    kinds = {name.rsplit(".", 1)[-1] for name in before if not torch.equal(before[name], after[name])}
    assert {"ceiling", "running_mean", "running_var", "weight"} <= kinds
    untouched = {name for name in before if torch.equal(before[name], after[name])}
    assert all(name.endswith("bias") for name in untouched)
    assert all(value.is_contiguous() for value in after.values())  # channels first again


def test_ceilings_stay_above_0(small_cnn, few_digits):
    settings = replace(SHORT, weight_decay=1.0, lr=0.9, momentum=0.0, initial_ceiling=1e-3, epochs=2)
    model = train(small_cnn, few_digits, settings, device="cpu")
    assert all(site.ceiling.item() >= SMALLEST_CEILING for _, site in iter_sites(model.graph))


def test_a_diverging_training_stops_and_says_where(small_cnn, few_digits):
    with pytest.raises(DivergenceError, match=r"epoch 1, step \d.*lr"):
        train(small_cnn, few_digits, replace(SHORT, lr=1e30), device="cpu")


def test_progress_is_told_every_step(small_cnn, few_digits):
    told = []

    def progress(iterable, description, total=None):
        told.append((description, total))
        return iterable

    train(small_cnn, few_digits, replace(SHORT, epochs=2), progress=progress, device="cpu")
    assert told == [("epoch 1/2", 4), ("epoch 2/2", 4)]


def test_a_data_spec_will_do(small_cnn):
    model = train(small_cnn, "digits[:100]", SHORT, device="cpu")
    assert model.provenance["finetune"]["data"] == "digits[:100]"
    assert model.provenance["finetune"]["images"] == 100


def test_a_module_will_do_and_stays_as_it_is(few_digits):
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10))
    before = [p.detach().clone() for p in module.parameters()]
    model = train(module, few_digits, SHORT, device="cpu")
    assert model.stage is Stage.QUANTIZED
    assert all(torch.equal(old, new) for old, new in zip(before, module.parameters(), strict=True))


def test_classes_that_do_not_match_are_refused(small_cnn, few_digits, tmp_path):
    module = nn.Sequential(nn.Conv2d(1, 4, 8), nn.ReLU(), nn.Flatten(), nn.Linear(4, 7))
    with pytest.raises(DataError, match="has 10 classes, the network has 7 outputs"):
        train(module, few_digits, SHORT)
    x = np.zeros((4, 8, 8), np.uint8)
    np.savez(tmp_path / "high.npz", x=x, y=np.array([0, 1, 2, 11]))
    with pytest.raises(DataError, match="label 11, the network has 10 classes"):
        train(small_cnn, f"npz:{tmp_path / 'high.npz'}", SHORT)


def test_missing_labels_are_refused(small_cnn, tmp_path):
    np.savez(tmp_path / "bare.npz", x=np.zeros((4, 8, 8), np.uint8))
    with pytest.raises(DataError, match="no label"):
        train(small_cnn, f"npz:{tmp_path / 'bare.npz'}", SHORT)


def test_images_of_another_size_are_refused(small_cnn):
    other = open_data("digits", replace(small_cnn.input, height=6, width=6), purpose="train")
    with pytest.raises(DataError, match=r"\[1, 6, 6\].*\[1, 8, 8\]"):
        train(small_cnn, other, SHORT)


def test_a_network_that_ends_in_probabilities_is_refused(few_digits):
    module = nn.Sequential(nn.Conv2d(1, 4, 8), nn.ReLU(), nn.Flatten(), nn.Linear(4, 10), nn.Softmax(1))
    with pytest.raises(ModelError, match="ends in Softmax"):
        train(module, few_digits, SHORT)


def test_batches_of_one_image_are_refused_where_there_is_batch_norm(small_cnn, few_digits):
    with pytest.raises(InvalidValueError, match="batch-norm cannot be trained"):
        train(small_cnn, few_digits, replace(SHORT, batch_size=1))
    with pytest.raises(InvalidValueError, match="batch-norm cannot be trained"):
        train(small_cnn, few_digits, replace(SHORT, batch_size=8, accumulate=8))
    with pytest.raises(InvalidValueError, match="batch-norm cannot be trained"):
        train(small_cnn, few_digits.subset([0]), replace(SHORT, batch_size=8, accumulate=2))
