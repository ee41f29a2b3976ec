"""Attention and embeddings as onnxruntime's optimiser joins them: masks, biases, other widths, against onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_oracle import check, model_of, modules_of, newest_opset
from torch import nn

from snnconv.errors import UnsupportedOperatorsError
from snnconv.graph.embedding import Embedding
from snnconv.graph.importer import import_graph
from snnconv.graph.products import MatMul

DOMAIN, TOKENS, WIDTH = "com.microsoft", 5, 8
RNG = np.random.default_rng(0)


def rand(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def node(operator: str, inputs: list[str], outputs: list[str], **attributes: object) -> onnx.NodeProto:
    domain = DOMAIN if operator in ("Attention", "MultiHeadAttention", "EmbedLayerNormalization") else ""
    return helper.make_node(operator, inputs, outputs, outputs[0], domain=domain, **attributes)


MASKS = ("keys", "lengths", "pairs")


def mask_of(kind: str) -> list[onnx.NodeProto]:
    """A mask of tokens that is made of the input, as whole numbers, in the form of a kind."""
    if kind == "pairs":
        nodes = [node("Transpose", ["x"], ["turned"], perm=[0, 2, 1]), node("MatMul", ["x", "turned"], ["value"])]
    else:
        nodes = [node("ReduceSum", ["x", "last"], ["value"], keepdims=0)]
    nodes += [node("Greater", ["value", "zero"], ["truth"]), node("Cast", ["truth"], ["whole"], to=TensorProto.INT32)]
    if kind == "lengths":
        nodes += [
            node("Cast", ["truth"], ["numbers"], to=TensorProto.INT32),
            node("ReduceMax", ["numbers", "one"], ["largest"], keepdims=0),
            node("Add", ["largest", "two"], ["mask"]),
        ]
        return nodes
    return [*nodes, node("Identity", ["whole"], ["mask"])]


CONSTANTS = {"last": np.array([2]), "zero": np.float32(0), "one": np.array([1]), "two": np.array(2, np.int32)}


def run(nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], **settings: object) -> list[type[nn.Module]]:
    model = model_of(nodes, constants, (TOKENS, WIDTH), opset=18, domains={DOMAIN: 1}, **settings)
    return modules_of(check(model))


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("kind", MASKS)
def test_self_attention_under_a_mask(kind: str, order: int) -> None:
    attention = node("Attention", ["x", "w", "b", "mask"], ["y"], num_heads=2, unidirectional=order)
    kinds = run([*mask_of(kind), attention], {**CONSTANTS, "w": rand(WIDTH, 24), "b": rand(24)})
    assert kinds.count(nn.Linear) == 3


@pytest.mark.parametrize(
    ("attributes", "columns"),
    [
        ({}, 24),
        ({"unidirectional": 1}, 24),
        ({"scale": 0.2}, 24),
        ({"qkv_hidden_sizes": [6, 6, 10]}, 22),
        ({"mask_filter_value": -3.0}, 24),
    ],
    ids=str,
)
def test_settings_of_self_attention(attributes: dict[str, object], columns: int) -> None:
    attention = node("Attention", ["x", "w", "b", "mask"], ["y"], num_heads=2, **attributes)
    run([*mask_of("keys"), attention], {**CONSTANTS, "w": rand(WIDTH, columns), "b": rand(columns)})


@pytest.mark.parametrize("masked", [False, True])
def test_self_attention_with_a_summand_of_the_scores(masked: bool) -> None:
    inputs = ["x", "w", "b", "mask" if masked else "", "", "scores"]
    nodes = [*mask_of("keys"), node("Attention", inputs, ["y"], num_heads=2)]
    run(nodes, {**CONSTANTS, "w": rand(WIDTH, 24), "b": rand(24), "scores": rand(1, 2, TOKENS, TOKENS)})


def test_a_constant_mask() -> None:
    mask = np.array([[1, 1, 0, 1, 0]], np.int32)
    attention = node("Attention", ["x", "w", "b", "mask"], ["y"], num_heads=2)
    run([attention], {"mask": mask, "w": rand(WIDTH, 24), "b": rand(24)}, batch=1)


@pytest.mark.parametrize("kind", ["", *MASKS])
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("biased", [False, True])
def test_multi_head_attention(kind: str, order: int, biased: bool) -> None:
    inputs = ["q", "k", "x", "b" if biased else "", "mask" if kind else ""]
    nodes = [
        *(mask_of(kind) if kind else []),
        node("MatMul", ["x", "wq"], ["q"]),
        node("MatMul", ["x", "wk"], ["k"]),
        node("MultiHeadAttention", inputs, ["y"], num_heads=2, unidirectional=order),
    ]
    kinds = run(nodes, {**CONSTANTS, "wq": rand(WIDTH, 6), "wk": rand(WIDTH, 6), "b": rand(20)})
    assert kinds.count(MatMul) == 2 + (kind == "pairs")


@pytest.mark.parametrize("constant", [False, True])
def test_multi_head_attention_to_fewer_keys_with_a_summand(constant: bool) -> None:
    nodes = [
        node("Slice", ["x", "start", "end", "one"], ["others"]),
        node("Transpose", ["others"], ["turned"], perm=[0, 2, 1]),
        node("MatMul", ["x", "turned"], ["scores"]),
        node("Unsqueeze", ["scores", "one"], ["wide"]),
        node("Concat", ["wide", "wide"], ["both"], axis=1),
        node(
            "MultiHeadAttention",
            ["x", "others", "others", "", "", "summand" if constant else "both"],
            ["y"],
            num_heads=2,
            scale=0.3,
        ),
    ]
    constants = {"start": np.array([0]), "end": np.array([3]), "one": np.array([1])}
    run(nodes, {**constants, "summand": rand(1, 2, TOKENS, 3)})


@pytest.mark.parametrize("segments", ["", "ids", "fixed"])
@pytest.mark.parametrize("positions", ["", "ids"])
@pytest.mark.parametrize("masked", [False, True])
def test_embeddings(segments: str, positions: str, masked: bool) -> None:
    inputs = ["ids", segments, "words", "places", "kinds" if segments else "", "s", "b", "mask" if masked else ""]
    outputs = ["y", "count", "total"] if masked else ["y"]
    made = outputs if masked else ["y", "unread"]
    nodes = [
        node("Abs", ["x"], ["positive"]),
        node("Cast", ["positive"], ["ids"], to=TensorProto.INT32),
        node("Greater", ["x", "zero"], ["truth"]),
        node("Cast", ["truth"], ["mask"], to=TensorProto.INT32),
        node("EmbedLayerNormalization", [*inputs, positions], made, epsilon=1e-5),
    ]
    constants = {"words": rand(9, WIDTH), "places": rand(7, WIDTH), "kinds": rand(6, WIDTH), "zero": np.float32(0)}
    constants |= {"s": rand(WIDTH), "b": rand(WIDTH), "fixed": np.array([[0, 1, 1, 0, 1]], np.int32)}
    batch = 1 if segments == "fixed" else "batch"
    model = model_of(nodes, constants, (TOKENS,), opset=18, domains={DOMAIN: 1}, outputs=outputs, batch=batch)
    for output in model.graph.output:
        if output.name == "count":
            output.type.tensor_type.elem_type = TensorProto.INT32
    assert Embedding in modules_of(check(model))


def test_a_block_of_an_optimised_encoder() -> None:
    """Embeddings, whose count of tokens is attention's mask, and a residual behind it."""
    nodes = [
        node("Abs", ["x"], ["positive"]),
        node("Cast", ["positive"], ["ids"], to=TensorProto.INT32),
        node("Cast", ["ids"], ["nonzero"], to=TensorProto.BOOL),
        node("Cast", ["nonzero"], ["mask"], to=TensorProto.INT32),
        node("EmbedLayerNormalization", ["ids", "", "words", "places", "", "s", "b", "mask"], ["embedded", "count"]),
        node("Attention", ["embedded", "w", "wb", "count"], ["attended"], num_heads=2),
        helper.make_node(
            "SkipLayerNormalization", ["attended", "embedded", "s", "b"], ["y"], domain=DOMAIN, epsilon=1e-5
        ),
    ]
    constants = {"words": rand(9, WIDTH), "places": rand(7, WIDTH), "s": rand(WIDTH), "b": rand(WIDTH)}
    constants |= {"w": rand(WIDTH, 24), "wb": rand(24)}
    check(model_of(nodes, constants, (TOKENS,), opset=min(18, newest_opset()), domains={DOMAIN: 1}))


@pytest.mark.parametrize(
    ("operator", "inputs", "attributes", "reason"),
    [
        ("Attention", ["x", "w", "", "", "p"], {}, "input past is not supported.*use_cache=False"),
        ("Attention", ["x", "w"], {"do_rotary": 1}, "do_rotary is not supported: give the file before"),
        ("Attention", ["x", "w"], {"num_heads": 5}, "8 features are not of 5 heads"),
        ("Attention", ["x", "w"], {"qkv_hidden_sizes": [8, 8, 9]}, r"qkv_hidden_sizes \[8, 8, 9\] do not fit"),
        ("MultiHeadAttention", ["x", "x", "x", "", "", "", "p", "p"], {}, "past_key is not supported.*use_cache"),
        ("MultiHeadAttention", ["x"], {}, "packed ones are not supported, so give the file before"),
        ("MultiHeadAttention", ["x", "x", "x", "", "x"], {}, r"mask of shape \[5, 8\] beside the batch"),
    ],
)
def test_what_is_refused(operator: str, inputs: list[str], attributes: dict[str, object], reason: str) -> None:
    nodes = [node(operator, inputs, ["y"], **{"num_heads": 2, **attributes})]
    model = model_of(nodes, {"w": rand(WIDTH, 24), "p": rand(2, 1, 2, 3, 4)}, (TOKENS, WIDTH), domains={DOMAIN: 1})
    with pytest.raises(UnsupportedOperatorsError, match=reason):
        import_graph(model)
