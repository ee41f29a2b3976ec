"""The verb `finetune`: any SNN is trained further, from a file to a file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from comparing import accuracy, first_batch, same, state
from torch import nn

from snnconv.data import open_data
from snnconv.errors import DataError, FileError, InvalidValueError, ModelError
from snnconv.finetune import FinetuneSettings, finetune, spiking_network
from snnconv.finetune.continuation import continued
from snnconv.formats.onnx import save
from snnconv.loading import load, load_module
from snnconv.model import Stage
from snnconv.neurons import NEURONS, Coupling, NeuronSettings
from snnconv.spiking.sites import iter_sites

SHORT = FinetuneSettings(epochs=1, batch_size=50, lr=2e-3, augment=False)


def test_it_wins_back_what_few_levels_lost(spiking, trained, digits, held_out_digits):
    settings = replace(
        SHORT, epochs=8, lr=5e-3, batch_size=64, timesteps=1, levels=1, optimizer="adamw", weight_decay=0.0
    )
    start = accuracy(continued(spiking, digits, settings), held_out_digits)
    log = []
    tuned = finetune(
        spiking,
        digits,
        settings,
        eval_data=held_out_digits,
        teacher=trained.model,
        on_epoch=log.append,
        device="cpu",
    )
    lost = accuracy(trained.model, held_out_digits) - start
    assert lost > 0.03  # what it is differs from processor to processor, since the training before it does
    assert accuracy(tuned, held_out_digits) > start + 0.4 * lost
    assert accuracy(tuned, held_out_digits) == log[-1].eval_accuracy
    assert log[-1].loss < 0.7 * log[0].loss
    assert (tuned.timesteps, tuned.levels, tuned.coupling) == (1, 1, Coupling.LEARNED)


def test_weights_coupling_and_leak_are_trained_and_thresholds_are_not(spiking, few_digits):
    before, start = state(spiking), continued(spiking, few_digits, SHORT)
    tuned = finetune(spiking, few_digits, replace(SHORT, epochs=2), device="cpu")
    after, began = state(tuned), state(start)
    moved = {name for name in after if not torch.equal(after[name], began[name])}
    assert {name.rsplit(".", 1)[-1] for name in moved} == {"weight", "bias", "mixing", "leakage"}
    # the leak after the first layer sees a constant current: its potential is what coupling and rounding leave
    assert all(name in moved for name in after if name.endswith(("weight", "bias", "mixing")))
    assert all(torch.equal(before[name], value) for name, value in state(spiking).items())
    trained = finetune(spiking, few_digits, replace(SHORT, train_ceilings=True), device="cpu")
    ceilings = [site.ceiling.detach() for _, site in iter_sites(trained.graph)]
    assert all(
        not torch.equal(own, site.ceiling) for own, (_, site) in zip(ceilings, iter_sites(start.graph), strict=True)
    )


def test_a_file_in_a_file_out(spiking, few_digits, tmp_path):
    path = save(spiking, tmp_path / "snn.onnx")
    tuned = finetune(path, "digits[:100]", SHORT, device="cpu")
    assert same(
        tuned, finetune(load(path), open_data("digits[:100]", spiking.input, purpose="train"), SHORT, device="cpu")
    )
    loaded = load(save(tuned, tmp_path / "tuned.onnx"))
    x, _ = first_batch(few_digits, 50)
    assert torch.equal(loaded.logits(x), tuned.logits(x))
    assert (loaded.stage, loaded.coupling, loaded.timesteps) == (Stage.SNN, Coupling.LEARNED, 2)
    assert loaded.input == tuned.input == spiking.input
    origin = loaded.provenance["finetune"]
    assert (origin["data"], origin["images"], origin["settings"]["lr"]) == ("digits[:100]", 100, 2e-3)
    assert loaded.provenance["conversion"] == spiking.provenance["conversion"]
    again = finetune(loaded, few_digits, SHORT, device="cpu")
    assert not same(again, tuned)


@pytest.mark.parametrize("kind", list(NEURONS))
def test_every_neuron_is_trained_further(kind, small_cnn, few_digits, tmp_path):
    snn = spiking_network(small_cnn, NeuronSettings(kind, 2))  # with batch-norm
    log = []
    settings = replace(SHORT, epochs=3, lr=0.02, rmp_loss=0.0 if kind == "mlf" else 0.1, mpr=kind != "mlf")
    tuned = finetune(load(save(snn, tmp_path / "snn.onnx")), few_digits, settings, on_epoch=log.append, device="cpu")
    assert log[-1].loss < log[0].loss
    assert ("rmp" in log[0].parts) == (kind != "mlf")
    loaded = load(save(tuned, tmp_path / "tuned.onnx"))
    x, _ = first_batch(few_digits, 50)
    assert torch.equal(loaded.logits(x), tuned.logits(x))
    assert (tuned.timesteps, tuned.levels) == (snn.timesteps, snn.levels)


def test_mpr_changes_the_gradient_and_no_spike(spiking, few_digits):
    plain, rectified = (finetune(spiking, few_digits, replace(SHORT, mpr=mpr), device="cpu") for mpr in (False, True))
    assert not same(plain, rectified)
    one_step = replace(SHORT, batch_size=200)
    logs = {mpr: [] for mpr in (False, True)}
    for mpr, log in logs.items():
        finetune(spiking, few_digits, replace(one_step, mpr=mpr), on_epoch=log.append, device="cpu")
    assert logs[True][0].loss == pytest.approx(logs[False][0].loss, rel=1e-4)


@pytest.mark.parametrize("stage", ["ann", "quantized"])
def test_only_spiking_networks_are_fine_tuned(stage, plain_ann, trained, few_digits):
    model = plain_ann if stage == "ann" else trained.model
    with pytest.raises(ModelError, match=f"Only an SNN is fine-tuned.*stage {stage}.*convert it first"):
        finetune(model, few_digits, SHORT, device="cpu")


def test_data_of_other_classes_are_refused(spiking, plain_ann, few_digits, tmp_path):
    x = np.zeros((6, 8, 8), np.uint8)
    np.savez(tmp_path / "high.npz", x=x, y=np.array([0, 1, 2, 3, 4, 11]))
    with pytest.raises(DataError, match="label 11, the network has 10 classes"):
        finetune(spiking, f"npz:{tmp_path / 'high.npz'}", SHORT)
    module = nn.Sequential(nn.Conv2d(1, 4, 8), nn.ReLU(), nn.Flatten(), nn.Linear(4, 7))
    narrow = spiking_network(load_module(module, (1, 8, 8)), NeuronSettings("lif", 2))
    with pytest.raises(DataError, match="has 10 classes, the network has 7 outputs"):
        finetune(narrow, few_digits, SHORT)
    np.savez(tmp_path / "bare.npz", x=x)
    with pytest.raises(DataError, match="no label"):
        finetune(spiking, f"npz:{tmp_path / 'bare.npz'}", SHORT)
    with pytest.raises(DataError, match="no label"):
        finetune(
            spiking,
            few_digits,
            SHORT,
            eval_data=open_data(f"npz:{tmp_path / 'bare.npz'}", spiking.input, purpose="eval"),
        )


def test_a_missing_file_is_named(few_digits, tmp_path):
    with pytest.raises(FileError, match=r"absent\.onnx does not exist"):
        finetune(tmp_path / "absent.onnx", few_digits, SHORT)


@pytest.mark.parametrize(
    "values",
    [
        {"timesteps": 0},
        {"levels": -1},
        {"timesteps": 1.5},
        {"calibration_images": 0},
        {"neuron": "lmth"},
        {"rmp_loss": -0.1},
        {"rmp_sites": "outer"},
        {"distill_logits": float("nan")},
        {"distill_temperature": 0.0},
    ],
)
def test_what_is_not_allowed_is_refused_by_name(values):
    with pytest.raises(InvalidValueError, match=next(iter(values))):
        FinetuneSettings(**values)


def test_the_defaults_are_the_hybrid_recipe():
    given = FinetuneSettings()
    assert (given.epochs, given.lr, given.weight_decay, given.momentum) == (30, 5e-4, 5e-4, 0.9)
    assert (given.optimizer, given.scheduler, given.train_ceilings) == ("sgd", "cosine", False)


def test_batch_norm_needs_more_than_one_image(small_cnn, few_digits):
    snn = spiking_network(small_cnn, NeuronSettings("lif", 2))
    for changed in ({"batch_size": 1}, {"batch_size": 4, "accumulate": 4}):
        with pytest.raises(InvalidValueError, match="batch-norm cannot be trained on batches of one image"):
            finetune(snn, few_digits, replace(SHORT, **changed), device="cpu")
