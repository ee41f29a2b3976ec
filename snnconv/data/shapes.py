"""Shapes of the inputs that data hold by name, for a network whose file leaves axes open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import TensorDataset

from snnconv.data.dataspec import parse_spec
from snnconv.data.images import Images
from snnconv.data.loaders import dataset_of
from snnconv.data.named import arrays_of, inputs_of
from snnconv.data.npz import array_files
from snnconv.data.scheme import SCHEMES
from snnconv.errors import SnnconvError
from snnconv.inputspec import InputPart

__all__ = ["input_shapes_of"]

Shape = tuple[int, ...]


def input_shapes_of(data: Any, names: Sequence[str]) -> dict[str, Shape]:
    """Return the shapes of one sample that data tell, by the name of the input; inputs of which they tell none are out.

    Args:
        data: Data in any form that `as_images` takes; what is wrong with them is said when they are opened.
        names: Names of the network's inputs.

    >>> input_shapes_of({"ids": np.zeros((20, 8)), "y": np.zeros(20)}, ["ids", "mask"])
    {'ids': (8,)}
    """
    try:
        shapes = _shapes(data, names)
    except SnnconvError:
        return {}
    return {name: shapes[name] for name in names if name in shapes}


def _shapes(data: Any, names: Sequence[str]) -> Mapping[str, Shape]:
    if isinstance(data, str):
        return _shapes_of_spec(data, names)
    opened = data if isinstance(data, Images) else dataset_of(data)
    if isinstance(opened, Images):
        return {part.name: part.shape for part in opened.input.parts}
    parts = [InputPart(name, ()) for name in names]
    if opened is not None and not isinstance(opened, TensorDataset):
        arrays = arrays_of(inputs_of(opened[0], parts, "item 0")[0], "item 0")
        return {name: array.shape for name, array in arrays.items()}
    element = opened.tensors if isinstance(opened, TensorDataset) else data
    if not isinstance(element, (Mapping, tuple, Tensor, np.ndarray)):
        return {}
    arrays = arrays_of(inputs_of(element, parts, "data")[0], "data")
    return {name: array.shape[1:] for name, array in arrays.items()}


def _shapes_of_spec(spec: str, names: Sequence[str]) -> Mapping[str, Shape]:
    """Return the shapes of arrays that a data spec names; a network's only input may be called `x`, too."""
    parsed = parse_spec(spec)
    if not SCHEMES[parsed.scheme].named_arrays:
        return {}
    files = array_files(parsed.where)
    shapes = {name: array.shape[1:] for name, array in files.held().items()}
    key = files.key or "x"
    if len(names) == 1 and key in shapes and (files.key is not None or names[0] not in shapes):
        return {names[0]: shapes[key]}
    return shapes
