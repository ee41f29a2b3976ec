"""Quantized networks in 8-bit integers: levels are exact, weights are rounded, onnxruntime computes in integers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from graph_cases import CASES, images, plain, prepared, quantize
from torch import nn

from snnconv.errors import ModelError
from snnconv.evaluation import run_onnx
from snnconv.formats.onnx import integers
from snnconv.formats.onnx.int8 import save_int8, to_int8
from snnconv.formats.onnx.integers import MOST_WINDOWS
from snnconv.graph.access import module_of, operands
from snnconv.graph.linear import CONVOLUTIONS
from snnconv.loading import load_module
from snnconv.neurons import Coupling
from snnconv.spiking.plan import prepare
from snnconv.spiking.sites import iter_sites
from snnconv.spiking.unrolling import collapse, spike

N = 16
WITHOUT = (  # cases in which no convolution stands between a site and another
    "flat_mlp",
    "input_used_again_late",
    "leaky_chain",
    "max_pool_after_concat",
    "output_is_a_site",
    "residual_of_the_static_stem",
    "square_and_quotient",
    "squeeze_and_excite",
    "static_times_spikes",
)


class Residual(nn.Module):
    """A block with an identity shortcut, and one with a downsampling shortcut."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.one = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, bias=bias))
        self.two = nn.Sequential(
            nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=bias), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1, bias=bias)
        )
        self.short = nn.Conv2d(8, 16, 1, stride=2, bias=bias)
        self.fc = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(x + self.one(x))
        x = torch.relu(self.two(x) + self.short(x))
        return self.fc(x.mean((2, 3)))


def residual(total_levels: int, bias: bool = True):
    return quantize(prepare(load_module(Residual(bias), (3, 9, 9))), total_levels)


def optimised(proto: onnx.ModelProto, tmp_path) -> Counter[str]:
    """Operators that onnxruntime makes of a network."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)


def distance(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


@torch.no_grad()
def test_levels_are_exact_where_the_weights_are():
    """A chain is the quantized network with the weights that the file holds, to the last level."""
    quantized = quantize(prepared("chain"), N)
    rounded = quantized.copy()
    sites = list(iter_sites(rounded.graph))
    given = sites[0][1].ceiling.detach().numpy() / N
    for node, site in sites[1:]:
        convolution = module_of(rounded.graph, operands(node)[0])
        assert isinstance(convolution, CONVOLUTIONS)
        unit = site.ceiling.detach().numpy() / N
        weights, scale, bias = integers.rounded(convolution, given, unit, 0.0)
        back = torch.tensor(
            weights * scale.reshape(-1, 1, 1, 1) * unit.reshape(-1, 1, 1, 1) / given.reshape(1, -1, 1, 1)
        )
        convolution.weight.copy_(back)
        convolution.bias.copy_(torch.tensor(bias * scale * unit))
        given = unit
    x = images(quantized, 16)
    found = run_onnx(to_int8(quantized), [x])
    torch.testing.assert_close(found, rounded(x), rtol=1e-4, atol=1e-4)
    assert distance(found, quantized(x)) > 1e-4  # which the network itself is not


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_every_network_stays_close(name):
    quantized = quantize(prepared(name), 255)
    x = images(quantized, 16)
    if name in WITHOUT:
        with pytest.raises(ModelError, match="No convolution takes levels"):
            to_int8(quantized)
        return
    out = quantized(x)
    assert distance(run_onnx(to_int8(quantized), [x]), out[0] if isinstance(out, tuple) else out) < 0.05


@pytest.mark.parametrize("total_levels", [4, 64, 255])
@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_residual_blocks(total_levels, bias):
    quantized = residual(total_levels, bias)
    x = images(quantized, 32)
    assert distance(run_onnx(to_int8(quantized), [x]), quantized(x)) < 0.05


def test_every_convolution_but_the_first_is_one_integer_operator(tmp_path):
    operators = optimised(to_int8(residual(N)), tmp_path)
    # stem; block one: two, and its second once; block two: two, of which one is merged with the shortcut
    assert operators["Conv"] == 1
    assert operators["QLinearConv"] == 4
    assert operators["Add"] == 1
    assert "ConvInteger" not in operators


def test_finer_levels_get_more_windows(tmp_path):
    counts = [optimised(to_int8(residual(total)), tmp_path)["QLinearConv"] for total in (4, 64, 255)]
    assert counts == sorted(counts)
    assert counts[0] == 4
    assert 4 < counts[1] <= 3 + MOST_WINDOWS


def test_nothing_is_above_the_top_level():
    quantized = residual(N)
    session = run_onnx
    proto = to_int8(quantized)
    clipped = [node for node in proto.graph.node if node.op_type == "Clip"]
    assert len(clipped) == len(list(iter_sites(quantized.graph)))
    del proto.graph.output[:]
    proto.graph.output.append(onnx.helper.make_tensor_value_info(clipped[-1].output[0], onnx.TensorProto.UINT8, None))
    levels = session(proto, [100 * images(quantized, 4)])
    assert levels.dtype == torch.uint8
    assert int(levels.max()) == N


def test_a_mean_coupled_spiking_network_is_written_as_what_it_equals():
    quantized = residual(N)
    x = images(quantized, 8)
    snn = spike(quantized, 4, 4, Coupling.MEAN)
    assert run_onnx(to_int8(snn), [x]).equal(run_onnx(to_int8(collapse(snn)), [x]))


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(ModelError, match="no levels: convert it first"):
        to_int8(plain("chain"))
    with pytest.raises(ModelError, match=r"N <= 255.*convert with fewer levels"):
        to_int8(residual(256))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("total_levels", [16, 512])
def test_more_or_fewer_levels_are_not_advised_where_no_convolution_takes_any(total_levels):
    mlp = quantize(prepared("flat_mlp"), total_levels)
    for network, stepped in ((mlp, False), (spike(mlp, 4, total_levels // 4), True)):
        with pytest.raises(ModelError, match=r"whatever the number of levels.*without --int8") as caught:
            to_int8(network, stepped=stepped)
        assert "fewer levels" not in str(caught.value)


def test_a_linear_network_has_no_8_bit_form():
    linear = load_module(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3), nn.Flatten()), (3, 6, 6))
    with pytest.raises(ModelError, match="no activation that could fire levels") as caught:
        to_int8(linear)
    assert "convert it first" not in str(caught.value)


def test_a_file_that_onnxruntime_runs(tmp_path):
    quantized = residual(N)
    path = save_int8(quantized, tmp_path / "net.onnx")
    x = images(quantized, 4)
    np.testing.assert_array_equal(run_onnx(path, [x]), run_onnx(to_int8(quantized), [x]))
