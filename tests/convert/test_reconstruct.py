"""Block-wise reconstruction: nearer to the ANN, weights as they were, and an interrupted one goes on."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from graph_cases import CASES, images, prepared

from snnconv.convert import CalibrationSettings, convert
from snnconv.convert.calibration import calibrate, calibrate_by
from snnconv.convert.calibration.method import METHODS, CalibrationJob
from snnconv.convert.calibration.methods.auto import FEWEST_IMAGES
from snnconv.convert.calibration.progress_file import ProgressFile, fingerprint
from snnconv.convert.calibration.reconstruct import STEPS, _variance, reconstruct
from snnconv.errors import FileError, InvalidValueError
from snnconv.graph.access import calls, module_of, operands, results
from snnconv.spiking.blocks import blocks_of
from snnconv.spiking.sites import is_site

NAMES = ("residual_of_spikes", "leaky_chain", "squeeze_and_excite", "depthwise_and_slices", "channels_last", "flat_mlp")


def batches_of(model, count=192):
    return list(torch.split(images(model, count), 32))


def state(model):
    return {name: value.clone() for name, value in model.graph.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("fewest", [1, 2, 5])
@pytest.mark.parametrize("name", CASES)
def test_blocks_are_the_graph_in_order(name, fewest):
    graph = prepared(name).graph
    blocks = blocks_of(graph, fewest=fewest, most=fewest + 1)
    assert [node for block in blocks for node in block.nodes] == calls(graph)
    made = {next(node for node in graph.graph.nodes if node.op == "placeholder")}
    for block in blocks:
        assert set(block.inputs) <= made
        read = {operand for later in calls(graph) if later not in block.nodes for operand in operands(later)}
        assert set(block.outputs) == {node for node in block.nodes if node in read or node in results(graph)}
        made |= set(block.outputs)
        assert sum(is_site(module_of(graph, node)) for node in block.nodes) <= fewest + 1


@pytest.mark.parametrize("name", NAMES)
def test_blocks_come_closer_and_weights_stay(name):
    ann = prepared(name)
    batches = batches_of(ann)
    quantized = calibrate(ann, batches, 4)
    before = state(quantized), state(ann)
    found, errors = reconstruct(ann, quantized, batches, epochs=10)
    assert same(before[0], state(quantized))
    assert same(before[1], state(ann))
    assert all(error.after <= error.before for error in errors)
    assert any(error.after < error.before for error in errors)
    weights = {key: value for key, value in state(ann).items() if not key.endswith("bias")}
    assert all(torch.equal(value, state(found)[key]) for key, value in weights.items())
    fresh = images(ann, 256, seed=9)
    with torch.no_grad():
        wanted, old, new = (model(fresh) for model in (ann, quantized, found))
    assert (new - wanted).square().mean() < 1.1 * (old - wanted).square().mean()  # nor were the images learned by heart


def test_weights_move_where_they_are_asked_to():
    ann = prepared("chain")
    quantized = calibrate(ann, batches_of(ann), 4)
    found, _ = reconstruct(ann, quantized, batches_of(ann), epochs=30, weights=True)
    moved = [key for key, value in state(quantized).items() if not torch.equal(value, state(found)[key])]
    assert any(key.endswith("weight") for key in moved)


def test_a_weight_that_modules_share_stays():
    ann = prepared("chain").copy()
    graph = ann.graph
    first, second = (graph.get_submodule(name) for name in ("c1", "c2"))
    second.bias = first.bias
    quantized = calibrate(ann, batches_of(ann), 4, correct_bias=False)
    found, _ = reconstruct(ann, quantized, batches_of(ann), epochs=2)
    assert torch.equal(found.graph.get_submodule("c1").bias, first.bias)


@pytest.mark.parametrize("name", ["residual_of_spikes", "two_outputs"])
def test_steps_in_parts_are_the_same_steps(name):
    ann = prepared(name).copy()
    ann.graph.double()
    images = torch.cat([batch.double() for batch in batches_of(prepared(name))])
    size = len(images) // STEPS
    assert size > 1
    quantized = calibrate(ann, [images], 4)
    whole, errors = reconstruct(ann, quantized, torch.split(images, size), epochs=2)
    parted, others = reconstruct(ann, quantized, torch.split(images, 1), epochs=2)
    for one, other in zip(errors, others, strict=True):
        assert other.after == pytest.approx(one.after, rel=1e-9)
    for key, value in state(whole).items():
        torch.testing.assert_close(state(parted)[key], value, rtol=1e-6, atol=1e-9)


def test_the_same_seed_gives_the_same():
    ann = prepared("residual_of_spikes")
    quantized = calibrate(ann, batches_of(ann), 4)
    first, again, other = (state(reconstruct(ann, quantized, batches_of(ann), epochs=2, seed=s)[0]) for s in (0, 0, 1))
    assert same(first, again)
    assert not same(first, other)


class StopError(Exception):
    pass


def interrupted(after):
    def progress(items, description, total=None):
        for index, item in enumerate(items):
            if description == "reconstructing" and index == after:
                raise StopError
            yield item

    return progress


def test_an_interrupted_reconstruction_goes_on_by_block(tmp_path, monkeypatch):
    ann = prepared("residual_of_spikes")
    settings = CalibrationSettings("reconstruct", epochs=2)
    keep = tmp_path / "net.onnx.reconstruction"
    whole = calibrate_by(settings, ann, batches_of(ann), 4)
    assert len(whole.blocks) >= 2
    with pytest.raises(StopError):
        calibrate_by(settings, ann, batches_of(ann), 4, keep=keep, progress=interrupted(1))
    moved = []
    module = __import__("snnconv.convert.calibration.reconstruct", fromlist=["_move"])
    move = module._move
    monkeypatch.setattr(module, "_move", lambda *given: moved.append(1) or move(*given))
    resumed = calibrate_by(settings, ann, batches_of(ann), 4, keep=keep)
    assert len(moved) == len(whole.blocks) - 1
    assert same(state(whole.model), state(resumed.model))
    assert resumed.blocks == whole.blocks
    changed = calibrate_by(CalibrationSettings("reconstruct", epochs=1), ann, batches_of(ann), 4, keep=keep)
    assert len(moved) == 2 * len(whole.blocks) - 1  # other settings start anew
    assert changed.epochs == 1


def test_the_file_of_finished_blocks(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"something else")
    with pytest.raises(FileError, match="something else is or a damaged file"):
        ProgressFile(path, "id")
    one, other = (fingerprint([torch.tensor([value])], {"epochs": 1}) for value in (1.0, 2.0))
    assert one != other != fingerprint([torch.tensor([2.0])], {"epochs": 2})


def test_convert_leaves_the_file_to_who_writes_the_result(tmp_path):
    ann = prepared("chain")
    keep = tmp_path / "kept"
    convert(
        ann,
        timesteps=2,
        levels=2,
        calibration_data=images(ann, 160),
        calibration=CalibrationSettings("reconstruct", epochs=1),
        keep=keep,
    )
    assert ProgressFile(keep, "other").blocks == 0
    assert keep.exists()


def choose(settings, ann, images, *, real):
    return METHODS[settings.method]().choose(CalibrationJob(settings, ann, [range(images)], 4, real))


def test_auto_says_what_and_why():
    ann = prepared("chain")
    auto = CalibrationSettings()
    chosen = choose(auto, ann, 1024, real=True)
    assert (chosen.settings.method, chosen.settings.epochs) == ("reconstruct", 10)
    assert "within the budget" in chosen.reason
    for images_, real, budget, why in (
        (FEWEST_IMAGES - 1, True, 600.0, "fewer than"),
        (1024, False, 600.0, "no calibration data"),
        (1024, True, 1e-6, "the budget is"),
    ):
        chosen = choose(CalibrationSettings(budget_s=budget), ann, images_, real=real)
        assert chosen.settings.method == "bias"
        assert why in chosen.reason
    named = CalibrationSettings("mse")
    assert choose(named, ann, 1, real=False).settings is named


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"method": "best"}, "'best': it must be one of auto, max"),
        ({"ceilings": "pixel"}, "channel, layer"),
        ({"method": "mse", "reconstruct_weights": True}, "belong to the calibration 'reconstruct'"),
        ({"method": "mse", "epochs": 3}, "belong to the calibration 'reconstruct'"),
        ({"epochs": 0}, "epochs is 0: it must be an integer of at least 1"),
        ({"budget_s": 0.0}, "above 0"),
    ],
)
def test_settings_that_make_no_sense(given, words):
    with pytest.raises(InvalidValueError, match=words):
        CalibrationSettings(**given)


def test_a_later_block_sees_what_earlier_ones_made():
    """A reconstructed block's input is the quantized output of those before it, not the ANN's."""
    ann = prepared("residual_of_spikes")
    quantized = calibrate(ann, batches_of(ann), 4)
    found, errors = reconstruct(ann, quantized, batches_of(ann), epochs=2)
    graph, x = found.graph, torch.cat(batches_of(ann))
    wanted, given = {}, {}
    for source, kept in ((ann.graph, wanted), (graph, given)):
        values = {next(node for node in source.graph.nodes if node.op == "placeholder"): x}
        for node in calls(source):
            values[node] = module_of(source, node)(*(values[operand] for operand in operands(node)))
            kept[node.target] = values[node].detach()
    ends = [block.outputs[0].target for block in blocks_of(graph)]
    measured = [float((given[end] - wanted[end]).square().mean() / wanted[end].var()) for end in ends]
    for error, whole in zip(errors, measured, strict=True):
        assert error.after == pytest.approx(whole, rel=0.5)  # there on the images that judge, here on all
    assert all(earlier >= 0 for earlier, _ in pairwise(measured))


@pytest.mark.parametrize("exponent", [-90, 90, 120])
def test_blocks_of_any_magnitude_are_reconstructed_alike(exponent):
    """Squares of what the blocks put out lie outside the range of single precision."""
    x = images(prepared("chain"), 64)
    blocks = {}
    for scale in (1.0, 2.0**exponent):
        ann = prepared("chain").copy()
        for name, factor in (("c1", scale), ("out", scale)):
            module = ann.graph.get_submodule(name)
            module.weight.data *= factor
            module.bias.data *= factor
        second = ann.graph.get_submodule("c2")
        second.weight.data = (second.weight.data.double() / scale).float()
        _, blocks[scale] = reconstruct(ann, calibrate(ann, [x], 2, correct_bias=False), [x], epochs=10)
    plain, scaled = blocks.values()
    assert any(block.after < 0.95 * block.before for block in plain)
    for one, other in zip(plain, scaled, strict=True):
        assert other.before == pytest.approx(one.before, rel=0.01)
        assert other.after == pytest.approx(one.after, rel=0.01)


@pytest.mark.parametrize("value", [0.0, 0.1, 7.7])
@pytest.mark.parametrize("count", [10, 999, 1000])
def test_the_variance_of_a_constant_is_no_rounding_error(value, count):
    assert _variance([torch.full((count,), value)]) == 1
