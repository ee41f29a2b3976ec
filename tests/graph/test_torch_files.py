"""Files of torch's exporters, the old one and the new one, import to what the module computes."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx_oracle import assert_close, check, model_of, run_torch, sample
from torch import Tensor, nn

from snnconv.errors import UnsupportedOperatorsError
from snnconv.graph.importer import import_graph
from snnconv.loading import load_module


class Nasty(nn.Module):
    """A convolution called twice, tied linear layers, chunks, concat, pads, pools, means, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.twice = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.plain_norm = nn.BatchNorm2d(8, affine=False)
        self.up = nn.ConvTranspose2d(16, 4, 3, 2, padding=1, output_padding=1)
        self.prelu = nn.PReLU(4)
        self.dropout = nn.Dropout()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.stem(F.pad(x, (0, 1, 0, 1)))
        y = F.relu(self.twice(F.relu(self.twice(x))))
        left, right = y.chunk(2, 1)
        y = torch.cat([left * 0.5 + right, 1 - right / 2, self.plain_norm(y)], 1)
        y = F.max_pool2d(F.avg_pool2d(y, 3, 1, 1), 2, ceil_mode=True)
        y = self.prelu(self.up(y))[:, :, 1:-1, ::2]
        pooled = self.dropout(y.mean((2, 3)))
        hidden = F.leaky_relu(self.first(pooled).clamp(min=-0.5), 0.2)
        return self.second(hidden), torch.flatten(y, 1).view(x.size(0), 4, -1).sigmoid()


def export(module: nn.Module, x: Tensor, **options: Any) -> onnx.ModelProto:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if options.get("dynamo"):
            program = torch.onnx.export(module, (x,), verbose=False, **options)
            return program.model_proto
        buffer = io.BytesIO()
        torch.onnx.export(module, (x,), buffer, **options)
        return onnx.load_from_string(buffer.getvalue())


def randomized(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for kind in module.modules():
        if isinstance(kind, nn.BatchNorm2d):
            kind.running_mean.normal_()
            kind.running_var.uniform_(0.5, 2)
    return module.eval()


def check_export(module: nn.Module, x: Tensor, **options: Any) -> None:
    imported = check(export(module, x, **options), tolerance=2e-5)
    given = sample(imported, 3)
    with torch.no_grad():
        expected = module(torch.from_numpy(given))
    assert_close(run_torch(imported, given), [value.numpy() for value in expected], tolerance=2e-5)
    weights = [m.weight for m in imported.graph.modules() if isinstance(m, nn.Linear)]
    assert len(weights) == 2
    assert weights[0] is weights[1]
    grouped = [m.weight for m in imported.graph.modules() if isinstance(m, nn.Conv2d) and m.groups == 2]
    assert len(grouped) == 2
    assert grouped[0] is grouped[1]


@pytest.mark.parametrize("optimize", [True, False])
def test_new_exporter_with_a_dynamic_batch(optimize: bool) -> None:
    dynamic = {"x": {0: torch.export.Dim("batch", min=1)}}
    x = torch.randn(2, 3, 17, 16)
    check_export(randomized(Nasty()), x, dynamo=True, optimize=optimize, dynamic_shapes=dynamic)


def test_new_exporter_with_a_batch_of_one() -> None:
    check_export(randomized(Nasty()), torch.randn(1, 3, 17, 16), dynamo=True)


@pytest.mark.parametrize("opset", [10, 13, 17])
@pytest.mark.parametrize("dynamic", [True, False])
def test_old_exporter(opset: int, dynamic: bool) -> None:
    axes = {"dynamic_axes": {"input": {0: "batch"}}, "input_names": ["input"]} if dynamic else {}
    module = randomized(Nasty())
    check_export(module, torch.randn(1, 3, 17, 16), dynamo=False, opset_version=opset, **axes)


def test_names_are_the_modules_paths() -> None:
    proto = export(randomized(Nasty()), torch.randn(1, 3, 17, 16), dynamo=True)
    names = {node.meta["onnx_name"] for node in import_graph(proto).graph.graph.nodes if node.op != "output"}
    assert {"stem.1", "twice", "up", "first", "second"} <= names


class _InPlace(nn.Module):
    """Adds to a slice that is all of a tensor, as GhostNet does."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([x, 2 * x], 1)[:, :8]
        y += torch.cat([x, x], 1)
        return y


class _Standardized(nn.Conv2d):
    """A convolution of standardised weights, as in NF-ResNets: a batch-norm of constants."""

    def forward(self, x: Tensor) -> Tensor:
        flat = self.weight.reshape(1, len(self.weight), -1)
        weight = F.batch_norm(flat, None, None, training=True, momentum=0.0).reshape_as(self.weight)
        return self._conv_forward(x, weight, self.bias)


@pytest.mark.parametrize("module", [_InPlace(), _Standardized(4, 5, 3)], ids=["in place", "standardised weights"])
def test_what_timm_writes_in_its_own_way(module: nn.Module) -> None:
    model = load_module(module, (4, 6, 6))
    x = torch.randn(3, 4, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(model.logits(x), module(x))


def test_only_whole_tensors_are_assigned_to() -> None:
    nodes = [onnx.helper.make_node("ScatterND", ["x", "i", "x"], ["y"])]
    with pytest.raises(UnsupportedOperatorsError, match="no run along one axis"):
        import_graph(model_of(nodes, {"i": np.array([[0]])}, (4,)))
