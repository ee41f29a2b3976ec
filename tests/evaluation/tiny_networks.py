"""Tiny networks written as ONNX graphs."""

from __future__ import annotations

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper

from snnconv.graph.importer import import_graph
from snnconv.model import InputSpec, Model, typed
from snnconv.neurons import QCFS
from snnconv.spiking.sites import iter_sites, swap


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs, [output], name=output, **attributes)


def build_proto(nodes, weights, shape, outputs):
    """An ONNX network; a node's name is its output's, an output that no node makes is an error."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def build(nodes, weights, shape, outputs=("out",), **spec):
    """A plain network; `spec` overrides its InputSpec."""
    imported = import_graph(build_proto(nodes, weights, shape, outputs))
    given = {"channels": shape[0], "height": 1, "width": 1}
    if len(shape) == 3:
        given |= {"height": shape[1], "width": shape[2]}
    return typed(Model(imported.graph, InputSpec(**(given | spec)), imported.outputs))


def quantize(model, total_levels, ceiling=1.0):
    """Every ReLU becomes QCFS with the same ceiling."""
    quantized = model.copy()
    for place, _ in list(iter_sites(quantized.graph)):
        swap(quantized.graph, place, QCFS(torch.tensor(ceiling), total_levels))
    return typed(quantized)


def weights(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32)


def classifier(classes=4, seed=0, **spec):
    """3 x 6 x 6 images to classes; convolutions, a residual, a pooling, two linear operators."""
    arrays = {
        "w1": weights(4, 3, 3, 3, seed=seed),
        "w2": weights(4, 4, 3, 3, seed=seed + 1),
        "w3": weights(classes, 16, seed=seed + 2),
    }
    nodes = [
        node("Conv", ["input", "w1"], "conv1", pads=[1] * 4),
        node("Relu", ["conv1"], "relu1"),
        node("Conv", ["relu1", "w2"], "conv2", pads=[1] * 4),
        node("Add", ["conv2", "relu1"], "sum"),
        node("Relu", ["sum"], "relu2"),
        node("AveragePool", ["relu2"], "pooled", kernel_shape=[3, 3], strides=[3, 3]),
        node("Flatten", ["pooled"], "flat"),
        node("Gemm", ["flat", "w3"], "out", transB=1),
    ]
    return build(nodes, arrays, (3, 6, 6), **spec)
