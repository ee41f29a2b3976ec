"""Tiny graphs that break careless importers: sharing, many outputs, strange names, dead nodes."""

from __future__ import annotations

import time

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from onnx_oracle import (
    IR_VERSIONS,
    assert_close,
    check,
    model_of,
    modules_of,
    newest_opset,
    run_onnx,
    run_torch,
    sample,
    write,
)
from torch import nn

from snnconv.errors import ModelError, SnnconvWarning, UnsupportedOperatorsError
from snnconv.graph.importer import import_graph
from snnconv.graph.node import HANDLERS, Call

RNG = np.random.default_rng(0)


def rand(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def node(operator: str, inputs: list[str], output: str, name: str = "", **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [output], name, **attributes)


def test_weights_that_are_used_twice_stay_one_parameter() -> None:
    nodes = [
        node("Conv", ["x", "w", "b"], "a", "first", pads=[1, 1, 1, 1]),
        node("Relu", ["a"], "r"),
        node("Conv", ["r", "w", "b"], "y", "second", pads=[1, 1, 1, 1]),
    ]
    imported = check(model_of(nodes, {"w": rand(3, 3, 3, 3), "b": rand(3)}, (3, 5, 5)))
    assert imported.graph.first.weight is imported.graph.second.weight
    assert imported.graph.first.bias is imported.graph.second.bias
    assert sorted(i.name for i in write(imported).graph.initializer) == ["first.bias", "first.weight"]


def test_a_weight_shared_by_way_of_identity_and_constant_nodes_stays_one_parameter() -> None:
    nodes = [
        node("Constant", [], "w", value=onnx.numpy_helper.from_array(rand(4, 4))),
        node("Identity", ["w"], "same"),
        node("Gemm", ["x", "w", "b"], "a", "first", transB=1),
        node("Gemm", ["a", "same", "b"], "y", "second", transB=1),
    ]
    imported = check(model_of(nodes, {"b": rand(4)}, (4,)))
    assert imported.graph.first.weight is imported.graph.second.weight
    assert imported.graph.first.bias is imported.graph.second.bias


def test_a_bias_is_shared_between_kinds_of_operators() -> None:
    nodes = [
        node("Conv", ["x", "w", "b"], "a", "conv"),
        node("Flatten", ["a"], "f"),
        node("Gemm", ["f", "m", "b"], "g", "gemm"),
        node("Add", ["g", "b"], "y", "add"),
    ]
    imported = check(model_of(nodes, {"w": rand(4, 3, 5, 5), "m": rand(4, 4), "b": rand(4)}, (3, 5, 5)))
    graph = imported.graph
    assert graph.conv.bias is graph.gemm.bias is graph.add.constant


@pytest.mark.parametrize("ir_version", IR_VERSIONS)
def test_written_in_every_ir_version(ir_version: int) -> None:
    nodes = [node("Gemm", ["x", "w"], "a"), node("Clip", ["a", "low", "high"], "y")]
    constants = {"w": rand(4, 5), "low": np.float32(-0.5), "high": np.float32(0.5)}
    imported = import_graph(model_of(nodes, constants, (4,)))
    written = write(imported, ir_version)
    x = sample(imported, 3)
    assert_close(run_onnx(written, x), run_torch(imported, x))


def test_residual_into_concat() -> None:
    nodes = [
        node("Conv", ["x", "w"], "a", pads=[1, 1, 1, 1]),
        node("Relu", ["a"], "r"),
        node("Add", ["r", "x"], "s"),
        node("Concat", ["s", "x", "r"], "y", axis=1),
    ]
    check(model_of(nodes, {"w": rand(3, 3, 3, 3)}, (3, 5, 5)))


def test_outputs_that_are_also_used_inside() -> None:
    nodes = [node("Relu", ["x"], "y"), node("Gemm", ["y", "w"], "z"), node("Sigmoid", ["z"], "s")]
    imported = check(model_of(nodes, {"w": rand(4, 5)}, (4,), outputs=("y", "s", "z")))
    assert imported.outputs == ("y", "s", "z")


def test_batchnorm_after_relu_and_without_affine() -> None:
    constants = {
        "one": np.ones(3, np.float32),
        "zero": np.zeros(3, np.float32),
        "m": rand(3),
        "v": np.abs(rand(3)),
    }
    nodes = [node("Relu", ["x"], "r"), node("BatchNormalization", ["r", "one", "zero", "m", "v"], "y")]
    check(model_of(nodes, constants, (3, 4, 4)))


def test_nodes_that_nothing_depends_on_are_left_out_whatever_they_are() -> None:
    nodes = [
        node("Relu", ["x"], "y"),
        node("Conv", ["y", "w"], "dead"),
        node("Det", ["dead"], "deader"),
        helper.make_node("Dropout", ["y"], ["kept", "mask"]),
    ]
    model = model_of(nodes, {"w": rand(3, 3, 1, 1)}, (3, 4, 4), outputs=("kept",))
    imported = check(model)
    assert modules_of(imported) == [nn.ReLU]
    assert not list(imported.graph.parameters())


def test_an_output_that_is_the_input() -> None:
    check(model_of([node("Identity", ["x"], "y")], {}, (3, 4)))
    imported = import_graph(model_of([node("Relu", ["x"], "y")], {}, (3, 4), outputs=("x", "y")))
    x = sample(imported, 2)
    assert_close(run_torch(imported, x), [x, np.maximum(x, 0)])
    assert_close(run_onnx(write(imported), x), [x, np.maximum(x, 0)])


def test_a_weight_that_is_computed_from_initializers() -> None:
    nodes = [
        node("Reshape", ["flat", "shape"], "cube"),
        node("Transpose", ["cube"], "w", perm=[3, 2, 0, 1]),
        node("Mul", ["w", "scale"], "scaled"),
        node("Conv", ["x", "scaled"], "a", "first"),
        node("Conv", ["a", "scaled"], "y", "second"),
    ]
    constants = {"flat": rand(81), "shape": np.array([3, 3, 3, 3]), "scale": np.float32(0.5)}
    imported = check(model_of(nodes, constants, (3, 7, 7)))
    assert imported.graph.first.weight is imported.graph.second.weight


def test_weights_are_copies() -> None:
    model = model_of([node("Gemm", ["x", "w"], "y", "fc", transB=1)], {"w": rand(4, 4)}, (4,))
    before = model.SerializeToString(deterministic=True)
    imported = import_graph(model)
    with torch.no_grad():
        for parameter in imported.graph.parameters():
            parameter.add_(1)
    assert model.SerializeToString(deterministic=True) == before


NAMES = [
    "layer1.0/conv.weight",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "",
    "class",
    "None",
    "forward",
    "training",
    "graph",
    "recompile",
    "1x1",
    "_hidden",
    "größe",
    "ﬁ",
    "层",
    "a b\n",
    "name",
    "same",
    "same",
    "same_1",
    "same",
    "n_class",
    "self",
    "input",
]


def test_strange_names() -> None:
    nodes = [node("LeakyRelu", [f"v{i}"], f"v{i + 1}", name, alpha=0.9) for i, name in enumerate(NAMES)]
    nodes[0].input[0], nodes[-1].output[0] = "class", "größe/<y>"
    model = model_of(nodes, {}, (3,), outputs=("größe/<y>",), input_name="class")
    reference = onnx.ModelProto()
    reference.CopyFrom(model)
    for one in reference.graph.node:
        one.name = ""  # onnxruntime takes no name twice
    imported = check(model, reference=reference)
    calls = [n for n in imported.graph.graph.nodes if n.op == "call_module"]
    assert [n.meta["onnx_name"] for n in calls] == [name or "v4" for name in NAMES]
    targets = [n.target for n in calls]
    assert len(set(targets)) == len(NAMES)
    assert all(target.isascii() and target.isidentifier() for target in targets)


@pytest.mark.parametrize("taken", ["fc.weight", "fc.bias", "relu:out", "relu"])
def test_names_of_inputs_and_outputs_are_kept_whatever_is_written_beside_them(taken: str) -> None:
    for source, target in ((taken, "out"), ("in", taken)):
        nodes = [node("Gemm", [source, "w", "b"], "a", "fc"), node("Relu", ["a"], target, "relu")]
        constants = {"w": rand(3, 3), "b": rand(3)}
        check(model_of(nodes, constants, (3,), outputs=(target,), input_name=source))


@pytest.mark.parametrize(
    ("dtype", "kind", "linear"),
    [(TensorProto.FLOAT16, np.float16, "Conv"), (TensorProto.DOUBLE, np.float64, "MatMul")],
)
def test_other_precisions_become_float32(dtype: int, kind: type, linear: str) -> None:
    nodes = [
        node(linear, ["x", "w"], "a"),
        node("Mul", ["a", "s"], "m"),
        node("Clip", ["m", "", "top"], "c"),
        node("Cast", ["c"], "y", to=dtype),
    ]
    weight = rand(3, 3, 3, 3) if linear == "Conv" else rand(5, 5)
    constants = {"w": weight.astype(kind), "s": np.array(0.1, kind), "top": np.array(0.5, kind)}
    model = model_of(nodes, constants, (3, 5, 5), dtype=dtype)
    imported = import_graph(model)
    assert all(parameter.dtype == torch.float32 for parameter in imported.graph.parameters())
    x = sample(imported, 3).astype(kind)
    theirs = run_onnx(model, x)
    assert_close(run_torch(imported, x), theirs, tolerance=5e-3 if kind is np.float16 else 1e-5)
    assert_close(run_onnx(write(imported), x.astype(np.float32)), run_torch(imported, x))


def _half(there: onnx.NodeProto) -> onnx.ModelProto:
    nodes = [there, node("Cast", ["a"], "b", "back", to=TensorProto.FLOAT), node("Relu", ["b"], "y")]
    return model_of(nodes, {"half": np.float16(0.5)}, (3,))


@pytest.mark.parametrize(
    ("there", "kind"),
    [
        (node("Cast", ["x"], "a", "there", to=TensorProto.FLOAT16), "float16"),
        (node("Cast", ["x"], "a", "there", to=TensorProto.BFLOAT16), "bfloat16"),
        (node("CastLike", ["x", "half"], "a", "there"), "float16"),
    ],
)
def test_a_cast_to_fewer_digits_is_left_out_with_a_warning(there: onnx.NodeProto, kind: str) -> None:
    with pytest.warns(SnnconvWarning, match=rf"casts activations to {kind} \(1: 'there'\), which is left out"):
        imported = import_graph(_half(there))
    x = np.array([[1e5, 0.1, -1]], np.float32)
    np.testing.assert_array_equal(run_torch(imported, x)[0], np.maximum(x, 0))


def test_casts_within_a_file_of_half_precision_change_nothing() -> None:
    nodes = [
        node("Cast", ["x"], "a", to=TensorProto.FLOAT),
        node("Relu", ["a"], "b"),
        node("Cast", ["b"], "y", to=TensorProto.FLOAT16),
    ]
    import_graph(model_of(nodes, {}, (3,), dtype=TensorProto.FLOAT16))  # warnings are errors


@pytest.mark.parametrize(
    "attribute",
    [
        {"value": onnx.numpy_helper.from_array(np.array([2.0, 3.0], np.float32))},
        {"value_float": 2.5},
        {"value_floats": [2.0, 3.0]},
    ],
    ids=str,
)
def test_constant_nodes(attribute: dict[str, object]) -> None:
    nodes = [node("Constant", [], "c", **attribute), node("Mul", ["x", "c"], "y")]
    check(model_of(nodes, {}, (3, 2)))


@pytest.mark.parametrize("attribute", [{"value_int": 2}, {"value_ints": [2]}], ids=str)
def test_constant_nodes_of_integers(attribute: dict[str, object]) -> None:
    nodes = [
        node("Constant", [], "c", **attribute),
        node("Reshape", ["c", "flat"], "axes"),
        node("Unsqueeze", ["x", "axes"], "y"),
    ]
    check(model_of(nodes, {"flat": np.array([1])}, (3, 2)))


@pytest.mark.parametrize("split", [np.array(2), np.array([1, 3, 1])], ids=str)
def test_sequences_of_parts(split: np.ndarray) -> None:
    nodes = [
        node("SplitToSequence", ["x", "split"], "parts", axis=1),
        node("SequenceAt", ["parts", "one"], "a"),
        node("SequenceAt", ["parts", "last"], "b"),
        node("Concat", ["b", "a", "b"], "y", axis=1),
    ]
    check(model_of(nodes, {"split": split, "one": np.array(1), "last": np.array(-1)}, (5, 2)))
    nodes[1] = node("SequenceAt", ["parts", "three"], "a")
    with pytest.raises(UnsupportedOperatorsError, match="position 3 is outside a sequence of 3"):
        import_graph(model_of(nodes, {"split": split, "three": np.array(3), "last": np.array(-1)}, (5, 2)))


def test_constants_cast_to_the_type_of_an_activation() -> None:
    nodes = [
        node("CastLike", ["six", "x"], "six_f"),
        node("CastLike", ["half", "x"], "half_f"),
        node("Clip", ["x", "", "six_f"], "c"),
        node("CastLike", ["c", "half"], "d"),
        node("Mul", ["d", "half_f"], "y"),
    ]
    check(model_of(nodes, {"six": np.array(1), "half": np.float32(0.5)}, (3, 2)))


def function(domain: str, name: str, nodes: list[onnx.NodeProto], opset: int = 18) -> onnx.FunctionProto:
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("mine", 1)]
    return helper.make_function(domain, name, ["x"], ["y"], nodes, imports)


def test_functions_of_the_file_are_inlined() -> None:
    inner = function("mine", "Twice", [node("Add", ["x", "x"], "y")])
    outer = function("mine", "Block", [node("Relu", ["x"], "r"), node("Twice", ["r"], "y", domain="mine")])
    nodes = [node("Block", ["x"], "a", domain="mine"), node("Block", ["a"], "y", domain="mine")]
    imported = check(model_of(nodes, {}, (3,), functions=[inner, outer], domains={"mine": 1}))
    assert len(modules_of(imported)) == 4


def test_functions_of_another_opset_are_inlined() -> None:
    """The bodies of opset 13 have axes as attributes, the file's opset 18 has them as inputs."""
    mean = function("mine", "Mean", [node("ReduceMean", ["x"], "y", axes=[-1], keepdims=0)], opset=13)
    model = model_of([node("Mean", ["x"], "y", domain="mine")], {}, (3, 4), functions=[mean], domains={"mine": 1})
    imported = import_graph(model)
    x = sample(imported, 2)
    assert_close(run_torch(imported, x), [x.mean(-1)])


def test_functions_with_a_handler_of_ours_stay_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HANDLERS._entries, ("ai.snnconv", "Softsign"), lambda view: Call((nn.Softsign(),)))
    ours = function("ai.snnconv", "Softsign", [node("Relu", ["x"], "y")])
    other = function("mine", "Block", [node("Softsign", ["x"], "y", domain="ai.snnconv")])
    other.opset_import.append(helper.make_opsetid("ai.snnconv", 1))
    nodes = [node("Softsign", ["x"], "a", domain="ai.snnconv"), node("Block", ["a"], "y", domain="mine")]
    model = model_of(nodes, {}, (3,), functions=[ours, other], domains={"mine": 1, "ai.snnconv": 1})
    assert modules_of(import_graph(model)) == [nn.Softsign, nn.Softsign]


def test_functions_that_call_themselves_are_refused() -> None:
    circle = [
        function("mine", "A", [node("B", ["x"], "y", domain="mine")]),
        function("mine", "B", [node("A", ["x"], "y", domain="mine")]),
    ]
    model = model_of([node("A", ["x"], "y", domain="mine")], {}, (3,), functions=circle, domains={"mine": 1})
    with pytest.raises(ModelError, match="in a circle: A, B"):
        import_graph(model)


def test_functions_that_grow_without_measure_are_refused() -> None:
    def level(i: int) -> onnx.FunctionProto:
        calls = [node(f"F{i - 1}", ["x"], f"v{j}", domain="mine") for j in range(9)]
        return function("mine", f"F{i}", [*calls, node("Identity", ["v0"], "y")])

    functions = [function("mine", "F0", [node("Relu", ["x"], "y")]), *(level(i) for i in range(1, 12))]
    model = model_of([node("F11", ["x"], "y", domain="mine")], {}, (3,), functions=functions, domains={"mine": 1})
    with pytest.raises(ModelError, match="more than 1000000 nodes"):
        import_graph(model)


def test_a_thousand_nodes_import_in_seconds() -> None:
    nodes, constants = [], {"w": rand(2, 2, 1, 1), "scale": np.float32(1.0)}
    for i in range(250):
        nodes += [
            node("Mul", ["w", "scale"], f"w{i}"),
            node("Conv", [f"v{i}", f"w{i}"], f"a{i}", "conv"),
            node("Shape", [f"a{i}"], f"s{i}"),
            node("Reshape", [f"a{i}", f"s{i}"], f"v{i + 1}", "reshape"),
        ]
    nodes[0 + 1].input[0], nodes[-1].output[0] = "x", "y"
    start = time.perf_counter()
    import_graph(model_of(nodes, constants, (2, 3, 3), opset=newest_opset()))
    assert time.perf_counter() - start < 5  # about 0.6 s; a cost that grows with the square shows up


def test_a_module_that_is_called_twice_is_written_twice_with_one_weight() -> None:
    imported = import_graph(model_of([node("Gemm", ["x", "w"], "y", "fc")], {"w": rand(3, 3)}, (3,)))
    graph = imported.graph
    output = next(n for n in graph.graph.nodes if n.op == "output")
    with graph.graph.inserting_before(output):
        again = graph.graph.call_module("fc", (output.args[0],))
    again.meta = dict(output.args[0].meta)
    output.args = (again,)
    graph.recompile()
    written = write(imported)
    assert len(written.graph.initializer) == 1
    x = sample(imported, 3)
    assert_close(run_onnx(written, x), run_torch(imported, x))


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
def test_onnxruntime_moves_transposes_past_a_pad(mode: str) -> None:
    nodes = [
        node("Relu", ["x"], "a"),
        node("Transpose", ["a"], "b", perm=[0, 2, 3, 1]),
        node("Pad", ["b", "pads"], "c", mode=mode),
        node("Transpose", ["c"], "y", perm=[0, 3, 1, 2]),
    ]
    model = model_of(nodes, {"pads": np.array([0, 1, 0, 2, 0, 0, 1, 1])}, (3, 5, 4), opset=19)
    check(model, same_modules=mode != "wrap")  # wrapping is written as slices and a concatenation


def test_onnxruntime_moves_transposes_past_a_resize_to_sizes() -> None:
    nodes = [
        node("Relu", ["x"], "a"),
        node("Transpose", ["a"], "b", perm=[0, 2, 3, 1]),
        node("Shape", ["b"], "batch", end=1),
        node("Concat", ["batch", "beside"], "sizes", axis=0),
        node("Resize", ["b", "", "", "sizes"], "c", mode="nearest"),
        node("Transpose", ["c"], "y", perm=[0, 3, 1, 2]),
    ]
    check(model_of(nodes, {"beside": np.array([10, 8, 3])}, (3, 5, 4)))


def test_what_has_no_onnx_form_is_refused_on_writing() -> None:
    imported = import_graph(model_of([node("Relu", ["x"], "y", "act")], {}, (3,)))
    imported.graph.act = nn.Hardshrink()
    with pytest.raises(ModelError, match="Hardshrink 'act': it has no ONNX form"):
        write(imported)


@pytest.mark.parametrize(
    ("nodes", "outputs", "reason"),
    [
        ([node("Relu", ["gone"], "y")], ("y",), "nothing before it makes"),
        ([node("Relu", ["x"], "y"), node("Relu", ["x"], "y")], ("y",), "has made before it"),
        ([node("Relu", ["x"], "x")], ("x",), "has made before it"),
        ([node("Relu", ["x"], "y")], ("y", "y"), "same name"),
        ([node("Relu", ["x"], "y")], ("z",), "does not depend on the input"),
        ([node("Identity", ["w"], "y")], ("y",), "does not depend on the input"),
        ([node("Relu", ["x"], "y")], (), "no output"),
    ],
)
def test_graphs_that_are_no_networks(nodes: list[onnx.NodeProto], outputs: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        import_graph(model_of(nodes, {"w": rand(2)}, (3,), outputs=outputs))
    assert not isinstance(caught.value, UnsupportedOperatorsError)


def test_nodes_that_come_before_what_they_read() -> None:
    nodes = [node("Relu", ["a"], "y"), node("MatMul", ["x", "turned"], "a"), node("Transpose", ["w"], "turned")]
    imported = import_graph(model_of(nodes, {"w": rand(5, 4)}, (4,)))
    sorted_model = model_of(nodes[::-1], {"w": rand(5, 4)}, (4,))
    assert modules_of(imported) == modules_of(import_graph(sorted_model))


def test_a_circle_of_nodes_is_named() -> None:
    nodes = [
        node("Relu", ["x"], "r", "before"),
        node("Add", ["r", "c"], "a", "first"),
        node("Relu", ["a"], "b", "second"),
        node("MatMul", ["b", "w"], "c", "third"),
        node("Relu", ["c"], "y", "behind"),
    ]
    with pytest.raises(ModelError) as caught:
        import_graph(model_of(nodes, {"w": rand(4, 4)}, (4,)))
    assert "read one another in a circle: Add 'first', Relu 'second', MatMul 'third'. " in str(caught.value)


PARTS = {
    "a run of the last axis": (np.s_[..., 1:3, :], (2, 3, 2)),
    "one element of the last axis": (np.s_[..., 3, :], (2, 3)),
    "from the start of an inner axis": (np.s_[:, :, 0:2], (2, 2, 4)),
    "all": (np.s_[:], (2, 3, 4)),
}


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize(("where", "shape"), PARTS.values(), ids=PARTS)
def test_a_run_along_an_axis_is_assigned_to(where: object, shape: tuple[int, ...], constant: bool) -> None:
    """As `x[..., a:b] = y` is written: a place for each element, of one sample."""
    numbers = np.stack(np.meshgrid(*map(np.arange, (1, 2, 3, 4)), indexing="ij"), -1)
    places = numbers[where]
    whole = constant and where == np.s_[:]
    nodes = [
        node("Relu", ["x"], "new") if constant else node("MatMul", ["x", "w"], "new"),
        node("Slice", ["new", "start", "stop", "axes"], "part"),
        node("Reshape", ["part", "shape"], "given"),
        node("ScatterND", ["x", "places", "values" if constant else "given"], "y"),
    ]
    sizes = (*shape, *[1] * (3 - len(shape)))
    constants = {
        "w": rand(4, 4),
        "places": places,
        "start": np.array([0, 0, 0]),
        "stop": np.array(sizes),
        "axes": np.array([1, 2, 3]),
        "shape": np.array([1, *shape]),
        "values": rand(1, *shape),
    }
    if sizes != tuple(shape):
        constants["stop"] = np.array([2, 3, 1])
    model = model_of(nodes, constants, (2, 3, 4), batch=1)
    if whole:
        with pytest.raises(UnsupportedOperatorsError, match="all of it is replaced by a constant"):
            import_graph(model)
    else:
        check(model, same_modules=False)


@pytest.mark.parametrize("places", [[[0, 0, 0, 0], [0, 1, 2, 3]], [[0, 0, 0, 1], [0, 0, 0, 0]]])
def test_elements_that_are_no_run_are_refused(places: list[list[int]]) -> None:
    nodes = [node("ScatterND", ["x", "places", "values"], "y")]
    with pytest.raises(UnsupportedOperatorsError, match="no run along one axis"):
        import_graph(model_of(nodes, {"places": np.array(places), "values": rand(2)}, (2, 3, 4), batch=1))
