"""Tiny networks as ONNX graphs, one a way in which time, channels or outputs can be tangled."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from snnconv.graph.importer import import_graph
from snnconv.model import InputSpec, Model, QuantizedANN, typed
from snnconv.neurons import QCFS
from snnconv.spiking.plan import prepare
from snnconv.spiking.sites import channel_axis, is_signed, iter_sites, swap

SHAPE = (3, 6, 6)


def node(operator: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    """A node whose name is its first output's; names are separated by spaces."""
    outputs = output.split()
    return helper.make_node(operator, inputs.split(), outputs, name=outputs[0], **attributes)


def proto_of(nodes, weights, shape=SHAPE, outputs=("out",), *, batch="batch", name="tiny", inputs=("input",)):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(each, TensorProto.FLOAT, [batch, *shape]) for each in inputs],
        [helper.make_tensor_value_info(each, TensorProto.FLOAT, None) for each in outputs],
        [numpy_helper.from_array(np.asarray(array, np.float32), each) for each, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def model_of(proto: onnx.ModelProto) -> Model:
    """The plain network."""
    imported = import_graph(proto)
    shape = imported.input_shape
    if len(shape) == 1:
        spec = InputSpec(shape[0], None, None, layout="NC")
    elif imported.channels_last:
        spec = InputSpec(shape[2], shape[0], shape[1], layout="NHWC")
    else:
        spec = InputSpec(*shape)
    return typed(Model(imported.graph, spec, imported.outputs))


@functools.cache
def plain(name: str) -> Model:
    """The network of a case, not to be changed."""
    return model_of(CASES[name]())


@functools.cache
def prepared(name: str) -> Model:
    """The same, prepared for conversion, not to be changed."""
    return prepare(plain(name))


def quantize(model: Model, total_levels: int, seed: int = 0) -> QuantizedANN:
    """Every rectifier becomes QCFS with random ceilings, one a channel where the channels are known."""
    rng = np.random.default_rng(seed)
    quantized = model.copy()
    for place, site in list(iter_sites(quantized.graph)):
        axis = channel_axis(quantized.graph, place)
        size = () if axis is None else (place.meta["shape"][axis - 1],)
        ceiling = torch.tensor(rng.uniform(0.4, 1.5, size), dtype=torch.float32)
        swap(quantized.graph, place, QCFS(ceiling, total_levels, signed=is_signed(site), channel_axis=axis or 1))
    quantized.graph.recompile()
    return typed(quantized, QuantizedANN)


def images(model: Model, count: int = 4, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(100 + seed)
    return torch.tensor(rng.standard_normal((count, *model.input.sample_shape())), dtype=torch.float32)


def run_double(model: Model, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """All outputs in float64; the model stays as it is."""
    copied = model.copy()
    copied.graph.double()
    out = copied(x.double())
    return out if isinstance(out, tuple) else (out,)


CASES: dict[str, Callable[[], onnx.ModelProto]] = {}


def case(make: Callable[[], onnx.ModelProto]) -> Callable[[], onnx.ModelProto]:
    CASES[make.__name__] = make
    return make


def _weights(*shape: int, seed: int = 0) -> np.ndarray:
    fan_in = int(np.prod(shape[1:])) or 1
    return np.random.default_rng(seed).normal(0, 1.2 / np.sqrt(fan_in), shape).astype(np.float32)


W = {
    "w1": _weights(4, 3, 3, 3, seed=1),
    "b1": _weights(4, seed=2),
    "w2": _weights(4, 4, 3, 3, seed=3),
    "b2": _weights(4, seed=4),
    "fc": _weights(5, 4, seed=5),
    "fb": _weights(5, seed=6),
}


def conv(source, output, weight="w1", bias="b1", **attributes):
    return node("Conv", f"{source} {weight} {bias}", output, **{"pads": [1] * 4, **attributes})


HEAD = [
    node("GlobalAveragePool", "features", "pooled"),
    node("Flatten", "pooled", "flat"),
    node("Gemm", "flat fc fb", "out", transB=1),
]


def classifier(nodes, weights=None, **more):
    """`nodes` make `features` of 4 channels; a linear classifier follows."""
    return proto_of([*nodes, *HEAD], W | (weights or {}), **more)


@case
def chain():
    return classifier(
        [conv("input", "c1"), node("Relu", "c1", "r1"), conv("r1", "c2", "w2", "b2"), node("Relu", "c2", "features")]
    )


@case
def residual_of_spikes():
    return classifier(
        [
            conv("input", "c1"),
            node("Relu", "c1", "r1"),
            conv("r1", "c2", "w2", "b2"),
            node("Add", "c2 r1", "sum"),
            node("Relu", "sum", "features"),
        ]
    )


@case
def residual_of_the_static_stem():
    return classifier(
        [
            conv("input", "c1"),
            node("Relu", "c1", "r1"),
            conv("r1", "c2", "w2", "b2"),
            node("Add", "c1 c2", "sum"),
            node("Relu", "sum", "features"),
        ]
    )


@case
def input_used_again_late():
    return classifier(
        [
            conv("input", "c1"),
            node("Relu", "c1", "r1"),
            node("Concat", "r1 input", "both", axis=1),
            conv("both", "c2", "w7", "b2"),
            node("Relu", "c2", "features"),
        ],
        {"w7": _weights(4, 7, 3, 3, seed=7)},
    )


@case
def concat_of_spikes():
    return classifier(
        [
            conv("input", "c1"),
            node("Relu", "c1", "r1"),
            conv("r1", "c2", "w2", "b2"),
            node("Relu", "c2", "r2"),
            node("Concat", "r1 r2", "both", axis=1),
            conv("both", "c3", "w8", "b1"),
            node("Relu", "c3", "features"),
        ],
        {"w8": _weights(4, 8, 3, 3, seed=8)},
    )


@case
def static_times_spikes():
    return classifier(
        [
            conv("input", "c1"),
            node("Relu", "c1", "r1"),
            node("Mul", "c1 r1", "scaled"),
            conv("scaled", "c2", "w2", "b2"),
            node("Relu", "c2", "features"),
        ]
    )


@case
def product_of_spikes():
    return classifier(
        [
            conv("input", "c1"),
            node("Relu", "c1", "r1"),
            conv("r1", "c2", "w2", "b2"),
            node("Relu", "c2", "r2"),
            node("Mul", "r1 r2", "product"),
            conv("product", "c3", "w2", "b1"),
            node("Add", "c3 r2", "sum"),
            node("Relu", "sum", "features"),
        ]
    )


@case
def matrices_of_spikes():
    """Scores of columns against columns weigh rows, as attention without a softmax does."""
    return classifier(
        [
            conv("input", "c1"),
            node("Relu", "c1", "r1"),
            conv("r1", "c2", "w2", "b2"),
            node("Relu", "c2", "r2"),
            node("Transpose", "r2", "columns", perm=[0, 1, 3, 2]),
            node("MatMul", "r1 columns", "scores"),
            node("MatMul", "scores r1", "mixed"),
            conv("mixed", "c3", "w2", "b1"),
            node("Add", "c3 r2", "sum"),
            node("Relu", "sum", "features"),
        ]
    )


@case
def masked_attention():
    """Rows take those before them, by a softmax of scores of which a mask makes the others infinite."""
    return classifier(
        [
            conv("input", "c1"),
            node("Relu", "c1", "r1"),
            conv("r1", "c2", "w2", "b2"),
            node("Relu", "c2", "r2"),
            node("Transpose", "r2", "columns", perm=[0, 1, 3, 2]),
            node("MatMul", "r1 columns", "scores"),
            node("Add", "scores causal", "masked"),
            node("Softmax", "masked", "weights", axis=-1),
            node("MatMul", "weights r1", "mixed"),
            conv("mixed", "c3", "w2", "b1"),
            node("Add", "c3 r2", "sum"),
            node("Relu", "sum", "features"),
        ],
        {"causal": np.where(np.tril(np.ones((6, 6))) > 0, 0, -np.inf)},
    )


@case
def square_and_quotient():
    return classifier(
        [
            conv("input", "c1"),
            node("Relu", "c1", "r1"),
            node("Mul", "r1 r1", "square"),
            node("Add", "r1 one", "shifted"),
            node("Div", "square shifted", "quotient"),
            conv("quotient", "c2", "w2", "b2"),
            node("Relu", "c2", "features"),
        ],
        {"one": 1.0},
    )


@case
def max_pool_after_concat():
    return classifier(
        [
            conv("input", "c1"),
            node("Relu", "c1", "r1"),
            conv("r1", "c2", "w2", "b2"),
            node("Concat", "r1 c2", "both", axis=1),
            node("MaxPool", "both", "pool", kernel_shape=[2, 2], strides=[2, 2]),
            conv("pool", "c3", "w8", "b1"),
            node("Relu", "c3", "features"),
        ],
        {"w8": _weights(4, 8, 3, 3, seed=9)},
    )


@case
def sigmoid_tail():
    made = chain()
    made.graph.node[-1].output[0] = "logits"
    made.graph.node.append(node("Sigmoid", "logits", "out"))
    return made


@case
def softmax_tail():
    made = residual_of_spikes()
    made.graph.node[-1].output[0] = "logits"
    made.graph.node.append(node("Softmax", "logits", "out", axis=1))
    return made


@case
def leaky_tail():
    made = chain()
    made.graph.node[-1].output[0] = "logits"
    made.graph.node.append(node("LeakyRelu", "logits", "out"))
    return made


@case
def leaky_chain():
    nodes = [
        conv("input", "c1"),
        node("LeakyRelu", "c1", "r1", alpha=0.2),
        conv("r1", "c2", "w2", "b2"),
        node("PRelu", "c2 slope", "r2"),
        node("Add", "r2 r1", "sum"),
        node("Clip", "sum low high", "features"),
    ]
    return classifier(nodes, {"slope": [[[0.1]], [[0.5]], [[0.0]], [[-0.3]]], "low": -1.5, "high": 2.0})


@case
def squeeze_and_excite():
    nodes = [
        conv("input", "c1"),
        node("Relu", "c1", "r1"),
        node("GlobalAveragePool", "r1", "squeezed"),
        node("Conv", "squeezed w11 b2", "reduced"),
        node("Relu", "reduced", "r2"),
        node("Conv", "r2 w11 b1", "expanded"),
        node("Sigmoid", "expanded", "gate"),
        node("Mul", "r1 gate", "excited"),
        conv("excited", "c2", "w2", "b2"),
        node("Add", "c2 r1", "sum"),
        node("Relu", "sum", "features"),
    ]
    return classifier(nodes, {"w11": _weights(4, 4, 1, 1, seed=21)})


@case
def two_outputs():
    made = chain()
    made.graph.output.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, None))
    return made


@case
def output_is_a_site():
    return proto_of([conv("input", "c1"), node("Relu", "c1", "out")], W)


@case
def one_output_before_any_site():
    made = chain()
    made.graph.output.append(helper.make_tensor_value_info("c1", TensorProto.FLOAT, None))
    return made


@case
def relu_on_the_input():
    return proto_of([node("Relu", "input", "r"), conv("r", "c1"), node("Relu", "c1", "out")], W)


@case
def depthwise_and_slices():
    return classifier(
        [
            conv("input", "c1"),
            node("Relu", "c1", "r1"),
            conv("r1", "c2", "wd", "b2", group=4, strides=[2, 2]),
            node("Relu", "c2", "r2"),
            node("Split", "r2", "first second", axis=1, num_outputs=2),
            node("Sub", "first second", "difference"),
            node("Concat", "difference second", "both", axis=1),
            conv("both", "c3", "w2", "b1"),
            node("Relu", "c3", "features"),
        ],
        {"wd": _weights(4, 1, 3, 3, seed=11)},
    )


@case
def flat_mlp():
    weights = {"w1": _weights(8, 6, seed=1), "b1": _weights(8, seed=2), "w2": _weights(5, 8, seed=3)}
    nodes = [
        node("Gemm", "input w1 b1", "z1", transB=1),
        node("Relu", "z1", "r1"),
        node("Gemm", "r1 w2", "out", transB=1),
    ]
    return proto_of(nodes, weights, (6,))


@case
def channels_last():
    return classifier(
        [
            node("Transpose", "input", "nchw", perm=[0, 3, 1, 2]),
            conv("nchw", "c1"),
            node("Relu", "c1", "r1"),
            conv("r1", "c2", "w2", "b2"),
            node("Relu", "c2", "features"),
        ],
        shape=(6, 6, 3),
    )
