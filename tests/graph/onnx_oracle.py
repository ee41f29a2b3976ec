"""onnxruntime as the judge: an imported network computes what it computes, and survives being written."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import fx, nn

from snnconv.graph.emission import OPSET
from snnconv.graph.exporter import emit_graph
from snnconv.graph.importer import Imported, import_graph
from snnconv.graph.parts import Part

TOLERANCE = 1e-5  # of the largest magnitude of an output
BATCHES = (1, 3)
IR_VERSIONS = (8, 9, 10)  # in which a network is written

Floats = NDArray[np.floating]


def model_of(
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, ArrayLike],
    shape: Sequence[int | str],
    *,
    opset: int = 18,
    outputs: Sequence[str] = ("y",),
    batch: int | str = "batch",
    dtype: int = TensorProto.FLOAT,
    ir_version: int = 8,
    functions: Sequence[onnx.FunctionProto] = (),
    domains: Mapping[str, int] | None = None,
    input_name: str = "x",
) -> onnx.ModelProto:
    """A model with one input `x` of shape `[batch, *shape]`."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info(input_name, dtype, [batch, *shape])],
        [helper.make_tensor_value_info(name, dtype, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    opsets += [helper.make_opsetid(name, version) for name, version in (domains or {}).items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version, functions=list(functions))


def open_onnx(model: onnx.ModelProto) -> ort.InferenceSession:
    """The model in onnxruntime."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run_onnx(model: onnx.ModelProto | ort.InferenceSession, x: Floats) -> list[Floats]:
    """onnxruntime's outputs."""
    session = open_onnx(model) if isinstance(model, onnx.ModelProto) else model
    return session.run(None, {session.get_inputs()[0].name: x})


@functools.cache
def newest_opset() -> int:
    """The newest that the installed onnxruntime runs and the installed onnx knows."""
    for opset in range(onnx.defs.onnx_opset_version(), 6, -1):
        model = model_of([helper.make_node("Relu", ["x"], ["y"])], {}, [2], opset=opset)
        try:
            run_onnx(model, np.zeros((1, 2), np.float32))
        except Exception:  # whatever it says, it does not run
            continue
        return opset
    raise AssertionError("onnxruntime runs no opset at all")


def assert_close(ours: Sequence[Floats], theirs: Sequence[Floats], tolerance: float = TOLERANCE) -> None:
    """Same shapes, and no element further off than `tolerance` times the largest magnitude."""
    assert len(ours) == len(theirs) > 0
    for mine, reference in zip(ours, theirs, strict=True):
        assert mine.shape == reference.shape
        assert mine.size > 0
        assert np.isfinite(reference).all()
        scale = np.abs(reference.astype(np.float64)).max()
        error = np.abs(mine.astype(np.float64) - reference.astype(np.float64)).max()
        assert error <= tolerance * max(scale, 1e-6), f"off by {error / max(scale, 1e-6):.2e} of {scale:.3g}"


def run_torch(imported: Imported, x: Floats) -> list[Floats]:
    """The imported network's outputs."""
    with torch.no_grad():
        out = imported.graph(as_taken(imported, x))
    return [value.numpy() for value in (out if isinstance(out, tuple) else (out,))]


def as_taken(imported: Imported, x: Floats) -> torch.Tensor:
    """An input as the graph takes it: where it has a name there, as a row of numbers a sample."""
    return torch.from_numpy((x.reshape(len(x), -1) if imported.parts else x).astype(np.float32))


def sample(imported: Imported, batch: int, seed: int = 0) -> Floats:
    """Random input, of the shape that the file states."""
    rng = np.random.default_rng(seed + batch)
    shape = imported.parts[0].shape if imported.parts else imported.input_shape
    return rng.standard_normal((batch, *shape)).astype(np.float32)


def write(imported: Imported, ir_version: int = 9) -> onnx.ModelProto:
    """The imported network as a file, checked."""
    output = next(node for node in imported.graph.graph.nodes if node.op == "output")
    nodes = output.args[0] if isinstance(output.args[0], tuple) else (output.args[0],)
    shapes = [[None, *node.meta["shape"]] for node in nodes]
    graph = emit_graph(imported.graph, imported.input_shape, imported.outputs, shapes)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=ir_version)
    onnx.checker.check_model(model, full_check=True)
    return model


def modules_of(imported: Imported) -> list[type[nn.Module]]:
    """Types of the modules in the order of their calls, but for those that cut inputs out."""
    graph = imported.graph
    types = [type(graph.get_submodule(n.target)) for n in graph.graph.nodes if n.op == "call_module"]
    return [kind for kind in types if kind is not Part]


def assert_well_formed(imported: Imported) -> None:
    """Only the three kinds of nodes, and on each the metadata that passes rely on."""
    kinds = [node.op for node in imported.graph.graph.nodes]
    assert kinds[0] == "placeholder"
    assert kinds[-1] == "output"
    assert set(kinds[1:-1]) <= {"call_module"}
    for node in imported.graph.graph.nodes:
        if node.op != "output":
            assert isinstance(node.meta["onnx_name"], str)
            assert all(isinstance(size, int) for size in node.meta["shape"])
    assert all(p.dtype == torch.float32 for p in imported.graph.parameters())


class _ShapeChecker(fx.Interpreter):
    """Runs a graph and compares what each node makes with the shape that its metadata states."""

    def run_node(self, n: fx.Node) -> Any:
        made = super().run_node(n)
        if n.op != "output":
            assert tuple(made.shape[1:]) == n.meta["shape"], n.target
        return made


def assert_shapes(imported: Imported, x: Floats) -> None:
    """Every node's metadata states the shape of what it computes."""
    with torch.no_grad():
        _ShapeChecker(imported.graph).run(as_taken(imported, x))


def check(
    model: onnx.ModelProto,
    *,
    size: int | None = None,
    tolerance: float = TOLERANCE,
    same_modules: bool = True,
    reference: onnx.ModelProto | None = None,
) -> Imported:
    """Import a model, compare it with onnxruntime at batch sizes 1 and 3, write it, and compare again.

    Args:
        model: to import.
        size: passed on to the importer.
        tolerance: passed on to assert_close.
        same_modules: whether writing and reading gives the same modules, not only the same outputs.
        reference: a model that onnxruntime runs in the place of `model`, where it does not run that.
    """
    before = model.SerializeToString(deterministic=True)
    imported = import_graph(model, size=size)
    assert model.SerializeToString(deterministic=True) == before
    assert_well_formed(imported)
    written = write(imported)
    again = import_graph(written)
    assert_well_formed(again)
    assert (again.input_shape, again.outputs) == (imported.input_shape, imported.outputs)
    if same_modules:
        assert modules_of(again) == modules_of(imported)
        assert _parameter_count(again) == _parameter_count(imported)
    one_by_one = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1
    judge, written_judge = open_onnx(reference or model), open_onnx(written)
    for batch in BATCHES:
        x = sample(imported, batch)
        steps = [x[i : i + 1] for i in range(batch)] if one_by_one else [x]
        theirs = [np.concatenate(parts) for parts in zip(*(run_onnx(judge, s) for s in steps), strict=True)]
        ours = run_torch(imported, x)
        assert_shapes(imported, x)
        assert_close(ours, theirs, tolerance)
        assert_close(run_onnx(written_judge, x), ours, TOLERANCE)
        assert_close(run_torch(again, x), ours, TOLERANCE)
    return imported


def _parameter_count(imported: Imported) -> int:
    return len(list(imported.graph.parameters()))
