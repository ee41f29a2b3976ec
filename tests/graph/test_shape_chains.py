"""Target shapes that exporters compute, write out, or write with their own batch size."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_oracle import check, model_of, modules_of

from snnconv.errors import UnsupportedOperatorsError
from snnconv.graph.importer import import_graph
from snnconv.graph.modules import Concat, Reshape

RNG = np.random.default_rng(0)


def rand(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def node(operator: str, inputs: list[str], output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [output], output, **attributes)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_flatten_by_shape_gather_unsqueeze_concat() -> None:
    nodes = [
        node("Shape", ["x"], "shape"),
        node("Gather", ["shape", "zero"], "batch", axis=0),
        node("Unsqueeze", ["batch", "axes"], "first"),
        node("Concat", ["first", "rest"], "target", axis=0),
        node("Reshape", ["x", "target"], "y"),
    ]
    check(model_of(nodes, {"zero": np.array(0), "axes": ints(0), "rest": ints(-1)}, (3, 4, 5)))


def test_sizes_worked_out_by_arithmetic() -> None:
    """Channel shuffle as traced: B, C, H, W from Shape; C // 2; two reshapes and a transpose."""
    nodes = [
        node("Shape", ["x"], "shape"),
        node("Slice", ["shape", "zero", "one"], "b"),
        node("Slice", ["shape", "one", "two"], "c"),
        node("Shape", ["x"], "hw", start=2),
        node("Div", ["c", "two"], "half"),
        node("Concat", ["b", "two", "half", "hw"], "wide", axis=0),
        node("Reshape", ["x", "wide"], "split"),
        node("Transpose", ["split"], "swapped", perm=[0, 2, 1, 3, 4]),
        node("Reshape", ["swapped", "shape"], "y"),
    ]
    check(model_of(nodes, {"zero": ints(0), "one": ints(1), "two": ints(2)}, (6, 2, 3)))


@pytest.mark.parametrize("batch", [1, "batch"])
@pytest.mark.parametrize(
    "target",
    [(1, 60), (1, -1), (-1, 60), (0, -1), (1, 3, 20), (1, 3, -1), (1, 1, 60), (-1, 3, 4, 5)],
)
def test_a_batch_size_of_one_that_is_written_into_the_target(batch: int | str, target: tuple[int, ...]) -> None:
    model = model_of([node("Reshape", ["x", "s"], "y")], {"s": ints(*target)}, (3, 4, 5), batch=batch)
    if batch == 1 or target[0] != 1:
        check(model)
        return
    # A file that claims a dynamic batch, with a target that only fits one sample: the samples stay apart.
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    check(model)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    module = import_graph(model).graph.y
    assert isinstance(module, Reshape)
    assert module.batch_factor == 1


@pytest.mark.parametrize("target", [(4, 60), (4, -1), (-1, 60), (-1, 3, 20), (4, 3, 4, 5)])
def test_a_batch_size_of_four_that_is_written_into_the_file(target: tuple[int, ...]) -> None:
    model = model_of([node("Reshape", ["x", "s"], "y")], {"s": ints(*target)}, (3, 4, 5), batch=4)
    reference = model_of([node("Reshape", ["x", "s"], "y")], {"s": ints(-1, *_resolved(target))}, (3, 4, 5))
    check(model, reference=reference)


def _resolved(target: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(np.empty((4, 3, 4, 5)).reshape(target).shape[1:])


@pytest.mark.parametrize("batch", [1, "batch"])
def test_channels_that_go_into_the_batch_and_come_back(batch: int | str) -> None:
    """As group normalisation and attention are written: [B, C, H, W] -> [B*C, H*W] -> [B, C, H, W]."""
    first = 3 if batch == 1 else -1
    nodes = [
        node("Reshape", ["x", "flat"], "rows"),
        node("Softmax", ["rows"], "soft", axis=1),
        node("Reshape", ["soft", "back"], "y"),
    ]
    constants = {"flat": ints(first, 20), "back": ints(1 if batch == 1 else -1, 3, 4, 5)}
    check(model_of(nodes, constants, (3, 4, 5), batch=batch))


@pytest.mark.parametrize("target", [(4, -1), (2, 30), (7, -1), (0, 7), (-1, -1, 2), (3, -1)])
def test_targets_that_mix_samples_or_do_not_fit_are_refused(target: tuple[int, ...]) -> None:
    model = model_of([node("Reshape", ["x", "s"], "y")], {"s": ints(*target)}, (3, 4, 5))
    with pytest.raises(UnsupportedOperatorsError, match="does not fit"):
        import_graph(model)


@pytest.mark.parametrize("operator", ["ConstantOfShape", "Expand"])
def test_zeros_that_are_made_for_the_batch_and_concatenated(operator: str) -> None:
    """The parameter-free shortcut of CIFAR ResNets: channels of zeros beside the pooled input."""
    made = (
        node(
            "ConstantOfShape",
            ["target"],
            "zeros",
            value=helper.make_tensor("v", TensorProto.FLOAT, [1], [0.5]),
        )
        if operator == "ConstantOfShape"
        else node("Expand", ["half", "target"], "zeros")
    )
    nodes = [
        node("Shape", ["x"], "shape"),
        node("Slice", ["shape", "zero", "one"], "b"),
        node("Concat", ["b", "rest"], "target", axis=0),
        made,
        node("Concat", ["x", "zeros"], "a", axis=1),
        node("Concat", ["zeros", "a", "zeros"], "y", axis=1),
    ]
    constants = {"zero": ints(0), "one": ints(1), "rest": ints(2, 4, 5), "half": rand(1, 2, 4, 5)}
    check(model_of(nodes, constants, (3, 4, 5)))


def test_concat_with_a_constant_of_the_files_own_batch() -> None:
    for batch in (1, 4):
        constants = {"c": np.repeat(rand(1, 2, 5), batch, axis=0)}
        model = model_of([node("Concat", ["c", "x"], "y", axis=1)], constants, (3, 5), batch=batch)
        assert isinstance(import_graph(model).graph.y, Concat)
        if batch == 1:
            check(model)


def test_concat_keeps_the_order_of_constants_and_activations() -> None:
    constants = {name: rand(1, i + 1, 5) for i, name in enumerate("abc")}
    for order in ("abx", "xab", "axbc", "xaxbx"):
        check(model_of([node("Concat", list(order), "y", axis=1)], constants, (3, 5), batch=1))


def test_concat_with_a_constant_that_differs_between_samples_is_refused() -> None:
    model = model_of([node("Concat", ["c", "x"], "y", axis=1)], {"c": rand(4, 2, 5)}, (3, 5), batch=4)
    with pytest.raises(UnsupportedOperatorsError, match="differs between members of a batch"):
        import_graph(model)


def test_squeeze_without_axes() -> None:
    imported = import_graph(model_of([node("Squeeze", ["x"], "y")], {}, (5, 1, 1)))
    assert imported.graph.y.axes == (2, 3)
    with pytest.raises(UnsupportedOperatorsError, match="drops the batch axis"):
        import_graph(model_of([node("Squeeze", ["x"], "y")], {}, (5, 1, 1), batch=1))


def test_softmax_over_several_axes_before_opset_13() -> None:
    for axis in (1, 2, 3):
        check(model_of([node("Softmax", ["x"], "y", axis=axis)], {}, (3, 4, 5), opset=9))


def test_flatten_of_one_sample_from_axis_zero() -> None:
    check(model_of([node("Flatten", ["x"], "y", axis=0)], {}, (3, 4), batch=1))
    with pytest.raises(UnsupportedOperatorsError, match="across the batch axis"):
        import_graph(model_of([node("Flatten", ["x"], "y", axis=0)], {}, (3, 4)))


def test_slice_that_states_the_files_own_batch() -> None:
    """tf2onnx writes a slice along every axis; that along the batch's takes all of it."""
    constants = {"s": ints(0, 1, 0), "e": ints(1, 3, 4)}
    imported = check(model_of([node("Slice", ["x", "s", "e"], "y")], constants, (3, 4), batch=1))
    assert imported.graph.y.axes == (1, 2)


def test_tf2onnx_style_network() -> None:
    """NHWC in and out, transposes about each convolution, a stride by slices, and a [-1, k] reshape."""
    nodes = [
        node("Transpose", ["x"], "nchw", perm=[0, 3, 1, 2]),
        node("Conv", ["nchw", "w", "b"], "conv", auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Relu", ["conv"], "relu"),
        node("Slice", ["relu", "zero", "end", "two", "by"], "rows"),
        node("Slice", ["rows", "zero", "end", "three", "by"], "columns"),
        node("Pad", ["columns", "pads", "low"], "padded"),
        node("MaxPool", ["padded"], "pooled", kernel_shape=[2, 2]),
        node("Transpose", ["pooled"], "nhwc", perm=[0, 2, 3, 1]),
        node("Reshape", ["nhwc", "target"], "flat"),
        node("MatMul", ["flat", "m"], "product"),
        node("Add", ["product", "c"], "y"),
    ]
    constants = {
        "w": rand(4, 3, 3, 3),
        "b": rand(4),
        "zero": ints(0),
        "end": ints(2**31 - 1),
        "two": ints(2),
        "three": ints(3),
        "by": ints(2),
        "pads": ints(0, 0, 1, 0, 0, 0, 1, 1),
        "low": np.float32(-np.inf),
        "target": ints(-1, 24),
        "m": rand(24, 5),
        "c": rand(5),
    }
    for batch in ("batch", 1):
        imported = check(model_of(nodes, constants, (12, 9, 3), batch=batch))
        assert imported.input_shape == (12, 9, 3)
    assert Concat not in modules_of(imported)


def test_cntk_style_network() -> None:
    """Opset 8, IR version 3, a batch of 1, initializers among the inputs, biases [C, 1, 1]."""
    nodes = [
        node(
            "Conv",
            ["x", "w"],
            "conv",
            auto_pad="SAME_UPPER",
            kernel_shape=[5, 5],
            strides=[1, 1],
            dilations=[1, 1],
        ),
        node("Add", ["conv", "b"], "plus"),
        node("Relu", ["plus"], "relu"),
        node(
            "MaxPool",
            ["relu"],
            "pooled",
            kernel_shape=[2, 2],
            strides=[2, 2],
            auto_pad="NOTSET",
            pads=[0, 0, 0, 0],
        ),
        node("Reshape", ["pooled", "flat"], "row"),
        node("Reshape", ["m", "matrix"], "weight"),
        node("MatMul", ["row", "weight"], "times"),
        node("Add", ["times", "c"], "y"),
    ]
    constants = {
        "w": rand(4, 1, 5, 5),
        "b": rand(4, 1, 1),
        "flat": ints(1, 64),
        "m": rand(4, 4, 4, 10),
        "matrix": ints(64, 10),
        "c": rand(1, 10),
    }
    model = model_of(nodes, constants, (1, 8, 8), opset=8, batch=1, ir_version=3)
    for name, value in constants.items():
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        model.graph.input.append(helper.make_tensor_value_info(name, kind, value.shape))
    check(model)


def test_elements_of_each_sample_from_all_flattened() -> None:
    """What torch's as_strided is exported as."""
    nodes = [
        node("Shape", ["x"], "batch", start=0, end=1),
        node("Squeeze", ["batch"], "count"),
        node("Range", ["zero", "count", "one"], "members"),
        node("Mul", ["members", "size"], "starts"),
        node("Unsqueeze", ["starts", "axes"], "first"),
        node("Add", ["first", "places"], "indices"),
        node("Reshape", ["x", "flat"], "row"),
        node("Gather", ["row", "indices"], "y", axis=0),
    ]
    constants = {"zero": np.array(0), "one": np.array(1), "size": np.array(12), "axes": ints(1, 2), "flat": ints(-1)}
    check(model_of(nodes, {**constants, "places": ints(3, 0, 11, 4, 4, 5).reshape(1, 2, 3)}, (3, 4)))


def test_places_that_wander_from_sample_to_sample_are_refused() -> None:
    nodes = [
        node("Shape", ["x"], "batch", start=0, end=1),
        node("Squeeze", ["batch"], "count"),
        node("Range", ["zero", "count", "one"], "members"),
        node("Reshape", ["x", "flat"], "row"),
        node("Gather", ["row", "members"], "y", axis=0),
    ]
    constants = {"zero": np.array(0), "one": np.array(1), "flat": ints(-1)}
    with pytest.raises(UnsupportedOperatorsError, match="across the batch"):
        import_graph(model_of(nodes, constants, (3, 4)))


@pytest.mark.parametrize("places", [ints(3, 0, -1).reshape(3, 1), ints(3, 0, -1, 1, 2, 1).reshape(1, 3, 2)])
def test_elements_of_axes_before_the_batchs(places: np.ndarray) -> None:
    nodes = [
        node("Transpose", ["x"], "turned", perm=[1, 2, 0, 3]),
        node("GatherND", ["turned", "places"], "taken"),
        node("Transpose", ["taken"], "y", perm=[2, 0, 1, 3]),
    ]
    check(model_of(nodes, {"places": places}, (4, 3, 2)))


def test_a_slice_of_nothing_is_joined() -> None:
    """Tokens before the image's, of which there are none."""
    nodes = [
        node("Slice", ["x", "zero", "zero", "axis"], "none"),
        node("Mul", ["x", "two"], "rest"),
        node("Concat", ["none", "rest"], "joined", axis=1),
        node("Concat", ["none", "joined", "x"], "y", axis=1),
    ]
    constants = {"zero": ints(0), "axis": ints(1), "two": np.float32(2)}
    assert [kind for kind in modules_of(check(model_of(nodes, constants, (4, 3)))) if kind is Concat] == [Concat]
