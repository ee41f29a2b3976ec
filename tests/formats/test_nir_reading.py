"""NIR files of others: what is read, how its open ends are chosen, and bad files."""

from __future__ import annotations

import h5py
import nir
import numpy as np
import pytest
import torch
from reference.nir_primitives import Interpreter

import snnconv
from snnconv.errors import FileError, InvalidValueError, ModelError, SnnconvError, UnsupportedOperatorsError
from snnconv.formats.nir import NirReading

ONES = np.ones(3, np.float32)


def layer(kind, shape, **more):
    values = {
        "r": np.full(shape, 0.7),
        "v_threshold": np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape),
        **more,
    }
    if kind is nir.LIF:
        values |= {"tau": np.full(shape, 4e-3), "v_leak": np.full(shape, 0.1), "r": np.full(shape, 4.0)}
    return kind(**{key: np.asarray(value, np.float32) for key, value in values.items()})


def network(kind=nir.IF, **more):
    """Two branches that meet, a pool, a flattening, and a layer that spikes at the end."""
    draw = np.random.default_rng(0).normal
    conv = {"stride": 1, "padding": 1, "dilation": 1, "groups": 1}
    nodes = {
        "in": nir.Input(np.array([2, 6, 6])),
        "a": nir.Conv2d((6, 6), draw(size=(3, 2, 3, 3)).astype("f4"), bias=draw(size=3).astype("f4") / 5, **conv),
        "s1": layer(kind, (3, 6, 6), **more),
        "b": nir.Conv2d((6, 6), draw(size=(3, 3, 3, 3)).astype("f4"), bias=0 * ONES, **conv),
        "scale": nir.Scale(draw(size=(3, 6, 6)).astype("f4")),
        "s2": layer(kind, (3, 6, 6), **more),
        "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flat": nir.Flatten(np.array([3, 3, 3]), 0, -1),
        "fc": nir.Affine(draw(size=(4, 27)).astype("f4") / 3, draw(size=4).astype("f4") / 9),
        "s3": layer(kind, (4,), **more),
        "out": nir.Output(np.array([4])),
    }
    edges = [
        "in a",
        "a s1",
        "s1 b",
        "s1 scale",
        "b s2",
        "scale s2",
        "s2 pool",
        "pool flat",
        "flat fc",
        "fc s3",
        "s3 out",
    ]
    return nir.NIRGraph(nodes, [tuple(edge.split()) for edge in edges])


def written(graph, folder):
    nir.write(folder / "x.nir", graph)
    return folder / "x.nir"


def outputs(graph, x, dt, *, metadata):
    """`[T, B, ...]` of frames `[T, B, ...]`."""
    found = []
    for sample in x.double().numpy().swapaxes(0, 1):
        machine = Interpreter(graph, dt, metadata=metadata)
        found.append(np.stack([machine.step(frame)["out"] for frame in sample]))
    return np.stack(found, 1)


@pytest.mark.parametrize("reset", [None, "zero", "subtract"])
@pytest.mark.parametrize("kind", [nir.IF, nir.LIF])
def test_spikes_of_the_definitions(tmp_path, kind, reset):
    graph = network(kind)
    model = snnconv.load(written(graph, tmp_path), nir=NirReading(timesteps=6, reset=reset, dt=1e-3))
    x = torch.rand(6, 3, 2, 6, 6, generator=torch.Generator().manual_seed(0)).double()
    model.graph.double()
    if reset == "subtract":
        for node in graph.nodes.values():
            node.metadata["reset"] = "subtract"
    wanted = outputs(graph, x, 1e-3, metadata=reset == "subtract")
    assert 0 < wanted.mean() < 1
    np.testing.assert_array_equal(model(x)[1].numpy(), wanted)
    torch.testing.assert_close(model.logits(x), torch.from_numpy(wanted).mean(0))
    assert (model.timesteps, model.levels, model.input.timesteps) == (6, 1, 6)


def test_metadata_of_nodes_state_the_reset_and_the_start(tmp_path):
    graph = network()
    for node in graph.nodes.values():
        if isinstance(node, nir.IF):
            node.metadata.update(reset="subtract", v0=0.4 * node.v_threshold)
    model = snnconv.load(written(graph, tmp_path), nir=NirReading(timesteps=4))
    x = torch.rand(4, 2, 2, 6, 6).double()
    model.graph.double()
    np.testing.assert_array_equal(model(x)[1].numpy(), outputs(graph, x, 1e-4, metadata=True))


def test_one_image_at_each_step(tmp_path):
    graph = network()
    path = written(graph, tmp_path)
    model = snnconv.load(path, nir=NirReading(timesteps=5, still=True))
    frames = snnconv.load(path, nir=NirReading(timesteps=5))
    x = torch.rand(3, 2, 6, 6)
    assert model.input.timesteps is None
    assert torch.equal(model(x)[1], frames(x.expand(5, *x.shape))[1])
    saved = snnconv.load(snnconv.save(model, tmp_path / "x.onnx"))
    assert torch.equal(saved(x)[1], model(x)[1])


def test_graphs_within_graphs(tmp_path):
    shape = np.array([3])
    inner = nir.NIRGraph(
        {"i": nir.Input(shape), "n": layer(nir.IF, (3,)), "o": nir.Output(shape)}, [("i", "n"), ("n", "o")]
    )
    nodes = {"x": nir.Input(shape), "in": nir.Linear(np.eye(3, dtype="f4")), "g": inner, "y": nir.Output(shape)}
    graph = nir.NIRGraph(nodes, [("x", "in"), ("in", "g"), ("g", "y")], type_check=False)
    nir.write(tmp_path / "x.nir", graph)
    model = snnconv.load(tmp_path / "x.nir", nir=NirReading(timesteps=3))
    assert model(torch.ones(3, 1, 3))[1][:, 0].tolist() == [[1, 0, 0], [1, 1, 0], [1, 0, 1]]


def test_flattening_that_counts_the_batch(tmp_path):
    graph = network()
    graph.nodes["flat"].start_dim = 1
    first = snnconv.load(written(network(), tmp_path), nir=NirReading(timesteps=2, still=True))
    x = torch.rand(2, 2, 6, 6)
    wanted = first(x)[1]
    assert torch.equal(snnconv.load(written(graph, tmp_path), nir=NirReading(timesteps=2, still=True))(x)[1], wanted)


def test_what_must_be_said(tmp_path):
    path = written(network(nir.LIF), tmp_path)
    with pytest.raises(InvalidValueError, match="give --timesteps N"):
        snnconv.load(path)
    with pytest.raises(UnsupportedOperatorsError, match="give --dt SECONDS"):
        snnconv.load(path, nir=NirReading(timesteps=2))
    with pytest.raises(UnsupportedOperatorsError, match="shorter than a step"):
        snnconv.load(path, nir=NirReading(timesteps=2, dt=0.1))
    with pytest.raises(InvalidValueError, match="leave --size out"):
        snnconv.load(path, size=8, nir=NirReading(timesteps=2))
    with pytest.raises(InvalidValueError, match="chosen of a NIR file"):
        snnconv.load("missing.onnx", nir=NirReading(timesteps=2))
    for wrong in ({"timesteps": 0}, {"reset": "hard"}, {"dt": 0.0}, {"dt": float("nan")}):
        with pytest.raises(InvalidValueError):
            NirReading(**wrong)
    with pytest.raises(InvalidValueError, match="whole microseconds"):
        NirReading(dt=1.5e-6).step_us()


def test_unknown_nodes_are_named_at_once(tmp_path):
    nodes = {
        "x": nir.Input(np.array([3])),
        "d": nir.Delay(ONES),
        "t": nir.Threshold(ONES),
        "y": nir.Output(np.array([3])),
    }
    graph = nir.NIRGraph(nodes, [("x", "d"), ("d", "t"), ("t", "y")])
    with pytest.raises(UnsupportedOperatorsError) as refused:
        snnconv.load(written(graph, tmp_path), nir=NirReading(timesteps=2))
    assert {node.operator for node in refused.value.nodes} == {"Delay", "Threshold"}


def test_cycles_are_refused(tmp_path):
    graph = network()
    graph.edges.append(("s2", "scale"))
    with pytest.raises(ModelError, match="recurrent networks are not read"):
        snnconv.load(written(graph, tmp_path), nir=NirReading(timesteps=2))


def change(path, alter):
    with h5py.File(path, "r+") as file:
        alter(file["node"])


def replaced(group, name, value):
    del group[name]
    group[name] = value


BAD = {
    "no type": lambda node: node["nodes/a"].__delitem__("type"),
    "an edge to nowhere": lambda node: replaced(node, "edges", np.array([[b"in", b"nowhere"]], dtype="O")),
    "edges that are numbers": lambda node: replaced(node, "edges", np.zeros((3, 2))),
    "no edges": lambda node: node.__delitem__("edges"),
    "a threshold of another shape": lambda node: replaced(node["nodes/s1"], "v_threshold", np.ones(5)),
    "not a number": lambda node: replaced(node["nodes/s1"], "v_threshold", np.full((3, 6, 6), np.nan)),
    "weights that are texts": lambda node: replaced(node["nodes/a"], "weight", "weight"),
    "weights of another rank": lambda node: replaced(node["nodes/a"], "weight", np.ones((3, 3))),
    "groups that do not divide": lambda node: replaced(node["nodes/a"], "groups", 7),
    "a stride of nothing": lambda node: replaced(node["nodes/a"], "stride", 0),
    "no shape of the input": lambda node: node["nodes/in"].__delitem__("shape"),
    "a shape that is text": lambda node: replaced(node["nodes/in"], "shape", "2,6,6"),
    "a link to another file": lambda node: replaced(node["nodes/a"], "weight", h5py.ExternalLink("other.h5", "/w")),
    "a link by name": lambda node: replaced(node["nodes/a"], "weight", h5py.SoftLink("/node/nodes/b/weight")),
    "a graph within itself": lambda node: node["nodes"].__setitem__("again", node),
    "an enormous array": lambda node: (
        node["nodes/a"].__delitem__("weight"),
        node["nodes/a"].create_dataset("weight", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024)),
    ),
    "many arrays that are enormous together": lambda node: [
        node["nodes/a"].create_dataset(f"more{each}", (1 << 28,), "f4", chunks=(1 << 20,)) for each in range(9)
    ],
    "a reset that is an array": lambda node: node["nodes/s1"].create_group("metadata").__setitem__("reset", np.ones(3)),
    "a start that is text": lambda node: node["nodes/s1"].create_group("metadata").__setitem__("v0", "half"),
    "a start beyond 32-bit floats": lambda node: node["nodes/s1"].create_group("metadata").__setitem__("v0", 1e300),
    "metadata of ours that is none": lambda node: node.create_group("metadata").__setitem__("snnconv", "{"),
    "metadata of ours of another size": lambda node: node.create_group("metadata").__setitem__(
        "snnconv", '{"timesteps": 2, "input": {"channels": 1, "height": 2, "width": 3}}'
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files(tmp_path, case):
    path = written(network(), tmp_path)
    change(path, BAD[case])
    with pytest.raises(SnnconvError) as error:
        snnconv.load(path, nir=NirReading(timesteps=2))
    assert len(str(error.value)) < 600


def test_files_that_are_cut_or_no_network(tmp_path):
    path = written(network(), tmp_path)
    data = path.read_bytes()
    for end in (16, 100, len(data) // 2, len(data) - 100):
        (tmp_path / "cut.nir").write_bytes(data[:end])
        with pytest.raises(FileError):
            snnconv.load(tmp_path / "cut.nir", nir=NirReading(timesteps=2))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.ones(3)
    with pytest.raises(FileError, match="no NIR file"):
        snnconv.load(tmp_path / "other.h5", nir=NirReading(timesteps=2))
    nir.write(tmp_path / "one.nir", layer(nir.IF, (3,)))
    with pytest.raises(FileError, match="single IF"):
        snnconv.load(tmp_path / "one.nir", nir=NirReading(timesteps=2))


@pytest.mark.shared
def test_nmnist_network_of_others(shared):
    reading = NirReading(timesteps=310, reset="subtract", dt=1e-3)
    model = snnconv.load(shared / "models/nmnist_cnn_if.nir", nir=reading)
    found = snnconv.evaluate(model, f"events:{shared / 'data/nmnist_small.npz'}", activity_images=0)
    assert (found.images, found.accuracy) == (100, 98.0)
