"""The folder itself: what it says, how it is written, and what it refuses."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import pytest
import torch
from graph_cases import classifier as classifier_of
from graph_cases import conv, model_of, node, plain, prepared, proto_of, quantize
from hardware_cases import NOT_HELD, L, T, integers, of_neurons, spiking

from snnconv.errors import FileError, InvalidValueError, ModelError, UnsupportedOperatorsError
from snnconv.formats.hardware import HardwareNetwork, read_folder, save_hardware, to_hardware, write_hardware
from snnconv.formats.hardware.folder import slug
from snnconv.model import InputSpec
from snnconv.neurons import Coupling, NeuronSettings, build_neuron
from snnconv.spiking.plan import prepare
from snnconv.spiking.unrolling import spike, unroll

NASTY = "../../x", "<script>alert(1)</script>", "a" * 300, "con\nrel\x00", "é/è"


@pytest.fixture
def files():
    return to_hardware(spiking("residual_of_spikes", Coupling.MEAN))


def nasty():
    """A network whose nodes have names that are no file's."""
    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        conv("r1", "c2", "w2", "b2"),
        node("Relu", "c2", "features"),
    ]
    made = classifier_of(nodes)
    for each, name in zip(made.graph.node, NASTY, strict=False):
        each.name = name
    snn = spike(quantize(prepare(model_of(made)), T), T, 1)
    snn.input = InputSpec(3, 6, 6)
    return snn


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_is_read_back(tmp_path, files):
    write_hardware(tmp_path / "out", files)
    assert contents(tmp_path / "out") == files
    again = HardwareNetwork(read_folder(tmp_path / "out"))
    given = integers(spiking("residual_of_spikes", Coupling.MEAN))
    assert again(given)[0].tolist() == HardwareNetwork(files)(given)[0].tolist()


def test_what_graph_json_says(files):
    graph = json.loads(files["graph.json"])
    assert (graph["coupling"], graph["timesteps"], graph["passes"], graph["weight_bits"]) == ("mean", T, 1, 8)
    assert (graph["levels"], graph["total_levels"], graph["measured"]) == (L, T * L, None)
    assert (graph["input"]["shape"], graph["input"]["least"], graph["input"]["most"]) == ([3, 6, 6], 0, 255)
    operators = [(layer["name"], layer["operator"], layer["inputs"]) for layer in graph["layers"]]
    assert operators[:6] == [
        ("input", "input", []),
        ("c1", "convolution", [0]),
        ("r1", "neurons", [1]),
        ("c2", "convolution", [2]),
        ("sum", "add", [3, 2]),
        ("features", "neurons", [4]),
    ]
    named = {
        array[kind]
        for layer in graph["layers"]
        for array in layer["arrays"].values()
        for kind in array
        if "file" in kind
    }
    assert named == set(files) - {"graph.json", "README.txt"}
    weights = graph["layers"][1]["arrays"]["weights"]
    assert weights["file"] == "001_c1_weights.npy"
    assert weights["bits"] <= 8
    readme = files["README.txt"].decode()
    assert "mean" in readme
    assert "3 x 6 x 6" in readme


def test_floats_are_the_networks_own(tmp_path):
    snn = spiking("chain", Coupling.CAUSAL)
    folder = save_hardware(snn, tmp_path / "out")
    site = snn.graph.get_submodule("r1")
    theta = site.ceiling.detach() / site.levels
    for name, wanted in (
        ("001_c1_weights", snn.graph.get_submodule("c1").weight),
        ("001_c1_biases", snn.graph.get_submodule("c1").bias),
        ("002_r1_thresholds", theta),
        ("002_r1_initial", theta * site.initial),
    ):
        whole = np.load(folder / f"{name}.npy")
        own = np.load(folder / f"{name}_float.npy")
        assert whole.dtype.kind == "i"
        assert whole.shape == own.shape == tuple(wanted.shape)
        np.testing.assert_allclose(own, wanted.detach().numpy(), rtol=1e-6)
    layer = json.loads((folder / "graph.json").read_text())["layers"][2]
    thresholds = np.load(folder / "002_r1_thresholds.npy")
    assert (thresholds % 2 == 0).all()
    assert thresholds.min() >= 2**8
    np.testing.assert_allclose(layer["scale"], theta.numpy(), rtol=2**-8)


def test_names_are_no_paths(tmp_path):
    snn = nasty()
    folder = save_hardware(snn, tmp_path / "deep" / "out") if (tmp_path / "deep").mkdir() is None else None
    names = sorted(os.listdir(folder))
    assert all(name.isascii() and name.replace("_", "").replace(".", "").isalnum() and len(name) < 80 for name in names)
    assert "001_x_weights.npy" in names
    assert "002_script_alert_1_script_thresholds.npy" in names
    assert os.listdir(tmp_path) == ["deep"]
    graph = json.loads((folder / "graph.json").read_text())
    assert {layer["name"] for layer in graph["layers"]} >= set(NASTY[:2])
    assert "<script>" not in (folder / "README.txt").read_text()


def test_slugs():
    assert [slug(name) for name in ("Layer1.0/Conv", "..", "", "aux")] == ["layer1_0_conv", "layer", "layer", "aux"]


@pytest.mark.parametrize(("name", "named"), NOT_HELD.items())
def test_what_integers_do_not_hold_is_named_at_once(name, named):
    with pytest.raises(UnsupportedOperatorsError, match="cannot be held in integers") as refused:
        to_hardware(spiking(name, Coupling.MEAN))
    found = [each.name for each in refused.value.nodes]
    assert found == named


def test_what_waits_for_its_window_is_named():
    with pytest.raises(UnsupportedOperatorsError, match="when the window is over") as refused:
        to_hardware(spiking("squeeze_and_excite", Coupling.CAUSAL))
    assert [each.name for each in refused.value.nodes] == ["gate"]


def test_networks_that_have_no_integers():
    for model in (plain("chain"), quantize(prepared("chain"), 8)):
        with pytest.raises(ModelError, match="convert it"):
            to_hardware(model)
    with pytest.raises(ModelError, match="flat input"):
        to_hardware(spike(quantize(prepared("flat_mlp"), 8), 4, 2))
    learned = unroll(plain("chain"), lambda _, site: build_neuron(NeuronSettings("lmht", T), torch.tensor(1.0)))
    with pytest.raises(ModelError, match="--coupling differential or causal"):
        to_hardware(learned)
    with pytest.raises(ModelError, match="--coupling differential or causal"):
        to_hardware(of_neurons(NeuronSettings("mht", T, coupling="mean"), frames=True))
    with pytest.raises(UnsupportedOperatorsError, match="only IF, LIF and M-HT") as refused:
        to_hardware(of_neurons(NeuronSettings("mlf", T)))
    assert [each.name for each in refused.value.nodes] == ["r1", "features"]
    for bits in (1, 17):
        with pytest.raises(InvalidValueError, match="2 to 16"):
            to_hardware(spiking("chain", Coupling.MEAN), weight_bits=bits)


def test_a_border_with_a_scale_of_its_own():
    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        node("AveragePool", "r1", "pool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        conv("pool", "c2", "w2", "b2"),
        node("Relu", "c2", "features"),
    ]
    snn = spike(quantize(prepare(model_of(classifier_of(nodes))), T), T, 1)
    with pytest.raises(UnsupportedOperatorsError, match="does not count its padding"):
        to_hardware(snn)


def test_sums_that_are_too_wide():
    nodes = [conv("input", "c1", "w", "b"), node("Relu", "c1", "out")]
    weights = {"w": np.full((1, 1, 3, 3), 1.0), "b": [1e30]}
    snn = spike(quantize(model_of(proto_of(nodes, weights, (1, 4, 4))), 2), 2, 1)
    snn.graph.get_submodule("out").ceiling.data.fill_(1e-30)
    with pytest.raises(UnsupportedOperatorsError, match="more bits are needed"):
        to_hardware(snn)


def test_only_an_earlier_export_is_replaced(tmp_path, files):
    other = to_hardware(spiking("chain", Coupling.CAUSAL))
    empty = tmp_path / "out"
    empty.mkdir()
    for each in (files, other):
        write_hardware(empty, each)
        assert contents(empty) == each
    (empty / "notes.txt").write_text("mine")
    before = contents(empty)
    with pytest.raises(FileError, match="something other than an earlier hardware export"):
        write_hardware(empty, files)
    assert contents(empty) == before
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(empty)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "graph.json").write_text("{}")
    for name, word in (
        ("file", "no folder"),
        ("link", "no folder"),
        ("photos", "other than"),
        ("no/out", "does not exist"),
    ):
        with pytest.raises(FileError, match=word):
            write_hardware(tmp_path / name, files)
    assert sorted(os.listdir(tmp_path)) == ["file", "link", "out", "photos"]


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("broken", ["fsync", "rename"])
def test_a_full_disk_leaves_nothing(tmp_path, files, monkeypatch, there, broken):
    target = tmp_path / "out"
    other = to_hardware(spiking("chain", Coupling.CAUSAL))
    if there:
        write_hardware(target, other)
    if broken == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        rename = type(target).rename
        monkeypatch.setattr(type(target), "rename", lambda self, to: full() if self.name == "new" else rename(self, to))
    with pytest.raises(FileError, match="No space left"):
        write_hardware(target, files)
    assert os.listdir(tmp_path) == (["out"] if there else [])
    if there:
        assert contents(target) == other


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_damaged_folders(tmp_path, files):
    write_hardware(tmp_path / "out", files)
    with pytest.raises(FileError, match="cannot be read"):
        read_folder(tmp_path / "missing")
    graph = json.loads(files["graph.json"])
    damage = {
        "no JSON": b"{",
        "no format": b"{}",
        "no list": json.dumps({**graph, "layers": 3}).encode(),
        "other version": json.dumps({**graph, "version": 2}).encode(),
    }
    for name, text in damage.items():
        with pytest.raises(FileError, match=r"damaged|version"):
            HardwareNetwork({**files, "graph.json": text})
        (tmp_path / "out" / "graph.json").write_bytes(text)
        with pytest.raises(FileError, match=r"damaged|version"):
            read_folder(tmp_path / "out")
        assert name
    weights = graph["layers"][1]["arrays"]["weights"]
    for name in ("../../etc/passwd", "/etc/passwd", "a/b.npy", "001_x.npy\n"):
        weights["file"] = name
        with pytest.raises(FileError, match="no export writes"):
            HardwareNetwork({**files, "graph.json": json.dumps(graph).encode()})
    for content in (b"", b"\x93NUMPY", pickled()):
        with pytest.raises(FileError, match=r"001_c1_weights.npy is missing or damaged"):
            HardwareNetwork({**files, "001_c1_weights.npy": content})
    with pytest.raises(FileError, match="not integers"):
        HardwareNetwork({**files, "001_c1_weights.npy": files["001_c1_weights_float.npy"]})
    given = integers(spiking("residual_of_spikes", Coupling.MEAN))
    for key, value in (("operator", "execute"), ("inputs", [99]), ("attributes", {}), ("arrays", {})):
        graph = json.loads(files["graph.json"])
        graph["layers"][3][key] = value
        with pytest.raises(FileError, match=r"damaged|does not know"):
            HardwareNetwork({**files, "graph.json": json.dumps(graph).encode()})(given)


def pickled():
    import io

    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    return buffer.getvalue()
