"""NIR graphs that we write: the same spikes as our own simulation, read back by us and by NIR's definitions."""

from __future__ import annotations

import json
from pathlib import Path

import nir
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from reference.nir_primitives import Interpreter
from torch import nn

import snnconv
from snnconv.errors import ModelError, UnsupportedOperatorsError
from snnconv.formats.nir import NirReading, read_network
from snnconv.formats.nir.writing import nir_bytes, save_nir, to_nir
from snnconv.loading import load_module
from snnconv.neurons import LIF, MultiThreshold
from snnconv.spiking.reparameterize import single_threshold
from snnconv.spiking.sites import iter_sites

pytestmark = pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")
NASTY = ["../../x", "<script>", "input", "output", "a/b", "conv.weight", "self"]


class Residual(nn.Module):
    """A residual, a strided branch beside an option-A shortcut, channels joined, two kinds of pooling."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.c, self.d = nn.Conv2d(4, 6, 3, padding=1, stride=2), nn.Conv2d(4, 3, 1)
        self.head = nn.Linear(9, 5)

    def forward(self, x):
        a = torch.relu(self.a(x))
        b = torch.relu(self.b(a) + a)
        short = nn.functional.pad(b[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))
        c = torch.relu(self.c(b) + short)
        d = torch.relu(nn.functional.avg_pool2d(self.d(b), 2))
        return self.head(torch.cat([c, d], 1).mean((2, 3)))


def converted(module=None, shape=(2, 8, 8), *, timesteps=2, levels=2, **options):
    torch.manual_seed(0)
    model = load_module((module or Residual()).eval(), shape)
    x = torch.randn(64, *shape)
    return snnconv.convert(
        model, timesteps=timesteps, levels=levels, coupling="causal", calibration_data=x, **options
    ), x[:4]


def spikes_of(model, x):
    """Spikes by site, `[T, B, ...]`, in double precision."""
    found, hooks = {}, []
    graph = model.copy().graph.double().eval()
    for node, site in iter_sites(graph):

        def keep(module, given, out, name=str(node.target)):
            worth = module.ceiling_for(out) / module.levels
            found[name] = (out / worth).round().unflatten(0, (module.timesteps, -1))

        hooks.append(site.register_forward_hook(keep))
    with torch.inference_mode():
        graph(x.double())
    return found


def interpreted(graph, x, timesteps, names, dt=1e-4):
    """Spikes by site as the primitives give them, of one sample at a time."""
    found = {name: [] for name in names.values()}
    for sample in x.double().numpy():
        machine = Interpreter(graph, dt)
        steps = [machine.step(sample) for _ in range(timesteps)]
        for name in found:
            found[name].append(np.stack([out[name] for out in steps]))
    return {ours: np.stack(found[theirs], 1) for ours, theirs in names.items()}


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("exact", [False, True])
def test_same_spikes_by_the_definitions(exact, unit):
    snn, x = converted()
    graph = to_nir(snn, exact_reset=exact, unit_thresholds=unit)
    own = json.loads(graph.metadata["snnconv"])
    wanted = spikes_of(single_threshold(snn), x)
    found = interpreted(graph, x, own["timesteps"], own["sites"])
    assert found.keys() == wanted.keys()
    for name, spikes in wanted.items():
        assert spikes.sum() > 0
        np.testing.assert_array_equal(found[name], spikes.numpy(), err_msg=name)
    if unit and not exact:
        assert all((node.v_threshold == 1).all() for node in graph.nodes.values() if isinstance(node, nir.IF))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_same_spikes_read_back(tmp_path, unit, exact):
    snn, x = converted()
    path = save_nir(snn, tmp_path / "x.nir", unit_thresholds=unit, exact_reset=exact)
    again = snnconv.load(path)
    assert (again.timesteps, again.levels, again.coupling) == (4, 1, "causal")
    wanted, found = spikes_of(single_threshold(snn), x), spikes_of(again, x)
    assert list(found) == [f"{name}_fire" if exact else name for name in wanted]
    for name, spikes in zip(found, wanted.values(), strict=True):
        assert torch.equal(found[name], spikes), name
    single = single_threshold(snn)
    single.graph.double()
    again.graph.double()
    torch.testing.assert_close(again.logits(x.double()), single.logits(x.double()), atol=1e-5, rtol=1e-5)
    saved = snnconv.load(snnconv.save(snnconv.load(path), tmp_path / "x.onnx"))  # and on, as ONNX
    assert all(torch.equal(spikes_of(saved, x)[name], found[name]) for name in found)


def test_thresholds_of_channels_fill_the_shape():
    snn, _ = converted()
    graph = to_nir(snn)
    layers = [node for node in graph.nodes.values() if isinstance(node, nir.IF)]
    sites = [site for _, site in iter_sites(snn.graph)]
    assert len(layers) == len(sites) == 4
    for layer, site in zip(layers, sites, strict=True):
        assert layer.v_threshold.ndim == 3
        np.testing.assert_allclose(layer.v_threshold[:, 0, 0], site.ceiling.detach().numpy())
        np.testing.assert_allclose(layer.metadata["v0"], site.initial.reshape(-1, 1, 1).numpy() * layer.v_threshold)
        assert layer.metadata["reset"] == "subtract"


def test_first_layer_fires_as_often_as_with_levels():
    """A constant current: L levels in T steps are as many spikes as one level in L*T."""
    snn, x = converted(timesteps=3, levels=4)
    many, single = spikes_of(snn, x), spikes_of(single_threshold(snn), x)
    first = next(iter(many))
    assert single[first].shape[0] == 12
    assert torch.equal(many[first].sum(0), single[first].sum(0))


def pads(before, after, stride, kernel):
    class Padded(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(2, 3, kernel, stride=stride), nn.Linear(3, 2)

        def forward(self, x):
            x = nn.functional.pad(x, (before[1], after[1], before[0], after[0]))
            return self.head(torch.relu(self.conv(x)).mean((2, 3)))

    return Padded()


@pytest.mark.parametrize(
    ("before", "after", "stride", "kernel"),
    [((0, 0), (1, 1), 2, 3), ((2, 2), (0, 0), 2, 3), ((1, 1), (2, 2), 3, 2), ((0, 0), (3, 3), 1, 1)],
)
def test_padding_of_one_side(before, after, stride, kernel):
    snn, x = converted(pads(before, after, stride, kernel), (2, 7, 7))
    graph = to_nir(snn)
    own = json.loads(graph.metadata["snnconv"])
    wanted = spikes_of(single_threshold(snn), x)
    for name, spikes in interpreted(graph, x, own["timesteps"], own["sites"]).items():
        np.testing.assert_array_equal(spikes, wanted[name].numpy())


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_trained_neurons(reset, decay):
    """IF and LIF of one level, soft and hard reset, at a threshold a channel, plain and exact."""
    snn, x = converted(timesteps=5, levels=1)
    for node, site in list(iter_sites(snn.graph)):
        snn.graph.add_submodule(str(node.target), LIF(site.ceiling, 5, 1, decay=decay, reset=reset))
    wanted = spikes_of(snn, x)
    for exact in (False, True):
        graph = to_nir(snn, exact_reset=exact)
        sites = json.loads(graph.metadata["snnconv"])["sites"]
        found = interpreted(graph, x, 5, sites)
        for name, spikes in wanted.items():
            assert spikes.sum() > 0
            np.testing.assert_array_equal(found[name], spikes.numpy(), err_msg=name)
        again = read_network(nir_bytes(graph), Path("x.nir"), NirReading())
        pairs = zip(spikes_of(again, x).values(), wanted.values(), strict=True)
        assert all(torch.equal(ours, spikes) for ours, spikes in pairs)
        if reset == "hard":  # NIR's own definition: nothing that metadata would have to say
            plain = interpreted_without_metadata(graph, x, 5, sites)
            assert all(np.array_equal(plain[name], wanted[name].numpy()) for name in wanted)


def interpreted_without_metadata(graph, x, timesteps, names):
    found = {name: [] for name in names}
    for sample in x.double().numpy():
        machine = Interpreter(graph, 1e-4, metadata=False)
        steps = [machine.step(sample) for _ in range(timesteps)]
        for name, theirs in names.items():
            found[name].append(np.stack([out[theirs] for out in steps]))
    return {name: np.stack(each, 1) for name, each in found.items()}


def test_nasty_names(tmp_path):
    random = np.random.default_rng(0)
    weights = {f"w{i}": random.normal(size=(2, 2, 3, 3)) / 3 for i in range(len(NASTY))}
    nodes, last = [], "x"
    for i, name in enumerate(NASTY):
        nodes.append(helper.make_node("Conv", [last, f"w{i}"], [f"c{i}"], name, pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"], f"{name}!"))
        last = f"r{i}"
    graph = helper.make_graph(
        nodes,
        "nasty",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2, 4, 4])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value.astype(np.float32), key) for key, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "n.onnx")
    x = torch.randn(8, 2, 4, 4)
    snn = snnconv.convert(tmp_path / "n.onnx", timesteps=2, levels=2, coupling="causal", calibration_data=x)
    path = save_nir(snn, tmp_path / "n.nir")
    assert all(name.isidentifier() for name in nir.read(path).nodes)
    wanted, found = spikes_of(single_threshold(snn), x), spikes_of(snnconv.load(path), x)
    assert all(torch.equal(a, b) for a, b in zip(wanted.values(), found.values(), strict=True))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["n.nir", "n.onnx"]


class Unwritable(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Conv2d(2, 3, 3), nn.Conv2d(3, 3, 3, padding=1), nn.Linear(3, 2)

    def forward(self, x):
        x = torch.relu(nn.functional.max_pool2d(self.a(x), 2))
        x = torch.relu(nn.functional.interpolate(self.b(x), scale_factor=2))
        return torch.softmax(self.head(x.mean((2, 3))), 1)


def test_all_that_nir_cannot_hold_is_named_at_once():
    snn, _ = converted(Unwritable())
    with pytest.raises(UnsupportedOperatorsError) as refused:
        to_nir(snn)
    reasons = {node.operator: node.reason for node in refused.value.nodes}
    assert set(reasons) == {"MaxPool", "Resize", "Softmax"}
    assert "average pooling" in reasons["MaxPool"]
    assert "end the network before it" in reasons["Softmax"]


def test_neurons_without_one_threshold():
    snn, x = converted()
    ann = load_module(Residual().eval(), (2, 8, 8))
    mean = snnconv.convert(ann, timesteps=2, levels=2, calibration_data=x)
    with pytest.raises(UnsupportedOperatorsError, match="convert with --coupling causal") as refused:
        to_nir(mean)
    assert len(refused.value.nodes) == 4
    with pytest.raises(ModelError, match="convert it first"):
        to_nir(ann)
    for node, site in list(iter_sites(snn.graph)):
        snn.graph.add_submodule(str(node.target), LIF(site.ceiling, 2, 2, decay=0.5))
    with pytest.raises(UnsupportedOperatorsError, match="--levels 1"):
        single_threshold(snn)


def test_the_given_network_stays_as_it_is():
    snn, x = converted()
    before = snn.logits(x)
    to_nir(snn)
    assert torch.equal(snn.logits(x), before)
    assert all(isinstance(site, MultiThreshold) and site.levels == 2 for _, site in iter_sites(snn.graph))


def test_unit_thresholds_are_one_a_channel(tmp_path):
    thresholds = np.ones((2, 4, 4), np.float32)
    thresholds[:, :2] = 3
    nodes = {
        "in": nir.Input(np.array([2, 4, 4])),
        "s": nir.IF(np.ones_like(thresholds), thresholds),
        "flat": nir.Flatten(np.array([2, 4, 4]), 0, -1),
        "out": nir.Output(np.array([32])),
    }
    path = tmp_path / "others.nir"
    nir.write(path, nir.NIRGraph(nodes, [("in", "s"), ("s", "flat"), ("flat", "out")]))
    snn = snnconv.load(path, nir=NirReading(timesteps=2, still=True))
    x = torch.rand(3, 2, 4, 4) * 4
    assert torch.equal(snnconv.load(save_nir(snn, tmp_path / "ours.nir")).logits(x), snn.logits(x))
    with pytest.raises(UnsupportedOperatorsError, match="thresholds differ within a channel"):
        to_nir(snn, unit_thresholds=True)
