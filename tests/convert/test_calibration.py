"""Calibration: ceilings and biases from unlabelled images, weights as they were."""

from __future__ import annotations

import importlib
import tempfile

import numpy as np
import pytest
import torch
from graph_cases import CASES, W, classifier, conv, images, model_of, node, prepared, proto_of

from snnconv.convert.calibration import calibrate
from snnconv.convert.calibration.bias import bias_carrier
from snnconv.convert.calibration.frontier import Frontier
from snnconv.errors import ModelError, SnnconvWarning
from snnconv.graph.access import calls
from snnconv.model import Stage
from snnconv.neurons import QCFS
from snnconv.spiking.plan import prepare
from snnconv.spiking.sites import channel_axis, iter_sites

MEAN_ERROR = 0.01  # of a ceiling: what two rounds of bias correction may leave of a mean at N = 16
CORRECTED = [name for name in CASES if name not in ("relu_on_the_input",)]


def batches_of(model, count=96, size=32):
    return list(torch.split(images(model, count), size))


def site_means(model, batches):
    """Mean output of every site, channel by channel."""
    outs: dict[str, list[torch.Tensor]] = {}
    handles = []
    for place, site in iter_sites(model.graph):
        axis = channel_axis(model.graph, place)
        handles.append(
            site.register_forward_hook(
                lambda _, __, out, name=place.target, axis=axis: outs.setdefault(name, []).append(
                    out.double().reshape(1, -1) if axis is None else out.double().movedim(axis, 0).flatten(1)
                )
            )
        )
    for batch in batches:
        model(batch)
    for handle in handles:
        handle.remove()
    return {name: torch.cat(found, 1).mean(1) for name, found in outs.items()}


@pytest.mark.parametrize("name", CORRECTED)
def test_every_site_has_the_mean_of_the_ann(name):
    ann = prepared(name)
    batches = batches_of(ann)
    quantized = calibrate(ann, batches, 16)
    assert quantized.stage is Stage.QUANTIZED
    wanted, found = site_means(ann, batches), site_means(quantized, batches)
    assert wanted.keys() == found.keys() != set()
    for place, site in iter_sites(quantized.graph):
        assert isinstance(site, QCFS)
        if bias_carrier(quantized.graph, place) is not None:
            error = (wanted[place.target] - found[place.target]).abs() / site.ceiling.detach()
            assert float(error.max()) <= MEAN_ERROR


def test_the_correction_is_what_brings_the_means_together():
    ann = prepared("chain")
    batches = batches_of(ann)
    quantized = calibrate(ann, batches, 2)
    uncorrected = quantized.copy()
    for part in ("c1", "c2"):
        uncorrected.graph.get_submodule(part).bias = ann.graph.get_submodule(part).bias
    wanted = site_means(ann, batches)["features"]
    after = (site_means(quantized, batches)["features"] - wanted).abs().max()
    before = (site_means(uncorrected, batches)["features"] - wanted).abs().max()
    assert after < 0.3 * before


@pytest.mark.parametrize("name", CASES)
def test_weights_stay_and_the_ann_is_unchanged(name):
    ann = prepared(name)
    before = {key: value.clone() for key, value in ann.graph.state_dict().items()}
    graph = str(ann.graph.graph)
    quantized = calibrate(ann, batches_of(ann, 8), 8)
    assert str(ann.graph.graph) == graph
    assert all(torch.equal(value, before[key]) for key, value in ann.graph.state_dict().items())
    kept = quantized.graph.state_dict()
    assert all(torch.equal(kept[key], value) for key, value in before.items() if not key.endswith("bias"))


def test_more_levels_come_closer_to_the_ann():
    ann = prepared("residual_of_spikes")
    batches = batches_of(ann)
    x = torch.cat(batches)
    errors = [float((calibrate(ann, batches, n)(x) - ann(x)).square().mean()) for n in (4, 16, 64)]
    assert errors[0] > 4 * errors[1] > 16 * errors[2] > 0


def test_a_layer_without_channels_has_one_ceiling():
    ann = prepared("relu_on_the_input")
    quantized = calibrate(ann, batches_of(ann), 8)
    sites = {place.target: site for place, site in iter_sites(quantized.graph)}
    assert sites["r"].ceiling.shape == ()
    assert sites["out"].ceiling.shape == (4,)


def test_ceilings_lie_along_the_channels_wherever_they_are():
    nodes = [conv("input", "c1"), node("Transpose", "c1", "nhwc", perm=[0, 2, 3, 1]), node("Relu", "nhwc", "out")]
    ann = prepared_proto(proto_of(nodes, W))
    (place, site), *_ = iter_sites(calibrate(ann, batches_of(ann), 8).graph)
    assert (place.target, site.channel_axis, site.ceiling.shape) == ("out", 3, (4,))


def prepared_proto(proto):
    return prepare(model_of(proto))


def test_saturation_bounds_the_ceilings():
    nodes = [conv("input", "c1"), node("Clip", "c1 low high", "features")]
    ann = prepared_proto(classifier(nodes, {"low": 0.0, "high": 0.7}))
    (_, site), *_ = iter_sites(calibrate(ann, batches_of(ann), 4).graph)
    assert float(site.ceiling.detach().max()) <= 0.7


def test_a_bias_that_is_broadcast_over_the_channels_is_not_shifted():
    """The only operator whose output nobody else reads has one channel for all."""
    nodes = [
        conv("input", "c1"),
        conv("input", "mask", "wm", "bm"),
        node("Add", "c1 mask", "sum"),
        node("Relu", "sum", "features"),
        node("GlobalAveragePool", "c1", "rest"),
        node("GlobalAveragePool", "features", "pooled"),
        node("Add", "pooled rest", "out"),
    ]
    ann = prepared_proto(proto_of(nodes, W | {"wm": W["w1"][:1], "bm": W["b1"][:1]}))
    quantized = calibrate(ann, batches_of(ann), 8)
    assert torch.equal(quantized.graph.get_submodule("mask").bias, ann.graph.get_submodule("mask").bias)
    assert quantized(images(ann)).shape == (4, 4, 1, 1)


def test_a_bias_along_another_axis_is_not_shifted():
    """Channels and columns are as many: nothing but their place tells them apart."""
    nodes = [
        node("Conv", "input w", "c1"),
        node("MatMul", "input columns", "mixed"),
        node("Add", "c1 mixed", "sum"),
        node("Relu", "sum", "r"),
        node("Add", "r c1", "out"),
    ]
    rng = np.random.default_rng(0)
    weights = {"w": rng.standard_normal((4, 4, 1, 1)), "columns": rng.standard_normal((4, 4))}
    ann = prepared_proto(proto_of(nodes, weights, (4, 4, 4)))
    (place, _), *_ = iter_sites(ann.graph)
    assert bias_carrier(ann.graph, place) is None
    calibrate(ann, batches_of(ann), 8)


def test_a_silent_site_is_warned_about_by_name():
    ann = prepared("chain").copy()
    with torch.no_grad():
        ann.graph.get_submodule("c1").bias -= 1000
    with pytest.warns(SnnconvWarning, match=r"r1.*--mean, --std"):
        quantized = calibrate(ann, batches_of(ann), 8)
    assert torch.isfinite(quantized(images(ann))).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_network_that_overflows_is_refused_by_the_place(value):
    ann = prepared("chain").copy()
    first = next(iter(ann.graph.parameters()))
    with torch.no_grad():
        first.view(-1)[0] = value
    with pytest.raises(ModelError, match=r"What '\w+' receives on the calibration images is infinite or not a number"):
        calibrate(ann, batches_of(ann), 16)


def test_trained_ceilings_are_kept():
    quantized = calibrate(prepared("chain"), batches_of(prepared("chain")), 8)
    again = calibrate(quantized, batches_of(quantized, 8), 16)
    for (_, old), (_, new) in zip(iter_sites(quantized.graph), iter_sites(again.graph), strict=True):
        assert torch.equal(old.ceiling, new.ceiling)
        assert (old.total_levels, new.total_levels) == (8, 16)


def test_what_is_calibrated_can_be_trained_on():
    quantized = calibrate(prepared("chain"), batches_of(prepared("chain"), 8), 8)
    quantized.graph(images(quantized)).square().sum().backward()
    assert all(each.grad is not None for each in quantized.graph.parameters())


@pytest.mark.parametrize("name", ["product_of_spikes", "flat_mlp", "depthwise_and_slices", "two_outputs"])
def test_spilling_to_files_changes_nothing_and_leaves_nothing(name, monkeypatch, tmp_path):
    ann = prepared(name)
    batches = batches_of(ann, 20, 8)
    in_memory = calibrate(ann, batches, 8).graph.state_dict()
    frontiers = []

    class Tight(Frontier):
        def __init__(self, *args):
            super().__init__(*args, limit=300)
            frontiers.append(self)

    monkeypatch.setattr(importlib.import_module("snnconv.convert.calibration.walk"), "Frontier", Tight)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spilled = calibrate(ann, batches, 8).graph.state_dict()
    assert frontiers[0]._folder is not None  # it did spill
    assert list(tmp_path.iterdir()) == []
    assert in_memory.keys() == spilled.keys()
    assert all(torch.equal(in_memory[key], spilled[key]) for key in in_memory)


@pytest.mark.parametrize("limit", [0, 5000, 1 << 40])
@pytest.mark.parametrize("name", ["product_of_spikes", "square_and_quotient", "channels_last", "input_used_again_late"])
def test_the_frontier_computes_what_the_graph_computes(name, limit, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ann = prepared(name)
    batches = batches_of(ann, 10, 4)
    last = calls(ann.graph)[-1]
    with torch.inference_mode(), Frontier(ann.graph, batches, limit=limit) as frontier:
        for call in calls(ann.graph):
            frontier.run(call)
            assert frontier.in_memory <= limit
        assert list(frontier.live) == [last]  # nothing is held that nobody needs
        for found, batch in zip(frontier.values(last), batches, strict=True):
            wanted = ann(batch)  # a permuted tensor lies otherwise in a file than in memory, and sums in another order
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6 * float(wanted.abs().max()))
    assert list(tmp_path.iterdir()) == []


def test_files_go_when_the_work_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        _interrupted_walk(prepared("chain"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def _interrupted_walk(ann, folder):
    with Frontier(ann.graph, batches_of(ann), limit=0) as frontier:
        frontier.run(calls(ann.graph)[0])
        assert list(folder.iterdir()) != []
        raise KeyboardInterrupt


@pytest.mark.parametrize("scale", [1e-31, 1e-30, 1e-20, 1e20, 1e30, 1e36])
def test_the_magnitude_of_a_layer_is_no_obstacle(scale):
    """What the first convolution gives is tiny or huge, and a channel of it is dead; the second makes up for it."""
    ann = prepared("chain").copy()
    first, second = ann.graph.get_submodule("c1"), ann.graph.get_submodule("c2")
    for tensor, factor in ((first.weight, scale), (first.bias, scale), (second.weight, 1 / scale)):
        tensor.data = (tensor.data.double() * factor).float()
    first.weight.data[0], first.bias.data[0] = 0, -scale
    x = images(ann, 24)
    quantized = calibrate(ann, [x], 16)
    reached = ann.graph(x).detach(), quantized.graph(x).detach()
    assert float((reached[0] - reached[1]).norm() / reached[0].norm()) < 0.2
