"""One door in: what it takes, and how it refuses the rest."""

from __future__ import annotations

import json
import logging
import os

import numpy as np
import onnx
import pytest
import torch
from graph_cases import CASES, W, classifier, conv, node, plain, proto_of, quantize
from huggingface_hub import constants
from onnx import TensorProto, helper
from torch import nn

from snnconv.convert import convert
from snnconv.errors import FileError, InvalidValueError, ModelError, UnsupportedOperatorsError
from snnconv.formats.nir.hdf5 import read_tree
from snnconv.formats.onnx.metadata import METADATA_KEY
from snnconv.formats.onnx.writing import save, to_onnx
from snnconv.inputspec import InputPart
from snnconv.loading import load, load_module
from snnconv.loading.attention_formula import AttentionFormula
from snnconv.model import InputSpec, Stage


def written(tmp_path, content, name="network.onnx"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return path


@pytest.fixture(scope="module")
def chain():
    return CASES["chain"]()


# What it takes


def test_a_file_says_where_it_comes_from(chain, tmp_path):
    path = written(tmp_path, chain)
    for source in (path, str(path)):
        model = load(source)
        assert model.stage is Stage.ANN
        assert model.input == InputSpec(3, 6, 6)
        assert model.provenance["source"] == "network.onnx"
        assert len(model.provenance["source_sha256"]) == 64
    assert not model.graph.training


def test_a_model_is_taken_as_it_is():
    assert load(plain("chain")) is plain("chain")


def test_the_size_of_a_model_is_settled():
    model = plain("chain")
    assert load(model, size=6) is model
    with pytest.raises(InvalidValueError, match=r"size is 7, and the model takes images of 6 x 6.*leave size out"):
        load(model, size=7)
    with pytest.raises(InvalidValueError, match="a flat input of 6 values: leave size out"):
        load(plain("flat_mlp"), size=6)


def test_channels_may_be_last(tmp_path):
    assert load(written(tmp_path, CASES["channels_last"]())).input == InputSpec(3, 6, 6, layout="NHWC")


@pytest.mark.parametrize(
    ("stated", "turned", "expected"),
    [
        ((6, 6, 3), False, (3, 6, 6, "NHWC")),
        ((2, 6, 4), False, (2, 6, 4, "NCHW")),  # two polarities of events, in a narrow frame
        ((2, 6, 4), True, (4, 2, 6, "NHWC")),
        (("rows", "columns", 3), True, (3, 4, 4, "NHWC")),
        ((8, "rows", "columns"), False, (8, 4, 4, "NCHW")),
        ((4, "columns", 3), True, (3, 4, 4, "NHWC")),
    ],
)
def test_where_the_channels_are_is_told_once(stated, turned, expected, tmp_path):
    """The size that is filled in and the layout of the loaded input follow the same rule."""
    nodes = [node("Identity", "input", "same"), node("Transpose", "same", "x", perm=[0, 3, 1, 2])]
    nodes = [*(nodes if turned else [node("Identity", "input", "x")]), node("Relu", "x", "out")]
    channels, height, width, layout = expected
    size = None if all(isinstance(length, int) for length in stated) else 4
    model = load(written(tmp_path, proto_of(nodes, {}, stated)), size=size)
    assert model.input == InputSpec(channels, height, width, layout=layout)


def test_an_input_may_be_flat(tmp_path):
    path = written(tmp_path, CASES["flat_mlp"]())
    model = load(path)
    assert model.input == InputSpec(6, None, None, layout="NC")
    x = torch.randn(50, 6)
    snn = convert(path, timesteps=2, levels=8, calibration_data=x)
    again = load(save(snn, tmp_path / "snn.onnx"))
    assert again.input == model.input
    assert torch.equal(again.logits(x), snn.logits(x))
    assert (again.logits(x) - model.logits(x)).abs().max() < 0.3 * model.logits(x).abs().max()
    with pytest.raises(InvalidValueError, match="flat input of 6"):
        load(path, size=8)


@pytest.mark.parametrize("shape", [(3, 6), (3, 6, 6, 6), ()])
def test_other_ranks_are_rows_of_numbers(shape, tmp_path):
    model = load(written(tmp_path, proto_of([node("Relu", "input", "out")], {}, shape)))
    assert model.input.parts == (InputPart("input", shape),)
    x = torch.randn(2, *shape)
    assert torch.equal(model.graph(model.input.packed({"input": x})), x.relu())
    assert load(save(model, tmp_path / "again.onnx")).input == model.input


@pytest.mark.parametrize("shape", [(3, "rows", "columns"), (3, 0, 0)])
def test_an_open_size_is_asked_for(shape, tmp_path):
    path = written(tmp_path, classifier([conv("input", "c1"), node("Relu", "c1", "features")], shape=shape))
    with pytest.raises(InvalidValueError, match="--size"):
        load(path)
    model = load(path, size=10)
    assert model.input == InputSpec(3, 10, 10)
    assert model(torch.zeros(2, 3, 10, 10)).shape == (2, 5)


@pytest.mark.parametrize("size", [0, -1, 1.5, True])
def test_a_size_that_cannot_be(size, chain, tmp_path):
    for source in (written(tmp_path, chain), "timm:resnet18", nn.ReLU()):
        with pytest.raises(InvalidValueError, match="size is"):
            load(source, size=size)


# Files that are none


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"This is a text file.\nIt holds no network.\n" * 20, "not an ONNX file"),
        (np.random.default_rng(0).bytes(1000), "not an ONNX file"),
        (b"\x08\x09", "holds no graph"),
        (onnx.ModelProto(ir_version=9, producer_name="x"), "holds no graph"),
    ],
)
def test_what_is_no_network(content, told, tmp_path):
    with pytest.raises(FileError, match=told):
        load(written(tmp_path, content))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.999])
def test_a_truncated_file(share, chain, tmp_path):
    whole = chain.SerializeToString()
    with pytest.raises(FileError):
        load(written(tmp_path, whole[: max(1, int(share * len(whole)))]))


def test_random_damage_never_ends_in_another_kind_of_error(tmp_path):
    rng = np.random.default_rng(0)
    whole = np.frombuffer(to_onnx(quantize(plain("chain"), 8)).SerializeToString(), np.uint8)
    for _ in range(60):
        damaged = whole.copy()
        where = rng.integers(0, len(damaged), 3)
        damaged[where] = rng.integers(0, 256, 3)
        try:
            load(written(tmp_path, damaged.tobytes()))
        except (FileError, ModelError, InvalidValueError):
            continue


@pytest.mark.parametrize("name", ["missing.onnx", "missing/network.onnx", "a\0b.onnx", "x" * 300])
def test_a_name_that_no_file_has(name, tmp_path):
    with pytest.raises(FileError):
        load(tmp_path / name)


def test_a_folder(tmp_path):
    with pytest.raises(FileError, match="is a folder"):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser reads everything")
def test_a_file_that_may_not_be_read(chain, tmp_path):
    path = written(tmp_path, chain)
    path.chmod(0)
    with pytest.raises(FileError, match="cannot be read"):
        load(path)


# Networks that cannot be used


def test_all_unknown_operators_are_listed_at_once(tmp_path):
    nodes = [
        node("Hardmax", "input", "first"),
        node("Relu", "first", "r"),
        node("Mystery", "r", "second", domain="com.example"),
        conv("second", "out"),
    ]
    made = proto_of(nodes, W)
    made.opset_import.append(helper.make_opsetid("com.example", 1))
    with pytest.raises(UnsupportedOperatorsError) as caught:
        load(written(tmp_path, made))
    assert [(each.name, each.operator) for each in caught.value.nodes] == [("first", "Hardmax"), ("second", "Mystery")]


def test_control_flow(tmp_path):
    branch = helper.make_graph([node("Relu", "c1", "y")], "b", [], [helper.make_tensor_value_info("y", 1, None)])
    nodes = [conv("input", "c1"), node("If", "c1", "out", then_branch=branch, else_branch=branch)]
    made = proto_of(nodes, W)
    with pytest.raises(UnsupportedOperatorsError, match="condition depends on the input"):
        load(written(tmp_path, made))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(value, tmp_path):
    broken = W["w1"].copy()
    broken[0, 0, 0, 0] = value
    with pytest.raises(ModelError, match="w1"):
        load(written(tmp_path, proto_of([conv("input", "out")], W | {"w1": broken})))


def test_several_inputs(tmp_path):
    made = proto_of([node("Add", "input other", "out")], {}, inputs=("input", "other"))
    model = load(written(tmp_path, made))
    given = {name: torch.randn(2, *model.input.parts[0].shape) for name in ("input", "other")}
    assert torch.equal(model.graph(model.input.packed(given)), given["input"] + given["other"])


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "../../x", "a" * 5000, "\x1b[31mred", "ä/ö.b"])
def test_names_are_only_names(name, tmp_path):
    made = CASES["chain"]()
    made.graph.name = name
    made.producer_name = name
    for each in made.graph.node:
        each.name = f"{name}{each.name}"
    x = torch.randn(2, 3, 6, 6)
    path = written(tmp_path, made)
    model = load(path)
    again = load(save(model, tmp_path / "again.onnx"))
    assert torch.equal(again(x), plain("chain")(x))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["again.onnx", "network.onnx"]


# Weights in files of their own


@pytest.fixture
def apart(chain, tmp_path):
    """A network in a folder of its own whose weights lie beside it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    made = onnx.ModelProto()
    made.CopyFrom(chain)
    onnx.save(made, folder / "network.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    return folder / "network.onnx"


def relocate(path, location):
    made = onnx.load(path, load_external_data=False)
    for tensor in made.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(made.SerializeToString())


def test_weights_beside_the_file(apart):
    x = torch.randn(2, 3, 6, 6)
    assert torch.equal(load(apart)(x), plain("chain")(x))


def test_weights_in_a_folder_below(apart):
    (apart.parent / "below").mkdir()
    (apart.parent / "weights.bin").rename(apart.parent / "below" / "weights.bin")
    relocate(apart, "below/weights.bin")
    assert load(apart).stage is Stage.ANN


@pytest.mark.parametrize(
    "location", ["../weights.bin", "../folder/weights.bin", "", ".", "a\0b", "below/../../weights.bin"]
)
def test_weights_outside_the_folder_are_not_read(location, apart):
    (apart.parent.parent / "weights.bin").write_bytes((apart.parent / "weights.bin").read_bytes())
    relocate(apart, location)
    with pytest.raises(FileError):
        load(apart)


def test_weights_at_an_absolute_place_are_not_read(apart):
    relocate(apart, str(apart.parent / "weights.bin"))
    with pytest.raises(FileError, match="outside its own folder"):
        load(apart)


def test_a_link_to_weights_outside_is_not_followed(apart):
    weights = apart.parent / "weights.bin"
    weights.rename(apart.parent.parent / "elsewhere.bin")
    weights.symlink_to(apart.parent.parent / "elsewhere.bin")
    with pytest.raises(FileError):
        load(apart)


def test_weights_that_are_missing(apart):
    (apart.parent / "weights.bin").unlink()
    with pytest.raises(FileError, match="does not exist beside it"):
        load(apart)


@pytest.mark.parametrize("left", [0, 10])
def test_weights_that_are_truncated(left, apart):
    os.truncate(apart.parent / "weights.bin", left)
    with pytest.raises((FileError, ModelError)):
        load(apart)


# Our own metadata


def with_metadata(proto, text):
    changed = onnx.ModelProto()
    changed.CopyFrom(proto)
    next(each for each in changed.metadata_props if each.key == METADATA_KEY).value = text
    return changed


SPEC = InputSpec(3, 6, 6).to_dict()
DAMAGES = [
    "",
    "{",
    "3",
    "[]",
    '"text"',
    "[" * 100_000,
    json.dumps({"input": 3}),
    json.dumps({"input": SPEC | {"channels": "many"}}),
    json.dumps({"input": SPEC | {"unknown": 1}}),
    json.dumps({"input": SPEC | {"std": [0, 0, 0]}}),
    json.dumps({"input": SPEC | {"mean": float("nan")}}),
    json.dumps({"input": SPEC | {"height": 7}}),
    json.dumps({"input": SPEC | {"layout": "NHWC"}}),
    json.dumps({"input": {"channels": 3}}),
    json.dumps({"input": SPEC, "provenance": [1]}),
    json.dumps({"input": SPEC, "provenance": {"history": 5}}),
]


@pytest.mark.parametrize("text", DAMAGES, ids=range(len(DAMAGES)))
def test_damaged_metadata(text, tmp_path):
    proto = with_metadata(to_onnx(plain("chain")), text)
    with pytest.raises(FileError, match="metadata is damaged"):
        load(written(tmp_path, proto))


@pytest.mark.parametrize("text", ["{}", json.dumps({"provenance": {}}), json.dumps({"input": SPEC, "later": 1})])
def test_metadata_may_lack_something_or_hold_more(text, tmp_path):
    model = load(written(tmp_path, with_metadata(to_onnx(plain("chain")), text)))
    assert model.input == InputSpec(3, 6, 6)


# timm


@pytest.mark.parametrize(
    ("name", "near"), [("resnet81", "resnet18"), ("mobilnetv2_100", "mobilenetv2_100"), ("efficientnet_lite", "lite0")]
)
def test_an_unknown_timm_name_has_neighbours(name, near):
    with pytest.raises(InvalidValueError, match=near):
        load(f"timm:{name}")


@pytest.mark.parametrize("name", ["", "!!!!", "resnet18;rm"])
def test_an_unknown_timm_name_without_neighbours(name):
    with pytest.raises(InvalidValueError, match="timm has no model"):
        load(f"timm:{name}")


def test_trained_weights_that_cannot_be_had(monkeypatch):
    import timm

    def refuse(*_, **__):
        raise OSError("offline")

    monkeypatch.setattr(timm, "create_model", refuse)
    monkeypatch.setattr("socket.create_connection", unreachable)
    with pytest.raises(ModelError, match=r"OSError: offline\. .*--no-pretrained"):
        load("timm:resnet18")
    with pytest.raises(ModelError, match="cannot build"):
        load("timm:resnet18", pretrained=False)


# Modules


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.second = nn.Conv2d(4, 4, 3)
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        x = self.relu(self.norm(self.first(x)))
        x = self.relu(self.second(x))
        return self.last(x.mean((2, 3)))


def test_a_module_stays_as_it_was():
    torch.manual_seed(0)
    module = Small().train()
    module.norm.running_mean.normal_()
    module.norm.eval()  # a frozen batch-norm in a network in training
    before = {key: value.clone() for key, value in module.state_dict().items()}
    flags = [part.training for part in module.modules()]
    model = load(module, size=9)
    assert [part.training for part in module.modules()] == flags
    assert module.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert model.provenance["source"] == "Small"
    assert model.input == InputSpec(3, 9, 9)
    kinds = [type(part) for part in model.graph.modules()]
    assert (kinds.count(nn.ReLU), kinds.count(nn.BatchNorm2d)) == (2, 1)
    x = torch.randn(5, 3, 9, 9)
    with torch.no_grad():
        wanted = module.eval()(x)
    torch.testing.assert_close(model(x), wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


def test_a_module_says_nothing_of_its_size():
    with pytest.raises(InvalidValueError, match="size=N"):
        load(nn.ReLU())


def test_a_module_that_fails_is_named_and_stays_as_it_was():
    class Failing(nn.Module):
        def forward(self, x):
            raise RuntimeError("no")

    module = Failing().train()
    with pytest.raises(ModelError, match="Failing"):
        load_module(module, (3, 4, 4))
    assert module.training


def test_what_torch_logs_is_as_it_was():
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        load_module(nn.Sequential(nn.Flatten(), nn.Linear(12, 2), nn.ReLU()), (3, 2, 2))
        assert logger.level == logging.INFO
        with pytest.raises(ModelError):
            load_module(nn.Linear(12, 2), (3, 2, 2))
        assert logger.level == logging.INFO
    finally:
        logger.setLevel(before)


@pytest.mark.parametrize("location", ["a" * 5000, "a/" * 3000, "a\0b"])
def test_weights_in_a_place_that_cannot_be(chain, location, tmp_path):
    proto = onnx.ModelProto()
    proto.CopyFrom(chain)
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    with pytest.raises(FileError, match="keeps the weights"):
        load(written(tmp_path, proto))


def test_a_path_that_cannot_be():
    with pytest.raises(FileError, match="File name too long"):
        load("a" * 5000)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "network.onnx")
    with pytest.raises(FileError, match="is a pipe, which is not read"):
        load(tmp_path / "network.onnx")
    with pytest.raises(FileError, match="is a device"):
        load(os.devnull)


def test_memory_that_does_not_suffice_is_no_damage(chain, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise MemoryError("Unable to allocate 8 GiB")

    monkeypatch.setattr("snnconv.loading.stages.import_graph", fail)
    with pytest.raises(FileError, match=r"does not fit into memory \(Unable to allocate 8 GiB\)"):
        load(written(tmp_path, chain))
    monkeypatch.setattr("h5py.File", fail)
    with pytest.raises(FileError, match="does not fit into memory"):
        read_tree(b"", tmp_path / "net.nir")


def unreachable(*_, **__):
    raise OSError("no route to anywhere")


def test_where_the_hub_does_not_answer_nothing_is_tried_again(monkeypatch):
    seen = []

    class LocalEntryNotFoundError(Exception):
        pass

    def create(*_, **__):
        seen.append(constants.HF_HUB_OFFLINE)
        raise LocalEntryNotFoundError("not there")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("snnconv.loading.pretrained.getproxies", dict)
    monkeypatch.setattr("socket.create_connection", unreachable)
    monkeypatch.setattr("timm.create_model", create)
    with pytest.raises(ModelError, match=r"not in timm's cache .* cannot be reached \(no route to anywhere\)"):
        load("timm:resnet18")
    assert seen == [True]
    assert constants.HF_HUB_OFFLINE is False


@pytest.mark.parametrize("proxies", [{}, {"https": "http://proxy"}])
def test_what_timm_says_is_told(proxies, monkeypatch):
    def create(*_, **__):
        raise RuntimeError("No pretrained weights exist for resnet18.")

    monkeypatch.setattr("snnconv.loading.pretrained.getproxies", lambda: proxies)
    monkeypatch.setattr("socket.create_connection", unreachable)
    monkeypatch.setattr("timm.create_model", create)
    with pytest.raises(ModelError, match=r"RuntimeError: No pretrained weights exist for resnet18\. .*--no-pretrained"):
        load("timm:resnet18")


class Attends(nn.Module):
    """Attention within two windows of four tokens: its queries are of rank 5."""

    def __init__(self, bias):
        super().__init__()
        self.qkv = nn.Linear(6, 18)
        self.bias = nn.Parameter(torch.randn(3, 4, 4)) if bias else None

    def forward(self, x):
        windows = self.qkv(x.unflatten(1, (2, 4)))
        q, k, v = windows.unflatten(-1, (3, 3, 2)).permute(3, 0, 1, 4, 2, 5).unbind(0)
        out = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=self.bias)
        return out.transpose(2, 3).reshape(len(x), 8, 6)


@pytest.mark.parametrize("bias", [False, True])
def test_attention_that_torch_cannot_export_as_it_stands(bias):
    module = Attends(bias)
    x = torch.randn(3, 8, 6)
    with torch.no_grad():
        torch.testing.assert_close(load_module(module, (8, 6))(x), module(x), rtol=1e-5, atol=1e-5)


class Branches(Attends):
    """Attention, and a branch that depends on the data, which cannot be exported."""

    def forward(self, x):
        return super().forward(x) if x.sum() > 0 else x


class BranchesBehind(Branches):
    def forward(self, x):
        out = Attends.forward(self, x)
        return out if out.sum() > 0 else x


@pytest.mark.parametrize(("kind", "says"), [(Branches, False), (BranchesBehind, True)])
def test_what_the_formula_of_attention_cannot_mend_is_said(kind, says):
    with pytest.raises(ModelError, match=f"cannot export {kind.__name__}: ") as caught:
        load_module(kind(bias=True), (8, 6))
    assert ("Nor can it with attention written as two products and a softmax: " in str(caught.value)) == says
    assert ("Give the network as an ONNX file" in str(caught.value)) == says


@pytest.mark.parametrize(
    "options",
    [{}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": torch.eye(5, dtype=torch.bool)}, {"enable_gqa": True}],
    ids=str,
)
def test_the_formula_of_attention_is_torchs(options):
    query, few = torch.randn(2, 4, 5, 6), 2 if "enable_gqa" in options else 4
    key, value = torch.randn(2, few, 5, 6), torch.randn(2, few, 5, 3)
    expected = nn.functional.scaled_dot_product_attention(query, key, value, **options)
    with AttentionFormula():
        torch.testing.assert_close(
            nn.functional.scaled_dot_product_attention(query, key, value, **options), expected, rtol=1e-5, atol=1e-6
        )
