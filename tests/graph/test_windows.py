"""Geometry of windows: padding, stride, dilation and ceil mode in every combination, against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx_oracle import check, model_of, newest_opset

from snnconv.errors import UnsupportedOperatorsError
from snnconv.graph.importer import import_graph

EXAMPLES = settings(max_examples=30, deadline=None, derandomize=True)


@st.composite
def windows(draw: st.DrawFn, *, dilated: bool = True) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Spatial sizes and the attributes of a window that fits into them."""
    rank = draw(st.integers(1, 2))

    def each(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))

    sizes, kernel, strides = each(3, 9), each(1, 4), each(1, 4)
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": strides}
    dilations = each(1, 3) if dilated and draw(st.booleans()) else [1] * rank
    if max(dilations) > 1:
        attributes["dilations"] = dilations
    auto = draw(st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    pads = [0] * (2 * rank)
    if auto.startswith("SAME"):
        assume(max(dilations) == 1)
        assume(all(k >= s for k, s in zip(kernel, strides, strict=True)))  # onnxruntime runs no others
    if auto == "NOTSET":
        pads = [draw(st.integers(0, k - 1)) for k in kernel * 2]
        attributes["pads"] = pads
    else:
        attributes["auto_pad"] = auto
    if not auto.startswith("SAME"):
        for size, k, d, begin, end in zip(sizes, kernel, dilations, pads[:rank], pads[rank:], strict=True):
            assume(size >= d * (k - 1) + 1 - min(begin, end))
    return tuple(sizes), attributes


@EXAMPLES
@given(windows(), st.booleans())
def test_max_pool(window: tuple[tuple[int, ...], dict[str, Any]], ceil: bool) -> None:
    sizes, attributes = window
    check(model_of([helper.make_node("MaxPool", ["x"], ["y"], ceil_mode=int(ceil), **attributes)], {}, (2, *sizes)))


@EXAMPLES
@given(windows(dilated=False), st.booleans(), st.booleans(), st.sampled_from([10, 18, 19, 22]))
def test_average_pool(window: tuple[tuple[int, ...], dict[str, Any]], ceil: bool, include: bool, opset: int) -> None:
    sizes, attributes = window
    node = helper.make_node(
        "AveragePool", ["x"], ["y"], ceil_mode=int(ceil), count_include_pad=int(include), **attributes
    )
    check(model_of([node], {}, (2, *sizes), opset=opset))


@EXAMPLES
@given(windows(), st.sampled_from([1, 2]), st.booleans())
def test_conv(window: tuple[tuple[int, ...], dict[str, Any]], group: int, bias: bool) -> None:
    sizes, attributes = window
    constants = {"w": np.random.default_rng(0).standard_normal((4, 2 // group, *attributes["kernel_shape"]))}
    if bias:
        constants["b"] = np.arange(4.0)
    constants = {name: value.astype(np.float32) for name, value in constants.items()}
    node = helper.make_node("Conv", ["x", *constants], ["y"], group=group, **attributes)
    check(model_of([node], constants, (2, *sizes)))


@EXAMPLES
@given(windows(), st.data())
def test_conv_transpose(window: tuple[tuple[int, ...], dict[str, Any]], data: st.DataObject) -> None:
    sizes, attributes = window
    rank = len(sizes)
    strides, dilations = attributes["strides"], attributes.get("dilations", [1] * rank)
    extra = [data.draw(st.integers(0, step - 1)) for step in strides]
    if "auto_pad" not in attributes:
        attributes = {**attributes, "output_padding": extra}
    reach = [d * (k - 1) + 1 for k, d in zip(attributes["kernel_shape"], dilations, strict=True)]
    pads = attributes.get("pads", [0] * (2 * rank))
    for axis, size in enumerate(sizes):
        assume((size - 1) * strides[axis] + reach[axis] - pads[axis] - pads[axis + rank] > 0)
    weight = np.random.default_rng(0).standard_normal((2, 3, *attributes["kernel_shape"])).astype(np.float32)
    node = helper.make_node("ConvTranspose", ["x", "w", "b"], ["y"], **attributes)
    check(model_of([node], {"w": weight, "b": np.arange(3, dtype=np.float32)}, (2, *sizes)))


@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER"])
def test_auto_pad_of_a_dilated_conv_is_that_of_its_spread_kernel(auto: str) -> None:
    """onnxruntime computes none; the formula is total = (out - 1)*stride + reach - size."""
    weight = np.random.default_rng(0).standard_normal((2, 2, 2, 2)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], auto_pad=auto, dilations=[3, 1], strides=[2, 2])
    pads = [1, 0, 1, 1] if auto == "SAME_UPPER" else [1, 1, 1, 0]  # sizes 8 and 7: totals 2 and 1
    explicit = helper.make_node("Conv", ["x", "w"], ["y"], pads=pads, dilations=[3, 1], strides=[2, 2])
    check(model_of([node], {"w": weight}, (2, 8, 7)), reference=model_of([explicit], {"w": weight}, (2, 8, 7)))


REFUSED = {
    "negative pads": ("MaxPool", {"kernel_shape": [2, 2], "pads": [-1, 0, 0, 0]}, "negative"),
    "pads for one axis": ("MaxPool", {"kernel_shape": [2, 2], "pads": [1, 1]}, "do not fit"),
    "nothing but padding": ("MaxPool", {"kernel_shape": [2, 2], "pads": [2, 0, 0, 0]}, "nothing but padding"),
    "kernel of another rank": ("MaxPool", {"kernel_shape": [2]}, "do not fit"),
    "no kernel": ("MaxPool", {}, "kernel_shape is missing"),
    "zero stride": ("MaxPool", {"kernel_shape": [2, 2], "strides": [0, 1]}, "at least 1"),
    "unknown auto_pad": ("AveragePool", {"kernel_shape": [2, 2], "auto_pad": "SOME"}, "not known"),
    "dilated mean": ("AveragePool", {"kernel_shape": [2, 2], "dilations": [2, 1]}, "dilated mean"),
    "dilated auto_pad": (
        "MaxPool",
        {"kernel_shape": [2, 2], "dilations": [2, 1], "auto_pad": "SAME_UPPER"},
        "auto_pad",
    ),
    "larger than its input": ("MaxPool", {"kernel_shape": [9, 9]}, "cannot take inputs of shape"),
}


@pytest.mark.parametrize(("operator", "attributes", "reason"), REFUSED.values(), ids=REFUSED)
def test_refused_window(operator: str, attributes: dict[str, Any], reason: str) -> None:
    node = helper.make_node(operator, ["x"], ["y"], "pool", **attributes)
    with pytest.raises(UnsupportedOperatorsError, match=reason) as caught:
        import_graph(model_of([node], {}, (2, 5, 5), opset=newest_opset()))
    assert [(found.name, found.operator) for found in caught.value.nodes] == [("pool", operator)]


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"output_padding": [1, 0]}, "output_padding"),
        ({"output_shape": [20, 20]}, "larger than"),
        ({"auto_pad": "SAME_LOWER", "strides": [4, 4]}, "larger than"),
        ({"pads": [-1, 0, 0, 0]}, "negative"),
    ],
)
def test_refused_conv_transpose(attributes: dict[str, Any], reason: str) -> None:
    weight = np.ones((2, 3, 3, 3), np.float32)
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], **attributes)
    with pytest.raises(UnsupportedOperatorsError, match=reason):
        import_graph(model_of([node], {"w": weight}, (2, 5, 5)))
