"""Samples of named inputs that a caller holds: dicts of arrays, tuples in the inputs' order, and data sets of both.

| form | read as |
|---|---|
| `{"ids": ids, "mask": mask}` | each input `[n, *shape]` by its name; `y` are labels, where no input has that name |
| `(ids, mask)`, `(ids, mask, y)` | the inputs in the network's order, and labels behind them |
| `(inputs, y)` | either of these, and labels |
| `ids`, `(ids, y)` | the only input of a network |
| a `Dataset` | items of these forms, of one sample each |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from snnconv.data.archive import Held
from snnconv.data.items import DatasetSource
from snnconv.data.keys import array_names
from snnconv.data.loaders import require_items
from snnconv.data.numbers import number_tensor
from snnconv.data.parts import PartSource, checked_rows
from snnconv.data.sources import to_labels
from snnconv.errors import DataError, InvalidValueError
from snnconv.inputspec import InputPart, InputSpec

__all__ = ["NamedDatasetSource", "gathered_inputs", "inputs_of", "named_source"]

LABELS = "y"


class NamedDatasetSource(DatasetSource):
    """Samples of named inputs of a `torch.utils.data.Dataset`, each read when it is needed.

    The arguments are those of `DatasetSource`; items have the forms of this file.
    """

    def __init__(self, dataset: Any, taken: InputSpec, name: str, *, labelled: bool) -> None:
        require_items(dataset, name)
        super().__init__(dataset, taken, name, labelled=labelled)

    def pair(self, item: Any, name: str) -> tuple[Any, Any]:
        return inputs_of(item, self.taken.parts, name)

    def row(self, x: Any, name: str) -> Tensor:
        arrays = {key: array[None] for key, array in arrays_of(x, name).items()}
        names = array_names(self.taken.parts, _held(arrays), name)
        rows = [checked_rows(part, number_tensor(arrays[names[part.name]]), name) for part in self.taken.parts]
        return torch.cat(rows, 1)[0]


def named_source(inputs: Mapping[str, Any], y: Any, taken: InputSpec, name: str) -> PartSource:
    """Return samples in memory.

    Args:
        inputs: Tensors or arrays `[n, *shape]` by the name of the input.
        y: Class indices `[n]`, or None.
        taken: Input of the network.
        name: Name of the argument, for messages.

    Raises:
        DataError: Inputs are missing, of another shape or of different numbers of samples; or labels are no classes.
        InvalidValueError: Numbers are outside what the network takes.
    """
    arrays = arrays_of(inputs, name)
    names = array_names(taken.parts, _held(arrays), name)
    chosen = {part: arrays[key] for part, key in names.items()}
    count = len(next(iter(chosen.values())))
    values = y.detach().cpu().numpy() if isinstance(y, Tensor) else y
    return PartSource(chosen, taken, None if y is None else to_labels(values, count, f"y of {name}"), name)


def inputs_of(element: Any, parts: Sequence[InputPart], name: str) -> tuple[dict[str, Any], Any]:
    """Return the inputs of an element by name, and its labels, None where there are none.

    Args:
        element: Samples, or one of them, in a form of this file.
        parts: Inputs of the network.
        name: Name of the element, for messages.

    Raises:
        DataError: It has none of the forms.

    >>> inputs_of(([1, 2], [1, 1], 7), (InputPart("ids", (2,)), InputPart("mask", (2,))), "data")
    ({'ids': [1, 2], 'mask': [1, 1]}, 7)
    """
    names = [part.name for part in parts]
    if isinstance(element, Mapping):
        y = None if LABELS in names else element.get(LABELS)
        return {key: value for key, value in element.items() if key != LABELS or LABELS in names}, y
    if isinstance(element, (Tensor, np.ndarray)) or _is_array(element):
        element = (element,)
    if isinstance(element, (tuple, list)):
        if len(element) == 2 and (isinstance(element[0], Mapping) or _is_pair(element[0], names)):
            return inputs_of(element[0], parts, name)[0], element[1]
        if len(element) in (len(names), len(names) + 1):
            y = element[-1] if len(element) > len(names) else None
            return dict(zip(names, element, strict=False)), y
    count = f" of {len(element)}" if isinstance(element, (tuple, list)) else ""
    raise DataError(
        f"{name} is a {type(element).__name__}{count}; the network takes {', '.join(map(str, parts))}: allowed are a "
        "dict of arrays by these names, the arrays in this order, or a pair of either and labels."
    )


def gathered_inputs(data: Any, parts: Sequence[InputPart], name: str) -> tuple[dict[str, Any], Any]:
    """Iterate over a loader's batches, or over a data set's samples, and hold them all in memory.

    Args:
        data: DataLoader or IterableDataset.
        parts: Inputs of the network.
        name: Name of the argument, for messages.

    Returns:
        All samples `[n, *shape]` by the name of the input, and all labels `[n]`, None where there are none.

    Raises:
        DataError: An element has none of the forms.
        InvalidValueError: There is no sample, or samples are of several shapes or names.
    """
    batched = isinstance(data, DataLoader) and data.batch_sampler is not None
    inputs: list[dict[str, NDArray[Any]]] = []
    labels: list[Tensor] = []
    for element in data:
        x, y = inputs_of(element, parts, name)
        inputs.append({key: array if batched else array[None] for key, array in arrays_of(x, name).items()})
        if y is not None:
            labels.append(torch.as_tensor(y).reshape(-1))
    if not inputs:
        raise InvalidValueError(f"{name} holds no sample: give one or more.")
    if len({str({key: array.shape[1:] for key, array in sorted(arrays.items())}) for arrays in inputs}) > 1:
        raise InvalidValueError(f"{name} gives samples of several shapes or names: give them one shape.")
    arrays = {key: np.concatenate([batch[key] for batch in inputs]) for key in inputs[0]}
    return arrays, torch.cat(labels) if labels else None


def arrays_of(inputs: Mapping[str, Any], name: str) -> dict[str, NDArray[Any]]:
    """Return values as arrays by name.

    Raises:
        DataError: A value is no array of numbers.
    """
    return {key: _array(value, f"{key!r} of {name}") for key, value in inputs.items()}


def _array(value: Any, name: str) -> NDArray[Any]:
    if isinstance(value, Tensor):
        if value.layout != torch.strided:
            raise DataError(f"{name} is a tensor of the layout {value.layout}: give a dense one.")
        value = value.detach().cpu()
        return np.asarray((value.float() if value.dtype == torch.bfloat16 else value).numpy())
    try:
        return np.asarray(value)
    except ValueError as error:
        raise DataError(f"{name} is no array of numbers ({error}): give one row a sample, all of one shape.") from error


def _held(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Held]:
    return {key: Held(array.shape, array.dtype) for key, array in arrays.items()}


def _is_array(value: Any) -> bool:
    """Return whether a value is a list of numbers, as tokenizers give them."""
    return isinstance(value, list) and bool(value) and all(isinstance(number, (int, float)) for number in value)


def _is_pair(value: Any, names: Sequence[str]) -> bool:
    """Return whether a value holds several inputs in their order."""
    several = isinstance(value, (tuple, list)) and not _is_array(value)
    return several and len(value) == len(names) > 1
