"""Accuracy and agreement of whole networks on data."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_networks import build, classifier, node, quantize, weights

from snnconv.errors import DataError, InvalidValueError, ModelError
from snnconv.evaluation import ann_activity, ann_energy, evaluate, run_onnx
from snnconv.formats.onnx.writing import save, to_onnx
from snnconv.model import Stage
from snnconv.neurons import QCFS, Coupling
from snnconv.spiking.unrolling import spike

KEYS = {
    "code",
    "output_errors",
    "octaves",
    "stopping",
    "unsettled",
    "images",
    "accuracy",
    "agreement",
    "timesteps",
    "levels",
    "coupling",
    "accuracy_at",
    "sites",
    "synops_per_image",
    "macs_per_image",
    "energy_pj_per_image",
    "mode",
    "backend",
    "precision",
    "arithmetic",
    "uncounted_operators",
    "total_levels",
    "total_levels_range",
    "accuracy_standard_error",
    "against_accuracy",
    "agreement_at",
    "additions_per_image",
    "neuron_updates_per_image",
    "neuron_additions_per_image",
    "neuron_multiplications_per_image",
    "neuron_energy_pj_per_image",
    "memory_accesses_per_image",
    "memory_energy_pj_per_image",
    "energy_by_count",
    "ann_energy",
    "energy_over_ann",
    "layers",
    "activity_images",
    "energy_note",
}


def everything(data):
    x, y = next(data.batches(len(data)))
    return x, y.numpy()


def test_the_networks_used_here_name_several_classes(ann, snn, images):
    x, _ = everything(images(ann.input, count=40))
    for model in (ann, snn):
        assert len(model.logits(x).argmax(1).unique()) >= 3


def test_accuracy_at_each_step_is_that_of_the_mean_so_far(quantized, ann, images):
    snn = spike(quantized, 4, 2, Coupling.CAUSAL)
    data = images(snn.input, count=40)
    found = evaluate(snn, data, against=ann, batch_size=7)
    x, labels = everything(data)
    steps, other = snn(x)[1].numpy(), ann.logits(x).argmax(1).numpy()
    for t in range(4):
        right = same = 0
        for image in range(40):
            total = np.zeros(4, np.float32)
            for step in range(t + 1):
                total += steps[step, image]
            right += int(np.argmax(total / np.float32(t + 1)) == labels[image])
            same += int(np.argmax(total / np.float32(t + 1)) == other[image])
        assert found.accuracy_at[t] == pytest.approx(100 * right / 40)
        assert found.agreement_at[t] == pytest.approx(100 * same / 40)
    assert found.mode == "simulated"
    assert (found.accuracy, found.agreement) == (found.accuracy_at[-1], found.agreement_at[-1])
    assert found.against_accuracy == pytest.approx(100 * (other == labels).mean())
    share = found.accuracy / 100
    assert found.accuracy_standard_error == pytest.approx(100 * math.sqrt(share * (1 - share) / 40))


def test_mean_coupling_collapses_unless_it_is_simulated(snn, quantized, images):
    data = images(snn.input, count=60)
    collapsed = evaluate(snn, data, against=quantized)
    assert (collapsed.mode, collapsed.accuracy_at, collapsed.agreement_at) == ("collapsed", None, None)
    assert collapsed.agreement == 100
    simulated = evaluate(snn, data, against=snn, simulate=True)
    assert simulated.mode == "simulated"
    assert len(simulated.accuracy_at) == len(simulated.agreement_at) == 4
    assert simulated.agreement >= 98
    assert simulated.operations.macs_per_image == collapsed.operations.macs_per_image
    assert simulated.operations.synops_per_image == pytest.approx(collapsed.operations.synops_per_image, rel=1e-3)
    assert simulated.operations.synops_per_image > 0
    for one, other in zip(collapsed.sites, simulated.sites, strict=True):
        assert other.spikes_per_image == pytest.approx(one.spikes_per_image, rel=1e-3)
    for found in (collapsed, simulated):
        assert (found.timesteps, found.levels, found.total_levels, found.coupling) == (4, 2, 8, "mean")


def test_plain_and_quantized_networks_take_macs_only(ann, quantized, images):
    data = images(ann.input)
    for model, mode, total in ((ann, "ann", None), (quantized, "quantized", 8)):
        found = evaluate(model, data)
        assert (found.mode, found.total_levels, found.timesteps, found.coupling) == (mode, total, None, None)
        assert found.operations.synops_per_image == 0
        assert found.operations == ann_energy(model)
        assert found.agreement is found.against_accuracy is found.accuracy_at is None


def test_the_plain_network_behind_a_spiking_one(ann, snn):
    assert ann_energy(snn) == ann_energy(ann)
    open_size = classifier(height=None)
    assert ann_energy(open_size, size=6) == ann_energy(ann)
    with pytest.raises(ModelError, match="--size"):
        ann_energy(open_size)


def test_the_plain_networks_layers_stand_beside_the_spiking_ones(ann, snn, images):
    plain, spiking = ann_activity(ann), evaluate(snn, images(snn.input))
    assert (plain.operations, plain.sites) == (ann_energy(ann), ())
    names = [layer.name for layer in plain.layers]
    assert names == ["conv1", "relu1", "conv2", "sum", "relu2", "pooled", "out"]
    # pooled spikes are routed, and cost nothing where they are pooled
    assert [layer.name for layer in spiking.layers] == [name for name in names if name != "pooled"]
    assert [layer.operator for layer in spiking.layers if layer.neuron_updates_per_image] == ["MultiThreshold"] * 2
    assert ann_activity(snn).layers[0].macs_per_image == spiking.layers[0].macs_per_image == 36 * 4 * 27


def test_the_plain_networks_energy_has_batch_norm_folded():
    norm = {name: np.ones(2, np.float32) for name in "gbms"} | {"w": weights(2, 3, 1, 1)}
    nodes = [
        node("Conv", ["input", "w"], "conv"),
        node("BatchNormalization", ["conv", "g", "b", "m", "s"], "out"),
    ]
    model = build(nodes, norm, (3, 2, 2))
    assert ann_energy(model).macs_per_image == 4 * 2 * 3
    assert len(list(model.graph.children())) == 2


def test_json_keys(snn, ann, images):
    found = evaluate(snn, images(snn.input), against=ann).to_dict()
    assert set(found) == KEYS
    assert set(found["sites"][0]) == {
        "power_of_two_spikes_per_image",
        "graded_spikes_per_image",
        "name",
        "neurons",
        "total_levels",
        "spikes_per_image",
        "firing_rate",
        "mean_level_fraction",
        "zero_fraction",
    }
    assert json.loads(json.dumps(found)) == found
    assert [layer["name"] for layer in found["layers"]] == ["conv1", "relu1", "conv2", "sum", "relu2", "out"]
    assert {"name", "operator"} < set(found["layers"][0]) < KEYS | {"name", "operator"}
    assert found["activity_images"] == found["images"] == 20


def test_labels_are_optional(snn, ann, images):
    found = evaluate(snn, images(snn.input, labels=False), against=ann, simulate=True)
    assert found.accuracy is found.accuracy_at is found.accuracy_standard_error is found.against_accuracy is None
    assert found.agreement is not None
    assert len(found.agreement_at) == 4


def test_labels_that_the_network_cannot_give_are_refused(snn, images):
    with pytest.raises(DataError, match="label 9"):
        evaluate(snn, images(snn.input, classes=10))


def test_a_limit_takes_the_first_images(ann, images):
    data = images(ann.input)
    found, part = evaluate(ann, data, limit=7), evaluate(ann, images(ann.input, part="[:7]"))
    assert found == part
    assert found.images == 7
    assert evaluate(ann, data, limit=1000).images == 20


def test_activity_is_counted_over_the_first_images(snn, images):
    data = images(snn.input)
    found, part = evaluate(snn, data, activity_images=5), evaluate(snn, data, limit=5)
    assert (found.images, found.activity_images) == (20, 5)
    assert (found.sites, found.operations) == (part.sites, part.operations)
    without = evaluate(snn, data, activity_images=0).to_dict()
    assert without["sites"] == without["layers"] == without["uncounted_operators"] == []
    assert without["synops_per_image"] is without["energy_pj_per_image"] is None


@pytest.mark.parametrize("batch_size", [1, 5, 100])
def test_batches_do_not_matter(snn, ann, images, batch_size):
    data, options = images(snn.input, count=12), {"against": ann, "simulate": True, "activity_images": 0}
    found = evaluate(snn, data, batch_size=batch_size, **options)
    whole = evaluate(snn, data, **options)
    assert (found.accuracy_at, found.agreement_at) == (whole.accuracy_at, whole.agreement_at)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_another_network_sees_the_same_images_in_its_own_way(layout, images):
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    own = classifier(mean=mean, std=std)
    other = _with_normalisation_inside(own, mean, std, layout)
    data = images(own.input, count=50)
    assert evaluate(own, data, against=other).agreement == 100
    plain = replace(own, input=replace(own.input, mean=None, std=None))
    assert evaluate(own, data, against=plain).agreement == 100  # states none: is given the same
    wrong = replace(own, input=replace(own.input, mean=(0.0,), std=(0.01,)))
    assert evaluate(own, data, against=wrong).agreement < 100


def _with_normalisation_inside(model, mean, std, layout):
    """The same function of pixels that are doubled and shifted by 1, in another layout."""
    from snnconv.graph.modules import Arithmetic, Transpose

    changed = model.copy()
    graph = changed.graph
    source = next(iter(graph.graph.nodes))
    users = list(source.users)
    order = [Transpose((0, 3, 1, 2))] if layout == "NHWC" else []
    shape = (1, 3, 1, 1)
    undo = [
        Arithmetic("mul", torch.nn.Parameter(torch.tensor(0.5))),
        Arithmetic("add", torch.nn.Parameter(torch.tensor(0.25))),
        Arithmetic("sub", torch.nn.Parameter(torch.tensor(mean).view(shape))),
        Arithmetic("div", torch.nn.Parameter(torch.tensor(std).view(shape))),
    ]
    last = source
    for index, module in enumerate([*order, *undo]):
        graph.add_submodule(f"undo{index}", module)
        with graph.graph.inserting_after(last):
            last = graph.graph.call_module(f"undo{index}", (last,))
        last.meta["shape"] = (3, 6, 6)
    for user in users:
        user.replace_input_with(source, last)
    graph.recompile()
    spec = replace(model.input, mean=(0.25,), std=(0.5,), layout=layout)  # pixels = 0.5 x + 0.25
    return replace(changed, input=spec)


def test_networks_that_cannot_be_compared_are_refused(ann, images):
    data = images(ann.input)
    with pytest.raises(ModelError, match=r"4 outputs.*5"):
        evaluate(ann, data, against=classifier(classes=5))
    with pytest.raises(ModelError, match=r"6 x 6.*12 x 6"):
        evaluate(ann, data, against=classifier(height=12))
    with pytest.raises(DataError, match=r"6 x 6.*8 x 6"):
        evaluate(replace(ann, input=replace(ann.input, height=8)), data)


def test_options_out_of_range_are_refused(ann, images):
    data = images(ann.input)
    for options in ({"limit": 0}, {"batch_size": 0}, {"activity_images": -1}):
        with pytest.raises(InvalidValueError, match=f"{next(iter(options))} is"):
            evaluate(ann, data, **options)
    with pytest.raises(InvalidValueError, match="spiking network can be simulated"):
        evaluate(ann, data, simulate=True)


def test_nothing_is_left_changed(snn, ann, images):
    ann = ann.copy()
    ann.graph.train()
    before = str(snn.graph.code)
    data = images(snn.input)
    first = evaluate(snn, data, against=ann)
    assert evaluate(snn, data, against=ann) == first
    assert ann.graph.training
    assert (str(snn.graph.code), snn.stage) == (before, Stage.SNN)
    assert not any(isinstance(module, QCFS) for module in snn.graph.modules())


def test_progress_is_told_of_every_batch(ann, images):
    told = []

    def progress(items, description, total=None):
        for item in items:
            yield item
            told.append((description, total))

    evaluate(ann, images(ann.input), batch_size=8, activity_images=10, progress=progress)
    assert told == [("Evaluating", 3)] * 3 + [("Counting operations", 2)] * 2


def test_onnxruntime_gives_the_same_answers(snn, quantized, images):
    data = images(snn.input)
    batches = [x for x, _ in data.batches(8)]
    for model in (quantized, spike(quantize(classifier(seed=3), 4), 2, 2)):
        found = run_onnx(to_onnx(model), batches)
        assert found.shape == (20, 4)
        expected = torch.cat([model.logits(x) for x in batches])
        assert (found.argmax(1) == expected.argmax(1)).float().mean() >= 0.95


def test_files_will_do(quantized, ann, images, tmp_path):
    data = images(quantized.input, count=40)
    for name, model in (("quantized.onnx", quantized), ("ann.onnx", ann)):
        save(model, tmp_path / name)
    found = evaluate(tmp_path / "quantized.onnx", data, against=str(tmp_path / "ann.onnx"), activity_images=0)
    wanted = evaluate(quantized, data, against=ann, activity_images=0)
    assert (found.accuracy, found.agreement) == (wanted.accuracy, wanted.agreement)
