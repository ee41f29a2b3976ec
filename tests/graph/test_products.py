"""Work of products of matrices, counted by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import snnconv.operators  # noqa: F401 - it registers the records
from snnconv.graph.operator import Cost, Work, operator_of
from snnconv.graph.products import ConstantMatMul, MatMul
from snnconv.graph.shapes import Shape


@pytest.mark.parametrize(
    ("shapes", "macs"),
    [
        ([(2, 3, 4, 5), (2, 3, 5, 6)], 2 * 3 * 4 * 5 * 6),
        ([(2, 3, 4, 5), (2, 1, 5, 6)], 2 * 3 * 4 * 5 * 6),
        ([(2, 1, 5), (2, 5, 7)], 2 * 5 * 7),
    ],
)
def test_work_of_two_activations(shapes: list[Shape], macs: int) -> None:
    module = MatMul()
    outputs = module(*(torch.zeros(shape) for shape in shapes)).numel()
    assert _cost(module).work(module, shapes, outputs) == Work(macs, 0)


@pytest.mark.parametrize(
    ("matrix", "shape", "first", "macs", "feeds"),
    [
        ((3, 5, 6), (2, 3, 4, 5), False, 2 * 3 * 4 * 5 * 6, 6),
        ((3, 5, 6), (2, 1, 4, 5), False, 2 * 3 * 4 * 5 * 6, 18),  # each element is in a product with every matrix
        ((7, 4), (2, 3, 4, 5), True, 2 * 3 * 7 * 4 * 5, 7),
    ],
)
def test_work_of_constant_matrices(matrix: Shape, shape: Shape, first: bool, macs: int, feeds: int) -> None:
    module = ConstantMatMul(nn.Parameter(torch.zeros(matrix)), constant_first=first)
    cost = _cost(module)
    outputs = module(torch.zeros(shape)).numel()
    assert cost.work(module, [shape], outputs) == Work(macs, 0)
    assert cost.fan_out is not None
    assert int(cost.fan_out(module, torch.Size(shape))) == feeds


def _cost(module: nn.Module) -> Cost:
    cost = operator_of(module).cost
    assert isinstance(cost, Cost)
    return cost
