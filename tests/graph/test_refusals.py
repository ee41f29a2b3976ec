"""Networks that cannot be imported: the right kind of error, everything at once, and what to do."""

from __future__ import annotations

import contextlib

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from onnx_oracle import check, model_of, run_torch, sample
from torch import nn

from snnconv.errors import InvalidValueError, ModelError, SnnconvError, UnsupportedOperatorsError
from snnconv.graph import folding
from snnconv.graph.importer import import_graph
from snnconv.graph.inlining import OWN_DOMAIN
from snnconv.loading import load_module

RNG = np.random.default_rng(0)


def rand(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def node(operator: str, inputs: list[str], output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [output], output, **attributes)


def refused(model: onnx.ModelProto) -> list[tuple[str, str, str]]:
    with pytest.raises(UnsupportedOperatorsError) as caught:
        import_graph(model)
    return [(found.name, found.operator, found.reason) for found in caught.value.nodes]


def branch(name: str) -> onnx.GraphProto:
    info = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
    return helper.make_graph([node("Relu", ["x"], name)], name, [], [info])


def test_every_unsupported_node_is_listed_in_the_order_of_the_file() -> None:
    nodes = [
        node("Det", ["x"], "a"),
        node("Conv", ["a", "x"], "b"),  # fails only because of Det
        node("Relu", ["b"], "c"),
        node("LSTM", ["c", "w", "w"], "d"),
        node("If", ["x"], "e", then_branch=branch("t"), else_branch=branch("f")),
        node("Hardmax", ["x"], "g"),
        node("Flatten", ["x"], "h", axis=0),
        node("Mine", ["x"], "i", domain="elsewhere"),
        node("Concat", ["d", "e", "g", "h", "i"], "y", axis=1),
    ]
    found = refused(model_of(nodes, {"w": rand(2, 2), "yes": np.array(True)}, (3, 4, 4)))
    assert [(name, operator) for name, operator, _ in found] == [
        ("a", "Det"),
        ("d", "LSTM"),
        ("e", "If"),
        ("g", "Hardmax"),
        ("h", "Flatten"),
        ("i", "Mine"),
    ]
    reasons = [reason for _, _, reason in found]
    assert "condition depends on the input" in reasons[2]
    assert reasons[4] == "it acts across the batch axis"
    assert reasons[5] == "the operator of domain elsewhere is not known"


@pytest.mark.parametrize("operator", ["LSTM", "GRU", "RNN"])
def test_recurrent_layers_are_refused_by_what_the_user_knows(operator: str) -> None:
    nodes = [
        helper.make_node(operator, ["x", "w", "w"], ["", "a"], "first", hidden_size=3),  # its last state alone
        node("Squeeze", ["a", "axis"], "b"),
        helper.make_node(operator, ["b", "w", "w"], ["y"], "second", hidden_size=3),  # behind the first refusal, too
    ]
    found = refused(model_of(nodes, {"w": rand(1, 3, 3), "axis": np.array([0])}, (3, 4)))
    reason = "a recurrent layer (LSTM, GRU) is not supported: convolutions over time, or attention, are"
    assert found == [("first", operator, reason), ("second", operator, reason)]


def test_a_gate_of_something_else_is_no_silu() -> None:
    nodes = [
        node("Relu", ["x"], "r"),
        node("Sigmoid", ["r"], "s"),
        node("Mul", ["x", "s"], "y"),
    ]
    check(model_of(nodes, {}, (4, 5)))


def test_shapes_of_what_a_refused_node_makes_are_not_reported() -> None:
    nodes = [
        node("Det", ["x"], "a"),
        node("Shape", ["a"], "s"),
        node("Gather", ["s", "zero"], "b"),
        node("Unsqueeze", ["b", "axes"], "u"),
        node("Concat", ["u", "rest"], "t", axis=0),
        node("CastLike", ["half", "a"], "c"),
        node("Expand", ["c", "s"], "e"),
        node("Add", ["a", "e"], "plus"),
        node("Reshape", ["plus", "t"], "r"),
        node("Hardmax", ["r"], "y"),  # not known by itself
    ]
    constants = {"half": np.float32(0.5), "zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1])}
    assert [name for name, _, _ in refused(model_of(nodes, constants, (3, 4, 4)))] == ["a", "y"]


@pytest.mark.parametrize("operator", ["Loop", "Scan"])
def test_control_flow(operator: str) -> None:
    body = helper.make_graph(
        [node("Relu", ["i"], "o")],
        "body",
        [helper.make_tensor_value_info("i", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)],
    )
    attributes = {"num_scan_inputs": 1} if operator == "Scan" else {}
    loop = node(operator, ["x"], "y", body=body, **attributes)
    [(name, kind, reason)] = refused(model_of([loop], {}, (3,)))
    assert (name, kind) == ("y", operator)
    assert "a loop cannot be converted" in reason


def test_a_node_without_a_name_is_called_by_its_output() -> None:
    nodes = [helper.make_node("Det", ["x"], ["there"]), helper.make_node("Relu", ["there"], ["y"])]
    assert refused(model_of(nodes, {}, (3,)))[0][0] == "there"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["initializer", "constant", "folded", "statistics"])
def test_weights_that_are_not_finite(value: float, where: str) -> None:
    weight = rand(3, 3)
    weight[1, 1] = value
    use = node("MatMul", ["x", "w"], "y")
    constants: dict[str, np.ndarray] = {}
    nodes = [use]
    if where == "initializer":
        constants = {"w": weight}
    elif where == "constant":
        nodes = [node("Constant", [], "w", value=onnx.numpy_helper.from_array(weight)), use]
    elif where == "folded":
        nodes, constants = [node("Transpose", ["stored"], "w"), use], {"stored": weight}
    else:
        constants = {"one": np.ones(3, np.float32), "w": weight[1]}
        nodes = [node("BatchNormalization", ["x", "one", "one", "one", "w"], "y")]
    with pytest.raises(ModelError, match="NaN or infinite values: w") as caught:
        import_graph(model_of(nodes, constants, (3,)))
    assert not isinstance(caught.value, UnsupportedOperatorsError)


def test_weights_that_are_not_finite_are_listed_with_unsupported_operators() -> None:
    bad = np.full((3, 3), np.nan, np.float32)
    nodes = [node("MatMul", ["x", "w"], "a"), node("Det", ["a"], "b"), node("MatMul", ["b", "v"], "y")]
    found = refused(model_of(nodes, {"w": bad, "v": bad}, (3,)))
    assert [name for name, _, _ in found] == ["a", "b", "y"]
    assert "'v' holds NaN" in found[2][2]


def test_weights_too_large_for_float32() -> None:
    weight = np.full((3, 3), 1e300)
    model = model_of([node("MatMul", ["x", "w"], "y")], {"w": weight}, (3,), dtype=TensorProto.DOUBLE)
    assert "not finite as 32-bit" in refused(model)[0][2]


def test_infinite_bounds_and_padding_are_no_weights() -> None:
    constants = {"low": np.float32(-np.inf), "pads": np.array([0, 1, 0, 1]), "high": np.float32(np.inf)}
    nodes = [
        node("Clip", ["x", "low", "high"], "a"),
        node("Pad", ["a", "pads", "low"], "b"),
        node("Relu", ["b"], "y"),
    ]
    imported = import_graph(model_of(nodes, constants, (3,)))
    x = sample(imported, 2)
    np.testing.assert_array_equal(run_torch(imported, x)[0], np.pad(np.maximum(x, 0), ((0, 0), (1, 1))))


WRONG_SIZES = {
    "bias of a Conv": ("Conv", [(3, 4, 3, 3), (4,)], {}, "bias of shape (4,) does not hold one value for each of 3"),
    "one bias for all": ("Conv", [(3, 4, 3, 3), (1,)], {}, "bias of shape (1,)"),
    "input channels of a Conv": ("Conv", [(3, 5, 3, 3)], {}, "does not fit 4 input channels"),
    "groups of a Conv": ("Conv", [(3, 2, 3, 3)], {"group": 2}, "cannot be divided into 2 groups"),
    "no groups": ("Conv", [(3, 2, 3, 3)], {"group": 0}, "cannot be divided into 0 groups"),
    "another kernel": ("Conv", [(3, 4, 3, 3)], {"kernel_shape": [2, 2]}, "kernel_shape [2, 2] is not that"),
    "empty kernel": ("Conv", [(3, 4, 0, 3)], {}, "an axis of length 0"),
    "no output channels": ("Conv", [(0, 4, 3, 3)], {}, "an axis of length 0"),
    "input channels of a ConvTranspose": ("ConvTranspose", [(3, 4, 3, 3)], {}, "does not fit 4 input channels"),
    "groups of a ConvTranspose": ("ConvTranspose", [(4, 2, 3, 3)], {"group": 3}, "cannot be divided into 3 groups"),
    "bias of a ConvTranspose": ("ConvTranspose", [(4, 2, 3, 3), (2,)], {"group": 2}, "each of 4 output channels"),
    "width of a MatMul": ("MatMul", [(4, 3)], {}, "4 features are needed"),
    "batch-norm": ("BatchNormalization", [(4,), (4,), (3,), (4,)], {}, "4 channels"),
    "one variance for all": ("BatchNormalization", [(4,), (4,), (4,), (1,)], {}, "4 channels"),
    "slope of other channels": ("PRelu", [(3, 1, 1)], {}, "slope of shape (3, 1, 1) does not fit"),
    "slope of another axis": ("PRelu", [(4,)], {}, "slope of shape (4,) does not fit"),
    "constant of other channels": ("Add", [(3, 1, 1)], {}, "cannot take inputs of shape [4, 6, 5]"),
    "two bounds": ("Clip", [(2,)], {}, "must be one number"),
}


@pytest.mark.parametrize(("operator", "shapes", "attributes", "reason"), WRONG_SIZES.values(), ids=WRONG_SIZES)
def test_constants_of_the_wrong_size_are_refused_all_at_once(
    operator: str, shapes: list[tuple[int, ...]], attributes: dict[str, object], reason: str
) -> None:
    names = [f"w{i}" for i in range(len(shapes))]
    culprits = [node(operator, ["x", *names], output, **attributes) for output in ("y", "z")]
    constants = {name: np.ones(shape, np.float32) for name, shape in zip(names, shapes, strict=True)}
    refusals = refused(model_of(culprits, constants, (4, 6, 5), outputs=("y", "z")))
    assert [(name, kind) for name, kind, _ in refusals] == [("y", operator), ("z", operator)]
    assert all(reason in why for _, _, why in refusals)


@pytest.mark.parametrize("bias", [(4,), (3, 1), (2, 3)])
def test_a_bias_of_a_gemm_that_is_not_one_for_each_output(bias: tuple[int, ...]) -> None:
    constants = {"w": rand(4, 3), "b": rand(*bias)}
    [(_, _, reason)] = refused(model_of([node("Gemm", ["x", "w", "b"], "y")], constants, (4,)))
    assert "its bias of shape" in reason


NOTHING_LEFT = {
    "Slice": (node("Slice", ["x", "two", "two", "two"], "y"), {"two": np.array([2])}),
    "Pad": (node("Pad", ["x", "crop"], "y"), {"crop": np.array([0, 0, -2, 0, 0, 0, -3, 0])}),
    "Expand": (node("Expand", ["x", "shape"], "y"), {"shape": np.array([1, 4, 5, 0])}),
    "Resize": (node("Resize", ["x", "", "scales"], "y"), {"scales": np.array([1, 1, 0.1, 1], np.float32)}),
    "Mul": (node("Mul", ["x", "none"], "y"), {"none": np.ones((1, 0, 1, 1), np.float32)}),
}


@pytest.mark.parametrize(("culprit", "constants"), NOTHING_LEFT.values(), ids=NOTHING_LEFT)
def test_an_axis_of_length_0_is_refused(culprit: onnx.NodeProto, constants: dict[str, np.ndarray]) -> None:
    nodes = [culprit, node("ReduceMean", ["y", "axes"], "z")]
    model = model_of(nodes, {**constants, "axes": np.array([1, 2, 3])}, (4, 5, 1), outputs=("z",))
    [(name, _, reason)] = refused(model)
    assert name == "y"
    assert "an axis of length 0 holds nothing" in reason


@pytest.mark.parametrize("shape", [(3, 0, 0), (0,), (3, -1, 4)])
def test_a_sample_shape_without_length_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidValueError, match="at least 1"):
        load_module(nn.ReLU(), shape)


OPERATORS = {
    "bounds that cross": (node("Clip", ["x", "one", "zero"], "y"), "leave nothing between"),
    "bounds that are NaN": (node("Clip", ["x", "nan", "one"], "y"), "leave nothing between"),
    "bounds that depend on the input": (node("Clip", ["x", "x"], "y"), "must be a constant"),
    "product of activations": (node("MatMul", ["x", "x"], "y"), "ranks 2 and 2, so that it acts across the batch"),
    "constant at the left": (node("MatMul", ["square", "x"], "y"), "it would mix samples"),
    "matrix for each sample": (node("MatMul", ["x", "matrices"], "y"), "puts an axis before it"),
    "product with a number": (node("MatMul", ["x", "zero"], "y"), "it is a single number"),
    "transA": (node("Gemm", ["x", "square"], "y", transA=1), "transA"),
    "bias for each sample": (node("Gemm", ["x", "square", "square"], "y"), "bias of shape"),
    "alpha": (node("Gemm", ["x", "square"], "y", alpha=float("nan")), "alpha is nan"),
    "slope for each sample": (node("PRelu", ["x", "square"], "y"), "differs between members"),
    "constant for each sample": (node("Add", ["x", "square"], "y"), "differs between members"),
    "constant of higher rank": (node("Add", ["x", "cube"], "y"), "differs between members"),
    "division by zero": (node("Div", ["x", "zero"], "y"), "divides by a constant that is 0"),
    "perm": (node("Transpose", ["x"], "y", perm=[0, 2]), "does not fit"),
    "training batch-norm": (
        node("BatchNormalization", ["x", *["row"] * 4], "y", training_mode=1),
        "training mode",
    ),
    "batch-norm of another width": (
        node("BatchNormalization", ["x", *["pair"] * 4], "y"),
        "3 channels",
    ),
    "training dropout": (node("Dropout", ["x", "half", "yes"], "y"), "training mode"),
    "cast to bytes": (node("Cast", ["x"], "y", to=TensorProto.UINT8), "of the type UINT8 is not supported"),
    "softmax over the batch": (node("Softmax", ["x"], "y", axis=0), "across the batch"),
    "axis out of range": (node("Softmax", ["x"], "y", axis=5), "outside a tensor of rank 2"),
    "mean over everything": (node("ReduceMean", ["x"], "y"), "across the batch"),
    "concat of samples": (node("Concat", ["x", "x"], "y", axis=0), "across the batch"),
    "concat without axis": (node("Concat", ["x", "x"], "y"), "malformed"),
    "slice of samples": (node("Slice", ["x", "first", "second", "first"], "y"), "across the batch"),
    "a step back to nothing": (
        node("Slice", ["x", "first", "second", "second", "minus"], "y"),
        "takes nothing",
    ),
    "slices of unequal number": (node("Slice", ["x", "pair_of_ints", "first", "second"], "y"), "malformed"),
    "pad samples": (node("Pad", ["x", "ones"], "y"), "pads the batch axis"),
    "pad mode": (node("Pad", ["x", "pads"], "y", mode="odd"), "not known"),
    "reflection too wide": (node("Pad", ["x", "wide"], "y", mode="reflect"), "cannot be padded"),
    "squeeze of a wide axis": (node("Squeeze", ["x", "second"], "y"), "not all 1"),
    "quantized by nothing": (node("DequantizeLinear", ["x", "one"], "y"), "no QuantizeLinear made"),
    "quantized by a scale of 0": (node("QuantizeLinear", ["x", "zero"], "y"), "its scale must be above 0"),
    "random": (node("RandomUniformLike", ["x"], "y"), "not known"),
    "groups": (node("Conv", ["image", "kernel"], "y", group=2), "cannot be divided into 2 groups"),
    "rank": (node("Conv", ["x", "kernel"], "y"), "does not fit an input of rank 2"),
    "no weight": (node("Conv", ["x"], "y"), "input 1 is missing"),
    "weight from the input": (node("Conv", ["x", "x"], "y"), "must be a constant"),
}
CONSTANTS = {
    "zero": np.float32(0),
    "matrices": rand(2, 3, 3),
    "half": np.float32(0.5),
    "one": np.float32(1),
    "nan": np.float32(np.nan),
    "yes": np.array(True),
    "row": np.ones(3, np.float32),
    "pair": np.ones(2, np.float32),
    "square": np.ones((3, 3), np.float32),
    "cube": np.ones((1, 1, 3), np.float32),
    "kernel": np.ones((3, 3, 1, 1), np.float32),
    "first": np.array([0]),
    "second": np.array([1]),
    "minus": np.array([-1]),
    "pair_of_ints": np.array([1, 2]),
    "ones": np.array([1, 1, 1, 1]),
    "pads": np.array([0, 1, 0, 1]),
    "wide": np.array([0, 9, 0, 9]),
    "to_image": np.array([0, 3, 1, 1]),
}


@pytest.mark.parametrize(("culprit", "reason"), OPERATORS.values(), ids=OPERATORS)
def test_refused_operator(culprit: onnx.NodeProto, reason: str) -> None:
    nodes = [node("Reshape", ["x", "to_image"], "image"), culprit]
    [(name, operator, why)] = refused(model_of(nodes, CONSTANTS, (3,)))
    assert (name, operator) == ("y", culprit.op_type)
    assert reason in why


def test_outputs_beside_the_first_are_refused_where_they_are_read() -> None:
    nodes = [
        helper.make_node("MaxPool", ["x"], ["y", "where"], "pool", kernel_shape=[2]),
        node("Cast", ["where"], "z", to=TensorProto.FLOAT),
    ]
    found = refused(model_of(nodes, {}, (3, 4), outputs=("y", "z")))
    assert found == [("pool", "MaxPool", "its outputs ['where'] are not computed")]


@pytest.mark.parametrize("opset", [1, 6, 99])
def test_opset(opset: int) -> None:
    with pytest.raises(ModelError, match=f"opset {opset}; opsets 7 to"):
        import_graph(model_of([node("Relu", ["x"], "y")], {}, (3,), opset=opset))


def with_input(value: onnx.ValueInfoProto) -> onnx.ModelProto:
    model = model_of([node("Relu", ["x"], "y")], {}, (3,))
    model.graph.input[0].CopyFrom(value)
    return model


TENSOR = helper.make_tensor_type_proto(TensorProto.FLOAT, [1, 3])
INPUTS = {
    "texts": (helper.make_tensor_value_info("x", TensorProto.STRING, [1, 3]), "holds STRING"),
    "complex": (helper.make_tensor_value_info("x", TensorProto.COMPLEX64, [1, 3]), "holds COMPLEX64"),
    "sequence": (helper.make_value_info("x", helper.make_sequence_type_proto(TENSOR)), "sequence_type"),
    "optional": (helper.make_value_info("x", helper.make_optional_type_proto(TENSOR)), "optional_type"),
    "no type": (onnx.ValueInfoProto(name="x"), "no type"),
    "no shape": (helper.make_tensor_value_info("x", TensorProto.FLOAT, None), "states no shape"),
    "scalar": (helper.make_tensor_value_info("x", TensorProto.FLOAT, []), "is a scalar"),
}


@pytest.mark.parametrize(("value", "reason"), INPUTS.values(), ids=INPUTS)
def test_inputs_that_are_no_batch_of_numbers(value: onnx.ValueInfoProto, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        import_graph(with_input(value))


def test_a_network_without_input() -> None:
    model = model_of([node("Relu", ["x"], "y")], {}, (3,))
    del model.graph.input[:]
    with pytest.raises(ModelError, match="has no input"):
        import_graph(model)


def test_a_batch_that_is_not_moved_back() -> None:
    nodes = [node("Transpose", ["x"], "t", perm=[1, 0, 2]), node("Flatten", ["t"], "y")]
    [(name, _, why)] = refused(model_of(nodes, {}, (3, 4)))
    assert name == "y"
    assert "batch axis was moved, and no node before it moves it back" in why


def test_a_shape_that_is_open_is_asked_for() -> None:
    model = model_of([node("Relu", ["x"], "y")], {}, ("length", 4))
    with pytest.raises(InvalidValueError, match=r"open, \[batch, \?, 4\]: .*--input-shape x=N,N"):
        import_graph(model)
    assert import_graph(model, shapes={"x": (7, 4)}).parts[0].shape == (7, 4)
    with pytest.raises(InvalidValueError, match=r"is given the shape \[7, 5\]; the file states"):
        import_graph(model, shapes={"x": (7, 5)})
    with pytest.raises(InvalidValueError, match="given for z; the network's inputs are x"):
        import_graph(model, shapes={"z": (7, 5)})


@pytest.mark.parametrize("shape", [(3, "h", "w"), (3, 0, 0), (3, -1, -1), ("h", "w", 3)])
def test_open_height_and_width(shape: tuple[int | str, ...]) -> None:
    model = model_of([node("Relu", ["x"], "y")], {}, shape)
    with pytest.raises(InvalidValueError, match="--size N"):
        import_graph(model)
    expected = (3, 8, 8) if shape[0] == 3 else (8, 8, 3)
    assert import_graph(model, size=8).input_shape == expected


def test_size_replaces_a_stated_height_and_width() -> None:
    model = model_of([node("Relu", ["x"], "y")], {}, (3, 32, 32))
    assert import_graph(model, size=8).input_shape == (3, 8, 8)
    with pytest.raises(InvalidValueError, match="size is 0"):
        import_graph(model, size=0)


@pytest.mark.parametrize("shape", [("c", "h", "w"), ("features",), ("c", 4, 4, "d")])
def test_what_size_does_not_close(shape: tuple[int | str, ...]) -> None:
    with pytest.raises(InvalidValueError, match="is open"):
        import_graph(model_of([node("Relu", ["x"], "y")], {}, shape), size=8)


def test_weights_that_are_not_there_or_damaged() -> None:
    model = model_of([node("MatMul", ["x", "w"], "y")], {"w": rand(3, 3)}, (3,))
    damaged = onnx.ModelProto()
    damaged.CopyFrom(model)
    damaged.graph.initializer[0].raw_data = b"123"
    with pytest.raises(ModelError, match="'w' is damaged"):
        import_graph(damaged)
    away = onnx.ModelProto()
    away.CopyFrom(model)
    onnx.external_data_helper.set_external_data(away.graph.initializer[0], "elsewhere.bin")
    with pytest.raises(ModelError, match="not loaded"):
        import_graph(away)
    sparse = onnx.ModelProto()
    sparse.CopyFrom(model)
    sparse.graph.sparse_initializer.add()
    with pytest.raises(ModelError, match="sparse"):
        import_graph(sparse)


BOMBS = {
    "ConstantOfShape": [node("ConstantOfShape", ["huge"], "c")],
    "Expand": [node("Expand", ["one", "huge"], "c")],
    "Tile": [node("Tile", ["row", "million"], "c")],
    "Range": [node("Range", ["start", "end", "step"], "c")],
    "Pad": [node("Pad", ["row", "pads"], "c")],
    "outer product": [
        node("ConstantOfShape", ["tall"], "a"),
        node("Transpose", ["a"], "b"),
        node("Mul", ["a", "b"], "c"),
    ],
    "shape computed": [node("Mul", ["huge", "huge"], "more"), node("ConstantOfShape", ["more"], "c")],
    "doubling": [
        node("Concat", [f"c{i}" if i else "row", f"c{i}" if i else "row"], f"c{i + 1}", axis=0) for i in range(40)
    ],
}
BOMB_CONSTANTS = {
    "huge": np.array([100_000, 100_000]),
    "tall": np.array([1_000_000, 1]),
    "million": np.array([1_000_000_000]),
    "one": np.float32(1),
    "row": np.ones(8, np.float32),
    "pads": np.array([0, 10**10]),
    "start": np.array(0),
    "end": np.array(10**11),
    "step": np.array(1),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_constants_that_would_take_all_memory(bomb: list[onnx.NodeProto], monkeypatch: pytest.MonkeyPatch) -> None:
    assert folding.MAX_BYTES <= 2**30
    monkeypatch.setattr(folding, "MAX_BYTES", 2**24)
    model = model_of([*bomb, node("Mul", ["x", bomb[-1].output[0]], "y")], BOMB_CONSTANTS, (8,))
    found = refused(model)
    assert len(found) == 1
    assert "would take" in found[0][2] or "cannot be told" in found[0][2]


def test_constants_that_cannot_be_computed() -> None:
    nodes = [node("Reshape", ["row", "three"], "c"), node("Mul", ["x", "c"], "y")]
    constants = {"row": rand(8), "three": np.array([3])}
    assert "cannot be computed" in refused(model_of(nodes, constants, (8,)))[0][2]


def test_random_constants_are_not_drawn() -> None:
    nodes = [node("RandomUniform", [], "c", shape=[8]), node("Mul", ["x", "c"], "y")]
    assert refused(model_of(nodes, {}, (8,))) == [("c", "RandomUniform", "the operator is not known")]


def test_a_module_that_torch_cannot_export_is_refused_by_what_it_holds() -> None:
    class Untraceable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.encoder, self.decoder = nn.LayerNorm(4), nn.LSTM(4, 4), nn.GRU(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no graph")

    with pytest.raises(
        UnsupportedOperatorsError, match=r"torch.onnx.export cannot export Untraceable: [^:]*"
    ) as caught:
        load_module(Untraceable(), (4,))
    assert [(found.name, found.operator) for found in caught.value.nodes] == [
        ("encoder", "LSTM"),
        ("decoder", "GRU"),
    ]


@pytest.mark.filterwarnings("ignore::snnconv.errors.SnnconvWarning")
def test_every_error_is_ours() -> None:
    """Whatever attributes are missing or of the wrong type, no foreign exception comes out."""
    from snnconv.graph.node import HANDLERS

    for domain, operator in HANDLERS:
        if domain == OWN_DOMAIN:
            continue
        for inputs in (["x"], ["x", "w"], ["w", "x"], ["x", "", "w"], ["x", "x"], []):
            for attributes in (
                {},
                {"axis": "a"},
                {"axes": "abc", "pads": "x"},
                {"kernel_shape": [0], "split": [9]},
            ):
                broken = node(operator, inputs, "y", domain=domain, **attributes)
                model = model_of([broken], {"w": rand(3, 3)}, (3, 4), opset=17, domains={domain: 1} if domain else {})
                with contextlib.suppress(SnnconvError):
                    import_graph(model)
