"""Whatever runs a network runs through one protocol, and one scorer scores it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_networks import build, classifier, node, quantize, weights

from snnconv.errors import ModelError
from snnconv.evaluation.scoring import score
from snnconv.formats.hardware import to_hardware
from snnconv.formats.nir.writing import nir_file
from snnconv.formats.onnx import to_int8, to_onnx, to_single_step
from snnconv.model import InputSpec
from snnconv.neurons import Coupling
from snnconv.runtime.batches import adapt, batches_of
from snnconv.runtime.file_runner import run_exported, run_file
from snnconv.runtime.runnable import Outputs, run_together
from snnconv.runtime.torch_runner import in_one_pass, run_in_torch
from snnconv.runtime.written import run_written
from snnconv.spiking.unrolling import spike

T = 4


@pytest.fixture(scope="module")
def causal():
    return spike(quantize(classifier(), 8), T, 2, Coupling.CAUSAL)


RUNNERS = {
    "torch, float32": lambda model: run_in_torch(model),
    "torch, float64": lambda model: run_in_torch(model, "float64"),
    "onnxruntime": lambda model: run_file(to_onnx(model), model),
    "onnxruntime, exported": lambda model: run_exported(model, int8=False),
    "onnxruntime, 8 bits": lambda model: run_file(to_int8(model, stepped=True), model),
    "onnxruntime, single step": lambda model: run_file(to_single_step(model), model),
    "function": lambda model: run_written(lambda x: model(x), model),
    "hardware": lambda model: run_written(to_hardware(model, weight_bits=16).open(model), model),
    "nir": lambda model: run_written(nir_file(model).open(model), model),
}
EXACT = {name for name in RUNNERS if name not in ("onnxruntime, 8 bits", "hardware", "nir")}


@pytest.fixture(params=RUNNERS)
def runner(request, causal):
    return request.param, RUNNERS[request.param](causal)


def test_it_runs_batches_and_says_how(runner, causal, images):
    name, network = runner
    data = images(causal.input)
    assert network.outputs == causal.outputs
    assert network.shapes == ((4,),)
    assert network.input.sample_shape() == causal.input.sample_shape()
    assert network.batch_size >= 1
    assert network.engine.backend in ("torch", "onnxruntime", "hardware")
    (batch,) = batches_of(data, len(data), with_pixels=network.takes_pixels)
    outputs = network(batch)
    assert isinstance(outputs, Outputs)
    assert outputs.final[0].shape == (20, 4)
    if outputs.steps is not None:
        assert outputs.steps[0].shape[1:] == (20, 4)
        torch.testing.assert_close(outputs.steps[0].mean(0), outputs.final[0])
    if name in EXACT:
        assert outputs.steps is not None
        wanted = causal(batch.values)
        for found, expected in zip((*outputs.final, *outputs.steps), wanted, strict=True):
            torch.testing.assert_close(found.float(), expected, rtol=1e-4, atol=1e-4)


def test_it_is_scored_as_a_slow_loop_scores_it(runner, causal, images):
    _, network = runner
    data, reference = images(causal.input, count=30), run_in_torch(classifier())
    found = score(network, data, against=reference, batch_size=7)
    x, labels = next(data.batches(30))
    (batch,) = batches_of(data, 30, with_pixels=True)
    outputs, other = network(batch), classifier().logits(x).numpy().argmax(1)
    classes = outputs.final[0].numpy().argmax(1)
    assert found.images == 30
    assert found.accuracy == pytest.approx(100 * np.mean(classes == labels.numpy()))
    assert found.against_accuracy == pytest.approx(100 * np.mean(other == labels.numpy()))
    assert found.agreement == pytest.approx(100 * np.mean(classes == other))
    assert found.agreeing == tuple((classes == other).tolist())
    assert found.right == tuple((classes == labels.numpy()).tolist())
    if outputs.steps is None:
        assert found.accuracy_at is found.agreement_at is None
        return
    total, steps = np.zeros((30, 4)), outputs.steps[0].double().numpy()
    for step, (accuracy, agreement) in enumerate(zip(found.accuracy_at, found.agreement_at, strict=True)):
        total += steps[step]
        so_far = total.argmax(1)
        assert accuracy == pytest.approx(100 * np.mean(so_far == labels.numpy()))
        assert agreement == pytest.approx(100 * np.mean(so_far == other))


def test_a_reference_is_given_the_images_in_its_own_form(images):
    plain, normed = classifier(), classifier()
    normed.input = normed.input.override(mean=(0.5,), std=(0.25,))
    data = images(plain.input)
    ((batch, (ours, theirs)),) = run_together([run_in_torch(plain), run_in_torch(normed)], data)
    torch.testing.assert_close(ours.final[0], plain(batch.values))
    torch.testing.assert_close(theirs.final[0], plain((batch.values - 0.5) / 0.25), rtol=1e-4, atol=1e-4)


def test_values_for_a_network_of_another_normalisation_and_layout():
    x = torch.rand(2, 3, 4, 5)
    image = InputSpec(3, 4, 5, mean=(0.1, 0.2, 0.3), std=(2.0,))
    last = InputSpec(3, 4, 5, layout="NHWC", mean=(0.4,), std=(0.5, 1.0, 4.0))
    mean, std = torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1), torch.tensor([0.5, 1.0, 4.0]).view(3, 1, 1)
    wanted = (x * 2 + mean - 0.4) / std
    torch.testing.assert_close(adapt(x, image, last), wanted.permute(0, 2, 3, 1))
    torch.testing.assert_close(adapt(wanted.permute(0, 2, 3, 1), last, image), x)
    assert adapt(x, image, InputSpec(3, 4, 5)).equal(x)  # it states no normalisation
    flat = InputSpec(3, None, None, layout="NC", mean=(1.0, 2.0, 3.0), std=(2.0, 2.0, 4.0))
    values = torch.tensor([[3.0, 4.0, 7.0]])
    torch.testing.assert_close(adapt(values, replace(flat, mean=None, std=None), flat), torch.ones(1, 3))


def test_pixels_and_values_are_of_the_same_images(images):
    data = images(classifier().input, count=9)
    plain = list(batches_of(data, 4))
    with_pixels = list(batches_of(data, 4, with_pixels=True))
    assert [len(batch.labels) for batch in plain] == [4, 4, 1]
    for one, other in zip(plain, with_pixels, strict=True):
        assert one.values.equal(other.values)
        assert one.labels.equal(other.labels)
        assert other.pixels.dtype is torch.uint8
        assert other.pixels.equal((one.values * 255).round().to(torch.uint8))


def test_a_network_in_one_pass(causal):
    mean = spike(quantize(classifier(), 8), T, 2)
    assert in_one_pass(mean).timesteps is None
    assert in_one_pass(causal) is causal


def test_a_reference_of_other_outputs_is_refused(causal, images):
    arrays = {"w": weights(3, 3, 1, 1)}
    other = build([node("Conv", ["input", "w"], "out")], arrays, (3, 6, 6))
    with pytest.raises(ModelError, match=r"shape \[4\].*\[3, 6, 6\]"):
        score(run_in_torch(causal), images(causal.input), against=run_in_torch(other))
