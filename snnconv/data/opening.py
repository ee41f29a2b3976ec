"""Data in any form that a verb takes, opened as a network takes them.

| form | read as |
|---|---|
| a data spec, `"imagefolder:photos"` | pixels, which are scaled, cropped and normalised for the network |
| opened `Images` | what they are |
| a tensor or an array `x` | samples `[n, *shape]` as the network takes them: normalised, float32 |
| `(x, y)` | the same, and class indices `[n]` |
| a `torch.utils.data.Dataset` | items `x` or `(x, y)`, each read when it is needed |
| a `torch.utils.data.DataLoader` | its data set, in order; its batches where it has none, or changes them |

A network of named inputs takes them by name, `{"ids": ids, "mask": mask}` (`snnconv.data.named`).
Of inputs that change over time a sample is a recording `[T, *shape]`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from snnconv.data.datasets import describe_data, open_data
from snnconv.data.dataspec import Purpose
from snnconv.data.images import Images
from snnconv.data.items import DatasetSource
from snnconv.data.loaders import dataset_of, gathered, pair_of, require_items
from snnconv.data.named import NamedDatasetSource, gathered_inputs, inputs_of, named_source
from snnconv.data.samples import (
    Samples,
    SampleSource,
    TensorSource,
    require_finite,
    sample_tensor,
    samples_of,
    taken_shape,
)
from snnconv.data.sources import Labels, to_labels
from snnconv.errors import DataError, InvalidValueError
from snnconv.model import InputSpec

__all__ = ["DataLike", "Purpose", "as_images", "input_of", "sample_shape_of"]

DataLike: TypeAlias = (
    str | Images | Tensor | NDArray[Any] | Mapping[str, Any] | tuple[Any, ...] | Dataset[Any] | DataLoader[Any]
)
"""Data in any form that a verb takes: a data spec, opened Images, samples `x` or `(x, y)`, Dataset, or DataLoader; of
named inputs `x` is a dict of arrays."""

FORMS = (
    "a data spec such as 'imagefolder:DIR' or 'npz:FILE', a tensor or an array of samples [n, ...], (x, y), a Dataset, "
    "a DataLoader, or opened Images"
)


def as_images(data: DataLike, input: InputSpec, purpose: Purpose, *, name: str = "data") -> Images:  # noqa: A002
    """Open data for a network.

    Args:
        data: Data in any of the forms above.
        input: Input that the network expects, the user's own values applied.
        purpose: Use of the images, where a data set is split by it. Calibration looks at no label.
        name: Name of the argument, for messages.

    Raises:
        FileError: A file of a data spec is missing, damaged or of the wrong kind.
        DataError: The data are in no form that is known, a label is no class, or files do not fit the network.
        InvalidValueError: Samples have another shape than the network takes, are no floating-point numbers, or are not
            finite.

    >>> import torch
    >>> images = as_images((torch.zeros(3, 1, 8, 8), [0, 1, 1]), InputSpec(1, 8, 8), "eval")
    >>> len(images), images.labels.tolist()
    (3, [0, 1, 1])
    """
    if isinstance(data, str):
        return open_data(data, input, purpose=purpose)
    opened = data if isinstance(data, Images) else dataset_of(data)
    if isinstance(opened, Images):
        return opened
    labelled = purpose != "calibration"
    if input.parts:
        return _samples(_named(opened, data, input, name, labelled=labelled), data)
    if opened is not None and not isinstance(opened, TensorDataset):
        taken = _filled(input, _first_shape(opened, name))
        return _samples(DatasetSource(opened, taken, name, labelled=labelled), data)
    x, y = _in_memory(data, name, whole=input.layout == "NC")
    samples = sample_tensor(x, name, whole=input.layout == "NC")
    taken = _filled(input, tuple(samples.shape[1:]))
    _require_fit(samples, taken, name)
    return _samples(TensorSource(samples, taken, _labels(y, len(samples), name) if labelled else None), data)


def sample_shape_of(data: DataLike, purpose: Purpose, *, name: str = "data") -> tuple[int, ...]:
    """Return the shape of one sample, without the batch axis, for whoever loads a network for the data.

    Args:
        data: Data in any form that `as_images` takes.
        purpose: Use of the data, where a data set is split by it.
        name: Name of the argument, for messages.

    Raises:
        InvalidValueError: The images are of several sizes, or there is none.
        SnnconvError: The data cannot be read.

    >>> import torch
    >>> sample_shape_of(torch.zeros(10, 3, 32, 32), "eval")
    (3, 32, 32)
    """
    if isinstance(data, str):
        return _shape_of_spec(data, purpose)
    opened = data if isinstance(data, Images) else dataset_of(data)
    if isinstance(opened, Images):
        return opened.sample_shape
    if opened is not None and not isinstance(opened, TensorDataset):
        return _first_shape(opened, name)
    return tuple(sample_tensor(_in_memory(data, name, whole=True)[0], name, whole=True).shape[1:])


def _shape_of_spec(spec: str, purpose: Purpose) -> tuple[int, ...]:
    """Return the shape of the images that a data spec names."""
    info = describe_data(spec, purpose=purpose)
    if info.height is None or info.width is None:
        raise InvalidValueError(
            f"{spec!r} has images of several sizes, which do not tell the shape of an nn.Module's input: load it with "
            "load_module(module, (C, H, W))."
        )
    return (info.channels, info.height, info.width)


def input_of(shape: tuple[int, ...], *, temporal: bool = False) -> InputSpec:
    """Return the input of a network for samples of a shape, channels first.

    Args:
        shape: `(C, H, W)` or `(F,)`, with T before it where samples are recordings.
        temporal: True where the first axis is time.

    Raises:
        InvalidValueError: Samples have another number of axes.

    >>> input_of((3, 32, 32)).noun, input_of((5, 2, 34, 34), temporal=True).timesteps
    ('image', 5)
    """
    timesteps, rest = (shape[0], shape[1:]) if temporal and len(shape) > 1 else (None, shape)
    if len(rest) == 1:
        return InputSpec(rest[0], None, None, layout="NC", timesteps=timesteps)
    if len(rest) == 3:
        return InputSpec(rest[0], rest[1], rest[2], timesteps=timesteps)
    raise InvalidValueError(
        f"A sample has shape {list(shape)}: allowed are images [C, H, W] and flat samples [F], with T before them "
        "where they change over time."
    )


def _samples(source: SampleSource, data: Any) -> Samples:
    """Open all samples of a source."""
    indices = np.arange(len(source), dtype=np.int64)
    return samples_of(source, source.taken, spec=f"images given as {_kind(data)}", indices=indices)


def _named(opened: Any, data: Any, taken: InputSpec, name: str, *, labelled: bool) -> SampleSource:
    """Return samples of named inputs."""
    if opened is not None and not isinstance(opened, TensorDataset):
        return NamedDatasetSource(opened, taken, name, labelled=labelled)
    if isinstance(opened, TensorDataset):
        inputs, y = inputs_of(opened.tensors, taken.parts, name)
    elif isinstance(data, (DataLoader, IterableDataset)):
        inputs, y = gathered_inputs(data, taken.parts, name)
    elif isinstance(data, (Mapping, tuple, Tensor, np.ndarray)):
        inputs, y = inputs_of(data, taken.parts, name)
    else:
        raise DataError(f"{name} is {_described(data)}: allowed are {FORMS}.")
    return named_source(inputs, y if labelled else None, taken, name)


def _kind(data: Any) -> str:
    """Return the word for a form of samples, with its article."""
    if isinstance(data, tuple) and data:
        return _kind(data[0])
    if isinstance(data, Mapping):
        return "a dict"
    if isinstance(data, np.ndarray):
        return "an array"
    kinds = ((Tensor, "tensor"), (DataLoader, "DataLoader"))
    return f"a {next((word for kind, word in kinds if isinstance(data, kind)), 'Dataset')}"


def _first_shape(dataset: Any, name: str) -> tuple[int, ...]:
    """Return the shape of a data set's first sample."""
    require_items(dataset, name)
    x, _ = pair_of(dataset[0], f"Item 0 of {name}")
    return tuple(sample_tensor(x, f"Item 0 of {name}", whole=True).shape)


def _in_memory(data: Any, name: str, *, whole: bool) -> tuple[Any, Any]:
    """Return all samples and their labels, None where there are none."""
    dataset = dataset_of(data)
    if isinstance(dataset, TensorDataset):
        return pair_of(dataset.tensors, name)
    if isinstance(data, (Tensor, np.ndarray)):
        return data, None
    if isinstance(data, (DataLoader, IterableDataset)):
        return gathered(data, name, whole=whole)
    if isinstance(data, tuple) and len(data) == 2 and isinstance(data[0], (Tensor, np.ndarray)):
        return data
    raise DataError(f"{name} is {_described(data)}: allowed are {FORMS}.")


def _described(data: Any) -> str:
    """Say what was given, and what was probably meant."""
    if isinstance(data, os.PathLike):
        return f"the path {os.fspath(data)!r}, which does not say what it holds"
    if isinstance(data, Mapping):
        return f"a {type(data).__name__} of named arrays, and the network has no named inputs"
    if isinstance(data, (tuple, list)):
        parts = ", ".join(type(part).__name__ for part in data[:3])
        return f"a {type(data).__name__} of {len(data)} ({parts}{', ...' if len(data) > 3 else ''})"
    return "None" if data is None else f"a {type(data).__name__}"


def _filled(spec: InputSpec, shape: tuple[int, ...]) -> InputSpec:
    """Return the network's input, height and width that it leaves open taken from a sample's shape."""
    if spec.layout == "NC" or (spec.height is not None and spec.width is not None) or len(shape) < 3:
        return spec
    height, width = shape[-3:-1] if spec.layout == "NHWC" else shape[-2:]
    return replace(spec, height=spec.height or height, width=spec.width or width)


def _require_fit(samples: Tensor, taken: InputSpec, name: str) -> None:
    """Refuse samples of another shape than the network takes, none, or numbers that are not finite."""
    shape = taken_shape(taken)
    if samples.dim() != len(shape) + 1 or tuple(samples.shape[1:]) != shape or not len(samples):
        axes = ", ".join(["n", *map(str, shape)])
        hint = " Give one sample or more." if samples.dim() and not len(samples) else ""
        raise InvalidValueError(f"{name} has shape {list(samples.shape)}; the network takes [{axes}].{hint}")
    require_finite(samples, name)


def _labels(y: Any, count: int, name: str) -> Labels | None:
    """Return the labels of `(x, y)` as whole numbers, None where there are none."""
    if y is None:
        return None
    return to_labels(y.detach().cpu().numpy() if isinstance(y, Tensor) else y, count, f"y of {name}")
