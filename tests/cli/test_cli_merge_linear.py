"""`snnconv convert --merge-linear`."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def test_a_pointwise_convolution_goes_into_the_one_before_it_when_asked(run, here):
    draw = np.random.default_rng(0).normal
    weights = {"w1": draw(0, 0.4, (6, 3, 3, 3)), "w2": draw(0, 0.4, (6, 6, 1, 1)), "w3": draw(0, 1, (6 * 64, 10))}
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["c1", "w2"], ["c2"], "conv2"),
        helper.make_node("Relu", ["c2"], ["r"], "relu"),
        helper.make_node("Flatten", ["r"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w3"], ["logits"], "head"),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), here / "two.onnx")

    def convolutions(*options):
        ran = run("convert", "two.onnx", "--calibration-data", "npz:data.npz", *options)
        assert ran.code == 0, ran.err
        return [node.name for node in onnx.load(here / "two-snn.onnx").graph.node if node.op_type == "Conv"]

    assert convolutions() == ["conv1", "conv2"]
    assert convolutions("--merge-linear") == ["conv2"]
