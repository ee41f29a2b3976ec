"""Shapes and types of the inputs that data hold by name, for a network whose file or module leaves them open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import TensorDataset

from snnconv.data.archive import Held
from snnconv.data.dataspec import parse_spec
from snnconv.data.images import Images
from snnconv.data.loaders import dataset_of
from snnconv.data.named import arrays_of, inputs_of
from snnconv.data.npz import ArrayFiles, array_files
from snnconv.data.scheme import SCHEMES
from snnconv.errors import SnnconvError
from snnconv.inputspec import InputPart

__all__ = ["held_inputs", "holds_names", "input_shapes_of"]

Shape = tuple[int, ...]
TYPES = {"float": np.float32, "int": np.int64, "bool": np.bool_}


def input_shapes_of(data: Any, names: Sequence[str]) -> dict[str, Shape]:
    """Return the shapes of one sample that data tell, by the name of the input; inputs of which they tell none are out.

    Args:
        data: Data in any form that `as_images` takes; what is wrong with them is said when they are opened.
        names: Names of the network's inputs.

    >>> input_shapes_of({"ids": np.zeros((20, 8)), "y": np.zeros(20)}, ["ids", "mask"])
    {'ids': (8,)}
    """
    held = held_inputs(data, names)
    if not isinstance(data, str) or len(names) > 1:
        return {name: array.shape for name, array in held.items()}
    return {name: array.shape for name, array in (held or _only_array(data, names[0])).items()}


def held_inputs(data: Any, names: Sequence[str]) -> dict[str, Held]:
    """Return shape of one sample and type of each input that data hold by name, as `input_shapes_of` does."""
    try:
        held = _held(data, names)
    except SnnconvError:
        return {}
    return {name: held[name] for name in names if name in held}


def holds_names(data: Any) -> bool:
    """Return whether data hold arrays by name, in dicts.

    >>> holds_names(({"ids": [[1, 2]]}, [0])), holds_names(np.zeros((4, 3)))
    (True, False)
    """
    opened = dataset_of(data)
    element = data if opened is None or isinstance(opened, (TensorDataset, Images)) else opened[0]
    return isinstance(element[0] if isinstance(element, (tuple, list)) and element else element, Mapping)


def _held(data: Any, names: Sequence[str]) -> Mapping[str, Held]:
    if isinstance(data, str):
        files = _files_of(data)
        return {} if files is None or files.key is not None else _samples_of(files.held())
    opened = data if isinstance(data, Images) else dataset_of(data)
    if isinstance(opened, Images):
        return {part.name: Held(part.shape, np.dtype(TYPES[part.kind])) for part in opened.input.parts}
    parts = [InputPart(name, ()) for name in names]
    if opened is not None and not isinstance(opened, TensorDataset):
        arrays = arrays_of(inputs_of(opened[0], parts, "item 0")[0], "item 0")
        return {name: Held(array.shape, array.dtype) for name, array in arrays.items()}
    element = opened.tensors if isinstance(opened, TensorDataset) else data
    if not isinstance(element, (Mapping, tuple, Tensor, np.ndarray)):
        return {}
    arrays = arrays_of(inputs_of(element, parts, "data")[0], "data")
    return _samples_of({name: Held(array.shape, array.dtype) for name, array in arrays.items()})


def _samples_of(held: Mapping[str, Held]) -> dict[str, Held]:
    """Return arrays of samples without the axis of the samples."""
    return {name: Held(array.shape[1:], array.dtype) for name, array in held.items()}


def _files_of(spec: str) -> ArrayFiles | None:
    """Return the files of a data spec; None where it names data of another kind."""
    parsed = parse_spec(spec)
    return array_files(parsed.where) if SCHEMES[parsed.scheme].named_arrays else None


def _only_array(spec: str, name: str) -> dict[str, Held]:
    """Return the array of a network's only input that has not the input's name: the one that is chosen, or `x`."""
    try:
        files = _files_of(spec)
        held = {} if files is None else _samples_of(files.held())
    except SnnconvError:
        return {}
    key = "x" if files is None or files.key is None else files.key
    return {name: held[key]} if key in held else {}
