"""Networks whose input changes over time: `[T, B, C, H, W]`, frame t at step t."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from graph_cases import CASES, conv, model_of, node, plain, proto_of
from onnx import helper, numpy_helper
from reference import multithreshold as reference

from snnconv import convert, evaluate, load, save, verify
from snnconv.data import open_data
from snnconv.errors import DataError, FileError, InvalidValueError, ModelError, UnsupportedOperatorsError
from snnconv.evaluation import ann_energy, inspect, run_onnx
from snnconv.formats.onnx.metadata import METADATA_KEY
from snnconv.formats.onnx.writing import to_onnx
from snnconv.graph.access import calls, module_of
from snnconv.model import InputSpec, Stage
from snnconv.neurons import Coupling, Fold, NeuronSettings, Repeat, TimeMean, build_neuron
from snnconv.neurons.onnx_functions import DOMAIN
from snnconv.spiking.plan import make_plan, prepare
from snnconv.spiking.temporal import analyse
from snnconv.spiking.unrolling import collapse, of_one_frame, spike, unroll

T = 4
KINDS = {
    "mht": NeuronSettings("mht", timesteps=T),
    "mht, mean": NeuronSettings("mht", timesteps=T, coupling="mean"),
    "lmht": NeuronSettings("lmht", timesteps=T),
    "if": NeuronSettings("if", timesteps=T),
    "lif": NeuronSettings("lif", timesteps=T),
    "lif, hard": NeuronSettings("lif", timesteps=T, reset="hard"),
    "mlf": NeuronSettings("mlf", timesteps=T),
}
RUNTIME = 1e-6  # of the largest magnitude of an output, in float32


def eighths(*shape, seed):
    """Weights with few binary digits, so that float32 computes whole networks without rounding."""
    return np.random.default_rng(seed).integers(-6, 7, shape) / 8


WEIGHTS = {
    "w1": eighths(4, 2, 3, 3, seed=1),
    "b1": eighths(4, seed=2),
    "w2": eighths(4, 4, 3, 3, seed=3),
    "b2": eighths(4, seed=4),
    "fc": eighths(4, 4 * 6 * 6, seed=5),
}
SHAPE = (2, 6, 6)


def ann(timesteps=T, shape=SHAPE):
    """Conv, ReLU, Conv, ReLU, Linear to four classes, for single frames of two polarities."""
    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        conv("r1", "c2", "w2", "b2"),
        node("Relu", "c2", "r2"),
        node("Flatten", "r2", "flat"),
        node("Gemm", "flat fc", "out", transB=1),
    ]
    model = model_of(proto_of(nodes, WEIGHTS, shape))
    model.input = InputSpec(*shape, timesteps=timesteps)
    return model


def convolve(x, weight, bias):
    """3 x 3, padded by 1: `[B, I, H, W]` to `[B, O, H, W]`."""
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    height, width = x.shape[2:]
    shifts = [
        np.einsum("bihw,oi->bohw", padded[:, :, i : i + height, j : j + width], weight[:, :, i, j])
        for i in range(3)
        for j in range(3)
    ]
    return sum(shifts) + bias.reshape(-1, 1, 1)


def spiking(settings, model=None):
    return unroll(model or ann(), lambda node, site: build_neuron(settings, torch.tensor(2.0)))


def frames(batch, model=None, seed=0):
    spec = ann().input if model is None else model.input
    counts = np.random.default_rng(seed).integers(0, 4, spec.batch_shape(batch))
    return torch.tensor(counts, dtype=torch.float32)


def runtime(proto, x):
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x.numpy()})


# The input spec


def test_a_batch_has_time_in_front():
    still, moving = InputSpec(2, 6, 6), InputSpec(2, 6, 6, timesteps=T)
    assert still.sample_shape() == moving.sample_shape() == SHAPE
    assert still.batch_shape(5) == (5, *SHAPE)
    assert moving.batch_shape(5) == (T, 5, *SHAPE)
    assert (still.batch_axis, moving.batch_axis) == (0, 1)
    for spec in (still, moving):
        assert spec.batch_of(torch.zeros(spec.batch_shape(5))) == 5
    assert InputSpec(7, None, None, layout="NC", timesteps=2).batch_shape(3) == (2, 3, 7)
    assert moving.override(size=8).timesteps == T


@pytest.mark.parametrize("timesteps", [0, -1])
def test_there_is_at_least_one_frame(timesteps):
    with pytest.raises(InvalidValueError, match=f"timesteps is {timesteps}"):
        InputSpec(2, 6, 6, timesteps=timesteps)


# Unrolling


def test_the_input_is_folded_and_every_layer_runs_at_every_step():
    snn = spiking(KINDS["mht"])
    graph = snn.graph
    first, folded, layer, *_ = graph.graph.nodes
    assert isinstance(module_of(graph, folded), Fold)
    assert (list(first.users), layer.args) == ([folded], (folded,))
    assert first.meta["shape"] == folded.meta["shape"] == SHAPE
    assert not any(isinstance(module, Repeat) for module in graph.modules())
    sizes = []
    module_of(graph, layer).register_forward_hook(lambda _, given, __: sizes.append(tuple(given[0].shape)))
    mean, steps = snn(frames(5))
    assert sizes == [(T * 5, *SHAPE)]
    assert (mean.shape, steps.shape) == ((5, 4), (T, 5, 4))
    assert (snn.stage, snn.timesteps, snn.levels, snn.input.timesteps) == (Stage.SNN, T, 2, T)


def test_the_ann_is_not_changed():
    model = ann()
    before = str(model.graph.graph)
    spiking(KINDS["lif"], model)
    assert str(model.graph.graph) == before
    assert model.graph(torch.zeros(5, *SHAPE)).shape == (5, 4)


def test_neurons_see_the_frame_of_their_step():
    """Layer by layer and neuron by neuron, in float64 loops that import nothing of ours."""
    x = frames(2)
    mean, steps = spiking(KINDS["mht"])(x)
    signal = x.double().numpy()
    for weight, bias in (("w1", "b1"), ("w2", "b2")):
        currents = np.stack([convolve(step, WEIGHTS[weight], WEIGHTS[bias]) for step in signal])
        signal = reference.multithreshold(currents, np.float64(1.0), 2)[0]
    wanted = signal.reshape(T, 2, -1) @ WEIGHTS["fc"].T
    assert np.abs(wanted).max() > 1
    np.testing.assert_array_equal(steps.numpy(), wanted)
    np.testing.assert_allclose(mean.numpy(), wanted.mean(0), rtol=1e-6)
    assert not np.array_equal(wanted[0], wanted[1])


@pytest.mark.parametrize("kind", KINDS)
def test_members_of_a_batch_do_not_mix(kind):
    snn, x = spiking(KINDS[kind]), frames(4)
    mean, steps = snn(x)
    for member in range(4):
        alone = snn(x[:, member : member + 1])
        torch.testing.assert_close(alone[0][0], mean[member], rtol=0, atol=1e-5)
        torch.testing.assert_close(alone[1][:, 0], steps[:, member], rtol=0, atol=1e-5)


def test_causal_steps_do_not_know_the_future():
    snn, x = spiking(KINDS["lif"]), frames(4)
    changed = x.clone()
    changed[2] = 0
    one, other = snn(x)[1], snn(changed)[1]
    assert torch.equal(one[:2], other[:2])
    assert not torch.equal(one[2], other[2])


def test_equal_frames_are_a_still_input():
    """Frame after frame the same: what a network for still inputs computes, under either fixed coupling."""
    for kind in ("mht", "mht, mean", "lif"):
        still = spiking(KINDS[kind], ann(timesteps=None))
        x = frames(4)[0]
        for found, wanted in zip(spiking(KINDS[kind])(x.expand(T, *x.shape)), still(x), strict=True):
            assert torch.equal(found, wanted)


def test_frames_and_steps_are_as_many():
    with pytest.raises(InvalidValueError, match="4 frames, the neurons T=3"):
        spiking(NeuronSettings("lif", timesteps=3))


def test_operators_before_the_first_neuron_take_frame_by_frame():
    nodes = [
        node("MaxPool", "input", "pooled", kernel_shape=[2, 2], strides=[2, 2]),
        node("Mul", "pooled pooled", "square"),
        conv("square", "c1"),
        node("Relu", "c1", "r1"),
        node("GlobalAveragePool", "r1", "mean"),
        node("Flatten", "mean", "out"),
    ]
    model = model_of(proto_of(nodes, WEIGHTS, SHAPE))
    model.input = InputSpec(*SHAPE, timesteps=T)
    assert make_plan(model, Coupling.CAUSAL).convertible
    snn = spiking(KINDS["lif"], model)
    assert [type(module_of(snn.graph, call)) for call in calls(snn.graph)].count(TimeMean) == 1  # of the output
    sizes = []
    snn.graph.get_submodule("pooled").register_forward_hook(lambda _, given, __: sizes.append(len(given[0])))
    x = frames(2)
    _, steps = snn(x)
    assert sizes == [2 * T]
    first = spiking(NeuronSettings("lif", timesteps=1), replace(model, input=replace(model.input, timesteps=1)))
    assert torch.equal(first(x[:1])[1][0], steps[0])


def test_an_operator_on_frames_and_spikes_still_waits_for_its_window():
    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        node("Mul", "c1 r1", "product"),
        conv("product", "c2", "w2", "b2"),
        node("Relu", "c2", "out"),
    ]
    model = model_of(proto_of(nodes, WEIGHTS, SHAPE))
    assert make_plan(model, Coupling.CAUSAL).convertible  # of a still input one factor only changes
    model.input = InputSpec(*SHAPE, timesteps=T)
    with pytest.raises(UnsupportedOperatorsError, match=r"Mul 'product'.*whole window"):
        make_plan(model, Coupling.CAUSAL).require()
    timing = analyse(spiking(KINDS["lif"], model).graph)
    assert "c1" in {call.target for call in timing.temporal}


@pytest.mark.parametrize("name", CASES)
def test_every_tangle_of_time_survives_its_file(name, tmp_path):
    model = replace(prepare(plain(name)), input=replace(plain(name).input, timesteps=T))
    snn = unroll(model, lambda node, site: build_neuron(KINDS["mht"], torch.tensor(1.0)))
    again = load(save(snn, tmp_path / "snn.onnx"))
    assert again.input == snn.input
    x = torch.randn(snn.input.batch_shape(2), generator=torch.Generator().manual_seed(0))
    for found, wanted in zip(again(x), snn(x), strict=True):
        assert torch.equal(found, wanted)


# Files


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_comes_back_and_runs_in_onnxruntime(kind, tmp_path):
    snn = spiking(KINDS[kind])
    snn.input = replace(snn.input, mean=(0.5,), std=(2.0,), classes=("a", "b", "c", "d"))
    path = save(snn, tmp_path / "snn.onnx")
    again = load(path)
    for field in ("stage", "input", "outputs", "timesteps", "levels", "coupling"):
        assert getattr(again, field) == getattr(snn, field)
    assert str(again.graph.graph) == str(snn.graph.graph)
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    axes = [dim.dim_param or dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim]
    assert axes == [T, "batch", *SHAPE]
    for batch in (1, 4):
        x = frames(batch, seed=batch)
        wanted = snn(x)
        assert wanted[0].abs().max() > 1
        for mine, theirs, reference_ in zip(again(x), runtime(proto, x), wanted, strict=True):
            assert torch.equal(mine, reference_)
            assert theirs.shape == reference_.shape
            assert np.abs(theirs - reference_.numpy()).max() <= RUNTIME * float(reference_.abs().max())
    first = run_onnx(path, [frames(4), frames(2)])
    assert first.shape == (6, 4)


def test_a_file_that_lost_our_metadata_loads(tmp_path):
    snn = spiking(KINDS["mht"])
    proto = to_onnx(snn)
    del proto.metadata_props[:]
    path = tmp_path / "bare.onnx"
    onnx.save(proto, path)
    again = load(path)
    assert again.input == InputSpec(*SHAPE, timesteps=T)
    assert (again.stage, again.timesteps, again.levels) == (Stage.SNN, T, 2)
    x = frames(4)
    assert torch.equal(again.logits(x), snn.logits(x))


def test_flat_and_channels_last_frames_load_without_metadata(tmp_path):
    for name in ("flat_mlp", "channels_last"):
        model = replace(plain(name), input=replace(plain(name).input, timesteps=T))
        proto = to_onnx(spiking(KINDS["lif"], model))
        del proto.metadata_props[:]
        onnx.save(proto, tmp_path / "bare.onnx")
        assert load(tmp_path / "bare.onnx").input == model.input


def test_an_ann_remembers_that_its_data_change_over_time(tmp_path):
    again = load(save(ann(), tmp_path / "ann.onnx"))
    assert (again.stage, again.input.timesteps) == (Stage.ANN, T)
    assert again.graph(torch.zeros(5, *SHAPE)).shape == (5, 4)


def edited(change, model=None):
    """A saved spiking network without metadata, its graph changed."""
    proto = to_onnx(model or spiking(KINDS["mht"]))
    del proto.metadata_props[:]
    change(proto.graph)
    return proto


def refuse(proto, match, tmp_path, kind=ModelError):
    onnx.save(proto, tmp_path / "edited.onnx")
    with pytest.raises(kind, match=match):
        load(tmp_path / "edited.onnx")


def set_axis(graph, axis, value):
    dim = graph.input[0].type.tensor_type.shape.dim[axis]
    dim.Clear()
    if value is not None:
        dim.dim_value = value


def test_inputs_that_are_no_frames_are_refused(tmp_path):
    def second_reader(graph):
        graph.node.append(helper.make_node("Identity", ["input"], ["again"], "again"))

    def two_folds(graph):
        fold = copy.deepcopy(next(each for each in graph.node if each.op_type == "Fold"))
        fold.name, fold.output[0] = "other", "other:out"
        graph.node.insert(0, fold)

    def flat(graph):
        del graph.input[0].type.tensor_type.shape.dim[1:]

    refuse(edited(second_reader), "'input_folded', which nothing but that may read", tmp_path)
    refuse(edited(two_folds), "which nothing but that may read", tmp_path)
    refuse(edited(flat), r"is a vector; time steps of a batch", tmp_path)
    refuse(edited(lambda graph: set_axis(graph, 0, None)), "an open number of frames.*are of T=4 steps", tmp_path)
    refuse(edited(lambda graph: set_axis(graph, 0, 3)), "has 3 frames.*are of T=4 steps", tmp_path)
    refuse(
        edited(lambda graph: set_axis(graph, 3, None)),
        r"open, \[batch, 2, \?, 6\]: name the height",
        tmp_path,
        InvalidValueError,
    )


def test_steps_that_do_not_fit_the_frames_are_refused(tmp_path):
    def three_frames(graph):
        set_axis(graph, 0, 3)
        fold = next(each for each in graph.node if each.op_type == "Fold")
        fold.attribute[0].i = 3

    refuse(edited(three_frames), r"has 3 frames.*are of T=3 and 4 steps", tmp_path)

    def fold_elsewhere(graph):
        first = next(each for each in graph.node if each.op_type == "Conv")
        graph.node.insert(2, helper.make_node("Fold", list(first.output), ["x"], "late", domain=DOMAIN, timesteps=T))
        next(each for each in graph.node if each.op_type == "MultiThreshold").input[0] = "x"

    refuse(edited(fold_elsewhere), "Fold 'late': only the network's input", tmp_path)

    def rectify(graph):
        for each in graph.node:
            if each.op_type == "MultiThreshold":
                each.op_type, each.domain = "Relu", ""
                del each.input[1:], each.attribute[:]
        for each in [each for each in graph.node if each.op_type in ("TimeMean", "Steps")]:
            each.op_type, each.domain = "Identity", ""
            del each.attribute[:]

    refuse(edited(rectify), "has no neurons that could", tmp_path)


@pytest.mark.parametrize(("stated", "match"), [(None, "states still inputs"), (3, "states inputs of 3 frames")])
def test_metadata_that_contradict_the_graph_are_refused(stated, match, tmp_path):
    def stating(model, frames):
        proto = to_onnx(model)
        (values,) = proto.metadata_props
        assert values.key == METADATA_KEY
        metadata = json.loads(values.value)
        metadata["input"]["timesteps"] = frames
        values.value = json.dumps(metadata)
        return proto

    changing = stating(spiking(KINDS["mht"]), stated)
    refuse(changing, f"{match}, the network takes inputs of 4 frames", tmp_path, FileError)
    still = stating(spike(_quantized(), T, 2), 3)
    refuse(still, "states inputs of 3 frames, the network takes still inputs", tmp_path, FileError)


def _quantized(timesteps=None):
    """Without frames, whatever its data are."""
    return of_one_frame(spiking(KINDS["mht"], ann(timesteps)))


def test_a_batch_size_that_is_written_into_the_file_gives_way(tmp_path):
    """The whole of axis 0 is T times the batch once time is folded in."""

    def fixed(stop):
        def change(graph):
            set_axis(graph, 1, 2)
            for name, values in {"start": [0], "stop": [stop], "axis": [0]}.items():
                graph.initializer.append(numpy_helper.from_array(np.array(values), name))
            graph.initializer.append(numpy_helper.from_array(np.ones((T * 2, 1, 6, 6), np.float32), "one"))
            folded = next(each for each in graph.node if each.op_type == "Fold").output[0]
            added = [
                helper.make_node("Slice", [folded, "start", "stop", "axis"], ["whole"], "whole"),
                helper.make_node("Concat", ["whole", "one"], ["joined"], "joined", axis=1),
                helper.make_node("Slice", ["joined", "start", "two", "one_axis"], ["parted"], "parted"),
            ]
            graph.initializer.append(numpy_helper.from_array(np.array([2]), "two"))
            graph.initializer.append(numpy_helper.from_array(np.array([1]), "one_axis"))
            for index, each in enumerate(added):
                graph.node.insert(1 + index, each)
            next(each for each in graph.node if each.op_type == "Conv").input[0] = "parted"

        return edited(change)

    onnx.save(fixed(T * 2), tmp_path / "fixed.onnx")
    again, x = load(tmp_path / "fixed.onnx"), frames(5)
    assert torch.equal(again.logits(x), spiking(KINDS["mht"]).logits(x))
    refuse(fixed(2), "acts across the batch axis", tmp_path)


# What such a network is not


def test_no_quantized_network_equals_it():
    snn = spiking(KINDS["mht, mean"])
    with pytest.raises(ModelError, match=r"changes over time \(4 frames a sample\): no quantized network"):
        collapse(snn)
    with pytest.raises(ModelError, match="changes over time"):
        verify(_quantized(), snn, frames(2))
    with pytest.raises(ModelError, match=r"data change over time \(4 frames a sample\): conversion is for still"):
        convert(ann(), calibration_data=torch.zeros(4, *SHAPE))
    quantized = of_one_frame(snn)
    assert quantized.stage is Stage.QUANTIZED
    assert quantized.graph(torch.zeros(5, *SHAPE)).shape == (5, 4)


# Evaluation


@pytest.fixture
def recordings(tmp_path):
    """An events file of 12 recordings, a few hundred events each."""

    def write(labels=True, sensor=6):
        rng = np.random.default_rng(7)
        counts = rng.integers(100, 300, 12)
        xyp = np.stack([rng.integers(0, size, counts.sum()) for size in (sensor, sensor, 2)], 1).astype(np.uint8)
        xyp[0] = (sensor - 1, sensor - 1, 0)
        path = tmp_path / "events.npz"
        np.savez(
            path,
            test_xyp=xyp,
            test_t_us=rng.integers(0, 10_000, counts.sum()),
            test_offset=np.cumsum([0, *counts]),
            **({"test_label": np.arange(12) % 4} if labels else {}),
        )
        return f"events:{path}"

    return write


@pytest.mark.parametrize("kind", ["mht", "mht, mean", "lif"])
def test_accuracy_and_accuracy_after_each_step(kind, recordings):
    snn, data = spiking(KINDS[kind]), recordings()
    found = evaluate(snn, data, precision="float64")
    assert (found.mode, found.images, found.timesteps) == ("simulated", 12, T)
    opened = open_data(data, snn.input, purpose="eval")
    x, y = next(opened.batches(12))
    mean, steps = snn(x)
    assert found.accuracy == 100 * int((mean.argmax(1) == y).sum()) / 12
    at = [100 * (steps[: t + 1].mean(0).argmax(1) == y).double().mean().item() for t in range(T)]
    assert found.accuracy_at == pytest.approx(at, rel=1e-12)
    assert found.accuracy_at[-1] == found.accuracy
    double = evaluate(snn, data)
    assert (double.precision, double.accuracy) == ("float64", found.accuracy)


def test_batches_and_limits_count_recordings(recordings):
    snn, data = spiking(KINDS["lif"]), recordings()
    whole = evaluate(snn, data)
    for size in (1, 5, 12):
        assert evaluate(snn, data, batch_size=size) == whole
    limited = evaluate(snn, data, limit=7, activity_images=2)
    assert (limited.images, limited.activity_images) == (7, 2)
    assert evaluate(snn, f"{data}[:7]").accuracy == limited.accuracy
    unlabelled = evaluate(snn, recordings(labels=False))
    assert (unlabelled.accuracy, unlabelled.accuracy_at) == (None, None)


def test_the_first_layer_counts_at_every_step(recordings):
    snn, data = spiking(KINDS["mht"]), recordings()
    found = evaluate(snn, data)
    first = 4 * 6 * 6 * 2 * 3 * 3
    assert found.operations.macs_per_image == T * first
    assert not found.operations.uncounted_operators
    assert found.activity_images == 12
    assert [site.neurons for site in found.sites] == [4 * 6 * 6] * 2
    assert all(0 < site.firing_rate <= 2 for site in found.sites)
    assert found.operations.synops_per_image > 0
    single = ann_energy(ann(timesteps=None))
    for model in (snn, ann()):
        plain_energy = ann_energy(model)
        assert plain_energy.macs_per_image == T * single.macs_per_image
        assert plain_energy.additions_per_image == T * single.additions_per_image


def test_spikes_are_counted_over_all_frames(recordings):
    """As many as neurons fire that see the same currents as a reference's."""
    snn, data = spiking(KINDS["mht"]), recordings()
    x, _ = next(open_data(data, snn.input, purpose="eval").batches(2))
    currents = np.stack([convolve(step, WEIGHTS["w1"], WEIGHTS["b1"]) for step in x.double().numpy()])
    spikes = reference.multithreshold(currents, np.float64(1.0), 2)[0]
    assert evaluate(snn, data, limit=2).sites[0].spikes_per_image == spikes.sum() / 2


def test_networks_that_see_the_same_frames_are_compared(recordings):
    snn, data = spiking(KINDS["mht"]), recordings()
    same = evaluate(snn, data, against=snn)
    assert same.agreement == 100
    other = spiking(KINDS["lif"], model=ann())
    found = evaluate(snn, data, against=other)
    x, _ = next(open_data(data, snn.input, purpose="eval").batches(12))
    agreeing = (snn.logits(x).argmax(1) == other.logits(x).argmax(1)).double().mean().item()
    assert found.agreement == pytest.approx(100 * agreeing)
    scaled = copy.copy(snn)
    scaled.input = replace(snn.input, mean=(0.0,), std=(1.0,))
    assert evaluate(snn, data, against=scaled).agreement == 100


def test_networks_of_other_frames_are_not_compared(recordings):
    snn, data = spiking(KINDS["mht"]), recordings()
    three = spiking(NeuronSettings("mht", timesteps=3), ann(timesteps=3))
    with pytest.raises(ModelError, match=r"takes recordings of T=4 frames.*compared with recordings of T=3 frames"):
        evaluate(snn, data, against=three)
    with pytest.raises(ModelError, match="compared with still images"):
        evaluate(snn, data, against=ann(timesteps=None))
    with pytest.raises(ModelError, match="takes single frames"):
        evaluate(snn, data, against=ann())
    opened = open_data(data, three.input, purpose="eval")
    with pytest.raises(DataError, match=r"recordings of T=3 frames, the network takes recordings of T=4 frames"):
        evaluate(snn, opened)


def test_single_frames_are_not_evaluated_on_recordings(recordings):
    with pytest.raises(ModelError, match=r"takes single frames, its data are recordings of 4 frames"):
        evaluate(ann(), recordings())
    with pytest.raises(DataError, match="the network takes still images"):
        evaluate(ann(timesteps=None), recordings())
    with pytest.raises(DataError, match="holds still images"):
        evaluate(spiking(KINDS["lif"]), "digits")


def test_inspection_says_that_the_input_changes():
    snn = spiking(KINDS["lif"])
    found = inspect(snn)
    assert "its input changes over time, one of 4 frames a step" in found.verdict
    values = found.to_dict()
    assert (values["input_shape"], values["input"]["timesteps"], values["timesteps"]) == (list(SHAPE), T, T)
    assert values["macs"] == inspect(ann()).to_dict()["macs"]  # of one step
    assert (values["convertible"], inspect(ann()).to_dict()["convertible"]) == (False, False)
    assert "its data change over time (4 frames a sample)" in inspect(ann()).verdict
    assert inspect(ann(timesteps=None)).to_dict()["convertible"]
    assert "changes over time" not in inspect(spiking(KINDS["lif"], ann(timesteps=None))).verdict
