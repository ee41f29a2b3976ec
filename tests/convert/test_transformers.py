"""Conversion of a tiny transformer: where its neurons stand, its levels, and both couplings against the ANN."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import onnx
import pytest
import torch
from graph_cases import images, model_of, node, prepared, proto_of

from snnconv import convert
from snnconv.cli import main
from snnconv.convert.calibration import CalibrationSettings
from snnconv.convert.calibration.method import METHODS, CalibrationJob
from snnconv.convert.calibration.power_choice import PowersSearch
from snnconv.convert.calibration.telling_record import TellingRecord
from snnconv.convert.fixed_levels import FEWEST_OF_SIGNALS, LEVELS_OF_SIGNALS
from snnconv.errors import SnnconvWarning
from snnconv.graph.access import display_name, samples_kept_within
from snnconv.spiking.plan import prepare
from snnconv.spiking.signals import reads_signals
from snnconv.spiking.sites import channel_axis, iter_sites

TOKENS, WIDTH, HEADS = 9, 8, 2


def transformer(*, queries_stay: bool = False):
    """One block of pre-norm attention and one of two linear layers, over 9 patches; the mean token is classified.

    Args:
        queries_stay: True where the layer that makes queries, keys and values also adds to the outputs.
    """
    size = WIDTH // HEADS
    rng = np.random.default_rng(0)
    weights = {
        "patches": rng.normal(size=(WIDTH, 3, 2, 2)),
        "scale": rng.uniform(0.2, 3, WIDTH),
        "shift": rng.normal(size=WIDTH),
        "qkv": rng.normal(size=(WIDTH, 3 * WIDTH)) / 2,
        "qkv_bias": rng.normal(size=3 * WIDTH) / 4,
        "proj": rng.normal(size=(WIDTH, WIDTH)) / 3,
        "fc1": rng.normal(size=(WIDTH, 16)) / 2,
        "fc1_bias": rng.normal(size=16) / 4,
        "fc2": rng.normal(size=(16, WIDTH)) / 4,
        "head": rng.normal(size=(WIDTH, 5)),
    }
    thirds = [(name, place * WIDTH, (place + 1) * WIDTH) for place, name in enumerate("qkv")]
    nodes = [
        node("Conv", "input patches", "embedded", kernel_shape=[2, 2], strides=[2, 2]),
        node("Reshape", "embedded flat", "lines"),
        node("Transpose", "lines", "tokens", perm=[0, 2, 1]),
        node("LayerNormalization", "tokens scale shift", "norm1"),
        node("MatMul", "norm1 qkv", "projected"),
        node("Add", "projected qkv_bias", "all"),
    ]
    for name, begin, end in thirds:
        weights[f"{name}_begin"], weights[f"{name}_end"] = np.array([begin]), np.array([end])
        nodes += [
            node("Slice", f"all {name}_begin {name}_end axis", f"{name}_part"),
            node("Reshape", f"{name}_part heads", f"{name}_heads"),
            node("Transpose", f"{name}_heads", name, perm=[0, 2, 3, 1] if name == "k" else [0, 2, 1, 3]),
        ]
    nodes += [
        node("MatMul", "q k", "scores"),
        node("Mul", "scores root", "scaled"),
        node("Softmax", "scaled", "attention", axis=-1),
        node("MatMul", "attention v", "mixed"),
        node("Transpose", "mixed", "mixed_tokens", perm=[0, 2, 1, 3]),
        node("Reshape", "mixed_tokens joined", "context"),
        node("MatMul", "context proj", "proj_out"),
        node("Add", "tokens proj_out", "residual1"),
        node("LayerNormalization", "residual1 scale shift", "norm2"),
        node("MatMul", "norm2 fc1", "fc1_out"),
        node("Add", "fc1_out fc1_bias", "hidden"),
        node("Relu", "hidden", "active"),
        node("MatMul", "active fc2", "fc2_out"),
        node("Add", "residual1 fc2_out", "residual2"),
        *([node("Add", "residual2 q_part", "stream")] if queries_stay else []),
        node("ReduceMean", f"{'stream' if queries_stay else 'residual2'} token_axis", "pooled", keepdims=0),
        node("MatMul", "pooled head", "out"),
    ]
    proto = proto_of(nodes, weights | {"root": np.array(size**-0.5)})
    integers = {
        "flat": [0, WIDTH, TOKENS],
        "heads": [0, TOKENS, HEADS, size],
        "joined": [0, TOKENS, WIDTH],
        "axis": [2],
        "token_axis": [1],
    }
    return with_integers(proto, integers)


def with_integers(proto, integers):
    """The same graph, with further constants of integers; floats that stand for places become such."""
    from onnx import numpy_helper

    kept = []
    for tensor in proto.graph.initializer:
        whole = tensor.name.endswith(("_begin", "_end"))
        array = numpy_helper.to_array(tensor)
        kept.append(numpy_helper.from_array(array.astype(np.int64), tensor.name) if whole else tensor)
    kept += [numpy_helper.from_array(np.array(values, np.int64), name) for name, values in integers.items()]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
    return proto


@functools.cache
def network():
    return prepare(model_of(transformer()))


def names_of(ann):
    return {display_name(node): channel_axis(ann.graph, node) for node, _ in iter_sites(ann.graph)}


def test_neurons_stand_behind_the_layer_that_makes_queries_keys_and_values():
    axes = names_of(network())
    assert axes == {"norm1": 2, "projected": 2, "attention": 1, "mixed": 2, "norm2": 2, "active": 2}


def test_neurons_stand_at_each_side_where_the_layer_is_read_otherwise_too():
    names = names_of(prepare(model_of(transformer(queries_stay=True))))
    assert {"scores.left", "scores.right", "mixed.right"} <= set(names)
    assert "projected" not in names


def test_levels_by_default_are_those_that_norms_and_attention_take():
    snn = convert(network(), timesteps=4, calibration_data=images(network(), 16), calibration="mse")
    assert snn.report.total_levels == LEVELS_OF_SIGNALS
    assert "attention" in snn.report.levels_reason
    few = prepared("residual_of_spikes")
    assert not reads_signals(few.graph)
    assert convert(few, calibration_data=images(few, 16), calibration="mse").report.levels_reason == ""


@pytest.mark.parametrize("total", [FEWEST_OF_SIGNALS // 4, FEWEST_OF_SIGNALS])
def test_few_levels_warn(total):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        convert(network(), total_levels=total, calibration_data=images(network(), 8), calibration="mse")
    texts = [str(each.message) for each in caught if issubclass(each.category, SnnconvWarning)]
    assert any(f"N = L*T = {total} levels are few" in text for text in texts) == (total < FEWEST_OF_SIGNALS)


@pytest.mark.parametrize("coupling", ["mean", "differential"])
def test_both_couplings_come_close_to_the_network(coupling):
    ann, x = network(), images(network(), 48)
    snn = convert(ann, timesteps=8, coupling=coupling, calibration_data=x)
    with torch.no_grad():
        wanted, answer = ann.graph(x), snn.graph(x)[0]
    assert float((answer - wanted).norm() / (wanted - wanted.mean(0)).norm()) < 0.05


def test_rare_large_values_are_reached():
    activations = torch.full((1, 4000), 0.004)
    activations[:, ::1500] = 0.9  # fewer than one of a thousand
    record = TellingRecord(activations.repeat(2, 1, 1), activations)
    chosen = PowersSearch([record, record], None, signed=False, dead_zone=0.75, tracks=True).best(None)
    assert float(chosen.theta) >= 0.45


def test_samples_that_run_together_shrink_with_all_that_is_kept():
    graph = network().graph
    total = samples_kept_within(graph, 10**9)
    assert samples_kept_within(graph, 10**9, 4) == total // 4
    assert samples_kept_within(graph, 1) == 1


def test_auto_corrects_weights_in_closed_form():
    ann = network()
    chosen = METHODS["auto"]().choose(CalibrationJob(CalibrationSettings(), ann, [range(64)], 256))
    assert chosen.settings.method == "ridge"
    assert "attention" in chosen.reason
    no_data = METHODS["auto"]().choose(CalibrationJob(CalibrationSettings(), ann, [range(64)], 256, real=False))
    assert no_data.settings.method == "bias"


def test_sites_track_what_they_are_told_and_not_what_they_should():
    told = torch.tensor([0.0, 2.0, -1.0, 4.0]).view(1, 1, -1).repeat(2, 1, 1)
    record = TellingRecord(told, torch.full((1, 4), 0.5))
    assert record.tracked(torch.tensor(3.0), signed=False).activations.tolist() == [[0, 2, 0, 3]]
    assert record.tracked(torch.tensor([[3.0]]), signed=True).activations.tolist() == [[0, 2, -1, 3]]
    assert record.tracked(None, signed=True).activations.tolist() == [[0, 2, -1, 4]]


@pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")
def test_the_command_says_why_there_are_more_levels(tmp_path, capsys):
    file = tmp_path / "block.onnx"
    onnx.save(transformer(), file)
    main(["convert", str(file), "--calibration", "mse", "--calibration-images", "8", "-o", str(tmp_path / "snn.onnx")])
    out = " ".join(capsys.readouterr().out.split())
    assert f"Levels: N={LEVELS_OF_SIGNALS} (L={LEVELS_OF_SIGNALS // 4}), chosen because neurons fire norms" in out
