"""GridSample at the points of a constant grid, and of one that depends on the input, against onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from onnx_oracle import check, model_of, modules_of, newest_opset

from snnconv.errors import UnsupportedOperatorsError
from snnconv.graph.importer import import_graph
from snnconv.graph.sampling import GridSample
from snnconv.loading import load_module

SHAPE = (3, 5, 6)
RNG = np.random.default_rng(0)
POINTS = RNG.uniform(-1.6, 1.6, (1, 4, 7, 2)).astype(np.float32)
NAMES = {"linear": "bilinear", "nearest": "nearest", "cubic": "bicubic"}  # since opset 20, and before


def network(batch: int | str, opset: int, **attributes: object) -> onnx.ModelProto:
    nodes = [helper.make_node("GridSample", ["x", "grid"], ["y"], **attributes)]
    if batch == 1:
        return model_of(nodes, {"grid": POINTS}, SHAPE, opset=opset, batch=1)
    spread = [
        helper.make_node("Shape", ["x"], ["batch"], end=1),
        helper.make_node("Concat", ["batch", "rest"], ["target"], axis=0),
        helper.make_node("Expand", ["points", "target"], ["grid"]),
    ]
    return model_of([*spread, *nodes], {"points": POINTS, "rest": np.array(POINTS.shape[1:])}, SHAPE, opset=opset)


@pytest.mark.parametrize("aligned", [0, 1])
@pytest.mark.parametrize("padding", GridSample.PADDINGS)
@pytest.mark.parametrize("mode", NAMES)
def test_a_constant_grid(mode: str, padding: str, aligned: int) -> None:
    for batch, opset in (("batch", 16), ("batch", 20), (1, 22), ("batch", newest_opset())):
        name = mode if opset >= 20 else NAMES[mode]
        model = network(batch, opset, mode=name, padding_mode=padding, align_corners=aligned)
        assert modules_of(check(model)) == [GridSample]


@pytest.mark.parametrize("aligned", [0, 1])
@pytest.mark.parametrize("padding", GridSample.PADDINGS)
@pytest.mark.parametrize("mode", NAMES)
def test_a_grid_of_the_input(mode: str, padding: str, aligned: int) -> None:
    """As a spatial transformer has it: points that are shifted by what the network makes of its input."""
    nodes = [
        helper.make_node("Slice", ["x", "start", "end", "axis"], ["two"]),
        helper.make_node("Transpose", ["two"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Tanh", ["last"], ["shifts"]),
        helper.make_node("Add", ["shifts", "points"], ["grid"]),
        helper.make_node("GridSample", ["x", "grid"], ["y"], mode=mode, padding_mode=padding, align_corners=aligned),
    ]
    constants = {"start": np.array([0]), "end": np.array([2]), "axis": np.array([1])}
    constants["points"] = RNG.uniform(-1, 1, (5, 6, 2)).astype(np.float32)
    check(model_of(nodes, constants, SHAPE, opset=20))


class Turns(torch.nn.Module):
    """A spatial transformer: it turns and moves each image, by what it makes of it or all alike."""

    def __init__(self, alike: bool) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3 * 5 * 6, 6)
        self.alike = alike

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        theta = self.layer.bias.expand(len(x), -1) if self.alike else self.layer(x.flatten(1))
        grid = torch.nn.functional.affine_grid(theta.unflatten(1, (2, 3)), list(x.shape), align_corners=False)
        return torch.nn.functional.grid_sample(x, grid, align_corners=False)


@pytest.mark.parametrize("alike", [False, True])
def test_a_network_of_torch(alike: bool) -> None:
    x, network = torch.randn(3, *SHAPE), Turns(alike)
    with torch.no_grad():
        torch.testing.assert_close(load_module(network, SHAPE)(x), network(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("attributes", "shape", "reason"),
    [
        ({"mode": "bilinear", "padding_mode": "wrap"}, SHAPE, "padding_mode 'wrap' is not known; zeros, border"),
        ({"mode": "area"}, SHAPE, "mode 'area' is not known; linear, nearest and cubic are"),
        ({}, (2, *SHAPE), "its input has 5 axes with the batch's; images, of 4, are supported"),
    ],
)
def test_settings_that_are_refused(attributes: dict[str, str], shape: tuple[int, ...], reason: str) -> None:
    nodes = [helper.make_node("GridSample", ["x", "grid"], ["y"], **attributes)]
    with pytest.raises(UnsupportedOperatorsError, match=reason):
        import_graph(model_of(nodes, {"grid": POINTS}, shape, opset=20, batch=1))
