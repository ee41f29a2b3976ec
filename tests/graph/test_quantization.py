"""Networks that were quantized: pairs of QuantizeLinear and DequantizeLinear, and weights of 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from onnx_oracle import assert_close, check, model_of, modules_of, run_onnx, run_torch, sample, write
from torch import nn

from snnconv.convert import convert
from snnconv.errors import SnnconvWarning
from snnconv.graph.importer import import_graph
from snnconv.graph.modules import Arithmetic, MaxPool, ReduceMean
from snnconv.graph.quantization import FakeQuantize
from snnconv.loading import load
from snnconv.spiking.unrolling import collapse

RNG = np.random.default_rng(0)


def node(operator: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output], output, **attributes)


def pair(source: str, output: str, operands: str = "scale zero", **attributes: int) -> list[onnx.NodeProto]:
    levels = f"{output}.levels"
    return [
        node("QuantizeLinear", f"{source} {operands}", levels, **attributes),
        node("DequantizeLinear", f"{levels} {operands}", output, **attributes),
    ]


@pytest.mark.parametrize("opset", [10, 13, 19, 21])
@pytest.mark.parametrize("zero", [np.uint8(0), np.uint8(117), np.uint8(255), np.int8(0), np.int8(-128), np.int8(5)])
def test_levels(zero: np.integer, opset: int) -> None:
    imported = check(model_of(pair("x", "y"), {"scale": np.float32(0.01), "zero": zero}, (5, 6), opset=opset))
    assert modules_of(imported)[-1] is FakeQuantize


def test_levels_whose_scales_are_of_channels() -> None:
    scales = RNG.uniform(0.005, 0.05, 4).astype(np.float32)
    constants = {"scale": scales, "zero": np.full(4, 3, np.int8)}
    check(model_of(pair("x", "y", axis=1), constants, (4, 5, 6)))
    check(model_of(pair("x", "y", axis=-1), constants, (5, 4)))


def test_levels_of_16_bits() -> None:
    model = model_of(pair("x", "y"), {"scale": np.float32(1e-4), "zero": np.uint16(2**15)}, (5, 6), opset=21)
    check(model, same_modules=False)


def test_halves_go_to_the_even_level() -> None:
    nodes = [node("Mul", "x zeros", "none"), node("Add", "none halves", "same"), *pair("same", "y")]
    halves = np.array([-1.5, -0.5, 0.5, 1.5, 2.5], np.float32)
    constants = {"zeros": np.float32(0), "halves": halves, "scale": np.float32(1), "zero": np.int8(0)}
    check(model_of(nodes, constants, (5,)))


def residual_block() -> onnx.ModelProto:
    """Weights fold; the ReLU before levels that begin at 0 is theirs; a max-pooling takes levels."""
    nodes = [
        *pair("x", "q0", "step middle"),
        node("DequantizeLinear", "w8 ws wz", "w", axis=0),
        node("Conv", "q0 w bias", "c1", pads=[1, 1, 1, 1]),
        node("Relu", "c1", "r1"),
        node("QuantizeLinear", "r1 scale zero", "r1.levels"),
        node("MaxPool", "r1.levels", "pooled", kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 1, 1]),
        node("DequantizeLinear", "pooled scale zero", "q1"),
        node("Conv", "q1 w bias", "c2", pads=[1, 1, 1, 1]),
        *pair("c2", "q2", "step middle"),
        node("Add", "q2 q1", "sum"),
        node("Relu", "sum", "r2"),
        *pair("r2", "q3"),
        node("ReduceMean", "q3 axes", "y", keepdims=0),
    ]
    constants = {
        "w8": RNG.integers(-127, 128, (4, 4, 3, 3)).astype(np.int8),
        "ws": RNG.uniform(0.001, 0.003, 4).astype(np.float32),
        "wz": np.zeros(4, np.int8),
        "bias": RNG.standard_normal(4).astype(np.float32),
        "step": np.float32(0.03),
        "middle": np.uint8(128),
        "scale": np.float32(0.02),
        "zero": np.uint8(0),
        "axes": np.array([2, 3]),
    }
    return model_of(nodes, constants, (4, 6, 6))


def test_a_residual_block_of_8_bits() -> None:
    model = residual_block()
    imported = import_graph(model)
    x = sample(imported, 3)
    ours = run_torch(imported, x)
    for judge in (model, write(imported)):  # an element between two levels may go to either
        assert_close(ours, run_onnx(judge, x), 5e-3)
    kinds = [
        FakeQuantize,
        nn.Conv2d,
        FakeQuantize,
        MaxPool,
        nn.Conv2d,
        FakeQuantize,
        Arithmetic,
        FakeQuantize,
        ReduceMean,
    ]
    assert modules_of(imported) == kinds


def test_a_table_of_levels_is_one_of_values() -> None:
    """As onnxruntime's quantizers leave an embedding: rows are looked up, then dequantized."""
    levels = RNG.integers(0, 256, (7, 4)).astype(np.uint8)
    nodes = [
        helper.make_node("Cast", ["x"], ["ids"], to=TensorProto.INT64),
        helper.make_node("Gather", ["levels", "ids"], ["rows"]),
        helper.make_node("DequantizeLinear", ["rows", "scale", "zero"], ["values"]),
        helper.make_node("ReduceMean", ["values", "axes"], ["y"], keepdims=0),
    ]
    constants = {"levels": levels, "scale": np.float32(0.02), "zero": np.uint8(120), "axes": np.array([1])}
    model = model_of(nodes, constants, (5,))
    imported = import_graph(model)
    ids = RNG.integers(0, 7, (3, 5)).astype(np.float32)
    assert_close(run_torch(imported, ids), run_onnx(model, ids))


@pytest.mark.parametrize("scales", [1, 4])
def test_levels_of_a_tensor_whose_batch_is_moved(scales: int) -> None:
    scale, zero = np.full(scales, 0.05, np.float32).squeeze(), np.zeros(scales, np.int8).squeeze()
    scale = scale * np.arange(1, scales + 1, dtype=np.float32) if scales > 1 else scale
    nodes = [
        helper.make_node("Transpose", ["x"], ["first"], perm=[2, 0, 1]),  # [4, B, 3]
        helper.make_node("QuantizeLinear", ["first", "scale", "zero"], ["levels"], axis=0),
        helper.make_node("DequantizeLinear", ["levels", "scale", "zero"], ["values"], axis=0),
        helper.make_node("Transpose", ["values"], ["y"], perm=[1, 2, 0]),
    ]
    check(model_of(nodes, {"scale": scale, "zero": zero}, (3, 4)))


def test_neurons_have_the_levels_of_the_file(tmp_path: Path) -> None:
    """So that the conversion loses nothing, whatever the calibration images show; fewer levels are calibrated."""
    onnx.save(residual_block(), tmp_path / "block.onnx")
    ann, x = load(tmp_path / "block.onnx"), torch.from_numpy(sample(import_graph(residual_block()), 3)).float()
    more = {"timesteps": 5, "calibration_data": x[:2], "calibration": "mse"}
    with pytest.warns(SnnconvWarning):
        snn, coarse = convert(ann, **more), convert(ann, levels=2, **more)
    assert (snn.report.total_levels, coarse.report.total_levels) == (255, 10)
    wanted = ann.logits(x)
    assert_close(collapse(snn).logits(x).detach().numpy(), wanted.detach().numpy(), 1e-5)
    assert_close(snn.logits(x).detach().numpy(), wanted.detach().numpy(), 5e-3)  # a sum is often between two levels
    assert float((collapse(coarse).logits(x) - wanted).abs().max()) > 2e-2
