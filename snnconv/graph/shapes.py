"""Shape of a module's output, without data.

Torch tells it on its meta device, at a millisecond a call. For some operators it first imports its compiler,
which takes seconds: what keeps its input's shape, arithmetic, linear layers, means and concatenations
are worked out here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from snnconv.graph.modules import Arithmetic, Concat, ReduceMean

__all__ = ["output_shape"]

Shape = tuple[int, ...]

SHAPE_KEEPING = (
    nn.ReLU,
    nn.ReLU6,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.Sigmoid,
    nn.Softmax,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
)


def output_shape(module: nn.Module, shapes: Sequence[Shape]) -> Shape:
    """Shape of what the module makes of inputs of these shapes.

    Raises:
        ValueError: the shapes do not fit the module; torch raises RuntimeError, IndexError or TypeError.
    """
    if type(module) in SHAPE_KEEPING:
        return shapes[0]
    if isinstance(module, Arithmetic):
        constants = [] if module.constant is None else [tuple(module.constant.shape)]
        return np.broadcast_shapes(*shapes, *constants)
    if isinstance(module, nn.Linear):
        if shapes[0][-1] != module.in_features:
            raise ValueError(f"{module.in_features} features are needed along the last axis")
        return (*shapes[0][:-1], module.out_features)
    if isinstance(module, ReduceMean):
        kept = [1 if axis in module.axes else size for axis, size in enumerate(shapes[0])]
        return tuple(size for axis, size in enumerate(kept) if module.keepdims or axis not in module.axes)
    if isinstance(module, Concat):
        return _concatenated(module, shapes)
    return _asked(module, shapes)


def _concatenated(module: Concat, shapes: Sequence[Shape]) -> Shape:
    first, axis = shapes[0], module.axis
    parts = [*shapes, *((first[0], *module.get_buffer(f"constant{i}").shape[1:]) for i in module.positions)]
    if any(len(part) != len(first) for part in parts):
        raise ValueError("the operands have different ranks")
    if any(part[:axis] + part[axis + 1 :] != first[:axis] + first[axis + 1 :] for part in parts):
        raise ValueError(f"the operands differ along another axis than {axis}")
    return (*first[:axis], sum(part[axis] for part in parts), *first[axis + 1 :])


def _asked(module: nn.Module, shapes: Sequence[Shape]) -> Shape:
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    meta = {name: torch.empty_like(value, device="meta") for name, value in state.items()}
    with torch.no_grad():
        inputs = tuple(torch.empty(shape, device="meta") for shape in shapes)
        return tuple(torch.func.functional_call(module, meta, inputs).shape)
