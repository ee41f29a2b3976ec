"""Runs that end when the class of an image has settled, against a loop over images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from telling_networks import powers, uniform
from tiny_networks import classifier, quantize

from snnconv.errors import InvalidValueError, ModelError
from snnconv.evaluation import evaluate, open_exported
from snnconv.evaluation.score import EarlyStopping
from snnconv.formats.onnx import save_single_step, to_single_step
from snnconv.neurons import Coupling
from snnconv.runtime.streaming import StreamedNetwork
from snnconv.spiking.unrolling import spike

T = 6


def causal():
    return spike(quantize(classifier(), 2 * T), T, 2, Coupling.CAUSAL)


NETWORKS = {"powers": lambda: powers(T, 4, 0.3), "uniform": lambda: uniform(T, 1), "causal": causal}


def answers(model, data):
    """The classes after each step, `[T, n]`, and the reference's, by the whole window in torch."""
    x = torch.cat([batch for batch, _ in data.batches(64)])
    with torch.inference_mode():
        steps = model(x)[1]
    means = steps.cumsum(0) / torch.arange(1, len(steps) + 1)[:, None, None]
    return means.argmax(2).numpy()


def stop_of(classes, settled_steps):
    """Steps that one image runs: the first t at which the last S + 1 classes are equal, else T."""
    for t in range(settled_steps + 1, len(classes) + 1):
        if len(set(classes[t - settled_steps - 1 : t])) == 1:
            return t
    return len(classes)


@pytest.mark.parametrize("settled_steps", [1, 2, 5])
@pytest.mark.parametrize("name", NETWORKS)
def test_an_image_stops_where_its_class_has_stayed(name, settled_steps, ann, images, tmp_path):
    model = NETWORKS[name]()
    data = images(model.input, count=40)
    at = answers(model, data)
    stops = np.array([stop_of(column, settled_steps) for column in at.T])
    wanted = at[stops - 1, np.arange(len(stops))]
    labels = np.arange(len(stops)) % 4
    path = save_single_step(model, tmp_path / "step.onnx")
    for source in (model, path):
        found = evaluate(source, data, against=ann, stop_when_settled=settled_steps, batch_size=7)
        assert found.stopping.images_at == tuple(np.bincount(stops, minlength=T + 1)[1:])
        assert found.stopping.mean_timesteps == pytest.approx(stops.mean())
        assert found.accuracy == pytest.approx(100 * (wanted == labels).mean())
        held = [at[np.minimum(stops, t) - 1, np.arange(len(stops))] for t in range(1, T + 1)]
        assert found.accuracy_at == pytest.approx([100 * (row == labels).mean() for row in held])
        assert found.agreement_at[-1] == found.agreement
    assert len(set(stops)) > 1 or settled_steps == 5


def test_what_has_stopped_is_computed_no_more(images, monkeypatch):
    model = powers(T, 4, 0.3)
    data = images(model.input, count=16)
    sizes = []
    step = StreamedNetwork.step
    monkeypatch.setattr(StreamedNetwork, "step", lambda *given: sizes.append(len(given[1])) or step(*given))
    found = evaluate(model, data, stop_when_settled=1, activity_images=0)
    running = 16 - np.cumsum([0, *found.stopping.images_at[:-1]])
    assert sizes == [count for count in running.tolist() if count]
    assert sizes[-1] < 16


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_of_one_step_is_evaluated_over_its_window(name, images, tmp_path):
    model = NETWORKS[name]()
    data = images(model.input)
    path = save_single_step(model, tmp_path / "step.onnx")
    found, own = evaluate(path, data), evaluate(model, data, precision="float32")
    assert found.accuracy_at == own.accuracy_at
    assert (found.mode, found.coupling, found.code, found.octaves) == (own.mode, own.coupling, own.code, own.octaves)
    assert (found.levels, found.stopping, found.operations) == (own.levels, None, None)
    x = torch.cat([batch for batch, _ in data.batches(20)])
    mean, steps = StreamedNetwork(to_single_step(model))(x)
    with torch.inference_mode():
        expected = model(x)
    torch.testing.assert_close((mean, steps), expected, rtol=0, atol=1e-4 * float(steps.abs().max()))


def test_what_cannot_stop(ann, quantized, snn, images, tmp_path):
    data = images(ann.input)
    for model in (ann, quantized):
        with pytest.raises(ModelError, match="at the stage"):
            evaluate(model, data, stop_when_settled=1)
    with pytest.raises(ModelError, match=r"mean coupling each layer waits.*--coupling differential"):
        evaluate(snn, data, stop_when_settled=1)
    model = powers(4)
    for steps, words in ((0, "1 step or more"), (4, "at most 3")):
        with pytest.raises(InvalidValueError, match=words):
            evaluate(model, data, stop_when_settled=steps)
    with pytest.raises(InvalidValueError, match="nothing to stop early"):
        evaluate(powers(1), data, stop_when_settled=1)
    for options in ({"precision": "float64"}, {"backend": "torch"}):
        with pytest.raises(InvalidValueError, match="step by step"):
            evaluate(model, data, stop_when_settled=1, **options)
        with pytest.raises(InvalidValueError, match="one step of a network"):
            evaluate(save_single_step(model, tmp_path / "step.onnx"), data, **options)
    assert open_exported(tmp_path / "step.onnx").form == "single-step"


def test_counts_of_steps():
    found = EarlyStopping.of(torch.tensor([2, 2, 4]), torch.zeros(4, 3))
    assert found.to_dict() == {"mean_timesteps": pytest.approx(8 / 3), "images_at": [0, 2, 0, 1]}
