"""Max-pooling under causal coupling: neurons fire on the maximum of each step's currents."""

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

import snnconv
from snnconv.evaluation import run_onnx
from snnconv.neurons import multithreshold


def test_each_step_pools_its_own_currents(tmp_path):
    random = np.random.default_rng(0)
    weights = {
        "w1": random.normal(size=(3, 1, 3, 3)).astype(np.float32),
        "w2": random.normal(size=(2, 3, 3, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], "conv1"),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "conv2"),
        helper.make_node("Relu", ["c2"], ["r2"], "relu2"),
        helper.make_node("MaxPool", ["r2"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["y"], "flatten"),
    ]
    graph = helper.make_graph(
        nodes,
        "pooled",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "a.onnx")
    x = torch.from_numpy(random.normal(size=(16, 1, 8, 8)).astype(np.float32))
    timesteps, levels = 4, 2
    snn = snnconv.convert(
        tmp_path / "a.onnx", timesteps=timesteps, levels=levels, coupling="causal", calibration_data=x
    )
    assert snn.report.on_means == ()
    one, two = (module for module in snn.graph.modules() if hasattr(module, "ceiling"))
    conv1, conv2 = (module for module in snn.graph.modules() if isinstance(module, torch.nn.Conv2d))
    with torch.no_grad():
        currents = conv1(x).expand(timesteps, *conv1(x).shape)
        first = multithreshold(
            currents, one.ceiling.view(-1, 1, 1) / levels, levels, initial=one.initial.view(-1, 1, 1)
        )
        pooled = torch.stack([F.max_pool2d(conv2(step), 2) for step in first])
        steps = multithreshold(
            pooled, two.ceiling.view(-1, 1, 1) / levels, levels, initial=two.initial.view(-1, 1, 1)
        ).flatten(2)
    torch.testing.assert_close(snn(x)[1], steps, rtol=1e-6, atol=1e-6)
    path = snnconv.save(snn, tmp_path / "snn.onnx")
    torch.testing.assert_close(run_onnx(path, [x]), steps.mean(0), rtol=1e-5, atol=1e-5)
